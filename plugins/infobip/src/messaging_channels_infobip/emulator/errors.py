"""Refusals, in whichever of the two error envelopes a path uses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar

from messaging_channels.plugins import HttpResponse
from messaging_channels.testing import Request, json_response
from messaging_channels_infobip.emulator.account import Json
from messaging_channels_infobip.emulator.schema import UNKNOWN, Object, Problem

STRICT: ContextVar[bool] = ContextVar("strict", default=True)
"""Whether fields that no rule names are refused."""
NEW_STYLE = (
    "/messages-api/",
    "/sms/3/",
    *(f"/email/4/{name}" for name in ("messages", "reports", "logs")),
    *(f"/email/1/{name}" for name in ("suppressions", "templates", "ip-management")),
)
_WORDS = {
    400: ("E400", "BAD_REQUEST"),
    401: ("E401", "UNAUTHORIZED"),
    403: ("E403", "FORBIDDEN"),
    404: ("E404", "NOT_FOUND"),
    409: ("E409", "CONFLICT"),
    429: ("E429", "TOO_MANY_REQUESTS"),
    500: ("E500", "GENERAL_ERROR"),
}


class RequestRejected(Exception):
    """A request that is answered with a refusal."""

    def __init__(self, status: int, problems: Sequence[Problem] = ()) -> None:
        super().__init__(status)
        self.status = status
        self.problems = problems

    def response(self, path: str) -> HttpResponse:
        """Write it as that path does."""
        new, old = _WORDS[self.status]
        if path.startswith(NEW_STYLE):
            violations = [{"property": at, "violation": problem} for at, problem in self.problems]
            envelope: Json = {
                "errorCode": new,
                "description": old,
                "action": "Adjust the request.",
                "violations": violations,
                "resources": [],
            }
            return json_response(envelope, status=self.status)
        errors: dict[str, list[str]] = {}
        for at, problem in self.problems:
            errors.setdefault(at, []).append(problem)
        exception: Json = {"messageId": old, "text": old, **({"validationErrors": errors} if errors else {})}
        return json_response({"requestError": {"serviceException": exception}}, status=self.status)


def require_valid(
    request: Request, rule: Object, *, also: Callable[[Json], Iterable[Problem]] = lambda _: ()
) -> Json:
    """Return the body of a request that keeps to the rule.

    Raises:
        Refused: it does not.
    """
    try:
        body: Json = request.json()
    except ValueError:
        raise RequestRejected(400, [("", "is no JSON")]) from None
    problems = [one for one in rule.problems(body, "") if STRICT.get() or one[1] != UNKNOWN]
    problems = problems or list(also(body))
    if problems:
        raise RequestRejected(400, problems)
    return body
