"""Access tokens for XOAUTH2 and OAUTHBEARER: kept while they last, and fetched anew when a server refuses one.

Sources: RFC 6749 sections 2.3.1 (clients), 4.4 (client credentials), 5.2 (errors), 6 (refresh, and refresh tokens that are replaced);
https://developers.google.com/identity/protocols/oauth2 and https://learn.microsoft.com/exchange/client-developer/legacy-protocols for the large mailers.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias, cast
from urllib.parse import urlencode

from messaging_channels.errors import Phase, TransportError
from messaging_channels.plugins import (
    BlockingCall,
    CurrentTime,
    Flow,
    HttpRequest,
    HttpResponse,
    Sleep,
    ask,
    retry_after,
)

_EXPIRY_MARGIN = 60.0
"""Seconds before its end at which a token is no longer used."""
_DEFAULT_LIFETIME = 300.0
_OK, _BAD, _SERVER_FAULT = 200, 400, 500
_BUSY = frozenset({408, 425, 429})
_BUSY_WORDS = frozenset({"temporarily_unavailable", "slow_down", "server_error"})
_ERROR_WORD = re.compile(r"[a-z_]{1,40}")
_CREDENTIAL = re.compile(r"[ -~]+")
_POLL, _MOST_POLLS = 0.02, 3000
"""Seconds between looks at a fetch that another message began, and how many: who began it may be gone, as in a forked child."""


class OAuthError(Exception):
    """The token endpoint does not give us a token."""


class OAuthBusy(Exception):
    """The token endpoint gives nobody a token just now."""

    def __init__(self, problem: str, retry_after: float | None) -> None:
        super().__init__(problem)
        self.retry_after = retry_after
        """Seconds it asked to wait."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Cross a process as it is."""
        return type(self), (str(self), self.retry_after), vars(self)


@dataclass(frozen=True, slots=True)
class OAuthRefreshToken:
    """How a token is fetched over HTTPS, from a refresh token that somebody was given once."""

    url: str
    """Such as `https://oauth2.googleapis.com/token`."""
    client_id: str = field(repr=False)
    client_secret: str | None = field(repr=False)
    """None or empty for a public client, such as a program on a desktop."""
    refresh_token: str = field(repr=False)
    """The first one. Where an answer brings another one, that is used from then on."""
    scope: str | None = None
    on_rotated: Callable[[str], None] | None = field(default=None, repr=False)
    """Called with each refresh token that takes the place of the one before, to be kept for the next start."""

    def token_request(self) -> HttpRequest:
        """Describe the request for an access token."""
        return _token_request(
            self.url,
            grant_type="refresh_token",
            client_id=self.client_id,
            client_secret=self.client_secret,
            refresh_token=self.refresh_token,
            scope=self.scope,
        )


@dataclass(frozen=True, slots=True)
class OAuthClientCredentials:
    """How an application fetches a token for itself over HTTPS, without anybody who was asked."""

    url: str
    """Such as `https://login.microsoftonline.com/<tenant>/oauth2/v2.0/token`."""
    client_id: str = field(repr=False)
    client_secret: str = field(repr=False)
    scope: str | None = None
    """Such as `https://outlook.office365.com/.default`."""

    def token_request(self) -> HttpRequest:
        """Describe the request for an access token."""
        return _token_request(
            self.url,
            grant_type="client_credentials",
            client_id=self.client_id,
            client_secret=self.client_secret,
            scope=self.scope,
        )


TokenSource: TypeAlias = OAuthRefreshToken | OAuthClientCredentials | Callable[[], str]


def _token_request(url: str, **form: str | None) -> HttpRequest:
    headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
    given = {name: value for name, value in form.items() if value}
    return HttpRequest("POST", url, headers, urlencode(given).encode(), may_send=False)


class _Fetch:
    """One fetch of a token, for everybody who needs one meanwhile."""

    def __init__(self) -> None:
        self.token: str | None = None
        self.error: Exception | None = None
        self.ended = False


