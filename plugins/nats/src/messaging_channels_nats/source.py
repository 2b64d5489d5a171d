"""A stream as a source of messages: each request is taken into the ledger once, and acknowledged after that."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from messaging_channels.errors import BadInput, IdempotencyKeyReused
from messaging_channels.plugins import BUILT_IN, ChannelSpec, message_from_json

if TYPE_CHECKING:
    from nats.aio.msg import Msg
    from nats.js import JetStreamContext

    from messaging_channels import AsyncDispatcher

_log = logging.getLogger(__name__)
_FIELDS = frozenset({"channel", "to", "content", "sender", "idempotencyKey", "sendAt"})
_BATCH_SIZE = 50
_RETRY_DELAY = 5.0


class RequestSource:
    """Takes requests such as `{"channel": "sms", "to": "+447700900123", "content": {"text": "hello"}}` from a stream into the ledger.

    A request is known by its `idempotencyKey`, else by the header `Nats-Msg-Id`, else by its place in the stream: delivered again, it is the same message.
    One that cannot be sent is ended (`term`), so that JetStream delivers it no more, and published to `rejected` with the reason.
    """

    def __init__(
        self,
        jetstream: JetStreamContext,
        dispatcher: AsyncDispatcher,
        *,
        subject: str,
        durable: str = "messaging_channels",
        scope: str = "",
        channels: Mapping[str, ChannelSpec] | None = None,
        rejected: str | None = None,
    ) -> None:
        """Take nothing yet.

        Args:
            jetstream: of an open connection; the stream is yours to make.
            dispatcher: has a ledger.
            subject: of the requests.
            durable: processes with the same name share the requests.
            scope: of the messages and their keys in the ledger.
            channels: by name. None (the default) for SMS, WhatsApp and email.
            rejected: a subject to which requests go that cannot be sent, with the reason and without their content. None (the default) for the log alone.
        """
        self._jetstream = jetstream
        self._dispatcher = dispatcher
        self._subject = subject
        self._durable = durable
        self._scope = scope
        self._channels = channels if channels is not None else {one.name: one for one in BUILT_IN}
        self._rejected = rejected

    async def consume(self, *, once: bool = False) -> int:
        """Take requests until cancelled; with `once`, until none waits. Return how many were taken or ended."""
        subscription = await self._jetstream.pull_subscribe(self._subject, self._durable)
        count = 0
        while True:
            try:
                batch = await subscription.fetch(_BATCH_SIZE, timeout=0.2 if once else 5.0)
            except (
                TimeoutError
            ):  # of NATS, which is one too, or the plain one that its client raises under load
                if once:
                    return count
                continue
            await asyncio.gather(*map(self._take, batch))
            count += len(batch)

    async def _take(self, told: Msg) -> None:
        try:
            await self._enqueue(told)
        except (BadInput, IdempotencyKeyReused, ValueError) as fault:
            await self._reject(told, fault)
        except Exception as fault:  # noqa: BLE001  whatever one request meets, the others are taken
            _log.error("a request was not taken (%s); it is delivered again", type(fault).__name__)
            await told.nak(delay=_RETRY_DELAY)
        else:
            await told.ack()

    async def _enqueue(self, told: Msg) -> None:
        request = _read(told.data)
        spec = self._channels.get(str(request.get("channel")))
        if spec is None:
            message = f"channel must be one of {', '.join(sorted(self._channels))}"
            raise ValueError(message)
        at = request.get("sendAt")
        await self._dispatcher.enqueue(
            message_from_json(spec, request.get("content"), request.get("sender")),
            to=spec.parse(str(request.get("to", ""))),
            idempotency_key=_key_of(told, request),
            scope=self._scope,
            send_at=datetime.fromisoformat(str(at)) if at else None,
        )

    async def _reject(self, told: Msg, fault: Exception) -> None:
        place = told.metadata.sequence.stream
        reason = str(fault) if isinstance(fault, (BadInput, IdempotencyKeyReused)) else f"malformed: {fault}"
        _log.error("request %d of the stream cannot be sent (%s)", place, type(fault).__name__)
        if self._rejected is not None:
            document = {"stream": told.metadata.stream, "sequence": place, "reason": reason}
            await self._jetstream.publish(self._rejected, json.dumps(document).encode())
        await told.term()


def _read(data: bytes) -> Mapping[str, Any]:
    """Return a request.

    Raises:
        ValueError: it is no object of JSON, or has a field that there is not.
    """
    try:
        request = json.loads(data)
    except ValueError:
        message = "the request must be JSON in UTF-8"
        raise ValueError(message) from None
    if not isinstance(request, dict) or not set(request) <= _FIELDS:  # pyright: ignore[reportUnknownArgumentType]
        message = f"the request must be an object with the fields {', '.join(sorted(_FIELDS))}"
        raise ValueError(message)
    return request  # pyright: ignore[reportUnknownVariableType]


def _key_of(told: Msg, request: Mapping[str, Any]) -> str:
    """Return what makes two deliveries of a request one message."""
    named = request.get("idempotencyKey") or (told.headers or {}).get("Nats-Msg-Id")
    return str(named) if named else f"nats/{told.metadata.stream}/{told.metadata.sequence.stream}"
