"""Access tokens for XOAUTH2 and OAUTHBEARER: kept while they last, and fetched anew when a server refuses one. Source: RFC 6749 section 6."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlencode

from messaging_channels.errors import ExchangeFailed, Phase
from messaging_channels.plugins import Call, Flow, HttpRequest, Now, ask

_EARLY = 60.0
"""Seconds before its end at which a token is no longer used."""
_UNKNOWN_LIFE = 300.0
_OK, _BAD, _SERVER_FAULT = 200, 400, 500


class TokenRefused(Exception):
    """The token endpoint does not give us a token."""


@dataclass(frozen=True, slots=True)
class RefreshGrant:
    """How a token is fetched over HTTPS, from a refresh token that somebody was given once."""

    url: str
    """Such as `https://oauth2.googleapis.com/token`."""
    client_id: str = field(repr=False)
    client_secret: str = field(repr=False)
    refresh_token: str = field(repr=False)

    def request(self) -> HttpRequest:
        """Describe the request for an access token."""
        form = {
            "grant_type": "refresh_token",
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "refresh_token": self.refresh_token,
        }
        headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
        return HttpRequest("POST", self.url, headers, urlencode(form).encode(), effect=False)


class Tokens:
    """The access token of one account. Safe in threads and tasks: at worst two of them fetch one each."""

    def __init__(self, source: RefreshGrant | Callable[[], str]) -> None:
        """Fetch nothing yet. A callable is called in a worker thread under an event loop, and again for every token."""
        self._source = source
        self._kept: tuple[str, float] | None = None

    def current(self) -> Flow[str]:
        """Return a token that should be good.

        Raises:
            TokenRefused: there is none for us.
            ExchangeFailed: the endpoint cannot be asked.
        """
        now = yield from ask(Now())
        kept = self._kept
        if kept and now < kept[1]:
            return kept[0]
        return (yield from self._fetched(now))

    def renewed(self, refused: str) -> Flow[str | None]:
        """Return another token than the one that was refused, or None. Raises what `current` does."""
        if self._kept and self._kept[0] == refused:
            self._kept = None
        token = yield from self.current()
        return None if token == refused else token

    def _fetched(self, now: float) -> Flow[str]:
        if isinstance(self._source, RefreshGrant):
            token, life = yield from _granted(self._source)
        else:
            token, life = (yield from ask(Call(self._source, effect=False))), _UNKNOWN_LIFE
        self._kept = token, now + life - _EARLY
        return token


def _granted(source: RefreshGrant) -> Flow[tuple[str, float]]:
    response = yield from ask(source.request())
    if _BAD <= response.status < _SERVER_FAULT:
        raise TokenRefused(f"the token endpoint answers {response.status}")
    try:
        answer = response.json()
        return str(answer["access_token"]), float(answer.get("expires_in", _UNKNOWN_LIFE))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        problem = f"the token endpoint answers {response.status} without a token"
        raise ExchangeFailed(problem, phase=Phase.CONNECT) from error
