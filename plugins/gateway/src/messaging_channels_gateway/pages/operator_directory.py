"""Users and Persons of the gateway's own directory, each with a page: looked at, and written by whoever may."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from starlette.responses import RedirectResponse

from messaging_channels_gateway.api.directory_endpoints import BODIES, write_entry
from messaging_channels_gateway.api.request_models import validate_body
from messaging_channels_gateway.pages._table_fields import FIELDS, Field
from messaging_channels_gateway.pages.operator_access import View, for_operators, form_of
from messaging_channels_gateway.pages.rendering import base_of, moment
from messaging_channels_gateway.problems import WORD, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.responses import Response

_PAGE = 100
_NAMES = {"user": ("users", "Users"), "identity": ("persons", "Persons")}


@for_operators
async def users(view: View) -> Response:
    """`GET /operator/users`."""
    return await _list(view, "user")


@for_operators
async def persons(view: View) -> Response:
    """`GET /operator/persons`: Identities, with their Persons."""
    return await _list(view, "identity")


@for_operators
async def user(view: View) -> Response:
    """`GET` and `POST /operator/users/{id}`."""
    return await _one(view, "user")


@for_operators
async def person(view: View) -> Response:
    """`GET` and `POST /operator/persons/{id}`."""
    return await _one(view, "identity")


async def _list(view: View, kind: str) -> Response:
    _require(view, "read:directory")
    query = view.request.query_params
    wanted, after = query.get("id", "").strip(), query.get("after", "")
    path, title = _NAMES[kind]
    if wanted and WORD.fullmatch(wanted):
        return RedirectResponse(f"{base_of(view.request)}/operator/{path}/{wanted}?tenant={view.scope}", 303)
    rows = await view.gateway.store.call(
        view.gateway.store.read,
        "SELECT document FROM messaging_channels_gateway_entry WHERE tenant = ? AND kind = ? AND id > ? ORDER BY id LIMIT ?",
        view.scope, kind, after, _PAGE,
    )  # fmt: skip
    entries = [json.loads(one) for (one,) in rows]
    columns = [one for one in FIELDS[kind] if one.is_listed]
    return view.page(
        "entries.html",
        title=title,
        place=path,
        columns=columns,
        entries=[(one["id"], [_shown(one, column) for column in columns]) for one in entries],
        next=entries[-1]["id"] if len(entries) == _PAGE else None,
        wanted=wanted,
    )


async def _one(view: View, kind: str) -> Response:
    entry_id: str = view.request.path_params["id"]
    if not WORD.fullmatch(entry_id):
        raise Problem("not_found", "no resource with that id was found")
    if view.request.method == "POST":
        return await _write(view, kind, entry_id)
    _require(view, "read:directory")
    document = await _document(view, kind, entry_id)
    return _form(view, kind, entry_id, document or {}, 200 if document else 404)


async def _write(view: View, kind: str, entry_id: str) -> Response:
    _require(view, "write:directory")
    form = await form_of(view.request)
    document: dict[str, Any] = dict(await _document(view, kind, entry_id) or {})
    try:
        for field in FIELDS[kind]:
            if not field.is_ours and field.name in form:
                _put(document, field, form[field.name])
        body = validate_body(BODIES[kind], document)
    except (Problem, ValueError) as error:
        problem = error.detail if isinstance(error, Problem) else f"{error}: write an object of JSON"
        return _form(view, kind, entry_id, document, 422, problem=problem)
    owner = view.operator.key_id or "proxy"
    await write_entry(view.gateway, (view.scope, kind, entry_id), body, owner)
    place = f"{base_of(view.request)}/operator/{_NAMES[kind][0]}/{entry_id}?tenant={view.scope}&saved=1"
    return RedirectResponse(place, 303)


def _form(
    view: View, kind: str, entry_id: str, document: Mapping[str, Any], status: int, problem: str = ""
) -> Response:
    return view.page(
        "entry.html",
        status,
        title=f"{'User' if kind == 'user' else 'Identity'} {entry_id}",
        place=_NAMES[kind][0],
        fields=[(one, _shown(document, one)) for one in FIELDS[kind]],
        exists=bool(document) and status != _NOT_FOUND,
        may_write="write:directory" in view.operator.scopes,
        saved="saved" in view.request.query_params,
        problem=problem,
        path_of_form=f"{base_of(view.request)}/operator/{_NAMES[kind][0]}/{entry_id}?tenant={view.scope}",
    )


def _require(view: View, scope: str) -> None:
    if scope not in view.operator.scopes and "operate" not in view.operator.scopes:
        raise Problem("forbidden", f"the API key lacks the scope {scope}")


async def _document(view: View, kind: str, entry_id: str) -> Mapping[str, Any] | None:
    asked = "SELECT document FROM messaging_channels_gateway_entry WHERE tenant = ? AND kind = ? AND id = ?"
    rows = await view.gateway.store.call(view.gateway.store.read, asked, view.scope, kind, entry_id)
    return json.loads(rows[0][0]) if rows else None


def _shown(document: Mapping[str, Any], field: Field) -> str:
    """Return the value of a field as it stands in the form."""
    value: Any = document
    for step in field.steps:
        value = _part(value, step)
    if field.kind == "switch":
        is_on = value if value is not None else field.name == "active" and not document
        return "yes" if is_on else ""
    if value is None or isinstance(value, str):
        return value or ""
    if field.kind == "time" and isinstance(value, (int, float)):
        return moment(value / 1000)
    return json.dumps(value, ensure_ascii=False, indent=2 if field.kind == "json" else None)


def _part(held: Any, step: str | int) -> Any:  # noqa: ANN401  objects and arrays of JSON
    """Return what stands at one step of a path; None if nothing does."""
    wanted = list if isinstance(step, int) else dict
    if not isinstance(held, wanted):
        return None
    try:
        return held[step]  # type: ignore[index]  # pyright: ignore[reportUnknownVariableType]
    except (KeyError, IndexError):
        return None


def _put(document: dict[str, Any], field: Field, text: str) -> None:
    """Put a value of the form in its place. An empty one takes the field away.

    Raises:
        ValueError: it is no JSON where that is wanted.
    """
    value: Any = text.strip() or None
    if field.kind == "switch":
        value = text == "yes"
    elif field.kind == "json" and value is not None:
        try:
            value = json.loads(value)
        except ValueError:
            raise ValueError(field.name) from None
    _place(document, field.steps, value)


def _place(held: Any, steps: tuple[str | int, ...], value: Any) -> None:  # noqa: ANN401  objects and arrays of JSON
    first, rest = steps[0], steps[1:]
    if isinstance(first, int):
        held += [{} for _ in range(first + 1 - len(held))]
    if not rest:
        held[first] = value
        if value is None:
            del held[first]
        return
    inner: Any = _part(held, first)
    if not isinstance(inner, (dict, list)):
        inner = [] if isinstance(rest[0], int) else {}
    _place(inner, rest, value)
    held[first] = inner
    if inner in ({}, [], [{}]):
        del held[first]


_NOT_FOUND = 404
