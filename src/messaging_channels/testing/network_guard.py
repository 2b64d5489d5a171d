"""No test reaches a real provider by accident: whoever tries is stopped with a sentence that says what to do.

Only what providers do is looked at, in every dispatcher of the process; the tests' own use of the network is none of its business. Loopback is
allowed, and so are the names that no vendor can have (example.com, .example, .invalid, .test, .localhost: RFC 2606 and 6761).
"""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from ipaddress import ip_address
from typing import Any, cast
from urllib.parse import urlsplit

from messaging_channels._transport import drivers
from messaging_channels.plugins.exchange import Exchange, HttpRequest
from messaging_channels.plugins.ledger import OPERATIONS

_NOBODYS = ("localhost", "invalid", "test", "example", "example.com", "example.net", "example.org")
_EVENTS = ("socket.connect", "socket.getaddrinfo")


class RealProviderReached(BaseException):
    """A test tried to reach a real provider. No handler of `Exception` may take it for an outcome."""


class _Guard:
    """The state of the one guard of this process."""

    def __init__(self) -> None:
        self.on = False
        self.hooked = False
        self.reached: list[str] = []


_GUARD = _Guard()
_PROVIDERS: ContextVar[bool] = ContextVar("messaging_channels_performs", default=False)


def block() -> None:
    """Forbid real providers from now on, in dispatchers that have made no request yet. Calling it twice is the same as once."""
    drivers.exchange_hook = _watch
    _GUARD.on = True
    if not _GUARD.hooked:
        _GUARD.hooked = True
        sys.addaudithook(_hear)


def unblock() -> None:
    """Allow them again."""
    _GUARD.on = False


@contextmanager
def allow_real_providers() -> Generator[None]:
    """Allow them for as long as the block lasts."""
    before, _GUARD.on = _GUARD.on, False
    try:
        yield
    finally:
        _GUARD.on = before


def pop_violations() -> list[str]:
    """Return the sentences since the last call: also of those whose error was swallowed, as in another thread."""
    reached, _GUARD.reached = _GUARD.reached, []
    return reached


@contextmanager
def _watch(exchange: Exchange[Any]) -> Generator[None]:
    """Stand around one exchange; see `drivers.exchange_hook`."""
    if _GUARD.on and isinstance(exchange, HttpRequest):
        _look_at(urlsplit(exchange.url).hostname or "")
    token = _PROVIDERS.set(not isinstance(exchange, OPERATIONS))
    try:
        yield
    finally:
        _PROVIDERS.reset(token)


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    """Hear of sockets that a protocol other than HTTP opens; see `sys.addaudithook`."""
    if event not in _EVENTS or not _GUARD.on or not _PROVIDERS.get():
        return
    place: Any = arguments[1] if event == "socket.connect" else arguments[:1]
    if isinstance(place, tuple):  # a path is a socket of this machine
        host: Any = cast("tuple[Any, ...]", place)[0] or "localhost"
        _look_at(host.decode() if isinstance(host, bytes) else str(host))


def _look_at(host: str) -> None:
    if _is_nobodys(host):
        return
    sentence = (
        f"this test tried to reach {host}: give the application `outbox.dispatcher` (a fixture of messaging-channels) or the provider's emulator; "
        "if it is meant to reach the vendor, mark it with @pytest.mark.real_provider"
    )
    _GUARD.reached.append(sentence)
    raise RealProviderReached(sentence)


def _is_nobodys(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        name = host.rstrip(".").lower()
        return any(name == one or name.endswith(f".{one}") for one in _NOBODYS)
