"""How the application is served: uvicorn, with the limits that only a server can keep."""

from __future__ import annotations

import asyncio
import gc
import re
from types import FrameType
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from messaging_channels_gateway.application import Application
from messaging_channels_gateway.auth.limits import BODY_IS_HERE
from messaging_channels_gateway.gateway import Gateway

_SHUTDOWN_TIMEOUT = 30
_MAX_HEAD_BYTES = 32 * 1024
"""Of the request line and the headers."""
_GC_THRESHOLDS = (10_000, 20, 50)


class Server(uvicorn.Server):
    """Serves one gateway. Told to stop, it takes no more calls, ends the event streams, and finishes what is under way."""

    def __init__(self, gateway: Gateway, host: str, port: int) -> None:
        super().__init__(
            uvicorn.Config(
                Application(gateway),
                host,
                port,
                http=_protocol_with_head_timeout(gateway.settings.body_timeout),
                ws="none",
                log_config=None,
                access_log=False,
                proxy_headers=False,  # see proxies.public_url
                server_header=False,
                timeout_graceful_shutdown=_SHUTDOWN_TIMEOUT,
                h11_max_incomplete_event_size=_MAX_HEAD_BYTES,
            )
        )
        self._gateway = gateway

    def begin_reload(self) -> None:
        """Stop, to be followed by a server of another configuration on the same socket."""
        self._gateway.stopping.set()
        self.should_exit = True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop; see uvicorn."""
        self._gateway.stopping.set()
        super().handle_exit(sig, frame)


def prepare_process() -> None:
    """Have the collector leave alone what stays for the life of the process: a tenth of a call's CPU went into looking at it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)


class _HeadTimeout:
    """Closes a connection on which no request's head is complete after `head_timeout` seconds; part of both protocols."""

    head_timeout: float
    _head_timer: asyncio.TimerHandle | None = None

    def __init__(self, *given: Any, **named: Any) -> None:  # noqa: ANN401  uvicorn's own
        super().__init__(*given, **named)
        self.access_log = False  # ours names no path; uvicorn's is on wherever the root logger has a handler

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401  asyncio's contract
        super().connection_made(transport)  # type: ignore[misc]
        self._start_head_timer()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)  # type: ignore[misc]
        this: Any = self
        answering = this.cycle is not None and not this.cycle.response_complete
        if self._head_timer is not None and answering:
            self._head_timer.cancel()
            self._head_timer = None
        elif self._head_timer is None and not answering and not this.transport.is_closing():
            self._start_head_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
        super().connection_lost(exc)  # type: ignore[misc]

    def _unsupported_upgrade_warning(self) -> None:
        """Say nothing: clients that know HTTP/2 ask for it with their first request, and go on without it."""

    def _start_head_timer(self) -> None:
        this: Any = self
        self._head_timer = this.loop.call_later(self.head_timeout, this.transport.close)


class _H11(_HeadTimeout, H11Protocol):
    """uvicorn's protocol in Python, for connections that ask for another protocol: it reads the body of such a request, which httptools passes over."""


class _HttpTools(_HeadTimeout, HttpToolsProtocol):
    """uvicorn's protocol on the parser of Node.js, with the limits that this parser leaves to whoever uses it."""

    h11: type[_H11]
    _is_in_head = _is_in_body = _is_upgrade = False
    _begun = _head_bytes = 0
    """Requests that began in the last bytes that came; and how long a head is that is not complete."""
    _raw: bytes | None = None
    """What came of it; None if something else came before it in one piece."""

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():  # what came behind a request that was refused
            return
        self._begun, was_in_body = 0, self._is_in_body
        if self._is_in_head:
            self._head_bytes += len(data)
            self._raw = None if self._raw is None else self._raw + data
        else:
            self._raw = None if was_in_body else data
        super().data_received(data)
        if self._is_upgrade:
            self._go_on_with_h11()
        elif self._is_in_head and self._begun > (0 if was_in_body else 1):
            self._raw = None
        elif self._is_in_head and self._head_bytes > _MAX_HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("Invalid HTTP request received.")

    def on_message_begin(self) -> None:
        """See httptools: a head begins."""
        self._is_in_head, self._head_bytes = True, 0
        self._begun += 1
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """See httptools. What follows a body (trailers) is no header of the request, which was read already."""
        if not self._is_in_head:
            return
        if _FORBIDDEN_IN_VALUE.search(value):
            raise ValueError(_BAD_HEAD)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """See httptools."""
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        self._is_upgrade = self.parser is not None and self.parser.should_upgrade()
        if size > _MAX_HEAD_BYTES or (self._is_upgrade and (self._begun > 1 or self._raw is None)):
            raise ValueError(_BAD_HEAD)
        if self._is_upgrade:
            return
        self._is_in_head, self._is_in_body = False, True
        super().on_headers_complete()
        self.cycle.transport = _JoinedWrites(self.transport, self.loop)  # type: ignore[assignment]

    def on_message_complete(self) -> None:
        """See httptools."""
        if not self._is_upgrade:
            self._is_in_body = False
            scope: Any = self.scope
            scope[BODY_IS_HERE] = True
            super().on_message_complete()

    def shutdown(self) -> None:
        """See uvicorn: what was answered is written before the connection is closed."""
        if self.cycle is not None:  # pyright: ignore[reportUnnecessaryComparison]
            self.cycle.transport.flush()  # type: ignore[attr-defined]
        super().shutdown()

    def _go_on_with_h11(self) -> None:
        """Give the connection, and the head that came, to the other protocol."""
        self._unset_keepalive_if_required()
        if self._head_timer is not None:
            self._head_timer.cancel()
        self.connections.discard(self)
        other = self.h11(config=self.config, server_state=self.server_state, app_state=self.app_state)
        other.connection_made(self.transport)
        self.transport.set_protocol(other)
        other.data_received(self._raw or b"")


class _JoinedWrites:
    """A transport that writes the head of an answer together with the beginning of its body: one packet, not two."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held = b""
        self._is_begun = False

    def write(self, data: bytes) -> None:
        """See asyncio."""
        if not self._is_begun:
            self._is_begun, self._held = True, data
            self._loop.call_soon(self.flush)  # for an answer whose body comes later, or not at all
        else:
            held, self._held = self._held, b""
            self._transport.write(held + data)

    def flush(self) -> None:
        """Write what is held."""
        held, self._held = self._held, b""
        if held:
            self._transport.write(held)

    def close(self) -> None:
        """See asyncio."""
        self.flush()
        self._transport.close()

    def is_closing(self) -> bool:
        """See asyncio."""
        return self._transport.is_closing()


def _protocol_with_head_timeout(seconds: float) -> type[asyncio.Protocol]:
    """Return the protocol that closes a connection on which no request's head is complete after so many seconds."""

    class H11(_H11):
        head_timeout = seconds

    class HttpTools(_HttpTools):
        head_timeout = seconds
        h11 = H11

    return HttpTools


_FORBIDDEN_IN_VALUE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_BAD_HEAD = "the head of the request is malformed"
