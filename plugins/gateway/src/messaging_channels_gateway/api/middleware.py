"""The outermost layer: every request gets an id, an answer, a line in the log and a count, whatever happens within."""

from __future__ import annotations

import itertools
import logging
import secrets
import time
import traceback
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException

from messaging_channels.errors import MessagingError
from messaging_channels_gateway.problems import Problem, problem_of

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from messaging_channels_gateway.metrics import Metrics

_LOG = logging.getLogger("messaging_channels.gateway")
_ACCESS = logging.getLogger("messaging_channels.gateway.access")
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
)
_CODE_OF_STATUS = {404: "not_found", 405: "method_not_allowed"}


class ErrorMiddleware:
    """Wraps the routes. Answers with problem details where they raise; logs no path, no header and no body."""

    def __init__(
        self, app: ASGIApp, metrics: Metrics, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._clock = clock
        self._process, self._count = secrets.token_hex(4), itertools.count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["app"] = self  # so that the router raises where nothing fits
        exchange = _ResponseSender(send, f"{self._process}{next(self._count):08x}")
        started = self._clock()
        try:
            _require_readable(scope)
            await self._app(scope, receive, exchange.send)
        except Exception as fault:  # noqa: BLE001  whatever it is, the client gets an answer
            problem = _problem_of(fault)
            if problem.status == HTTPStatus.INTERNAL_SERVER_ERROR:
                _internal_problem(fault, exchange.id)
            if not exchange.status:
                await problem.response()(scope, receive, exchange.send)
        seconds = self._clock() - started
        route = getattr(scope.get("route"), "path", "(none)")
        method = scope["method"] if scope["method"] in _METHODS else "(other)"
        self._metrics.count_request(method, route, exchange.status, seconds)
        caller = scope.get("state", {}).get("key_id", "-")
        _ACCESS.info(
            "%s %s %d %.1f ms key=%s request=%s",
            method,
            route,
            exchange.status,
            seconds * 1000,
            caller,
            exchange.id,
        )


class _ResponseSender:
    """One answer on its way: adds the headers that every answer has, and remembers its status."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self.id = request_id
        self.status = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            given: list[tuple[bytes, bytes]] = list(message["headers"])
            names = {name for name, _ in given}
            own = [(name, value) for name, value in _HEADERS if name not in names]
            message["headers"] = [*given, *own, (b"x-request-id", self.id.encode())]
        await self._send(message)


def _require_readable(scope: Scope) -> None:
    """Refuse a version of HTTP that there is not, and what may be read in two ways (length, coding, host): others on the way may have read it otherwise.

    Source: RFC 9112, sections 3.2 and 6.1.

    Raises:
        Problem: it is one of them. The connection is closed after the answer.
    """
    if scope["http_version"] not in _VERSIONS:
        raise _unreadable("the version of HTTP is not supported")
    names = [name for name, _ in scope["headers"]]
    if b"transfer-encoding" in names and b"content-length" in names:
        raise _unreadable("content-length and transfer-encoding must not be sent together")
    if (
        b"transfer-encoding" in names
        and scope["headers"][names.index(b"transfer-encoding")][1].lower() != b"chunked"
    ):
        raise _unreadable("the only transfer-encoding is chunked")
    hosts = names.count(b"host")
    if hosts > 1 or (hosts == 0 and scope["http_version"] == "1.1"):
        raise _unreadable("send the header host once")


def _unreadable(detail: str) -> Problem:
    return Problem("invalid_request", detail, headers={"connection": "close"})


def _problem_of(fault: Exception) -> Problem:
    if isinstance(fault, Problem):
        return fault
    if isinstance(fault, MessagingError):
        return problem_of(fault)
    if isinstance(fault, HTTPException):
        code = _CODE_OF_STATUS.get(fault.status_code, "invalid_request")
        return Problem(code, Problem(code, "").title, headers=fault.headers)
    return Problem("internal", "the fault is in the log, under the id in x-request-id")


def _internal_problem(fault: Exception, request_id: str) -> None:
    """Log where a fault came up. Its own words are left out: they may hold an address."""
    frames: Any = traceback.extract_tb(fault.__traceback__)[-6:]
    where = " < ".join(
        f"{one.name} ({one.filename.rpartition('/')[2]}:{one.lineno})" for one in reversed(frames)
    )
    _LOG.error("request %s failed: %s in %s", request_id, type(fault).__name__, where)


_VERSIONS = frozenset({"1.0", "1.1", "2", "3"})
_METHODS = frozenset({"GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"})
