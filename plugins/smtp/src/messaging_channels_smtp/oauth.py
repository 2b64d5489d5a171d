"""Access tokens for XOAUTH2 and OAUTHBEARER: kept while they last, and fetched anew when a server refuses one. Source: RFC 6749 section 6."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlencode

from messaging_channels.errors import Phase, TransportError
from messaging_channels.plugins import BlockingCall, CurrentTime, Flow, HttpRequest, ask

_EXPIRY_MARGIN = 60.0
"""Seconds before its end at which a token is no longer used."""
_DEFAULT_LIFETIME = 300.0
_OK, _BAD, _SERVER_FAULT = 200, 400, 500


class OAuthError(Exception):
    """The token endpoint does not give us a token."""


@dataclass(frozen=True, slots=True)
class OAuthRefreshToken:
    """How a token is fetched over HTTPS, from a refresh token that somebody was given once."""

    url: str
    """Such as `https://oauth2.googleapis.com/token`."""
    client_id: str = field(repr=False)
    client_secret: str = field(repr=False)
    refresh_token: str = field(repr=False)

    def token_request(self) -> HttpRequest:
        """Describe the request for an access token."""
        form = {
            "grant_type": "refresh_token",
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "refresh_token": self.refresh_token,
        }
        headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
        return HttpRequest("POST", self.url, headers, urlencode(form).encode(), may_send=False)


class AccessTokens:
    """The access token of one account. Safe in threads and tasks: at worst two of them fetch one each."""

    def __init__(self, source: OAuthRefreshToken | Callable[[], str]) -> None:
        """Fetch nothing yet. A callable is called in a worker thread under an event loop, and again for every token."""
        self._source = source
        self._cached: tuple[str, float] | None = None

    def current(self) -> Flow[str]:
        """Return a token that should be good.

        Raises:
            TokenRefused: there is none for us.
            ExchangeFailed: the endpoint cannot be asked.
        """
        now = yield from ask(CurrentTime())
        kept = self._cached
        if kept and now < kept[1]:
            return kept[0]
        return (yield from self._fetch(now))

    def renew(self, rejected: str) -> Flow[str | None]:
        """Return another token than the one that was refused, or None. Raises what `current` does."""
        if self._cached and self._cached[0] == rejected:
            self._cached = None
        token = yield from self.current()
        return None if token == rejected else token

    def _fetch(self, now: float) -> Flow[str]:
        if isinstance(self._source, OAuthRefreshToken):
            token, life = yield from _request_token(self._source)
        else:
            token, life = (yield from ask(BlockingCall(self._source, may_send=False))), _DEFAULT_LIFETIME
        self._cached = token, now + life - _EXPIRY_MARGIN
        return token


def _request_token(source: OAuthRefreshToken) -> Flow[tuple[str, float]]:
    response = yield from ask(source.token_request())
    if _BAD <= response.status < _SERVER_FAULT:
        raise OAuthError(f"the token endpoint answers {response.status}")
    try:
        answer = response.json()
        return str(answer["access_token"]), float(answer.get("expires_in", _DEFAULT_LIFETIME))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        problem = f"the token endpoint answers {response.status} without a token"
        raise TransportError(problem, phase=Phase.CONNECT) from error
