"""A person decides about a message whose outcome nobody else can tell, on each ledger and with the sync and the async client."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest
from queue_setup import HELLO, ONCE, TO, QueueSetup, asked
from scripted import Scripted

from messaging_channels import Route, Sms, WhatsAppText
from messaging_channels._model import status as statuses
from messaging_channels._model.events import StatusChanged
from messaging_channels._model.outcomes import AttemptResult, Outcome, Reason
from messaging_channels.errors import CannotResolve, InvalidMessage
from messaging_channels.messages.fallback import Fallback
from messaging_channels.plugins.ledger import FinishAttempt, Ledger, RecordEvent
from messaging_channels.plugins.provider import Capabilities


class EveryMessageProvider(Scripted):
    """A provider of two channels."""

    capabilities: ClassVar[Capabilities] = Capabilities({Sms: frozenset(), WhatsAppText: frozenset()})


Make = Callable[..., QueueSetup]
WHY = "the provider's console does not list it"


@pytest.fixture(params=["sync", "async"])
def setup(request: pytest.FixtureRequest, ledger: Ledger) -> Iterator[Make]:
    made: list[QueueSetup] = []

    def make(*ends: Any, **options: Any) -> QueueSetup:
        kind = options.pop("kind", Scripted)
        made.append(QueueSetup(ledger, request.param, kind("acme-sms", *ends), **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


def _resolve(one: QueueSetup, key: str, resolved_as: str, **more: str) -> Any:
    return one.do(one.dispatcher.resolve(key, resolved_as, **({"by": "anna", "why": WHY} | more)))


def _unknown(one: QueueSetup, **page: Any) -> list[str]:
    return [record.id for record in one.do(one.dispatcher.list_unknown(**page))]


def test_unknown_messages_are_listed_whether_queued_or_direct(setup: Make) -> None:
    one = setup(Reason.TIMEOUT, Reason.TIMEOUT, Reason.SERVER_ERROR, Reason.ACCEPTED)
    direct = one.do(one.dispatcher.send(HELLO, to=TO, scope="shop")).id
    one.clock.time += 1
    queued = one.enqueue().id
    one.drain()
    one.clock.time += 1
    last = one.do(one.dispatcher.send(HELLO, to=TO)).id
    one.clock.time += 1
    assert one.do(one.dispatcher.send(HELLO, to=TO)).outcome is Outcome.ACCEPTED

    assert _unknown(one) == [last, queued, direct]
    assert _unknown(one, limit=1) == [last]
    assert _unknown(one, before=queued) == [direct]
    for _ in range(8):  # its provider is asked no more: it is unknown all the same
        one.drain(10_000)
        one.do(one.dispatcher.reconcile())
    assert _unknown(one) == [last, queued, direct]


def test_a_queued_message_that_was_not_sent_is_sent_again_once(setup: Make) -> None:
    one = setup(Reason.TIMEOUT, Reason.ACCEPTED)
    key = one.enqueue().id
    one.drain()
    for _ in range(8):
        one.drain(10_000)
    record = _resolve(one, key, "not-sent")
    (event,) = record.events

    assert (record.status, record.outcome) == (statuses.PENDING_NOT_SENT, Outcome.NOT_SENT)
    assert (event.event_type, event.detail) == ("OutcomeResolved", f"resolved as not sent by anna: {WHY}")
    assert _unknown(one) == []
    assert [one.drain(), one.drain(10_000), one.drain(10_000)] == [1, 0, 0]
    assert len(one.providers[0].asked) == 2
    found = one.get_message(key)
    assert (found.outcome, [attempt.outcome for attempt in found.attempts]) == (
        Outcome.ACCEPTED,
        [Outcome.NOT_SENT, Outcome.ACCEPTED],
    )
    assert one.stats().by_state == {}


def test_a_queued_message_that_was_sent_is_over(setup: Make) -> None:
    one = setup(Reason.TIMEOUT)
    key = one.enqueue().id
    one.drain()
    record = _resolve(one, key, "sent")

    assert (record.status, record.outcome) == (statuses.PENDING_ACCEPTED, Outcome.ACCEPTED)
    assert [one.drain(), one.drain(10_000)] == [1, 0]
    assert one.stats().by_state == {}
    assert len(one.providers[0].asked) == 1


def test_the_key_of_a_direct_message_that_was_not_sent_sends_again_once(setup: Make) -> None:
    one = setup(Reason.CONNECTION, Reason.ACCEPTED)
    send = lambda: one.do(one.dispatcher.send(HELLO, to=TO, idempotency_key="k"))  # noqa: E731
    key = send().id
    assert send().outcome is Outcome.UNKNOWN
    _resolve(one, key, "not-sent")

    assert [send().outcome, send().outcome] == [Outcome.ACCEPTED, Outcome.ACCEPTED]
    assert len(one.providers[0].asked) == 2


def test_the_key_of_a_direct_message_that_was_sent_sends_no_more(setup: Make) -> None:
    one = setup(Reason.CONNECTION, Reason.ACCEPTED)
    key = one.do(one.dispatcher.send(HELLO, to=TO, idempotency_key="k")).id
    _resolve(one, key, "sent")

    assert one.do(one.dispatcher.send(HELLO, to=TO, idempotency_key="k")).outcome is Outcome.ACCEPTED
    assert len(one.providers[0].asked) == 1


def test_nothing_is_decided_about_what_is_known_waits_or_does_not_exist(setup: Make) -> None:
    one = setup(Reason.ACCEPTED, Reason.TIMEOUT)
    accepted = one.do(one.dispatcher.send(HELLO, to=TO)).id
    unknown = one.do(one.dispatcher.send(HELLO, to=TO)).id
    waiting = one.enqueue().id
    for key in (accepted, waiting, "nobody"):
        with pytest.raises(CannotResolve) as refused:
            _resolve(one, key, "not-sent")
        assert refused.value.message_id == key
    for wrong in ({"by": " "}, {"why": ""}, {"why": "x" * 501}):
        with pytest.raises(InvalidMessage):
            _resolve(one, unknown, "sent", **wrong)
    with pytest.raises(InvalidMessage):
        _resolve(one, unknown, "maybe")
    _resolve(one, unknown, "not-sent")
    with pytest.raises(CannotResolve):
        _resolve(one, unknown, "sent")

    assert one.get_message(accepted).events == ()


@pytest.mark.parametrize("by_answer", [False, True])
def test_what_proves_the_contrary_counts_more_than_a_decision(setup: Make, by_answer: bool) -> None:
    one = setup(Reason.TIMEOUT, Reason.ACCEPTED)
    key = one.enqueue().id
    one.drain()
    _resolve(one, key, "not-sent")
    now = one.clock.time
    late: Any = FinishAttempt(
        key, 1, AttemptResult.of(Reason.ACCEPTED, provider_id="p1"), now, now + 30, "accepted after all"
    )
    if not by_answer:
        event = StatusChanged(
            provider="acme-sms", status=statuses.DELIVERED_TO_HANDSET, occurred_at=now, message_id=key
        )
        late = RecordEvent(event, now)
    one.do(one.dispatcher.queue.run(asked(late)))
    one.drain(10_000)

    assert one.get_message(key).outcome is Outcome.ACCEPTED
    assert len(one.providers[0].asked) == 1
    assert one.stats().by_state == {}


def test_of_a_fallback_the_present_step_is_decided(setup: Make) -> None:
    one = setup(
        Reason.ACCEPTED,
        Reason.TIMEOUT,
        Reason.ACCEPTED,
        kind=EveryMessageProvider,
        routes={name: Route("acme-sms", retry=ONCE) for name in ("sms", "whatsapp")},
    )
    key = one.enqueue(Fallback([WhatsAppText("hi"), HELLO], after=300)).id
    assert [one.drain(), one.drain(300)] == [1, 2]
    assert _unknown(one) == [key]
    _resolve(one, key, "not-sent")

    assert (_unknown(one), one.drain()) == ([], 1)
    assert [(sent.id, sent.channel) for sent in one.providers[0].asked] == [
        (key, "whatsapp"),
        (f"{key}-2", "sms"),
        (f"{key}-2", "sms"),
    ]
    assert [attempt.outcome for attempt in one.get_message(key).attempts] == [
        Outcome.ACCEPTED,
        Outcome.NOT_SENT,
        Outcome.ACCEPTED,
    ]
