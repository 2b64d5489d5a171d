"""How the application is served: uvicorn, with the limits that only a server can keep."""

from __future__ import annotations

import asyncio
from types import FrameType
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from messaging_channels_gateway.application import Application
from messaging_channels_gateway.gateway import Gateway

_SHUTDOWN_TIMEOUT = 30
_MAX_HEAD_BYTES = 32 * 1024


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
                proxy_headers=False,  # see incoming.public_url
                server_header=False,
                timeout_graceful_shutdown=_SHUTDOWN_TIMEOUT,
                h11_max_incomplete_event_size=_MAX_HEAD_BYTES,
            )
        )
        self._gateway = gateway

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop; see uvicorn."""
        self._gateway.stopping.set()
        super().handle_exit(sig, frame)


def _protocol_with_head_timeout(seconds: float) -> type[asyncio.Protocol]:
    """Return the protocol that closes a connection on which no request's head is complete after so many seconds."""

    class Impatient(H11Protocol):
        _limit: asyncio.TimerHandle | None = None

        def __init__(self, *given: Any, **named: Any) -> None:  # noqa: ANN401  uvicorn's own
            super().__init__(*given, **named)
            self.access_log = (
                False  # ours names no path; uvicorn's is on wherever the root logger has a handler
            )

        def connection_made(self, transport: Any) -> None:  # noqa: ANN401  asyncio's contract
            super().connection_made(transport)
            self._limit = self.loop.call_later(seconds, transport.close)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            answering = self.cycle is not None and not self.cycle.response_complete  # pyright: ignore[reportUnnecessaryComparison]
            if self._limit is not None and answering:
                self._limit.cancel()
                self._limit = None
            elif self._limit is None and not answering and not self.transport.is_closing():
                self._limit = self.loop.call_later(seconds, self.transport.close)

        def connection_lost(self, exc: Exception | None) -> None:
            if self._limit is not None:
                self._limit.cancel()
            super().connection_lost(exc)

    return Impatient
