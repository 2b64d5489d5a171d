"""Where this service goes when somebody tells it a URL: out into the world, and nowhere else.

It decides on the addresses that a name resolves to, never on how the name is spelled, and connects to the very address it decided on. Redirects
are not followed. The list of what `ipaddress` calls global and is not is in the tests.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any, TypeAlias, cast
from urllib.parse import urlsplit

import httpcore

from messaging_channels_gateway.problems import Problem

Address: TypeAlias = "IPv4Address | IPv6Address"
Resolve: TypeAlias = "Callable[[str, int], Awaitable[Sequence[str]]]"

_FORM = re.compile(r"https?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:[/?][!-\[\]-~]*)?")
"""ASCII without user, backslash or white space: nothing that two parsers read differently."""
_NAT64 = ip_network("64:ff9b::/96")
_V4_COMPATIBLE = ip_network("::/96")
_BLOCKED_NETWORKS = tuple(
    ip_network(text) for text in ("192.0.0.0/24", "fec0::/10", "64:ff9b:1::/48", "2001::/23", "100.64.0.0/10")
)
_MAX_ADDRESSES = 5
_ADDRESS_TIMEOUT = 2.0
"""Seconds for which an address may keep a connection waiting while there is another one to try."""
_PORTS = {"https": 443, "http": 80}


async def resolve_host(host: str, port: int) -> Sequence[str]:
    """Ask the system's resolver for all addresses of a name.

    Raises:
        OSError: it has none.
    """
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:  # a label of a length that no name has
        raise OSError(host) from error
    return [str(where[0]) for *_, where in found]


def is_public(text: str) -> bool:
    """Say whether an address belongs to the public internet, whatever it is wrapped in."""
    try:
        address = _embedded_ipv4(ip_address(text.partition("%")[0]))
    except ValueError:
        return False
    if any(address in network for network in _BLOCKED_NETWORKS if network.version == address.version):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _embedded_ipv4(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address stands for: mapped, compatible, 6to4, NAT64 or Teredo; else itself."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64 or address in _V4_COMPATIBLE:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None) or address


@dataclass(frozen=True, slots=True)
class UrlGuard:
    """Decides where to go. One serves all tasks."""

    allowed: frozenset[str] = frozenset()
    """`host:port` that may be called all the same."""
    resolve: Resolve = resolve_host

    async def require_public(self, url: str) -> None:
        """Refuse a URL that is malformed, or leads to a private address now. A name that does not resolve now is checked when it is called.

        Raises:
            Problem: `invalid_url`, without the URL.
        """
        host, port = self.split_url(url)
        try:
            await self.resolve_public(host, port)
        except OSError:
            return

    async def require_public_media(self, url: str) -> None:
        """Refuse the URL of a file that a provider is to fetch if it is malformed or leads to a private address. We fetch none ourselves.

        Raises:
            Problem: `invalid_url`, without the URL.
        """
        if not _FORM.fullmatch(url):
            raise _invalid_url("the URL is malformed, or has a user, a backslash or white space in it")
        parts = urlsplit(url)
        try:
            await self.resolve_public((parts.hostname or "").rstrip("."), parts.port or _PORTS[parts.scheme])
        except ValueError:
            raise _invalid_url("the URL's port is invalid") from None
        except OSError:
            return

    def split_url(self, url: str) -> tuple[str, int]:
        """Return host and port.

        Raises:
            Problem: it is malformed, or leads to a port that is not for this.
        """
        if not _FORM.fullmatch(url):
            raise _invalid_url("the URL is malformed, or has a user, a backslash or white space in it")
        parts = urlsplit(url)
        try:
            port = parts.port or _PORTS[parts.scheme]
        except ValueError:
            raise _invalid_url("the URL's port is invalid") from None
        host = (parts.hostname or "").rstrip(".")
        if f"{host}:{port}" not in self.allowed and (parts.scheme != "https" or port != _PORTS["https"]):
            raise _invalid_url("the URL must use https on port 443")
        return host, port

    async def resolve_public(self, host: str, port: int) -> Sequence[str]:
        """Return the addresses of a host, all of them public.

        Raises:
            OSError: it has none.
            Problem: one of them is private: then none is trusted.
        """
        found = await self.resolve(host, port)
        if f"{host}:{port}" not in self.allowed and not all(is_public(one) for one in found):
            raise _invalid_url("the URL leads to a private address")
        if not found:
            raise OSError(host)
        return found


def _invalid_url(problem: str) -> Problem:
    return Problem("invalid_url", f"a URL of the request cannot be used: {problem}")


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Opens connections for httpcore, to addresses that the guard just decided on. The name stays in `Host` and in TLS."""

    def __init__(self, url_guard: UrlGuard) -> None:
        self._guard = url_guard
        self._inner = cast("httpcore.AsyncNetworkBackend", httpcore.AnyIOBackend())

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  httpcore's contract
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """See httpcore."""
        try:
            found = await self._guard.resolve_public(host, port)
        except OSError as error:
            message = "the name does not resolve"
            raise httpcore.ConnectError(message) from error
        except Problem as problem:
            raise httpcore.ConnectError(problem.detail) from problem
        return await self._connect_any(found, port, timeout, local_address, socket_options)

    async def _connect_any(
        self,
        addresses: Sequence[str],
        port: int,
        timeout: float | None,  # noqa: ASYNC109  httpcore's contract
        *options: Any,  # noqa: ANN401  httpcore's own
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address that answers: a host with several is reached while one of them is down, or hangs.

        Raises:
            httpcore.ConnectError: none answers.
            httpcore.ConnectTimeout: the last one did not answer in time.
        """
        *others, last = list(dict.fromkeys(addresses))[:_MAX_ADDRESSES]
        for address in others:
            limit = _ADDRESS_TIMEOUT if timeout is None else min(timeout, _ADDRESS_TIMEOUT)
            with suppress(httpcore.ConnectError, httpcore.ConnectTimeout):
                return await self._inner.connect_tcp(address, port, limit, *options)
        return await self._inner.connect_tcp(last, port, timeout, *options)

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109  httpcore's contract
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Open none."""
        del path, timeout, socket_options
        message = "no URL leads to a socket"
        raise httpcore.ConnectError(message)

    async def sleep(self, seconds: float) -> None:
        """See httpcore."""
        await asyncio.sleep(seconds)
