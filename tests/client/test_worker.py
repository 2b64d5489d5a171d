"""What becomes of messages that wait, from enqueue to the end, on each ledger and with the sync and the async client."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, ClassVar

import pytest
from queue_setup import HELLO, ONCE, TO, QueueSetup, asked
from scripted import BulkProvider, QuickClock, Scripted

from messaging_channels import (
    AsyncDispatcher,
    Dispatcher,
    Email,
    PhoneNumber,
    ResolvedRecipient,
    Route,
    Sms,
    User,
    WhatsAppText,
)
from messaging_channels._client.worker import AsyncWorker, Worker
from messaging_channels._ledger.postgres import PostgresLedger
from messaging_channels._ledger.sqlite import SqliteLedger
from messaging_channels._model import status as statuses
from messaging_channels._model.errors import (
    IdempotencyKeyInUse,
    IdempotencyKeyReused,
    InvalidMessage,
    UnresolvedRecipient,
    Unsupported,
)
from messaging_channels._model.outcomes import AttemptResult, Outcome, Reason
from messaging_channels._model.rate_limit import RateLimit
from messaging_channels._queue.processor import JobProcessor
from messaging_channels.messages import ProviderOptions
from messaging_channels.messages.fallback import Fallback
from messaging_channels.plugins.exchange import AsyncExecutor, BlockingCall, Exchange, ExecutorPair, Flow
from messaging_channels.plugins.ledger import Ledger, StartAttempt, Transaction
from messaging_channels.plugins.ledger_queue import Claim
from messaging_channels.plugins.provider import Capabilities, LookupRequest
from messaging_channels.plugins.resolvers import MappingResolver
from messaging_channels.policies.checks import VelocityLimit
from messaging_channels.policies.routing import RetryPolicy
from messaging_channels.policies.windows import SendWindow


class EveryMessageProvider(Scripted):
    """A provider of all channels."""

    capabilities: ClassVar[Capabilities] = Capabilities(
        {Sms: frozenset({"sender"}), WhatsAppText: frozenset(), Email: frozenset({"text"})}
    )


Make = Callable[..., QueueSetup]


@pytest.fixture(params=["sync", "async"])
def setup(request: pytest.FixtureRequest, ledger: Ledger) -> Iterator[Make]:
    made: list[QueueSetup] = []

    def make(*providers: Scripted, **options: Any) -> QueueSetup:
        made.append(QueueSetup(ledger, request.param, *(providers or (Scripted("acme-sms"),)), **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_a_message_is_sent_when_a_worker_comes(setup: Make) -> None:
    one = setup()
    receipt = one.enqueue()
    assert (receipt.status, receipt.channel) == (statuses.PENDING_QUEUED, "sms")
    assert receipt.as_dict()["destination"] == "447700900123"
    assert TO[1:] not in repr(receipt)
    assert one.providers[0].asked == []
    assert one.drain() == 1
    (envelope,) = one.providers[0].asked
    assert (envelope.id, envelope.message, envelope.to) == (receipt.id, HELLO, PhoneNumber("447700900123"))
    found = one.get_message(receipt.id)

    assert (found.status, found.outcome, found.stop_reason) == (
        statuses.PENDING_ACCEPTED, Outcome.ACCEPTED, "acme-sms accepted it",
    )  # fmt: skip
    assert (one.stats().by_state, one.stats().total) == ({}, {"accepted": 1})
    assert one.drain() == 0


def test_messages_go_in_the_providers_batches(setup: Make) -> None:
    provider = BulkProvider()
    one = setup(provider)
    for number in range(250):
        one.enqueue(to=f"+4477009{number:05}")

    assert one.drain() == 250
    assert max(len(batch) for batch in provider.batches) == 100
    assert sum(len(batch) for batch in provider.batches) == 250


def test_a_message_that_was_not_sent_is_tried_again_later_and_again(setup: Make) -> None:
    one = setup(Scripted("acme-sms", Reason.UNREACHABLE, Reason.THROTTLED, Reason.ACCEPTED))
    key = one.enqueue().id
    assert [one.drain(), one.drain(), one.drain(5), one.drain(5)] == [1, 0, 1, 0]
    assert one.get_message(key).status == statuses.PENDING_NOT_SENT
    assert one.drain(5) == 1
    found = one.get_message(key)

    assert [attempt.number for attempt in found.attempts] == [1, 2, 3]
    assert found.outcome is Outcome.ACCEPTED
    assert one.stats().total == {"retried": 2, "accepted": 1}


def test_a_provider_that_asks_for_more_time_gets_it(setup: Make) -> None:
    wait = AttemptResult.of(Reason.THROTTLED, retry_after=500.0)
    one = setup(Scripted("acme-sms", wait, Reason.ACCEPTED))
    one.enqueue()

    assert [one.drain(), one.drain(499), one.drain(1)] == [1, 0, 1]


def test_a_message_that_nobody_takes_becomes_a_dead_letter_and_may_be_replayed(setup: Make) -> None:
    unreachable = [Reason.UNREACHABLE] * 3
    one = setup(Scripted("acme-sms", *unreachable, Reason.ACCEPTED))
    key = one.enqueue().id
    assert [one.drain(), one.drain(100), one.drain(100), one.drain(10_000)] == [1, 1, 1, 0]
    (dead,) = one.do(one.dispatcher.queue.dead_letters())

    assert (dead.id, dead.stop_reason) == (key, "nothing could be sent in 3 rounds")
    assert one.stats().by_state == {"dead": 1}
    assert one.do(one.dispatcher.queue.retry_dead_letters(key)) == 1
    assert one.drain() == 1
    assert one.get_message(key).outcome is Outcome.ACCEPTED


@pytest.mark.parametrize("reason", [Reason.NO_COVERAGE, Reason.INTERNAL_ERROR])
def test_what_is_ours_to_mend_is_kept_as_a_dead_letter(setup: Make, reason: Reason) -> None:
    one = setup(Scripted("acme-sms", reason, Reason.ACCEPTED))
    key = one.enqueue().id
    one.drain()
    assert [dead.id for dead in one.do(one.dispatcher.queue.dead_letters())] == [key]
    one.do(one.dispatcher.queue.retry_dead_letters())
    one.drain()

    assert one.get_message(key).outcome is Outcome.ACCEPTED


def test_a_message_that_was_refused_for_good_is_over(setup: Make) -> None:
    one = setup(Scripted("acme-sms", Reason.RECIPIENT))
    key = one.enqueue().id
    one.drain()

    assert one.get_message(key).status == statuses.REJECTED_DESTINATION
    assert (one.stats().by_state, one.stats().total) == ({}, {"rejected": 1})


def test_what_may_have_been_sent_is_held_and_never_repeated(setup: Make) -> None:
    one = setup(Scripted("acme-sms", Reason.TIMEOUT, Reason.ACCEPTED))
    key = one.enqueue().id
    one.drain()
    for _ in range(8):
        one.drain(10_000)
    assert len(one.providers[0].asked) == 1
    assert one.get_message(key).status == statuses.PENDING_UNKNOWN
    assert one.stats().by_state == {"held": 1}
    one.hear(statuses.PENDING_ENROUTE, message_id=key)

    assert one.drain() == 1
    assert (one.stats().by_state, one.get_message(key).outcome) == ({}, Outcome.ACCEPTED)


class LookupProvider(Scripted):
    """A provider that can be asked."""

    answer: AttemptResult | None = None

    def look_up(self, request: LookupRequest) -> Flow[AttemptResult | None]:
        yield from ()
        assert request.to == PhoneNumber("447700900123")
        return self.answer


def test_what_its_provider_never_took_is_sent_again(setup: Make) -> None:
    provider = LookupProvider("acme-sms", Reason.TIMEOUT, Reason.ACCEPTED)
    one = setup(provider)
    key = one.enqueue().id
    one.drain()
    provider.answer = AttemptResult.of(Reason.NOT_FOUND)

    assert one.drain(30) == 1
    assert one.get_message(key).outcome is Outcome.ACCEPTED
    assert len(provider.asked) == 2


def test_a_deadline_ends_a_message_that_was_never_tried(setup: Make) -> None:
    one = setup()
    key = one.enqueue(expires_in=60).id

    assert one.drain(60) == 1
    assert (one.get_message(key).status, one.get_message(key).attempts) == (statuses.EXPIRED_BEFORE_SENT, ())
    assert one.providers[0].asked == []
    assert one.stats().total == {"expired": 1}


def test_a_deadline_ends_a_message_that_could_not_be_sent(setup: Make) -> None:
    one = setup(Scripted("acme-sms", Reason.UNREACHABLE))
    key = one.enqueue(expires_in=2.4).id

    assert [one.drain(), one.drain(2.3), one.drain(0.2)] == [1, 0, 1]
    assert one.get_message(key).status == statuses.EXPIRED_BEFORE_SENT


def test_a_message_goes_at_its_time_and_may_be_cancelled_before(setup: Make) -> None:
    one = setup()
    at = datetime.fromtimestamp(one.clock.time + 3600, UTC)
    first, second = one.enqueue(send_at=at), one.enqueue(send_at=one.clock.time + 3600)

    assert first.not_before == second.not_before == one.clock.time + 3600
    assert one.drain(3599) == 0
    assert one.do(one.dispatcher.queue.cancel(first.id)) is True
    assert one.drain(1) == 1
    assert [envelope.id for envelope in one.providers[0].asked] == [second.id]
    assert one.get_message(first.id).status == statuses.REJECTED_CANCELLED
    assert one.do(one.dispatcher.queue.cancel(second.id)) is False


def test_a_message_waits_for_its_window_and_so_does_a_repetition(setup: Make) -> None:
    one = setup(Scripted("acme-sms", AttemptResult.of(Reason.THROTTLED, retry_after=7200.0), Reason.ACCEPTED))
    one.clock.time = datetime(2026, 11, 25, 6, tzinfo=UTC).timestamp()
    receipt = one.enqueue(window=SendWindow("08:00", "09:00"))

    assert datetime.fromtimestamp(receipt.not_before, UTC).hour == 8
    assert [one.drain(7199), one.drain(1)] == [0, 1]
    assert [one.drain(2 * 3600), one.drain(21 * 3600), one.drain(3600)] == [0, 0, 1]
    assert one.get_message(receipt.id).outcome is Outcome.ACCEPTED


def test_what_cannot_be_sent_is_refused_when_it_is_enqueued(setup: Make) -> None:
    one = setup()
    for wrong in (
        {"send_at": datetime(2026, 1, 1)},  # noqa: DTZ001  that is what is refused
        {"priority": "soon"},
        {"expires_in": -1},
        {"expires_in": 10, "send_at": one.clock.time + 10},
        {"window": SendWindow("09:00", "10:00", timezone="Middle/Earth")},
    ):
        with pytest.raises(InvalidMessage):
            one.enqueue(**wrong)
    with pytest.raises(Unsupported):
        one.enqueue(Sms("x", flash=True))

    assert one.stats().by_state == {}


def test_a_key_enqueues_once_and_send_knows_it(setup: Make) -> None:
    one = setup()
    first = one.enqueue(idempotency_key="k", send_at=one.clock.time + 60)
    again = one.enqueue(idempotency_key="k")
    assert (again.id, again.replayed, first.replayed) == (first.id, True, False)
    with pytest.raises(IdempotencyKeyReused):
        one.enqueue(Sms("other"), idempotency_key="k")
    with pytest.raises(IdempotencyKeyInUse) as early:
        one.do(one.dispatcher.send(HELLO, to=TO, idempotency_key="k"))
    assert early.value.retry_after <= 120
    one.drain(60)
    sent = one.do(one.dispatcher.send(HELLO, to=TO, idempotency_key="k"))

    assert (sent.id, sent.replayed, sent.outcome) == (first.id, True, Outcome.ACCEPTED)
    assert len(one.providers[0].asked) == 1


def test_a_rule_is_asked_when_the_message_is_due(setup: Make) -> None:
    one = setup(checks=[VelocityLimit(per_number=RateLimit(1, 3600))])
    first, second = one.enqueue().id, one.enqueue().id
    one.drain()

    assert one.get_message(first).outcome is Outcome.ACCEPTED
    assert one.get_message(second).status == statuses.REJECTED_BY_RULE
    assert "velocity" in one.get_message(second).stop_reason


def test_a_rate_makes_messages_wait_and_loses_none(setup: Make) -> None:
    one = setup(rate_limits={"acme-sms": RateLimit(1)})
    for _ in range(30):
        one.enqueue()
    while one.stats().by_state:
        one.drain(1)

    assert len({envelope.id for envelope in one.providers[0].asked}) == len(one.providers[0].asked) == 30


@dataclass(frozen=True, slots=True)
class AcmeSmsOptions(ProviderOptions):
    """An option of a plugin."""

    provider: ClassVar[str] = "acme-sms"


class AcmeSms(Scripted):
    """The provider of that plugin."""

    capabilities: ClassVar[Capabilities] = Capabilities(
        {Sms: frozenset()}, provider_options=frozenset({AcmeSmsOptions})
    )


def test_a_type_that_only_another_worker_knows_is_left_to_it(setup: Make) -> None:
    newer, older = setup(AcmeSms("acme-sms")), setup()
    key = newer.enqueue(Sms("x", provider_options=(AcmeSmsOptions(),))).id
    good = newer.enqueue().id
    assert [older.drain(), older.drain(), older.drain(5), older.drain(5)] == [2, 0, 1, 1]
    assert list(older.do(older.dispatcher.queue.dead_letters())) == []
    assert (older.get_message(good).outcome, older.stats().by_state) == (Outcome.ACCEPTED, {"waiting": 1})

    assert newer.drain(15) == 1
    assert newer.get_message(key).outcome is Outcome.ACCEPTED


def test_a_type_that_nobody_knows_expires_in_time(setup: Make) -> None:
    newer, older = setup(AcmeSms("acme-sms")), setup()
    key = newer.enqueue(Sms("x", provider_options=(AcmeSmsOptions(),)), expires_in=7).id

    assert [older.drain(), older.drain(5), older.drain(2)] == [1, 1, 1]
    assert older.get_message(key).status == statuses.EXPIRED_BEFORE_SENT


def test_what_no_worker_can_read_for_a_day_is_a_dead_letter_and_stops_nothing(setup: Make) -> None:
    with_plugin, without = setup(AcmeSms("acme-sms")), setup()
    at = with_plugin.clock.time
    with_plugin.clock.time = at - 90_000
    key = with_plugin.enqueue(Sms("x", provider_options=(AcmeSmsOptions(),))).id
    with_plugin.clock.time = at
    good = with_plugin.enqueue().id
    assert without.drain() == 2
    assert [dead.id for dead in without.do(without.dispatcher.queue.dead_letters())] == [key]
    assert without.get_message(good).outcome is Outcome.ACCEPTED
    without.do(without.dispatcher.queue.retry_dead_letters())

    assert with_plugin.drain() == 1
    assert with_plugin.get_message(key).outcome is Outcome.ACCEPTED


def _fallback(setup: Make, *ends: Any, after: float = 300, **more: Any) -> tuple[QueueSetup, str]:
    one = setup(
        EveryMessageProvider("acme-sms", *ends),
        routes={name: Route("acme-sms", retry=ONCE) for name in ("sms", "whatsapp", "email")},
    )
    steps = Fallback([WhatsAppText("hi"), HELLO], after=after, **more)
    return one, one.enqueue(steps).id


def test_a_fallback_goes_on_when_nothing_was_delivered_in_time(setup: Make) -> None:
    one, key = _fallback(setup)

    assert [one.drain(), one.drain(299), one.drain(1)] == [1, 0, 2]
    assert [(one.id, one.channel) for one in one.providers[0].asked] == [
        (key, "whatsapp"),
        (f"{key}-2", "sms"),
    ]
    assert [attempt.channel for attempt in one.get_message(key).attempts] == ["whatsapp", "sms"]
    assert one.drain(1000) == 0
    assert one.stats().total == {"accepted": 2, "failed_over": 1}


def test_a_fallback_ends_with_the_report_of_delivery(setup: Make) -> None:
    one, key = _fallback(setup)
    one.drain()
    one.hear(statuses.DELIVERED_TO_HANDSET, message_id=key)

    assert [one.drain(), one.drain(1000)] == [1, 0]
    assert len(one.providers[0].asked) == 1
    assert one.get_message(key).status == statuses.DELIVERED_TO_HANDSET


def test_a_fallback_goes_on_at_once_when_a_step_is_refused_or_reported_as_failed(setup: Make) -> None:
    one, key = _fallback(setup, Reason.RECIPIENT, Reason.ACCEPTED)
    assert one.drain() == 2
    assert one.get_message(key).status == statuses.PENDING_ACCEPTED
    one, key = _fallback(setup)
    one.drain()
    one.hear(statuses.EXPIRED_EXPIRED, message_id=key)

    assert one.drain() == 2
    assert one.get_message(key).status == statuses.PENDING_ACCEPTED


def test_a_fallback_does_not_follow_what_may_have_been_sent_unless_told_to(setup: Make) -> None:
    one, _ = _fallback(setup, Reason.TIMEOUT, Reason.ACCEPTED)
    one.drain()
    one.drain(100_000)

    assert len(one.providers[0].asked) == 1


def test_a_fallback_follows_what_may_have_been_sent_if_told_to(setup: Make) -> None:
    one, _ = _fallback(setup, Reason.TIMEOUT, Reason.ACCEPTED, on_unknown="next")

    assert [one.drain(), one.drain(299), one.drain(1)] == [1, 0, 2]


def test_a_late_report_that_crosses_the_second_message_is_counted(setup: Make) -> None:
    one, key = _fallback(setup)
    one.drain()
    one.drain(300)
    one.hear(statuses.DELIVERED_TO_HANDSET, message_id=key, provider_id=f"acme-sms-{key}")

    assert one.get_message(key).status == statuses.DELIVERED_TO_HANDSET
    assert one.stats().total["overlapped"] == 1


def test_a_fallback_leaves_out_steps_for_which_there_is_no_address(setup: Make) -> None:
    users = MappingResolver({User("u"): {"sms": TO}, User("none"): {}})
    one = setup(
        EveryMessageProvider("acme-sms"),
        routes={name: Route("acme-sms", retry=ONCE) for name in ("sms", "whatsapp")},
        resolvers=[users],
    )
    one.enqueue(Fallback([WhatsAppText("hi"), HELLO]), User("u"))
    one.drain()
    assert [envelope.channel for envelope in one.providers[0].asked] == ["sms"]

    with pytest.raises(UnresolvedRecipient):
        one.enqueue(Fallback([WhatsAppText("hi"), HELLO]), User("none"))


def test_an_empty_or_impossible_fallback_is_refused() -> None:
    for wrong in (lambda: Fallback([]), lambda: Fallback([HELLO], after=0)):
        with pytest.raises(InvalidMessage):
            wrong()


def test_a_contact_of_an_account_is_sent_by_that_account(setup: Make) -> None:
    own, other = Scripted("acme-sms"), Scripted("acme-sms")
    one = setup(own, accounts={"tenant": [other]})
    one.enqueue(to=ResolvedRecipient(TO, "tenant"))
    one.drain()

    assert (len(own.asked), len(other.asked)) == (0, 1)


def test_erasing_a_recipient_keeps_a_waiting_message_from_being_sent(setup: Make) -> None:
    one = setup()
    one.enqueue()

    assert one.do(one.dispatcher.queue.erase_recipient(PhoneNumber.parse(TO))) == 1
    assert one.drain() == 0
    assert one.do(one.dispatcher.queue.prune(older_than=0)) == 0


def _round(one: QueueSetup) -> Flow[int]:
    enqueuer = one.dispatcher.queue.enqueuer
    return JobProcessor(enqueuer.pipeline, enqueuer.codec, "w").run_round(10)


def test_a_worker_that_dies_before_the_intent_leaves_a_message_that_is_sent(setup: Make) -> None:
    one = setup()
    key = one.enqueue().id
    one.do(one.dispatcher.queue.run(asked(next(_round(one)))))  # claimed, and then nothing

    assert one.drain(119) == 0
    assert one.drain(2) == 1
    assert one.get_message(key).outcome is Outcome.ACCEPTED


def test_a_worker_that_dies_after_the_intent_leaves_a_message_that_is_held(setup: Make) -> None:
    one = setup(Scripted("acme-sms", Reason.ACCEPTED))
    key = one.enqueue().id
    flow, reply = _round(one), None
    with suppress(StopIteration):
        while True:
            exchange = flow.send(reply)
            if type(exchange).__name__ == "BlockingCall":  # the provider is about to be asked
                break
            reply = one.do(one.dispatcher.queue.run(asked(exchange)))
    del flow  # the process is gone
    assert len(one.get_message(key).attempts) == 1
    assert one.drain(119) == 0
    assert one.drain(2) == 1
    for _ in range(6):
        one.drain(10_000)

    assert one.get_message(key).status == statuses.PENDING_UNKNOWN
    assert one.get_message(key).attempts[0].result.reason is Reason.PROCESS_CRASHED
    assert one.stats().by_state == {"held": 1}


def test_a_copy_that_was_refused_for_good_is_not_followed_by_another_though_the_worker_died_of_it(
    setup: Make,
) -> None:
    route = Route("acme-sms", retry=RetryPolicy(max_attempts=2))
    one = setup(Scripted("acme-sms", Reason.TIMEOUT, Reason.POLICY, Reason.ACCEPTED), routes={"sms": route})
    key = one.enqueue(on_unknown="resend").id
    flow, reply = _round(one), None
    while (
        len(one.providers[0].asked) + len(one.get_message(key).attempts) < 4
        or one.get_message(key).attempts[-1].in_progress
    ):
        reply = one.do(one.dispatcher.queue.run(asked(flow.send(reply))))
    del flow  # the process is gone before it could say what follows
    one.drain(121)

    assert [attempt.result.reason for attempt in one.get_message(key).attempts] == [
        Reason.TIMEOUT,
        Reason.POLICY,
    ]
    assert len(one.providers[0].asked) == 2


def _interrupted(one: QueueSetup, kind: type, happens: Callable[[], Any]) -> None:
    """Do a round step by step; right after its first exchange of that kind, something happens."""
    flow, reply, waits = _round(one), None, True
    with suppress(StopIteration):
        while True:
            exchange = flow.send(reply)
            reply = one.do(one.dispatcher.queue.run(asked(exchange)))
            if waits and isinstance(exchange, kind):
                happens()
                waits = False


def test_a_worker_whose_lease_ran_out_before_it_asked_sends_nothing_and_the_message_is_tried_again(
    setup: Make,
) -> None:
    one = setup()
    key = one.enqueue().id

    def sleep() -> None:
        one.clock.time += 121  # the intent is written, and then the machine sleeps

    _interrupted(one, StartAttempt, sleep)
    assert one.providers[0].asked == []
    (late,) = one.get_message(key).attempts

    assert (late.result.outcome, one.get_message(key).status) == (Outcome.NOT_SENT, statuses.PENDING_NOT_SENT)
    assert late.result.reason is Reason.LEASE_EXPIRED
    assert [one.drain(), one.drain(5)] == [0, 1]
    assert len(one.providers[0].asked) == 1
    assert one.get_message(key).outcome is Outcome.ACCEPTED


def test_a_message_whose_slow_worker_was_taken_for_dead_is_tried_again_once_that_one_says_it_sent_nothing(
    setup: Make,
) -> None:
    one = setup()
    key = one.enqueue().id

    def taken_for_dead() -> None:
        assert one.drain(121) == 1
        assert one.get_message(key).attempts[0].result.reason is Reason.PROCESS_CRASHED
        assert one.stats().by_state == {"held": 1}

    _interrupted(one, StartAttempt, taken_for_dead)
    assert one.providers[0].asked == []
    assert one.get_message(key).attempts[0].result.outcome is Outcome.NOT_SENT
    one.drain(30)

    assert len(one.providers[0].asked) == 1
    assert [attempt.outcome for attempt in one.get_message(key).attempts] == [
        Outcome.NOT_SENT,
        Outcome.ACCEPTED,
    ]
    assert one.stats().by_state == {}


def test_a_message_whose_slow_worker_had_asked_is_never_sent_again_and_its_late_answer_counts(
    setup: Make,
) -> None:
    one = setup()
    key = one.enqueue().id

    def taken_for_dead() -> None:
        for _ in range(6):
            one.drain(10_000)
        assert one.get_message(key).status == statuses.PENDING_UNKNOWN

    _interrupted(one, BlockingCall, taken_for_dead)
    one.drain(10_000)

    assert len(one.providers[0].asked) == 1
    assert [attempt.outcome for attempt in one.get_message(key).attempts] == [Outcome.ACCEPTED]


def test_a_worker_runs_until_it_is_stopped_and_hears_of_new_messages_at_once() -> None:
    ledger, sent = SqliteLedger(), threading.Event()
    provider = Scripted("acme-sms", sent.set)
    with Dispatcher([provider], ledger=ledger) as dispatcher:
        worker = Worker(dispatcher, concurrency=3, poll_interval=60.0)
        running = threading.Thread(target=worker.run)
        running.start()
        for _ in range(3):
            sent.clear()
            receipt = dispatcher.enqueue(HELLO, to=TO)
            assert sent.wait(30)
        worker.stop()
        running.join(30)
        assert not running.is_alive()
        assert dispatcher.get_message(receipt.id).outcome is Outcome.ACCEPTED
    ledger.close()


def test_an_asynchronous_worker_runs_until_it_is_stopped() -> None:
    async def scenario() -> None:
        sent = asyncio.Event()
        loop = asyncio.get_running_loop()
        provider = Scripted("acme-sms", lambda: loop.call_soon_threadsafe(sent.set))
        async with AsyncDispatcher([provider], ledger=ledger) as dispatcher:
            worker = AsyncWorker(dispatcher, concurrency=3, poll_interval=60.0)
            running = asyncio.create_task(worker.run())
            for _ in range(3):
                sent.clear()
                receipt = await dispatcher.enqueue(HELLO, to=TO)
                async with asyncio.timeout(30):
                    await sent.wait()
            worker.stop()
            async with asyncio.timeout(30):
                await running
            found = await dispatcher.get_message(receipt.id)
            assert found is not None
            assert found.outcome is Outcome.ACCEPTED

    ledger = SqliteLedger()
    asyncio.run(scenario())
    ledger.close()


class CrossingLedger:
    """A ledger whose first look at the queue finds nothing, since a message comes in while it answers."""

    has_plain_addresses = True

    def __init__(self, ledger: SqliteLedger, meanwhile: Callable[[], Any]) -> None:
        self._ledger = ledger
        self._meanwhile: Callable[[], Any] | None = meanwhile
        self.stored_address = ledger.stored_address

    @property
    def executors(self) -> Mapping[type[Exchange[Any]], ExecutorPair]:
        own = self._ledger.executors
        return {**own, Transaction: ExecutorPair(own[Transaction].sync, lambda: self)}

    async def perform(self, exchange: Transaction) -> Any:
        reply = await self._transactions.perform(exchange)
        if self._meanwhile and isinstance(exchange.operations[0], Claim) and not reply[0]:
            meanwhile, self._meanwhile = self._meanwhile, None
            await meanwhile()
            for _ in range(3):  # the worker hears of it before it has the answer
                await asyncio.sleep(0)
        return reply

    @cached_property
    def _transactions(self) -> AsyncExecutor:
        return self._ledger.executors[Transaction].asynchronous()

    async def close(self) -> None:
        await self._transactions.close()


def test_a_message_that_comes_in_while_nothing_is_found_is_sent_at_once() -> None:
    async def scenario() -> None:
        sent = asyncio.Event()
        loop = asyncio.get_running_loop()
        provider = Scripted("acme-sms", lambda: loop.call_soon_threadsafe(sent.set))
        crossing = CrossingLedger(ledger, lambda: dispatcher.enqueue(HELLO, to=TO))
        async with AsyncDispatcher([provider], ledger=crossing) as dispatcher:
            worker = AsyncWorker(dispatcher, concurrency=1, poll_interval=3600.0)
            running = asyncio.create_task(worker.run())
            async with asyncio.timeout(30):
                await sent.wait()
            worker.stop()
            await running

    ledger = SqliteLedger()
    asyncio.run(scenario())
    ledger.close()


@pytest.mark.parametrize(("seconds", "left"), [(30.0, 0), (None, 1)])
def test_a_worker_leaves_what_is_unknown_to_others_if_told_so(seconds: float | None, left: int) -> None:
    ledger, sent, asked = SqliteLedger(), threading.Event(), threading.Event()

    class Asked(Scripted):
        def look_up(self, request: LookupRequest) -> Flow[AttemptResult | None]:
            asked.set()
            return None
            yield request

    provider, clock = Asked("acme-sms", Reason.TIMEOUT, sent.set), QuickClock()
    with Dispatcher([provider], ledger=ledger, clock=clock) as dispatcher:
        dispatcher.send(HELLO, to=TO)
        clock.time += 31
        worker = Worker(dispatcher, concurrency=1, poll_interval=60.0, reconcile_interval=seconds)
        running = threading.Thread(target=worker.run)
        running.start()
        dispatcher.enqueue(HELLO, to=TO)
        assert sent.wait(30)
        assert asked.wait(30 if seconds else 0) is (left == 0)
        worker.stop()
        running.join(30)
        assert len(dispatcher.reconcile()) == left
    ledger.close()


def test_an_asynchronous_worker_leaves_what_is_unknown_to_others_too() -> None:
    async def scenario() -> None:
        sent = asyncio.Event()
        loop = asyncio.get_running_loop()
        provider = Scripted("acme-sms", Reason.TIMEOUT, lambda: loop.call_soon_threadsafe(sent.set))
        async with AsyncDispatcher([provider], ledger=ledger, clock=clock) as dispatcher:
            await dispatcher.send(HELLO, to=TO)
            clock.time += 31
            worker = AsyncWorker(dispatcher, concurrency=1, poll_interval=60.0, reconcile_interval=None)
            running = asyncio.create_task(worker.run())
            await dispatcher.enqueue(HELLO, to=TO)
            async with asyncio.timeout(30):
                await sent.wait()
            worker.stop()
            async with asyncio.timeout(30):
                await running
            assert len(await dispatcher.reconcile()) == 1

    ledger, clock = SqliteLedger(), QuickClock()
    asyncio.run(scenario())
    ledger.close()


def test_two_workers_of_one_postgresql_drain_it_without_a_double(postgres: str) -> None:
    """Two processes in all but name: each worker has a dispatcher, a ledger and connections of its own."""
    provider = Scripted("acme-sms")
    with (
        Dispatcher([provider], ledger=PostgresLedger(postgres, keys=[b"secret"])) as one,
        Dispatcher([provider], ledger=PostgresLedger(postgres, keys=[b"secret"])) as two,
    ):
        keys = [one.enqueue(HELLO, to=TO).id for _ in range(120)]
        start = threading.Barrier(2)
        counts: list[int] = []

        def work(dispatcher: Dispatcher) -> None:
            worker = Worker(dispatcher, batch_size=5)
            start.wait()
            counts.append(worker.drain())

        threads = [threading.Thread(target=work, args=(dispatcher,)) for dispatcher in (one, two)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(envelope.id for envelope in provider.asked) == sorted(keys)
        assert sum(counts) == 120
        assert min(counts) > 0
        assert one.queue.stats().total == {"accepted": 120}


def test_the_age_of_the_queue_counts_from_when_a_message_could_first_have_gone_out(setup: Make) -> None:
    one = setup(Scripted("acme-sms", Reason.UNREACHABLE))
    one.enqueue(send_at=one.clock.time + 1000)
    assert (one.drain(990), one.stats().oldest_age_seconds) == (0, 0.0)
    assert one.drain(10) == 1
    one.clock.time += 2
    assert (one.stats().ready, one.stats().oldest_age_seconds) == (0, 2.0)
    assert one.drain(98) == 1
    assert one.stats().oldest_age_seconds == 100.0
    one.drain(100)  # a dead letter waits no more

    assert (one.stats().by_state, one.stats().oldest_age_seconds) == ({"dead": 1}, 0.0)


def test_the_age_of_the_queue_grows_while_an_account_is_paused(setup: Make) -> None:
    one = setup(Scripted("acme-sms", Reason.CREDENTIALS))
    one.enqueue()
    one.drain()
    one.enqueue(send_at=one.clock.time + 50)
    for _ in range(10):
        one.drain(20)

    assert one.stats().oldest_age_seconds == 200.0


def test_the_other_lanes_begin_before_the_first_has_ended() -> None:
    together = threading.Barrier(2, timeout=20)
    provider = Scripted("acme-sms", together.wait)
    ledger = SqliteLedger()
    values: dict[str, Any] = {"ledger": ledger, "routes": {"sms": Route("acme-sms", retry=ONCE)}}
    with Dispatcher([provider], **values) as dispatcher, Dispatcher([provider], **values) as elsewhere:
        worker = Worker(dispatcher, concurrency=2, batch_size=1, poll_interval=0.01, reconcile_interval=None)
        running = threading.Thread(target=worker.run)
        running.start()
        keys = [elsewhere.enqueue(HELLO, to=TO).id for _ in range(4)]
        while elsewhere.queue.stats().by_state and not together.broken:
            continue
        worker.stop()
        running.join()

        assert {elsewhere.get_message(key).outcome for key in keys} == {Outcome.ACCEPTED}  # type: ignore[union-attr]
