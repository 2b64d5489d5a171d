from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from hypothesis import given
from hypothesis import strategies as st

from messaging_channels import PhoneNumber, Sms
from messaging_channels._model.outcomes import AttemptResult, Reason
from messaging_channels._sending.attempt import attempt_batch
from messaging_channels._transport.drivers import Transport
from messaging_channels.plugins.exchange import CurrentTime, Exchange, ExecutorPair, Flow, ask
from messaging_channels.plugins.provider import Capabilities, Envelope


class SplittingProvider:
    """Needs a request for each sender, and refuses a request as a whole if it holds the word "bad"."""

    name: ClassVar[str] = "split"
    capabilities: ClassVar[Capabilities] = Capabilities({Sms: frozenset({"sender"})}, max_batch_size=100)
    executors: ClassVar[Mapping[type[Exchange[Any]], ExecutorPair]] = {}

    def __init__(self) -> None:
        self.taken: list[str] = []

    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        yield from ask(CurrentTime())
        senders = {one.message.sender for one in batch if isinstance(one.message, Sms)}
        told: dict[str, AttemptResult] = {}
        for sender in senders:
            part = [one for one in batch if isinstance(one.message, Sms) and one.message.sender == sender]
            refused = any(isinstance(one.message, Sms) and one.message.text == "bad" for one in part)
            outcome = (
                AttemptResult.of(Reason.INVALID, request_rejected=True)
                if refused
                else AttemptResult.of(Reason.ACCEPTED)
            )
            self.taken += [] if refused else [one.id for one in part]
            told.update(dict.fromkeys((one.id for one in part), outcome))
        return [told[one.id] for one in batch]


@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.sampled_from(["good", "good", "bad"])), min_size=1, max_size=12
    )
)
def test_a_bad_message_fails_no_other_also_where_a_batch_needs_several_requests(
    words: list[tuple[str, str]],
) -> None:
    batch = [
        Envelope(str(index), "sms", Sms(text, sender=sender), PhoneNumber("447700900123"))
        for index, (sender, text) in enumerate(words)
    ]
    provider = SplittingProvider()
    with Transport() as transport:
        ends = transport.run(attempt_batch(provider, batch))
    told = [end.reason is Reason.ACCEPTED for end in ends if isinstance(end, AttemptResult)]

    assert told == [text == "good" for _, text in words]
    assert sorted(provider.taken) == sorted(str(index) for index, one in enumerate(told) if one)
