"""HTTP exchanges on pyreqwest, the faster client of the extra `fast`.

HTTP/1.1 only. The engine below (hyper) repeats a request by itself only when its connection was closed before the request had been handed to it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import timedelta
from math import ceil, inf, isfinite, log
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote, urlsplit

from pyreqwest import exceptions
from pyreqwest.client import ClientBuilder, SyncClientBuilder
from pyreqwest.proxy import ProxyBuilder
from pyreqwest.request import RequestBody

from messaging_channels._model.errors import InvalidSetting, Phase, TransportError
from messaging_channels._transport.answers import (
    MAX_BODY_BYTES,
    finish_response,
    require_declared_size,
    require_size,
)
from messaging_channels.plugins.exchange import HttpRequest, HttpResponse, Timeouts

if TYPE_CHECKING:
    from pathlib import Path

    from messaging_channels._transport.settings import HttpSettings

Builder = TypeVar("Builder", ClientBuilder, SyncClientBuilder)

_MAX_TEMPLATES = 128
_MAX_CLIENTS = 64
_TOO_LONG = MAX_BODY_BYTES + 1


class HttpExecutor:
    """Performs HTTP exchanges for threads."""

    def __init__(self, settings: HttpSettings, now: Callable[[], float] = time.time) -> None:
        """Build the client; connect nothing yet."""
        self._clients = _Clients(SyncClientBuilder, settings)
        self._requests = _RequestCache(self._clients)
        self._now = now

    def perform(self, exchange: HttpRequest) -> HttpResponse:
        """Send one request and read its answer. See Executor."""
        try:
            with self._requests.build(exchange) as response:
                require_declared_size(response.get_header("content-length"))
                body = bytes(response.body_reader.read(_TOO_LONG) or b"")
        except exceptions.PyreqwestError as error:
            raise _failure(error) from None
        require_size(len(body))
        return _answer(response, body, self._now)

    def close(self) -> None:
        """Close the idle connections. See Executor."""
        self._requests.clear()
        for client in self._clients.drain():
            client.close()


class AsyncHttpExecutor:
    """Performs HTTP exchanges for the tasks of one event loop."""

    def __init__(self, settings: HttpSettings, now: Callable[[], float] = time.time) -> None:
        """Build the client; connect nothing yet."""
        self._clients = _Clients(ClientBuilder, settings)
        self._requests = _RequestCache(self._clients)
        self._now = now

    async def perform(self, exchange: HttpRequest) -> HttpResponse:
        """Send one request and read its answer. When cancelled, the engine lets it go on for up to the read time-out. See AsyncExecutor."""
        try:
            async with self._requests.build(exchange) as response:
                require_declared_size(response.get_header("content-length"))
                body = bytes(await response.body_reader.read(_TOO_LONG) or b"")
        except exceptions.PyreqwestError as error:
            raise _failure(error) from None
        require_size(len(body))
        return _answer(response, body, self._now)

    async def close(self) -> None:
        """Close the idle connections. See AsyncExecutor."""
        self._requests.clear()
        for client in self._clients.drain():
            await client.close()


class _Clients:
    """The clients by the times that the engine knows for a whole client only: how long to connect, and how long to wait for the next byte."""

    def __init__(self, builder: Callable[[], Any], settings: HttpSettings) -> None:
        self._builder = builder
        self._settings = settings
        self._made: dict[tuple[float, float], Any] = {}
        self._lock = threading.Lock()
        self._usual = self._build(*_engine_times(settings.timeouts))

    def get(self, timeouts: Timeouts | None) -> Any:  # noqa: ANN401  sync or async
        """Return the client for these times."""
        if timeouts is None:
            return self._usual
        connect, read = _engine_times(timeouts)
        key = (_round_down(connect), read if read < timeouts.limit else inf)
        with self._lock:
            client = self._made.get(key)
            if client is None:
                if len(self._made) >= _MAX_CLIENTS:
                    self._made.clear()  # requests under way hold theirs
                client = self._made[key] = self._build(*key)
            return client

    def drain(self) -> list[Any]:
        """Return all of them, to be closed."""
        with self._lock:
            made, self._made = list(self._made.values()), {}
        return [self._usual, *made]

    def _build(self, connect: float, read: float) -> Any:  # noqa: ANN401  sync or async
        builder = _configure(self._builder(), self._settings).connect_timeout(timedelta(seconds=connect))
        if isfinite(read):
            builder = builder.read_timeout(timedelta(seconds=read))
        try:
            return builder.build()
        except (exceptions.PyreqwestError, ValueError) as error:
            raise InvalidSetting(
                "cannot be used by pyreqwest",
                setting="http",
                source="configuration",
                hint='set http.client = "httpx", or correct the certificate files',
            ) from error


def _engine_times(timeouts: Timeouts) -> tuple[float, float]:
    """Return the seconds to connect and to wait for the next byte.

    The engine counts the second from the start, and then says not which of them was over: so that of connecting has to end first.
    """
    read = min(timeouts.read, timeouts.limit)
    return min(timeouts.connect, _CONNECT_SHARE * read), read


def _round_down(seconds: float) -> float:
    """Return one of few values, at most a tenth less: deadlines differ in every request, and each client has connections of its own."""
    return float(_CONNECT_SHARE ** ceil(round(log(seconds, _CONNECT_SHARE), 6)))


_CONNECT_SHARE = 0.9


def _configure(builder: Builder, settings: HttpSettings) -> Builder:
    builder = (
        builder.http1_only()
        .follow_redirects(enable=False)
        .gzip(enable=False)
        .brotli(enable=False)
        .zstd(enable=False)
        .deflate(enable=False)
        .default_headers({"accept-encoding": "identity"})
        .timeout(timedelta(seconds=settings.timeouts.limit))
        .pool_idle_timeout(timedelta(seconds=settings.keepalive_expiry))
        .user_agent("messaging-channels")
        .no_proxy()
    )
    if settings.proxy:
        builder = builder.proxy(_proxy(settings.proxy))
    if settings.ca_file:
        builder = builder.add_root_certificate_pem(_read(settings.ca_file))
    if settings.client_certificate:
        builder = builder.identity_pem(_identity(settings))
    return builder


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise InvalidSetting(
            f"names a certificate file that cannot be used ({error.strerror})",
            setting="http.ca_file or http.client_certificate",
            source="configuration",
            hint="check that it exists and may be read",
        ) from error


def _proxy(url: str) -> ProxyBuilder:
    parts = urlsplit(url)
    proxy = ProxyBuilder.all(parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl())
    if parts.username is None:
        return proxy
    return proxy.basic_auth(unquote(parts.username), unquote(parts.password or ""))


def _identity(settings: HttpSettings) -> bytes:
    certificate = settings.client_certificate
    if certificate is None or certificate.password is not None:
        raise InvalidSetting(
            "is encrypted, and pyreqwest reads no encrypted keys",
            setting="http.client_certificate",
            source="configuration",
            hint='set http.client = "httpx", or decrypt the key',
        )
    pem = _read(certificate.certificate)
    return pem + _read(certificate.key) if certificate.key else pem


class _RequestCache:
    """Makes requests. One that differs from an earlier one in its body only is copied from it: that takes a third of the time."""

    def __init__(self, clients: _Clients) -> None:
        self._clients = clients
        self._templates: dict[tuple[Any, ...], Any] = {}

    def build(self, exchange: HttpRequest) -> Any:  # noqa: ANN401  sync or async
        """Return the request.

        Raises:
            TransportError: it cannot be written as HTTP; nothing was sent.
        """
        try:
            key = (exchange.method, exchange.url, exchange.timeouts, *exchange.headers.items())
            template = self._templates.get(key)
            if template is None:
                template = self._build_template(exchange)
                if len(self._templates) >= _MAX_TEMPLATES:
                    self._templates.clear()
                self._templates[key] = template
            return template.from_request_and_body(template, RequestBody.from_bytes(exchange.body))
        except InvalidSetting:
            raise
        except Exception as error:
            raise TransportError(
                f"the request could not be written ({type(error).__name__})", phase=Phase.LOCAL
            ) from error

    def clear(self) -> None:
        """Let go of the client, whose idle connections would live on otherwise."""
        self._templates.clear()

    def _build_template(self, exchange: HttpRequest) -> Any:  # noqa: ANN401  sync or async
        request = self._clients.get(exchange.timeouts).request(exchange.method, exchange.url)
        request = request.headers(exchange.headers)
        if exchange.timeouts:
            request = request.timeout(timedelta(seconds=exchange.timeouts.limit))
        return request.build_streamed()


class _Headers(Mapping[str, str]):
    """The headers of an answer, in the engine's own keeping until somebody looks at them: most are never looked at."""

    __slots__ = ("_headers",)

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = headers

    def __getitem__(self, name: str) -> str:
        return self._read()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())

    def __reduce__(self) -> tuple[type[dict[str, str]], tuple[dict[str, str]]]:
        return dict, (self._read(),)

    def _read(self) -> dict[str, str]:
        if not isinstance(self._headers, dict):
            self._headers = _ascii_headers(self._headers)
        return self._headers


