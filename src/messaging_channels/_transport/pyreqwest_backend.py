"""HTTP exchanges on pyreqwest, the faster client of the extra `fast`.

HTTP/1.1 only. The engine below (hyper) repeats a request by itself only when its connection was closed before the request had been handed to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote, urlsplit

from pyreqwest import exceptions
from pyreqwest.client import ClientBuilder, SyncClientBuilder
from pyreqwest.proxy import ProxyBuilder
from pyreqwest.request import RequestBody

from messaging_channels._model.errors import InvalidSetting, Phase, TransportError
from messaging_channels.plugins.exchange import HttpRequest, HttpResponse

if TYPE_CHECKING:
    from messaging_channels._transport.settings import HttpSettings

Builder = TypeVar("Builder", ClientBuilder, SyncClientBuilder)

_MOST_BYTES = 16 * 1024 * 1024
_MAX_TEMPLATES = 128


class HttpExecutor:
    """Performs HTTP exchanges for threads."""

    def __init__(self, settings: HttpSettings) -> None:
        """Build the client; connect nothing yet."""
        self._client = _configure(SyncClientBuilder(), settings).build()
        self._requests = _RequestCache(self._client)

    def perform(self, exchange: HttpRequest) -> HttpResponse:
        """Send one request and read its answer. See Executor."""
        try:
            response = self._requests.build(exchange).send()
            body = bytes(response.bytes())
        except exceptions.PyreqwestError as error:
            raise _failure(error) from None
        return _answer(response, body)

    def close(self) -> None:
        """Close the idle connections. See Executor."""
        self._requests.clear()
        self._client.close()


class AsyncHttpExecutor:
    """Performs HTTP exchanges for the tasks of one event loop."""

    def __init__(self, settings: HttpSettings) -> None:
        """Build the client; connect nothing yet."""
        self._client = _configure(ClientBuilder(), settings).build()
        self._requests = _RequestCache(self._client)

    async def perform(self, exchange: HttpRequest) -> HttpResponse:
        """Send one request and read its answer. When cancelled, the engine lets it go on for up to the read time-out. See AsyncExecutor."""
        try:
            response = await self._requests.build(exchange).send()
            body = bytes(await response.bytes())
        except exceptions.PyreqwestError as error:
            raise _failure(error) from None
        return _answer(response, body)

    async def close(self) -> None:
        """Close the idle connections. See AsyncExecutor."""
        self._requests.clear()
        await self._client.close()


def _configure(builder: Builder, settings: HttpSettings) -> Builder:
    builder = (
        builder.http1_only()
        .follow_redirects(enable=False)
        .gzip(enable=False)
        .brotli(enable=False)
        .zstd(enable=False)
        .deflate(enable=False)
        .connect_timeout(timedelta(seconds=settings.timeouts.connect))
        .read_timeout(timedelta(seconds=settings.timeouts.read))
        .pool_idle_timeout(timedelta(seconds=settings.keepalive_expiry))
        .user_agent("messaging-channels")
        .no_proxy()
    )
    if settings.proxy:
        builder = builder.proxy(_proxy(settings.proxy))
    if settings.ca_file:
        builder = builder.add_root_certificate_pem(settings.ca_file.read_bytes())
    if settings.client_certificate:
        builder = builder.identity_pem(_identity(settings))
    return builder


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
            "pyreqwest reads no encrypted keys",
            setting="http.client_certificate",
            source="configuration",
            hint='set http.client = "httpx", or decrypt the key',
        )
    pem = certificate.certificate.read_bytes()
    return pem + certificate.key.read_bytes() if certificate.key else pem


class _RequestCache:
    """Makes requests. One that differs from an earlier one in its body only is copied from it: that takes a third of the time."""

    def __init__(self, client: Any) -> None:  # noqa: ANN401  sync or async
        self._client = client
        self._templates: dict[tuple[Any, ...], Any] = {}

    def build(self, exchange: HttpRequest) -> Any:  # noqa: ANN401  sync or async
        key = (exchange.method, exchange.url, exchange.timeouts, *exchange.headers.items())
        template = self._templates.get(key)
        if template is None:
            template = self._build_template(exchange)
            if len(self._templates) >= _MAX_TEMPLATES:
                self._templates.clear()
            self._templates[key] = template
        return template.from_request_and_body(template, RequestBody.from_bytes(exchange.body))

    def clear(self) -> None:
        """Let go of the client, whose idle connections would live on otherwise."""
        self._templates.clear()

    def _build_template(self, exchange: HttpRequest) -> Any:  # noqa: ANN401  sync or async
        try:
            request = self._client.request(exchange.method, exchange.url).headers(exchange.headers)
        except ValueError as error:
            raise TransportError(type(error).__name__, phase=Phase.LOCAL) from None
        if exchange.timeouts:
            request = request.timeout(timedelta(seconds=exchange.timeouts.read))
        return request.build()


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


def _answer(response: Any, body: bytes) -> HttpResponse:  # noqa: ANN401  sync or async
    if len(body) > _MOST_BYTES:
        raise TransportError(f"the answer is longer than {_MOST_BYTES} bytes", phase=Phase.READ)
    return HttpResponse(response.status, _Headers(response.headers), body)


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
