"""Calls that a provider makes to us. Untrusted until the provider's plugin has proved who made them."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from math import isfinite
from typing import TYPE_CHECKING, Any, Protocol, cast
from urllib.parse import quote

from messaging_channels._model.errors import InvalidMessage
from messaging_channels.plugins.exchange import HttpResponse
from messaging_channels.plugins.webhook_urls import ReceivedCall

if TYPE_CHECKING:
    from messaging_channels._model.events import Event


class _DjangoRequest(Protocol):
    method: Any
    META: Any

    @property
    def body(self) -> bytes: ...
    @property
    def headers(self) -> Any: ...  # noqa: ANN401  a mapping of Django's own
    @property
    def scheme(self) -> Any: ...  # noqa: ANN401  a text; Django has no types
    def get_host(self) -> str: ...
    def get_full_path(self) -> str: ...


class _FlaskRequest(Protocol):
    @property
    def environ(self) -> Any: ...  # noqa: ANN401  a dictionary

    def get_data(self) -> Any: ...  # noqa: ANN401  bytes


class _StarletteRequest(Protocol):
    @property
    def scope(self) -> Any: ...  # noqa: ANN401  a dictionary

    def body(self) -> Awaitable[bytes]: ...


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """A webhook request: HTTP, or a mail whose raw bytes are the body. Immutable.

    `from_django`, `from_flask`, `from_starlette` and `from_wsgi` make one of what a web framework gives.
    """

    body: bytes = field(default=b"", repr=False)
    """The raw bytes: signatures are over these, never over something parsed and written again."""
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    """Names in any case, kept in lower case; values as text of ISO 8859-1."""
    url: str = field(default="", repr=False)
    """The whole public URL that the provider was given, query included: some providers sign it."""
    method: str = "POST"
    received_at: float = field(default_factory=time.time)
    """When it came: seconds since the epoch, UTC. By default now."""

    def __post_init__(self) -> None:
        """Keep the names of headers in lower case, and refuse what is no call.

        Raises:
            InvalidMessage: the body is no bytes, the headers are no names with texts, or URL or time are of a wrong type.
        """
        if not isinstance(self.body, (bytes, bytearray, memoryview)):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise _refused("body", f"must be the raw bytes, got {type(self.body).__name__}", _BODY_HINT)
        url, received_at = cast("object", self.url), cast("object", self.received_at)
        if not isinstance(url, str):
            raise _refused("url", f"must be a text, got {type(url).__name__}", "give the URL that was called")
        if (
            isinstance(received_at, bool)
            or not isinstance(received_at, (int, float))
            or not isfinite(received_at)
        ):
            raise _refused(
                "received_at", "must be a number of seconds since 1970", "leave it out: the time is then now"
            )
        object.__setattr__(self, "body", bytes(self.body))
        object.__setattr__(self, "headers", _in_lower_case(self.headers))

    @classmethod
    def from_wsgi(
        cls,
        environ: dict[str, Any],
        *,
        trusted_proxies: Iterable[str] = (),
        public_url: str | None = None,
    ) -> WebhookRequest:
        """Make one of a WSGI environment (PEP 3333). The body is read, and can be read again from `wsgi.input`.

        Args:
            environ: of the application's call.
            trusted_proxies: addresses or networks of your proxies; see `from_django`.
            public_url: scheme and host as the world knows them; see `from_django`.
        """
        declared = str(environ.get("CONTENT_LENGTH") or "")
        stream = environ.get("wsgi.input")
        if stream is None:
            body = b""
        elif declared.isdecimal():
            body = stream.read(int(declared))
        else:
            body = stream.read() if environ.get("wsgi.input_terminated") else b""
        environ["wsgi.input"] = BytesIO(body)
        return cls._from_environ(environ, body, trusted_proxies, public_url)

    @classmethod
    def from_flask(
        cls,
        request: _FlaskRequest,
        *,
        trusted_proxies: Iterable[str] = (),
        public_url: str | None = None,
    ) -> WebhookRequest:
        """Make one of Flask's `request`. Call it before anything reads `request.form`.

        Args:
            request: the request of the view.
            trusted_proxies: addresses or networks of your proxies; see `from_django`. Leave it out where `ProxyFix` does that.
            public_url: scheme and host as the world knows them; see `from_django`.

        Raises:
            InvalidMessage: the body was read before, and is gone.
        """
        return cls._from_environ(request.environ, request.get_data(), trusted_proxies, public_url)

    @classmethod
    def from_django(
        cls,
        request: _DjangoRequest,
        *,
        trusted_proxies: Iterable[str] = (),
        public_url: str | None = None,
    ) -> WebhookRequest:
        """Make one of a Django request (WSGI or ASGI). The view needs `@csrf_exempt`.

        Args:
            request: the request of the view.
            trusted_proxies: addresses or networks of your proxies, such as `("10.0.0.0/8",)`, or `("*",)` for every peer. Only they may say, in
                `X-Forwarded-*` or `Forwarded`, which URL was called. Django's own `SECURE_PROXY_SSL_HEADER` and `USE_X_FORWARDED_HOST` count too.
            public_url: scheme and host as the world knows them, such as `https://shop.example.com`. It goes before what any header says.

        Raises:
            InvalidMessage: the body was read before, and is gone.
        """
        meta: dict[str, Any] = request.META
        headers = _in_lower_case(request.headers)
        target = _raw_target(meta) or request.get_full_path()
        call = ReceivedCall(
            str(request.scheme), request.get_host(), target, headers, str(meta.get("REMOTE_ADDR", ""))
        )
        body = _require_whole(request.body, headers)
        url = call.url(trusted_proxies=trusted_proxies, public_url=public_url)
        return cls(body, headers, url, str(request.method or "POST"))

    @classmethod
    async def from_starlette(
        cls,
        request: _StarletteRequest,
        *,
        trusted_proxies: Iterable[str] = (),
        public_url: str | None = None,
    ) -> WebhookRequest:
        """Make one of a request of Starlette or FastAPI: `await WebhookRequest.from_starlette(request)`.

        Args:
            request: the request of the endpoint.
            trusted_proxies: addresses or networks of your proxies; see `from_django`. Leave it out where uvicorn does that (`--proxy-headers`).
            public_url: scheme and host as the world knows them; see `from_django`.
        """
        scope: dict[str, Any] = request.scope
        headers = _joined(
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in scope.get("headers", ())
        )
        path = scope.get("raw_path") or quote(scope.get("path", "/")).encode()
        query = scope.get("query_string", b"").decode("latin-1")
        server = scope.get("server") or ("localhost", None)
        call = ReceivedCall(
            scope.get("scheme", "http"),
            headers.get("host") or ":".join(str(one) for one in server if one is not None),
            path.decode("latin-1").partition("?")[0] + (f"?{query}" if query else ""),
            headers,
            str((scope.get("client") or ("",))[0]),
        )
        body = _require_whole(await request.body(), headers)
        url = call.url(trusted_proxies=trusted_proxies, public_url=public_url)
        return cls(body, headers, url, scope.get("method", "POST"))

    @classmethod
    def _from_environ(
        cls, environ: dict[str, Any], body: bytes, trusted_proxies: Iterable[str], public_url: str | None
    ) -> WebhookRequest:
        pairs = [(name[5:], str(value)) for name, value in environ.items() if name.startswith("HTTP_")]
        pairs += [(name, str(environ[name])) for name in _BARE_HEADERS if environ.get(name)]
        headers = _joined((name.replace("_", "-"), value) for name, value in pairs)
        query = environ.get("QUERY_STRING", "")
        path = f"{environ.get('SCRIPT_NAME', '')}{environ.get('PATH_INFO', '')}".encode("latin-1")
        target = _raw_target(environ) or quote(path, safe=_PATH_SIGNS) + (f"?{query}" if query else "")
        call = ReceivedCall(
            environ.get("wsgi.url_scheme", "http"),
            headers.get("host") or _server_of(environ),
            target,
            headers,
            str(environ.get("REMOTE_ADDR") or ""),
        )
        url = call.url(trusted_proxies=trusted_proxies, public_url=public_url)
        return cls(_require_whole(body, headers), headers, url, environ.get("REQUEST_METHOD", "POST"))


@dataclass(frozen=True, slots=True)
class WebhookResult:
    """The events of a verified request, and the response to send back."""

    events: Sequence[Event] = ()
    response: HttpResponse = field(default_factory=lambda: HttpResponse(200, {}, b""))


def _in_lower_case(headers: Any) -> dict[str, str]:  # noqa: ANN401  what a caller gives
    if not hasattr(headers, "items"):
        raise _refused("headers", f"must map names to texts, got {type(headers).__name__}", _HEADERS_HINT)
    pairs = list(headers.items())
    if not all(isinstance(name, str) and isinstance(value, str) for name, value in pairs):
        raise _refused("headers", "must map names to texts only", "decode them as latin-1")
    return _joined(pairs)


def _joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return headers by name in lower case; several with one name are one, with commas (RFC 9110, section 5.3)."""
    joined: dict[str, str] = {}
    for name, value in pairs:
        key = name.lower()
        joined[key] = f"{joined[key]}, {value}" if key in joined else value
    return joined


