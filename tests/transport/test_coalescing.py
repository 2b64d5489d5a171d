from __future__ import annotations

import threading
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, ClassVar

from messaging_channels import Dispatcher, Sms
from messaging_channels._model.outcomes import AttemptResult, Reason
from messaging_channels.plugins.exchange import BlockingCall, Exchange, ExecutorPair, Flow, ask
from messaging_channels.plugins.provider import Capabilities, Envelope


class Ferry:
    """Takes many at once, save for what is loud: that goes alone. Nobody lands before everybody has come aboard."""

    name: ClassVar[str] = "ferry"
    capabilities: ClassVar[Capabilities] = Capabilities({Sms: frozenset({"flash"})}, max_batch_size=100)
    executors: ClassVar[Mapping[type[Exchange[Any]], ExecutorPair]] = {}

    def __init__(self, travellers: int) -> None:
        self.trips: list[int] = []
        self._aboard = threading.Barrier(travellers)

    def batch_key(self, envelope: Envelope) -> Hashable | None:
        return None if getattr(envelope.message, "flash", False) else "quiet"

    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        self.trips.append(len(batch))
        yield from ask(BlockingCall(lambda: self._aboard.wait(timeout=10)))
        return [AttemptResult.of(Reason.ACCEPTED) for _ in batch]


def test_messages_that_need_requests_of_their_own_do_not_wait_for_each_other() -> None:
    ferry = Ferry(travellers=16)
    with Dispatcher([ferry]) as dispatcher:
        senders = [
            threading.Thread(target=lambda: dispatcher.send(Sms("Hello", flash=True), to="447700900123"))
            for _ in range(16)
        ]
        for one in senders:
            one.start()
        for one in senders:
            one.join()
    assert ferry.trips == [1] * 16
