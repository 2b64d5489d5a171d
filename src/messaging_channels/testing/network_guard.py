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

_RESERVED_DOMAINS = ("localhost", "invalid", "test", "example", "example.com", "example.net", "example.org")
_AUDIT_EVENTS = ("socket.connect", "socket.getaddrinfo")


class RealProviderReached(BaseException):
    """A test tried to reach a real provider. No handler of `Exception` may take it for an outcome."""


class _Guard:
    """The state of the one guard of this process."""

    def __init__(self) -> None:
        self.enabled = False
        self.hook_installed = False
        self.violations: list[str] = []


_GUARD = _Guard()
_IN_PROVIDER: ContextVar[bool] = ContextVar("messaging_channels_performs", default=False)


def block() -> None:
    """Forbid real providers from now on, in dispatchers that have made no request yet. Calling it twice is the same as once."""
    drivers.exchange_hook = _exchange_hook
    _GUARD.enabled = True
    if not _GUARD.hook_installed:
        _GUARD.hook_installed = True
        sys.addaudithook(_audit_hook)


def unblock() -> None:
    """Allow them again."""
    _GUARD.enabled = False


@contextmanager
def allow_real_providers() -> Generator[None]:
    """Allow them for as long as the block lasts."""
    before, _GUARD.enabled = _GUARD.enabled, False
    try:
        yield
    finally:
        _GUARD.enabled = before


def pop_violations() -> list[str]:
    """Return the sentences since the last call: also of those whose error was swallowed, as in another thread."""
    reached, _GUARD.violations = _GUARD.violations, []
    return reached


@contextmanager
def _exchange_hook(exchange: Exchange[Any]) -> Generator[None]:
    """Stand around one exchange; see `drivers.exchange_hook`."""
    if _GUARD.enabled and isinstance(exchange, HttpRequest):
        _check_host(urlsplit(exchange.url).hostname or "")
    token = _IN_PROVIDER.set(not isinstance(exchange, OPERATIONS))
    try:
        yield
    finally:
        _IN_PROVIDER.reset(token)


def _audit_hook(event: str, arguments: tuple[Any, ...]) -> None:
    """Hear of sockets that a protocol other than HTTP opens; see `sys.addaudithook`."""
    if event not in _AUDIT_EVENTS or not _GUARD.enabled or not _IN_PROVIDER.get():
        return
    place: Any = arguments[1] if event == "socket.connect" else arguments[:1]
    if isinstance(place, tuple):  # a path is a socket of this machine
        host: Any = cast("tuple[Any, ...]", place)[0] or "localhost"
        _check_host(host.decode() if isinstance(host, bytes) else str(host))


def _check_host(host: str) -> None:
    if _is_reserved(host):
        return
    sentence = (
        f"this test tried to reach {host}: give the application `outbox.dispatcher` (a fixture of messaging-channels) or the provider's emulator; "
        "if it is meant to reach the vendor, mark it with @pytest.mark.real_provider"
    )
    _GUARD.violations.append(sentence)
    raise RealProviderReached(sentence)


def _is_reserved(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        name = host.rstrip(".").lower()
        return any(name == one or name.endswith(f".{one}") for one in _RESERVED_DOMAINS)
