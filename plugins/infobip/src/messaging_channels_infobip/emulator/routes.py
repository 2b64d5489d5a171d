"""What the calls with parts of the path as parameters share: finding the call, reading forms and pages."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from email import message_from_bytes
from email.policy import HTTP
from typing import Any, TypeAlias
from urllib.parse import unquote

from messaging_channels.plugins import HttpResponse
from messaging_channels.testing import Request
from messaging_channels_infobip.emulator.account import Account
from messaging_channels_infobip.emulator.errors import RequestRejected

Json: TypeAlias = dict[str, Any]
Handler: TypeAlias = "Callable[..., HttpResponse]"
"""Takes the request, the account, and each part of the path that is a parameter."""
Routes: TypeAlias = "Mapping[tuple[str, str], Handler]"
"""By method and path, in which `*` stands for a part that is a parameter."""


def answer_by_path(routes: Routes, request: Request, account: Account) -> HttpResponse | None:
    """Return the answer of the call with that path; None if there is none."""
    for (method, path), handler in routes.items():
        pattern = re.escape(path).replace(r"\*", "([^/]+)")
        found = re.fullmatch(pattern, request.path) if method == request.method else None
        if found:
            return handler(request, account, *map(unquote, found.groups()))
    return None


def require(found: Any) -> Any:  # noqa: ANN401  whatever was looked up
    """Return what was found.

    Raises:
        RequestRejected: nothing was.
    """
    if found is None:
        raise RequestRejected(404)
    return found


def require_number(text: str, name: str) -> int:
    """Return a part of the path that is a number.

    Raises:
        RequestRejected: it is none.
    """
    if not (text.isascii() and text.isdigit()):
        raise RequestRejected(400, [(name, "must be a whole number")])
    return int(text)


def read_form(
    request: Request, allowed: Mapping[str, int], *, required: Sequence[str] = ()
) -> dict[str, str]:
    """Return the fields of a form of several parts (RFC 7578), each of which has a greatest length; 0 for any.

    Raises:
        RequestRejected: a field is unknown, missing or too long.
    """
    head = f"content-type: {request.headers.get('content-type', '')}\r\n\r\n".encode()
    form = message_from_bytes(head + request.body, policy=HTTP)
    parts: list[Any] = list(form.iter_parts()) if form.is_multipart() else []
    told = {
        str(part.get_param("name", "", header="content-disposition")): (part.get_payload(decode=True) or b"")
        for part in parts
    }
    fields = {name: content.decode("utf-8", "replace") for name, content in told.items()}
    problems = [
        *((name, "must not be null") for name in required if not fields.get(name)),
        *((name, "is not known") for name in fields.keys() - allowed.keys()),
        *(
            (name, f"size must be between 0 and {allowed[name]}")
            for name, text in fields.items()
            if allowed.get(name) and len(text) > allowed[name]
        ),
    ]
    if problems:
        raise RequestRejected(400, problems)
    return fields


def read_page(request: Request, *, default: int, at_most: int) -> tuple[int, int]:
    """Return which page is asked for, the first is 0, and its size.

    Raises:
        RequestRejected: there is no such page.
    """
    page = require_number(request.query.get("page", "0"), "page")
    size = require_number(request.query.get("size", str(default)), "size")
    if not 1 <= size <= at_most:
        raise RequestRejected(400, [("size", f"must be between 1 and {at_most}")])
    return page, size


def page_of(found: Sequence[Json], page: int, size: int) -> Json:
    """Return one page of what was found, with its place among all."""
    paging = {
        "page": page,
        "size": size,
        "totalPages": -(-len(found) // size),
        "totalResults": len(found),
    }
    return {"results": list(found[page * size : (page + 1) * size]), "paging": paging}
