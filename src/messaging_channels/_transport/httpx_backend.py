"""HTTP exchanges on httpx, the default client.

Each request under way has a transport with a single connection to itself, taken from a free list: httpx's own connection pool costs more with every
request in flight. The client layer of httpx, with its cookies, redirects and hooks, is not used at all.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import httpx

from messaging_channels._model.errors import InvalidSetting, Phase, TransportError
from messaging_channels.plugins.exchange import HttpRequest, HttpResponse, Timeouts

if TYPE_CHECKING:
    from messaging_channels._transport.settings import HttpSettings

Connection = TypeVar("Connection")

_MAX_IDLE = 128
_MOST_BYTES = 16 * 1024 * 1024


class ConnectionPool(Generic[Connection]):
    """Idle single-connection transports by origin, the last one used first. Safe in threads; a forked child starts empty."""

    def __init__(self, build: Callable[[], Connection], keepalive_expiry: float) -> None:
        """Keep nothing yet; `build` makes a transport when none is free."""
        self._build: Callable[[], Connection] = build
        self._keepalive_expiry = keepalive_expiry
        self._idle: dict[str, list[tuple[float, Connection]]] = defaultdict(list)
        self._owner = os.getpid()
        self._stale: list[Connection] = []
        self._inherited: object = None

    def acquire(self, origin: str) -> Connection:
        """Return a transport that nobody else uses."""
        if self._owner != os.getpid():
            self._reset_after_fork()
        free = self._idle[origin]
        try:
            since, line = free.pop()
        except IndexError:
            return self._build()
        if time.monotonic() - since < self._keepalive_expiry:
            return line
        self._stale.append(line)
        self._mark_stale(free)  # the last one used is too old, so the others are
        return self._build()

    def release(self, origin: str, line: Connection) -> bool:
        """Keep a transport for the next request; False if there are enough, and the caller has to close it."""
        free = self._idle[origin]
        if len(free) >= _MAX_IDLE or self._owner != os.getpid():
            return False
        free.append((time.monotonic(), line))
        return True

    def pop_expired(self) -> list[Connection]:
        """Return those to be closed because they were idle for too long."""
        stale: list[Connection] = []
        while self._stale:
            with suppress(IndexError):  # another thread took the last one
                stale.append(self._stale.pop())
        return stale

    def drain(self) -> list[Connection]:
        """Return all that is kept, to be closed."""
        for free in list(self._idle.values()):
            self._mark_stale(free)
        return self.pop_expired()

    def _mark_stale(self, free: list[tuple[float, Connection]]) -> None:
        while free:
            with suppress(IndexError):  # another thread took the last one
                self._stale.append(free.pop()[1])

    def _reset_after_fork(self) -> None:
        """Leave the parent's connections to the parent."""
        self._inherited = (
            self._idle,
            self._stale,
        )  # kept alive: closing them would end the parent's sessions
        self._idle, self._stale = defaultdict(list), []
        self._owner = os.getpid()


class HttpExecutor:
    """Performs HTTP exchanges for threads."""

    def __init__(self, settings: HttpSettings) -> None:
        """Prepare the TLS context; connect nothing yet."""
        options = _options(settings)
        self._timeouts = _timeout_extension(settings.timeouts)
        self._pool = ConnectionPool(lambda: httpx.HTTPTransport(**options), settings.keepalive_expiry)

    def perform(self, exchange: HttpRequest) -> HttpResponse:
        """Send one request and read its answer. See Executor."""
        origin, request = _build_request(exchange, self._timeouts)
        for connection in self._pool.pop_expired():
            connection.close()
        connection = self._pool.acquire(origin)
        try:
            response = connection.handle_request(request)
            body = _require_size(b"".join(response.stream))  # type: ignore[arg-type]
            response.close()
        except BaseException as error:
            connection.close()
            if isinstance(error, (httpx.TransportError, httpx.InvalidURL)):
                raise _failure(error) from None
            raise
        if not self._pool.release(origin, connection):
            connection.close()
        return _answer(response, body)

    def close(self) -> None:
        """Close the idle connections. See Executor."""
        for line in self._pool.drain():
            line.close()


