"""Who stands between this service and whoever calls: which proxies are believed, and what shows that a request came through one."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from starlette.requests import Request

    from messaging_channels_gateway.settings import GatewaySettings

_LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})
_LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
_PROXY_HEADERS = frozenset(
    {
        "cdn-loop", "client-ip", "eagleid", "forwarded", "incap-client-ip", "proxy-connection", "surrogate-capability", "true-client-ip", "via",
        "x-amz-cf-id", "x-amzn-trace-id", "x-client-ip", "x-cloud-trace-context", "x-cluster-client-ip", "x-forward-for", "x-host",
        "x-http-forwarded-for", "x-proxyuser-ip", "x-queue-start", "x-remote-addr", "x-remote-ip", "x-request-start", "x-rewrite-url",
    }
)  # fmt: skip
_PROXY_PREFIXES = (
    "akamai-", "ali-cdn-", "cf-", "cloudfront-", "fastly-", "fly-", "ngrok-", "ssl-client-", "tailscale-", "x-akamai-", "x-appengine-", "x-arr-",
    "x-auth-request-", "x-azure-", "x-edge-", "x-envoy-", "x-forwarded", "x-goog-", "x-haproxy-", "x-ms-proxy", "x-nf-", "x-nginx-", "x-original-",
    "x-proxy-", "x-railway-", "x-real-", "x-scheme", "x-ssl-", "x-sucuri-", "x-traefik-", "x-varnish", "x-vercel-",
)  # fmt: skip


def is_trusted_proxy(client: str, settings: GatewaySettings) -> bool:
    """Whether what a client says of whom it speaks for is believed. An IPv4 address is the same when IPv6 wraps it."""
    address = _address(client)
    return address is not None and any(address in ip_network(one) for one in settings.trusted_proxies)


def public_url(request: Request, settings: GatewaySettings) -> str:
    """Return the URL that was called, as the world sees it: some providers sign it.

    What proxies say is believed only from those that are trusted, and only from the nearest of them.
    """
    path = request.scope.get("raw_path", b"").decode("latin-1") or request.url.path
    query = request.scope["query_string"].decode("latin-1")
    target = f"{path.partition('?')[0]}?{query}" if query else path.partition("?")[0]
    if settings.public_url:
        return settings.public_url.rstrip("/") + target
    scheme, host = request.url.scheme, request.headers.get("host", "")
    if request.client and is_trusted_proxy(request.client.host, settings):
        scheme = _last_header_value(request, "x-forwarded-proto") or scheme
        host = _last_header_value(request, "x-forwarded-host") or host
    return f"{scheme}://{host}{target}"


def is_from_this_machine(request: Request) -> bool:
    """Whether a program of this machine calls, by a name of this machine, and speaks for nobody else.

    A header that proxies add says that one does; so does HTTP/1.0, which nginx speaks unless it is told otherwise, a browser's request on a connection
    that no browser would make so, and another origin of a page.
    """
    client = _address(request.client.host if request.client else "")
    local = client is not None and any(client in network for network in _LOOPBACK)
    if not local or not _is_local_name(request.headers.get("host", "")):
        return False
    if request.scope.get("http_version") == "1.0" or any(_is_of_a_proxy(name) for name in request.headers):
        return False
    if _is_relayed_browser(request):
        return False
    return all(_is_local_origin(request.headers.get(name)) for name in ("origin", "referer"))


def is_same_origin(request: Request, settings: GatewaySettings) -> bool:
    """Whether a form was sent by a page of ours, as browsers say. A client that is none does not say, and has no session to be abused."""
    fetched = request.headers.get("sec-fetch-site")
    if fetched is not None:
        return fetched in ("same-origin", "none")
    origin = request.headers.get("origin")
    ours = {request.headers.get("host", ""), urlsplit(public_url(request, settings)).netloc}
    return origin is None or urlsplit(origin).netloc in ours


def _is_relayed_browser(request: Request) -> bool:
    """Whether a browser's request came on somebody else's connection: a browser keeps its own, and says so (HTTP/1.1); a relay says what it does itself."""
    browser = request.headers.get("user-agent", "").startswith("Mozilla/")
    return (
        browser
        and request.scope.get("http_version") == "1.1"
        and [one.lower() for one in request.headers.getlist("connection")] != ["keep-alive"]
    )


def _is_of_a_proxy(name: str) -> bool:
    return name in _PROXY_HEADERS or name.startswith(_PROXY_PREFIXES)


def _is_local_name(host: str) -> bool:
    name, colon, port = host.rpartition(":")
    if not colon or host.endswith("]"):
        name, port = host, "0"
    return name.lower() in _LOOPBACK_NAMES and port.isdecimal()


def _is_local_origin(url: str | None) -> bool:
    return url is None or _is_local_name(urlsplit(url).netloc)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _last_header_value(request: Request, name: str) -> str:
    values = ",".join(request.headers.getlist(name))
    return values.rpartition(",")[2].strip()