def _raw_target(environ: Mapping[str, Any]) -> str:
    """Return path and query as they came, where the server tells them; else nothing."""
    raw = str(environ.get("RAW_URI") or environ.get("REQUEST_URI") or "")
    return "/" + raw.partition("://")[2].partition("/")[2] if "://" in raw.partition("?")[0] else raw


def _server_of(environ: Mapping[str, Any]) -> str:
    name, port = environ.get("SERVER_NAME", "localhost"), str(environ.get("SERVER_PORT", ""))
    usual = {"http": "80", "https": "443"}.get(environ.get("wsgi.url_scheme", "http"))
    return name if port in ("", usual) else f"{name}:{port}"


def _require_whole(body: bytes, headers: Mapping[str, str]) -> bytes:
    """Refuse a body that something else has read: its proof could never fit.

    Raises:
        InvalidMessage: the call had a body, and it is gone.
    """
    declared = headers.get("content-length", "")
    if not body and declared.isdecimal() and int(declared) > 0:
        raise _refused("body", f"is empty, but {declared} bytes came", _BODY_HINT)
    return body


def _refused(name: str, problem: str, hint: str) -> InvalidMessage:
    return InvalidMessage(problem, field=f"WebhookRequest.{name}", hint=hint)


_BARE_HEADERS = ("CONTENT_TYPE", "CONTENT_LENGTH")
_PATH_SIGNS = "/;=,:@&!$'()*+~"
_BODY_HINT = (
    "pass the request to from_django(), from_flask(), from_starlette() or from_wsgi() before its form is read"
)
_HEADERS_HINT = 'pass for example {"content-type": "application/json"}'
