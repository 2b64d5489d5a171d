"""An access token that is fetched once and used until it ends, by all threads and tasks of a provider (RFC 6749)."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from messaging_channels._model.outcomes import AttemptResult, Reason
from messaging_channels.plugins.exchange import CurrentTime, Flow, HttpRequest, HttpResponse, Sleep, ask
from messaging_channels.plugins.results import retry_after
from messaging_channels.plugins.webhook_values import json_object

if TYPE_CHECKING:
    from collections.abc import Callable

_MARGIN, _DEFAULT_LIFETIME = 60.0, 300.0
_POLL, _MOST_POLLS = 0.02, 3000
"""Seconds between looks at a fetch that another send began, and how many: who began it may be gone, as in a forked child."""
_THROTTLED, _SERVER = 429, 5


class AccessToken:
    """The token of one account. Safe in threads and tasks: while one send fetches it, the others wait for that one fetch."""

    def __init__(self, build_request: Callable[[], HttpRequest], *, margin: float = _MARGIN) -> None:
        """Fetch nothing yet. `build_request` describes the request for a token; `margin` is how many seconds before its end it is no longer used."""
        self._build_request = build_request
        self._margin = margin
        self._lock = threading.Lock()
        self._fetching = False
        self._token, self._until = "", 0.0

    def get(self) -> Flow[str | AttemptResult]:
        """Return a token that should be good; or, where there is none, the result of the message that was to be sent with it: it was not sent.

        Raises:
            TransportError: the endpoint cannot be asked. Let it pass.
        """
        now = yield from ask(CurrentTime())
        for _ in range(_MOST_POLLS):
            if self._token and now < self._until:
                return self._token
            if self._begin():
                break
            yield from ask(Sleep(_POLL))
        try:
            return (yield from self._fetch(now))
        finally:
            with self._lock:
                self._fetching = False

    def invalidate(self, token: str) -> None:
        """Use this token no more, as after a 401; a newer one is kept."""
        with self._lock:
            if self._token == token:
                self._token = ""

    def _begin(self) -> bool:
        with self._lock:
            begins, self._fetching = not self._fetching, True
        return begins

    def _fetch(self, now: float) -> Flow[str | AttemptResult]:
        if self._token and now < self._until:
            return self._token
        request = self._build_request()
        response = yield from ask(
            HttpRequest(
                request.method, request.url, request.headers, request.body, request.timeouts, may_send=False
            )
        )
        told = json_object(response.body)
        token, lifetime = told.get("access_token"), told.get("expires_in")
        if not response.ok or not isinstance(token, str) or not _is_header_value(token):
            return _failure(response)
        self._until = now + _seconds(lifetime) - self._margin
        self._token = token
        return token


def _is_header_value(token: str) -> bool:
    return bool(token) and token.isascii() and token.isprintable()


def _seconds(lifetime: Any) -> float:  # noqa: ANN401  whatever the answer holds
    try:
        seconds = float(lifetime)
    except (TypeError, ValueError, OverflowError):
        return _DEFAULT_LIFETIME
    return seconds if 0 < seconds < float("inf") else _DEFAULT_LIFETIME


def _failure(response: HttpResponse) -> AttemptResult:
    """Return what becomes of a message for which there is no token."""
    detail = f"HTTP {response.status} for the token"
    if response.status == _THROTTLED:
        wait = retry_after(response.headers)
        return AttemptResult.of(Reason.THROTTLED, detail, retry_after=wait, raw_response=response)
    if response.status // 100 == _SERVER:
        return AttemptResult.of(Reason.UNREACHABLE, detail, raw_response=response)
    return AttemptResult.of(Reason.CREDENTIALS, detail, raw_response=response)