def _ascii_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the first value of each name. The engine gives no access to values that are not ASCII: they are left out."""
    read: dict[str, str] = {}
    for name in headers:
        with suppress(ValueError):
            read[name] = headers[name]
    return read


def _answer(response: Any, body: bytes, now: Callable[[], float]) -> HttpResponse:  # noqa: ANN401  sync or async
    headers = _Headers(response.headers)
    return finish_response(response.status, headers, body, get_header=response.get_header, now=now)


_NEVER_CONNECTED = "client error (Connect)"
"""The cause by which the engine says that no connection came about. pyreqwest's classes do not tell: measured with 0.15, a reset after
the whole request was read is a ConnectError too, and a time-out of the answer a ConnectTimeoutError. In any other words it counts as READ."""


def _failure(error: exceptions.PyreqwestError) -> TransportError:
    """Name the failure. Its own text is left out: it may hold a URL."""
    return TransportError(
        type(error).__name__, phase=_phase(error), timed_out=isinstance(error, exceptions.RequestTimeoutError)
    )


def _phase(error: exceptions.PyreqwestError) -> Phase:
    if isinstance(
        error, (exceptions.BuilderError, exceptions.ClientClosedError, exceptions.PoolTimeoutError)
    ):
        return Phase.LOCAL
    details: Any = getattr(error, "details", None) or {}
    causes = [cause.get("message") for cause in details.get("causes") or ()]
    return Phase.CONNECT if _NEVER_CONNECTED in causes else Phase.READ
