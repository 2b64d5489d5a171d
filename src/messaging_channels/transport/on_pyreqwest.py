"""HTTP exchanges on pyreqwest, the faster client of the extra `fast`.

HTTP/1.1 only. The engine below (hyper) repeats a request by itself only when its connection was closed before the request had been handed to it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote, urlsplit

from pyreqwest import exceptions
from pyreqwest.client import ClientBuilder, SyncClientBuilder
from pyreqwest.proxy import ProxyBuilder

from messaging_channels.errors import ExchangeFailed, InvalidSetting, Phase
from messaging_channels.exchange import HttpRequest, HttpResponse

if TYPE_CHECKING:
    from messaging_channels.transport import HttpSettings

Builder = TypeVar("Builder", ClientBuilder, SyncClientBuilder)

_MOST_BYTES = 16 * 1024 * 1024


class HttpExecutor:
    """Performs HTTP exchanges for threads."""

    def __init__(self, settings: HttpSettings) -> None:
        """Build the client; connect nothing yet."""
        self._client = _configured(SyncClientBuilder(), settings).build()

    def perform(self, exchange: HttpRequest) -> HttpResponse:
        """Send one request and read its answer. See Executor."""
        try:
            response = _described(self._client, exchange).build().send()
            body = bytes(response.bytes())
        except exceptions.PyreqwestError as error:
            raise _failure(error) from None
        return _answer(response, body)

    def close(self) -> None:
        """Close the idle connections. See Executor."""
        self._client.close()


class AsyncHttpExecutor:
    """Performs HTTP exchanges for the tasks of one event loop."""

    def __init__(self, settings: HttpSettings) -> None:
        """Build the client; connect nothing yet."""
        self._client = _configured(ClientBuilder(), settings).build()

    async def perform(self, exchange: HttpRequest) -> HttpResponse:
        """Send one request and read its answer. When cancelled, the engine lets it go on for up to the read time-out. See AsyncExecutor."""
        try:
            response = await _described(self._client, exchange).build().send()
            body = bytes(await response.bytes())
        except exceptions.PyreqwestError as error:
            raise _failure(error) from None
        return _answer(response, body)

    async def close(self) -> None:
        """Close the idle connections. See AsyncExecutor."""
        await self._client.close()


def _configured(builder: Builder, settings: HttpSettings) -> Builder:
    builder = (
        builder.http1_only()
        .follow_redirects(enable=False)
        .gzip(enable=False)
        .brotli(enable=False)
        .zstd(enable=False)
        .deflate(enable=False)
        .connect_timeout(timedelta(seconds=settings.timeouts.connect))
        .read_timeout(timedelta(seconds=settings.timeouts.read))
        .pool_idle_timeout(timedelta(seconds=settings.max_idle))
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
            remedy='set http.client = "httpx", or decrypt the key',
        )
    pem = certificate.certificate.read_bytes()
    return pem + certificate.key.read_bytes() if certificate.key else pem


def _described(client: Any, exchange: HttpRequest) -> Any:  # noqa: ANN401  two colours of one interface
    try:
        request = client.request(exchange.method, exchange.url).headers(exchange.headers)
        if exchange.timeouts:
            request = request.timeout(timedelta(seconds=exchange.timeouts.read))
        return request.body_bytes(exchange.body)
    except ValueError as error:
        raise ExchangeFailed(type(error).__name__, phase=Phase.LOCAL) from None


def _answer(response: Any, body: bytes) -> HttpResponse:  # noqa: ANN401  two colours of one interface
    if len(body) > _MOST_BYTES:
        raise ExchangeFailed(f"the answer is longer than {_MOST_BYTES} bytes", phase=Phase.READ)
    return HttpResponse(response.status, dict(response.headers), body)


_NEVER_CONNECTED = "client error (Connect)"
"""The cause by which the engine says that no connection came about. pyreqwest's classes do not tell: measured with 0.15, a reset after
the whole request was read is a ConnectError too, and a time-out of the answer a ConnectTimeoutError. In any other words it counts as READ."""


def _failure(error: exceptions.PyreqwestError) -> ExchangeFailed:
    """Name the failure. Its own text is left out: it may hold a URL."""
    return ExchangeFailed(
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
