from __future__ import annotations

import threading
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, ClassVar

from messaging_channels import Dispatcher, Sms
from messaging_channels._model.outcomes import AttemptResult, Reason
from messaging_channels.plugins.exchange import BlockingCall, Exchange, ExecutorPair, Flow, ask
from messaging_channels.plugins.provider import Capabilities, Envelope


class BatchProvider:
    """Takes many messages in a request, but a flash message alone. No request ends before all have begun."""

    name: ClassVar[str] = "acme-sms"
    capabilities: ClassVar[Capabilities] = Capabilities({Sms: frozenset({"flash"})}, max_batch_size=100)
    executors: ClassVar[Mapping[type[Exchange[Any]], ExecutorPair]] = {}

    def __init__(self, senders_count: int) -> None:
        self.batches: list[int] = []
        self._all_sending = threading.Barrier(senders_count)

    def batch_key(self, envelope: Envelope) -> Hashable | None:
        return None if getattr(envelope.message, "flash", False) else "shared"

    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        self.batches.append(len(batch))
        yield from ask(BlockingCall(lambda: self._all_sending.wait(timeout=10)))
        return [AttemptResult.of(Reason.ACCEPTED) for _ in batch]


def test_messages_that_need_requests_of_their_own_do_not_wait_for_each_other() -> None:
    provider = BatchProvider(senders_count=16)
    with Dispatcher([provider]) as dispatcher:
        senders = [
            threading.Thread(target=lambda: dispatcher.send(Sms("Hello", flash=True), to="447700900123"))
            for _ in range(16)
        ]
        for one in senders:
            one.start()
        for one in senders:
            one.join()

    assert provider.batches == [1] * 16
