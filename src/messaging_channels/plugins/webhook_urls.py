"""The public URL of a call as its caller wrote it: behind proxies, what the trusted ones say counts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from messaging_channels._model.errors import InvalidSetting


@dataclass(frozen=True, slots=True)
class ReceivedCall:
    """What a web server knows of a call: by whom the connection was made, and for which URL."""

    scheme: str
    host: str
    """The `Host` header, with its port if it has one."""
    target: str
    """Path and query, percent-encoded as they came."""
    headers: Mapping[str, str]
    """Names in lower case."""
    peer: str
    """The address at the other end of the connection; empty for a Unix socket."""

    def url(self, *, trusted_proxies: Iterable[str] = (), public_url: str | None = None) -> str:
        """Return the URL that the caller used.

        Args:
            trusted_proxies: addresses or networks of your proxies, such as `10.0.0.0/8`; `*` for any peer. Only they may say, in `X-Forwarded-Proto`,
                `-Host`, `-Port` and `-Prefix` or in `Forwarded` (RFC 7239), how the URL read before them.
            public_url: scheme and host as the world knows them, such as `https://shop.example.com`, with the prefix that a proxy takes away from the
                path. It goes before everything else.

        Raises:
            InvalidSetting: `trusted_proxies` must hold IP addresses or networks, or `public_url` is no http(s) URL.
        """
        if public_url is not None:
            if not _BASE_URL.fullmatch(public_url):
                raise InvalidSetting(
                    "is not an http(s) URL", setting="public_url", source="code", hint=_PUBLIC_URL_HINT
                )
            return public_url.rstrip("/") + self.target
        trusted = _TrustedProxies(trusted_proxies)
        if not trusted.trusts(self.peer):
            return f"{self.scheme}://{self.host}{self.target}"
        said = self._forwarded(trusted)
        scheme = said.get("proto", self.scheme).lower()
        host = said.get("host", self.host)
        port = said.get("port", "")
        if port and port != _DEFAULT_PORTS[scheme] and not _PORT.search(host):
            host = f"{host}:{port}"
        return f"{scheme}://{host}{said.get('prefix', '').rstrip('/')}{self.target}"

    def _forwarded(self, trusted: _TrustedProxies) -> dict[str, str]:
        """Return what the outermost trusted proxy said of the call, as far as it can be meant."""
        said = {name: _listed(self.headers.get(f"x-forwarded-{name}", "")) for name in ("for", *_FORMS)}
        if not any(said.values()):
            said = _read_rfc7239(self.headers.get("forwarded", ""))
        hops = 1
        for address in reversed(said["for"]):
            if not trusted.trusts(address):
                break
            hops += 1
        chosen = {name: values[-min(hops, len(values))] for name, values in said.items() if values}
        return {name: chosen[name] for name in _FORMS if _FORMS[name].fullmatch(chosen.get(name, ""))}


class _TrustedProxies:
    """The proxies whose word counts."""

    def __init__(self, given: Iterable[str]) -> None:
        names = [given] if isinstance(given, str) else list(given)
        self._any = "*" in names
        try:
            self._networks = [ip_network(one, strict=False) for one in names if one != "*"]
        except ValueError:
            raise InvalidSetting(
                "holds what is not an address or network",
                setting="trusted_proxies",
                source="code",
                hint='write for example "10.0.0.0/8", or "*" for any peer',
            ) from None

    def trusts(self, peer: str) -> bool:
        """Whether what that peer says is believed."""
        if self._any:
            return True
        try:
            address = ip_address(peer.strip("[]"))
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        return any((mapped or address) in network for network in self._networks)


def _listed(value: str) -> list[str]:
    return [one.strip() for one in value.split(",") if one.strip()]


def _read_rfc7239(value: str) -> dict[str, list[str]]:
    said: dict[str, list[str]] = {name: [] for name in ("for", *_FORMS)}
    for element in _listed(value):
        for name, given in _pairs(element):
            if name in said:
                said[name].append(given)
    return said


def _pairs(element: str) -> Iterator[tuple[str, str]]:
    for pair in element.split(";"):
        name, _, given = pair.partition("=")
        value = given.strip().strip('"')
        yield name.strip().lower(), _PORT.sub("", value) if name.strip().lower() == "for" else value


_FORMS: Mapping[str, re.Pattern[str]] = {
    "proto": re.compile(r"(?i)https?"),
    "host": re.compile(r"[A-Za-z0-9._\-]+(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?"),
    "port": re.compile(r"[0-9]{1,5}"),
    "prefix": re.compile(r"(/[A-Za-z0-9._~\-%]*)+"),
}
"""What a proxy may say; anything else is left out."""
_PORT = re.compile(r":[0-9]{1,5}$")
_DEFAULT_PORTS = {"http": "80", "https": "443"}
_BASE_URL = re.compile(r"https?://[^\s/?#@]+(/[^\s?#]*)?")
_PUBLIC_URL_HINT = 'write for example "https://shop.example.com"'