class AsyncHttpExecutor:
    """Performs HTTP exchanges for the tasks of one event loop."""

    def __init__(self, settings: HttpSettings) -> None:
        """Prepare the TLS context; connect nothing yet."""
        options = _options(settings)
        self._timeouts = _timeout_extension(settings.timeouts)
        self._pool = ConnectionPool(lambda: httpx.AsyncHTTPTransport(**options), settings.keepalive_expiry)

    async def perform(self, exchange: HttpRequest) -> HttpResponse:
        """Send one request and read its answer. When cancelled, its connection is closed. See AsyncExecutor."""
        origin, request = _build_request(exchange, self._timeouts)
        for connection in self._pool.pop_expired():
            await connection.aclose()
        connection = self._pool.acquire(origin)
        try:
            response = await connection.handle_async_request(request)
            body = _require_size(b"".join([part async for part in response.stream]))  # type: ignore[union-attr]
            await response.aclose()
        except BaseException as error:
            await asyncio.shield(connection.aclose())
            if isinstance(error, (httpx.TransportError, httpx.InvalidURL)):
                raise _failure(error) from None
            raise
        if not self._pool.release(origin, connection):
            await connection.aclose()
        return _answer(response, body)

    async def close(self) -> None:
        """Close the idle connections. See AsyncExecutor."""
        for line in self._pool.drain():
            await line.aclose()


def _options(settings: HttpSettings) -> dict[str, Any]:
    return {
        "verify": tls_context(settings),
        "trust_env": False,
        "proxy": settings.proxy,
        "limits": httpx.Limits(
            max_connections=1, max_keepalive_connections=1, keepalive_expiry=settings.keepalive_expiry
        ),
    }


def tls_context(settings: HttpSettings) -> ssl.SSLContext:
    """Return a verifying TLS context.

    Raises:
        InvalidSetting: a certificate file cannot be read.
    """
    try:
        if not settings.ca_file and not settings.client_certificate:
            return _default_context(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))
        context = (
            ssl.create_default_context(cafile=settings.ca_file)
            if settings.ca_file
            else httpx.create_ssl_context()
        )
        if settings.client_certificate:
            context.load_cert_chain(*settings.client_certificate)
    except OSError as error:  # ssl.SSLError is one
        raise InvalidSetting(
            f"a certificate file cannot be used ({error.strerror or type(error).__name__})",
            setting="http.ca_file or http.client_certificate",
            source="configuration",
            hint="check that the file exists and is PEM",
        ) from error
    return context


@lru_cache(maxsize=8)
def _default_context(*_: str | None) -> ssl.SSLContext:
    """Return the context of most, for what the environment says. It takes 50 ms to make: not for every dispatcher anew."""
    return httpx.create_ssl_context()


def _timeout_extension(timeouts: Timeouts) -> dict[str, float]:
    return {
        "connect": timeouts.connect,
        "write": timeouts.write,
        "read": timeouts.read,
        "pool": timeouts.connect,
    }


@lru_cache(maxsize=512)
def _parse_url(url: str) -> tuple[str, httpx.URL]:
    parsed = httpx.URL(url)
    if parsed.scheme not in ("http", "https") or not parsed.host:
        message = "not an http or https URL"
        raise httpx.InvalidURL(message)
    return f"{parsed.scheme}://{parsed.host}:{parsed.port}", parsed


def _build_request(exchange: HttpRequest, default_timeouts: dict[str, float]) -> tuple[str, httpx.Request]:
    try:
        origin, url = _parse_url(exchange.url)
    except httpx.InvalidURL as error:
        raise _failure(error) from None
    timeouts = _timeout_extension(exchange.timeouts) if exchange.timeouts else default_timeouts
    return origin, httpx.Request(
        exchange.method,
        url,
        headers=exchange.headers,
        content=exchange.body,
        extensions={"timeout": timeouts},
    )


def _require_size(body: bytes) -> bytes:
    if len(body) > _MOST_BYTES:
        raise TransportError(f"the answer is longer than {_MOST_BYTES} bytes", phase=Phase.READ)
    return body


def _answer(response: httpx.Response, body: bytes) -> HttpResponse:
    headers = {
        name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers.raw
    }
    return HttpResponse(response.status_code, headers, body)


_PHASES: tuple[tuple[type[Exception], Phase], ...] = (
    (httpx.InvalidURL, Phase.LOCAL),
    (httpx.UnsupportedProtocol, Phase.LOCAL),
    (httpx.LocalProtocolError, Phase.LOCAL),
    (httpx.ConnectError, Phase.CONNECT),
    (httpx.ConnectTimeout, Phase.CONNECT),
    (httpx.PoolTimeout, Phase.CONNECT),
    (httpx.ProxyError, Phase.CONNECT),
    (httpx.WriteError, Phase.WRITE),
    (httpx.WriteTimeout, Phase.WRITE),
)
"""Which failures are certain to come before the first byte of the request. All others count as READ."""


def _failure(error: Exception) -> TransportError:
    """Name the failure. Its own text is left out: it may hold a URL."""
    phase = next((phase for kind, phase in _PHASES if isinstance(error, kind)), Phase.READ)
    return TransportError(
        type(error).__name__, phase=phase, timed_out=isinstance(error, httpx.TimeoutException)
    )
