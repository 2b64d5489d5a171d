"""Whatever goes wrong, in the one form that clients see: problem details with a stable code. It repeats nothing of what the client sent."""

from __future__ import annotations

import copyreg
import json
import math
import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from messaging_channels import errors
from messaging_channels_gateway._table_problems import PROBLEMS

if TYPE_CHECKING:
    from pydantic import ValidationError

MEDIA_TYPE = "application/problem+json"
_LONGEST_WAIT = 30.0
_FIELD_NAME = re.compile(r"[A-Za-z_][A-Za-z_]{0,39}")


class Problem(Exception):
    """What is answered instead of what was asked for. Holds nothing of the request's contents."""

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        retry_after: float | None = None,
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        """Take a code of the table, and words for a person.

        Raises:
            KeyError: the table has no such code.
        """
        super().__init__(code)
        self.code = code
        self.status, self.title = PROBLEMS[code]
        self.detail = detail
        self.retry_after = retry_after
        self.headers = dict(headers or {})
        self.members = dict(more or {})

    def __reduce__(self) -> tuple[Any, ...]:
        """Cross a process as it is."""
        return copyreg.__newobj__, (type(self), self.code), vars(self)  # type: ignore[attr-defined]

    def as_dict(self) -> dict[str, Any]:
        """Return the members of the document. `name`, `message` and `data` stand where clients of the system before look for them."""
        return {
            "type": f"/docs#{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            "name": "".join(word.capitalize() for word in self.code.split("_")),
            "message": self.detail,
            "data": self.members.get("errors", {}),
            **self.members,
        }

    def response(self) -> Response:
        """Return the answer."""
        headers = dict(self.headers)
        if self.retry_after is not None:
            headers["retry-after"] = str(max(1, math.ceil(min(self.retry_after, _LONGEST_WAIT))))
        if self.status == _UNAUTHORISED:
            headers["www-authenticate"] = 'ApiKey realm="messaging-channels"'
        body = json.dumps(self.as_dict(), ensure_ascii=False)
        return Response(body, self.status, headers, media_type=MEDIA_TYPE)


class InactiveRecipient(errors.UnresolvedRecipient):
    """The User is switched off, and not written to."""


class NoSuchRecipient(errors.UnknownRecipient):
    """The tenant has no such User or Identity; one of another tenant reads just the same."""


class NoTenantAccount(errors.UnresolvedRecipient):
    """The tenant has no account of its own from which its Persons could be written to."""


_OF_ERRORS: Sequence[tuple[type[errors.MessagingError], str]] = (
    (errors.UnknownRecipient, "not_found"),
    (InactiveRecipient, "recipient_inactive"),
    (NoTenantAccount, "cdp_extension_missing"),
    (errors.UnresolvedRecipient, "no_address"),
    (errors.UnknownAccount, "cdp_extension_missing"),
    (errors.ConfigurationError, "configuration"),
    (errors.UnknownChannel, "unsupported"),
    (errors.TransportError, "not_sent"),
    (errors.AccountError, "not_sent"),
    (errors.InternalError, "internal"),
)
_CODES_WITHOUT_DETAIL = frozenset({"configuration", "internal", "ledger_unavailable", "not_sent"})
"""Whose own words are for the operator, not for the client."""


def problem_of(error: errors.MessagingError) -> Problem:
    """Return the problem that an error of the library is to a client."""
    code = next((code for kind, code in _OF_ERRORS if isinstance(error, kind)), error.code)
    if code not in PROBLEMS:
        code = "internal"
    detail = (
        _safe_detail(error, code)
        if code not in _CODES_WITHOUT_DETAIL or isinstance(error, errors.SendFailed)
        else PROBLEMS[code][1]
    )
    again = isinstance(error, errors.SendFailed) and error.receipt.replayed
    headers = {"idempotent-replayed": "true"} if again else None
    return Problem(code, detail, retry_after=_retry_after(error), headers=headers, more=_messages(error))


def _safe_detail(error: errors.MessagingError, code: str) -> str:
    """Return the error's words. Ours name no address and no content; a provider's own words stay in the record."""
    if isinstance(error, errors.SendFailed):
        return f"{PROBLEMS[code][1]}; message {error.receipt.id}"
    return str(error)


def _retry_after(error: errors.MessagingError) -> float | None:
    if isinstance(error, errors.IdempotencyKeyInUse):
        return 1.0
    if isinstance(error, (errors.NotSent, errors.LedgerUnavailable, errors.TransportError)):
        return getattr(error, "retry_after", None) or 1.0
    return None


def _messages(error: errors.MessagingError) -> dict[str, Any]:
    """Tell of the message where a success would."""
    return {"messages": [error.receipt.as_dict()]} if isinstance(error, errors.SendFailed) else {}


def problem_of_validation(
    error: ValidationError, known: frozenset[str], code: str = "invalid_body"
) -> Problem:
    """Return the problem of a body or query that does not fit: where, and what kind of fault; never what was given."""
    faults = error.errors(include_input=False, include_url=False, include_context=False)
    faults.sort(key=lambda one: one["type"] != "extra_forbidden")  # a misspelt field explains the missing one
    listed: list[dict[str, str]] = []
    for one in faults[:20]:
        fault = {"pointer": _pointer(one["loc"], known), "problem": str(one["type"])}
        unknown = _unknown_name(one)
        if unknown not in known and (near := get_close_matches(unknown, known, 1)):
            fault |= {"field": unknown, "didYouMean": near[0]}
        listed.append(fault)
    first = listed[0]
    detail = f"{first['pointer'] or 'the document'}: {first['problem']}"
    if "field" in first:
        place = first["pointer"] or "the document"
        detail = f"{place}: there is no field {first['field']!r}; did you mean {first['didYouMean']!r}?"
    return Problem(code, detail, more={"errors": listed})


def _pointer(where: Sequence[int | str], known: frozenset[str]) -> str:
    """Return a JSON pointer (RFC 6901) that names fields of ours and positions only."""
    return "".join(f"/{step}" for step in where if isinstance(step, int) or step in known)


def _unknown_name(fault: Mapping[str, Any]) -> str:
    """Return the name of a field that is not known there, if it looks like the name of a field: a client may have written a number or a text there."""
    name = str(fault["loc"][-1]) if fault["type"] == "extra_forbidden" and fault["loc"] else ""
    return name if _FIELD_NAME.fullmatch(name) else ""


def line_and_column(text: str, position: int) -> str:
    """Return line and column of a position, counted from 1."""
    line = text.count("\n", 0, position) + 1
    column = position - text.rfind("\n", 0, position)
    return f"line {line} column {column}"


_UNAUTHORISED = 401
WORD = re.compile(r"[A-Za-z0-9._-]{1,64}")
"""Ids in paths, and names of tenants."""