class AccessTokens:
    """The access token of one account. Safe in threads and tasks: while one of them fetches a token, the others wait for it."""

    def __init__(self, source: TokenSource) -> None:
        """Fetch nothing yet. A callable is called in a worker thread under an event loop, and again for every token."""
        self._source = source
        self._cached: tuple[str, float] | None = None
        self._lock = threading.Lock()
        self._fetch: _Fetch | None = None

    def current(self) -> Flow[str]:
        """Return a token that should be good.

        Raises:
            OAuthError: there is none for us.
            OAuthBusy: there is none just now.
            TransportError: the endpoint cannot be asked.
        """
        now = yield from ask(CurrentTime())
        while True:
            kept = self._cached
            if kept and now < kept[1]:
                return kept[0]
            with self._lock:
                fetch, is_first = self._fetch or _Fetch(), self._fetch is None
                self._fetch = fetch
            token = yield from self._perform(fetch, now) if is_first else self._wait_for(fetch)
            if token is not None:
                return token

    def renew(self, rejected: str) -> Flow[str | None]:
        """Return another token than the one that was refused, or None. Raises what `current` does."""
        if self._cached and self._cached[0] == rejected:
            self._cached = None
        token = yield from self.current()
        return None if token == rejected else token

    def _perform(self, fetch: _Fetch, now: float) -> Flow[str | None]:
        try:
            fetch.token, lifetime = yield from self._fetch_token(now)
            self._cached = fetch.token, now + lifetime - _EXPIRY_MARGIN
        except Exception as error:
            fetch.error = error
            raise
        finally:  # also when whoever fetches is cancelled
            fetch.ended = True
            self._forget(fetch)
        return fetch.token

    def _wait_for(self, fetch: _Fetch) -> Flow[str | None]:
        """Return what another one fetched, or None if it ended without."""
        for _ in range(_MOST_POLLS):
            if fetch.ended:
                break
            yield from ask(Sleep(_POLL))
        self._forget(fetch)
        if fetch.error:
            raise fetch.error
        return fetch.token

    def _forget(self, fetch: _Fetch) -> None:
        with self._lock:
            if self._fetch is fetch:
                self._fetch = None

    def _fetch_token(self, now: float) -> Flow[tuple[str, float]]:
        source = self._source
        if not isinstance(source, (OAuthRefreshToken, OAuthClientCredentials)):
            return (yield from ask(BlockingCall(source, may_send=False))), _DEFAULT_LIFETIME
        response = yield from ask(source.token_request())
        token, lifetime, rotated = _parse_token(response, now)
        if rotated and isinstance(source, OAuthRefreshToken) and rotated != source.refresh_token:
            self._source = replace(source, refresh_token=rotated)
            if source.on_rotated:
                keep = source.on_rotated
                yield from ask(BlockingCall(lambda: keep(rotated), may_send=False))
        return token, lifetime


def _parse_object(response: HttpResponse) -> Mapping[str, Any]:
    try:
        answer = response.json()
    except ValueError:
        return {}
    return cast("Mapping[str, Any]", answer) if isinstance(answer, dict) else {}


def _parse_token(response: HttpResponse, now: float) -> tuple[str, float, str | None]:
    """Return the access token, its seconds, and the refresh token that it came with."""
    given = _parse_object(response)
    word = str(given.get("error", ""))
    if response.status in _BUSY or (response.status >= _BAD and word in _BUSY_WORDS):
        raise OAuthBusy(
            f"the token endpoint answered {response.status}", retry_after(response.headers, now=now)
        )
    if _BAD <= response.status < _SERVER_FAULT:
        reason = f" {word}" if _ERROR_WORD.fullmatch(word) else ""
        raise OAuthError(f"the token endpoint answered {response.status}{reason}")
    token = _credential(given.get("access_token"))
    if token is None:
        problem = f"the token endpoint answered {response.status} without a token"
        raise TransportError(problem, phase=Phase.CONNECT)
    return token, _lifetime(given.get("expires_in")), _credential(given.get("refresh_token"))


def _credential(value: Any) -> str | None:  # noqa: ANN401  whatever the answer holds
    """Return a token without what stands around it; None for what is none (RFC 6749 appendix A.12 and A.17)."""
    found = _CREDENTIAL.fullmatch(value.strip()) if isinstance(value, str) else None
    return found and found[0]


def _lifetime(value: Any) -> float:  # noqa: ANN401  likewise
    """Return the seconds for which a token is good: a cautious guess where the endpoint does not say so in numbers."""
    try:
        seconds = float(value)
    except (TypeError, ValueError, OverflowError):
        return _DEFAULT_LIFETIME
    return seconds if 0 < seconds < float("inf") else _DEFAULT_LIFETIME
