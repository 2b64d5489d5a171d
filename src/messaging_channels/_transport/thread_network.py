"""Sockets for callers that wait in a thread, kept to the deadline of the exchange: a network backend of httpcore."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import httpcore

from messaging_channels._transport.deadlines import Deadline
from messaging_channels.plugins.host_lookup import resolve_host

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable

_WRITE_BYTES = 64 * 1024
_SOCKETS = httpcore.SyncBackend()


class ThreadNetwork(httpcore.NetworkBackend):
    """Connects for one connection pool. `deadline` is that of the exchange under way."""

    def __init__(self) -> None:
        self.deadline = Deadline()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to one of the host's addresses, each of which gets its share of the time. See httpcore."""
        until = time.monotonic() + self.deadline.connect_seconds(timeout or 0.0)
        addresses = _resolve(host, port, until)
        for index, address in enumerate(addresses):
            share = max(until - time.monotonic(), 0.001) / (len(addresses) - index)
            try:
                stream = _SOCKETS.connect_tcp(address, port, share, local_address, socket_options)
                return ThreadStream(stream, self.deadline)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if index == len(addresses) - 1:
                    raise
        raise httpcore.ConnectError


class ThreadStream(httpcore.NetworkStream):
    """A socket. Its reads and writes end with the deadline."""

    def __init__(
        self, stream: httpcore.NetworkStream, deadline: Deadline, secured_for: str | None = None
    ) -> None:
        self._stream = stream
        self._deadline = deadline
        self._secured_for = secured_for

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002  the deadline knows it
        """See httpcore."""
        return self._stream.read(max_bytes, self._deadline.read_seconds())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write in pieces, each within the time that is left. See httpcore."""
        for begin in range(0, len(buffer), _WRITE_BYTES):
            seconds = self._deadline.write_seconds(timeout or 0.0, self._secured_for)
            self._stream.write(buffer[begin : begin + _WRITE_BYTES], seconds)

    def close(self) -> None:
        """See httpcore."""
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        """See httpcore."""
        seconds = self._deadline.connect_seconds(timeout or 0.0)
        secured = self._stream.start_tls(ssl_context, server_hostname, seconds)
        return ThreadStream(secured, self._deadline, server_hostname)

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401  httpcore's contract
        """See httpcore."""
        return self._stream.get_extra_info(info)


def _resolve(host: str, port: int, until: float) -> list[str]:
    """Return the addresses of a host.

    Raises:
        httpcore.ConnectError: the name is not found.
        httpcore.ConnectTimeout: not in time.
    """
    try:
        return resolve_host(host, port, until - time.monotonic())
    except TimeoutError as error:
        raise httpcore.ConnectTimeout from error
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError(type(error).__name__) from error
