"""HTTP exchanges on httpcore, the engine of httpx: the default client.

Each request under way has a connection pool with a single connection to itself, taken from a free list: one pool for all costs more with every
request in flight. The client layer of httpx, with its cookies, redirects and hooks, is not used at all.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

import httpcore
import httpx

from messaging_channels._model.errors import InvalidSetting, Phase, TransportError
from messaging_channels._transport.answers import finish_response, require_declared_size, require_size
from messaging_channels._transport.certificates import verifying_context
from messaging_channels._transport.loop_network import LoopNetwork
from messaging_channels._transport.thread_network import ThreadNetwork
from messaging_channels.plugins.exchange import HttpRequest, HttpResponse, Timeouts

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterable, Iterable

    from messaging_channels._transport.settings import HttpSettings

Connection = TypeVar("Connection")

_MAX_IDLE = 128


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


class _Line:
    """The connection of one request in a thread, and its deadline."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        network = ThreadNetwork()
        self.pool = httpcore.ConnectionPool(**options, network_backend=network)
        self.deadline = network.deadline


class _AsyncLine:
    """The connection of one request in an event loop, and its deadline."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        network = LoopNetwork()
        self.pool = httpcore.AsyncConnectionPool(**options, network_backend=network)
        self.deadline = network.deadline


class HttpExecutor:
    """Performs HTTP exchanges for threads."""

    def __init__(self, settings: HttpSettings, now: Callable[[], float] = time.time) -> None:
        """Prepare the TLS context; connect nothing yet."""
        options = _options(settings)
        self._requests = _RequestBuilder(settings)
        self._now = now
        self._lines = ConnectionPool(lambda: _Line(options), settings.keepalive_expiry)

    def perform(self, exchange: HttpRequest) -> HttpResponse:
        """Send one request and read its answer. See Executor."""
        origin, timeouts, request = self._requests.build(exchange)
        for expired in self._lines.pop_expired():
            expired.pool.close()
        line = self._lines.acquire(origin)
        line.deadline.begin(timeouts, tunnel_to=self._requests.tunnel_to(request))
        try:
            response = line.pool.handle_request(request)
            require_declared_size(_declared_length(response))
            parts, length = list[bytes](), 0
            for part in cast("Iterable[bytes]", response.stream):
                parts.append(part)
                length += len(part)
                require_size(length)
            response.close()
        except BaseException as error:
            line.pool.close()
            if isinstance(error, _FAILURES):
                raise _failure(error, is_written=line.deadline.is_written) from None
            raise
        if _has_leftover(line.pool) or not self._lines.release(origin, line):
            line.pool.close()
        return _answer(response, b"".join(parts), self._now)

    def close(self) -> None:
        """Close the idle connections. See Executor."""
        for line in self._lines.drain():
            line.pool.close()


class AsyncHttpExecutor:
    """Performs HTTP exchanges for the tasks of one event loop."""

    def __init__(self, settings: HttpSettings, now: Callable[[], float] = time.time) -> None:
        """Prepare the TLS context; connect nothing yet."""
        options = _options(settings)
        self._requests = _RequestBuilder(settings)
        self._now = now
        self._lines = ConnectionPool(lambda: _AsyncLine(options), settings.keepalive_expiry)

    async def perform(self, exchange: HttpRequest) -> HttpResponse:
        """Send one request and read its answer. When cancelled, its connection is closed. See AsyncExecutor."""
        origin, timeouts, request = self._requests.build(exchange)
        for expired in self._lines.pop_expired():
            await expired.pool.aclose()
        line = self._lines.acquire(origin)
        line.deadline.begin(timeouts, tunnel_to=self._requests.tunnel_to(request))
        try:
            response = await line.pool.handle_async_request(request)
            require_declared_size(_declared_length(response))
            parts, length = list[bytes](), 0
            async for part in cast("AsyncIterable[bytes]", response.stream):
                parts.append(part)
                length += len(part)
                require_size(length)
            await response.aclose()
        except BaseException as error:
            await asyncio.shield(line.pool.aclose())
            if isinstance(error, _FAILURES):
                raise _failure(error, is_written=line.deadline.is_written) from None
            raise
        if _has_leftover(line.pool) or not self._lines.release(origin, line):
            await line.pool.aclose()
        return _answer(response, b"".join(parts), self._now)

    async def close(self) -> None:
        """Close the idle connections. See AsyncExecutor."""
        for line in self._lines.drain():
            await line.pool.aclose()


def _options(settings: HttpSettings) -> dict[str, Any]:
    return {
        "ssl_context": tls_context(settings),
        "proxy": _proxy(settings.proxy),
        "max_connections": 1,
        "max_keepalive_connections": 1,
        "keepalive_expiry": settings.keepalive_expiry,
    }


def _proxy(url: str | None) -> httpcore.Proxy | None:
    if url is None:
        return None
    proxy = httpx.Proxy(url)
    target = httpcore.URL(
        scheme=proxy.url.raw_scheme, host=proxy.url.raw_host, port=proxy.url.port, target=proxy.url.raw_path
    )
    return httpcore.Proxy(target, auth=proxy.raw_auth, headers=proxy.headers.raw)


def tls_context(settings: HttpSettings) -> ssl.SSLContext:
    """Return a verifying TLS context.

    Raises:
        InvalidSetting: a certificate file cannot be read.
    """
    if settings.ca_file:
        return verifying_context(settings)
    try:
        if settings.client_certificate:
            return verifying_context(settings, httpx.create_ssl_context())
        return _default_context(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))
    except OSError as error:
        raise InvalidSetting(
            f"names a certificate file that cannot be used ({error.strerror or type(error).__name__})",
            setting="SSL_CERT_FILE or SSL_CERT_DIR",
            source="environment",
            hint="check that it exists and is PEM",
        ) from error


@lru_cache(maxsize=8)
def _default_context(*_: str | None) -> ssl.SSLContext:
    """Return the context of most, for what the environment says. It takes 50 ms to make: not for every dispatcher anew."""
    return httpx.create_ssl_context()


class _RequestBuilder:
    """Makes requests in the words of httpcore."""

    def __init__(self, settings: HttpSettings) -> None:
        self._timeouts = settings.timeouts
        self._extensions = _timeout_extension(settings.timeouts)
        self._has_proxy = settings.proxy is not None

    def tunnel_to(self, request: httpcore.Request) -> str | None:
        """Return the host to which the proxy makes a tunnel, if it does."""
        if not self._has_proxy or request.url.scheme != b"https":
            return None
        return request.url.host.decode("ascii")

    def build(self, exchange: HttpRequest) -> tuple[str, Timeouts, httpcore.Request]:
        """Return the origin, the time-outs and the request.

        Raises:
            TransportError: it cannot be written as HTTP; nothing was sent.
        """
        timeouts = exchange.timeouts
        try:
            origin, url, host = _parse_url(exchange.url)
            headers = _header_fields(exchange, host)
            body: bytes = exchange.body
            request = httpcore.Request(
                exchange.method,
                url,
                headers=headers,
                content=body,
                extensions=_timeout_extension(timeouts) if timeouts else self._extensions,
            )
        except Exception as error:
            raise TransportError(
                f"the request could not be written ({type(error).__name__})", phase=Phase.LOCAL
            ) from error
        return origin, timeouts or self._timeouts, request


def _timeout_extension(timeouts: Timeouts) -> dict[str, Any]:
    phases = {"connect": timeouts.connect, "write": timeouts.write, "read": timeouts.read}
    return {"timeout": {**phases, "pool": timeouts.connect}}


@lru_cache(maxsize=512)
def _parse_url(url: str) -> tuple[str, httpcore.URL, bytes]:
    parsed = httpx.URL(url)
    if parsed.scheme not in ("http", "https") or not parsed.host:
        message = "not an http or https URL"
        raise httpx.InvalidURL(message)
    target = httpcore.URL(
        scheme=parsed.raw_scheme, host=parsed.raw_host, port=parsed.port, target=parsed.raw_path
    )
    return f"{parsed.scheme}://{parsed.host}:{parsed.port}", target, parsed.netloc


def _header_fields(exchange: HttpRequest, host: bytes) -> list[tuple[bytes, bytes]]:
    """Return the headers, with those that every request has."""
    fields = [(name.encode("ascii"), value.encode("ascii")) for name, value in exchange.headers.items()]
    names = {name.lower() for name, _ in fields}
    own = [(b"Host", host)] if b"host" not in names else []
    if b"accept-encoding" not in names:
        fields.append((b"Accept-Encoding", b"identity"))
    if (exchange.body or exchange.method in _WITH_BODY) and b"content-length" not in names:
        fields.append((b"Content-Length", b"%d" % len(exchange.body)))
    return own + fields


def _declared_length(response: httpcore.Response) -> bytes | None:
    return next((value for name, value in response.headers if name.lower() == b"content-length"), None)


def _has_leftover(pool: httpcore.ConnectionPool | httpcore.AsyncConnectionPool) -> bool:
    """Whether more came on its connection than the answer: such a connection is not used again, nor one of which that cannot be told."""
    for kept in pool.connections:
        connection: Any = kept
        while (inner := getattr(connection, "_connection", None)) is not None:
            connection = inner
        parser = getattr(connection, "_h11_state", None)
        if parser is None or parser.trailing_data[0]:
            return True
    return False


def _answer(response: httpcore.Response, body: bytes, now: Callable[[], float]) -> HttpResponse:
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
    return finish_response(response.status, headers, body, get_header=headers.get, now=now)


_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
_FAILURES = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
)
_PHASES: tuple[tuple[type[Exception], Phase], ...] = (
    (httpcore.UnsupportedProtocol, Phase.LOCAL),
    (httpcore.LocalProtocolError, Phase.LOCAL),
    (httpcore.ConnectError, Phase.CONNECT),
    (httpcore.ConnectTimeout, Phase.CONNECT),
    (httpcore.PoolTimeout, Phase.CONNECT),
    (httpcore.ProxyError, Phase.CONNECT),
    (httpcore.WriteError, Phase.WRITE),
    (httpcore.WriteTimeout, Phase.WRITE),
)
"""Which failures are certain to come before the first byte of the request. All others count as READ."""


def _failure(error: Exception, *, is_written: bool) -> TransportError:
    """Name the failure. Its own text is left out: it may hold a URL."""
    phase = next((phase for kind, phase in _PHASES if isinstance(error, kind)), Phase.READ)
    if not is_written and phase is not Phase.LOCAL:
        phase = Phase.CONNECT
    return TransportError(
        type(error).__name__, phase=phase, timed_out=isinstance(error, httpcore.TimeoutException)
    )
