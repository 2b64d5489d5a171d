from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from scripted import BulkProvider, QuickClock, Scripted

from messaging_channels import AsyncDispatcher, Dispatcher, NotSent, Outcome, Rejected, Route, Sms
from messaging_channels._ledger.options import LedgerOptions
from messaging_channels._ledger.sqlite import SqliteLedger
from messaging_channels._model.errors import (
    IdempotencyKeyInUse,
    IdempotencyKeyReused,
    InvalidMessage,
    LedgerUnavailable,
    Unsupported,
)
from messaging_channels._model.events import StatusChanged
from messaging_channels._model.outcomes import AttemptResult, Reason
from messaging_channels._model.status import DELIVERED_TO_HANDSET
from messaging_channels._sending.bulk import Bulk
from messaging_channels._sending.send_options import SendOptions
from messaging_channels._transport.drivers import Transport
from messaging_channels.plugins.exchange import Flow, ask
from messaging_channels.plugins.ledger import Ledger, MessageRecord, RecordEvent
from messaging_channels.plugins.provider import LookupRequest
from messaging_channels.policies.routing import RetryPolicy

PHONE = "+447700900123"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqliteLedger]:
    kept = SqliteLedger(tmp_path / "ledger.sqlite3", addresses="plain")
    yield kept
    kept.close()


def _dispatcher(
    *providers: Scripted, ledger: Ledger | LedgerOptions | None = None, clock: QuickClock | None = None
) -> Dispatcher:
    route = Route(*(one.name for one in providers), retry=RetryPolicy(max_attempts=1))
    return Dispatcher(providers, routes={"sms": route}, ledger=ledger, clock=clock or QuickClock())


class Died(BaseException):
    """Stands for the process dying: nothing can be written after it."""


def _killed(ledger: Ledger, clock: QuickClock, **options: Any) -> None:
    """Begin a send whose process dies while the provider is asked."""
    flow = _dispatcher(Scripted("one"), ledger=ledger, clock=clock)._pipeline  # noqa: SLF001
    from messaging_channels._transport.drivers import Transport
    from messaging_channels.plugins.ledger import Operation

    with Transport(executors=ledger.executors, clock=clock) as transport:
        sending = flow.send(Sms("hello"), PHONE, SendOptions(**options))
        reply: Any = None
        while True:
            exchange = sending.send(reply)
            if not isinstance(exchange, Operation):
                sending.close()  # as good as killed: the intent is written, the answer never comes
                return
            reply = transport.run(_one(exchange))


def _one(exchange: Any) -> Flow[Any]:
    return (yield exchange)


def test_the_same_key_sends_once_and_answers_the_same(ledger: SqliteLedger) -> None:
    provider = Scripted("one")
    with _dispatcher(provider, ledger=ledger) as dispatcher:
        first = dispatcher.send(Sms("hello"), to=PHONE, idempotency_key="k")
        again = dispatcher.send(Sms("hello"), to=PHONE, idempotency_key="k")

    assert len(provider.asked) == 1
    assert (first.replayed, again.replayed) == (False, True)
    assert (again.id, again.status, again.provider_id) == (first.id, first.status, first.provider_id)
    assert again.as_dict() == first.as_dict()


def test_a_key_holds_in_another_process_and_after_a_restart(ledger: SqliteLedger) -> None:
    one, two = Scripted("one"), Scripted("one")
    with _dispatcher(one, ledger=ledger) as dispatcher:
        first = dispatcher.send(Sms("hello"), to=PHONE, idempotency_key="k")
    ledger.close()
    with _dispatcher(two, ledger=ledger) as dispatcher:
        assert dispatcher.send(Sms("hello"), to=PHONE, idempotency_key="k").id == first.id

    assert two.asked == []


def test_without_a_ledger_a_key_holds_as_long_as_the_dispatcher_lives() -> None:
    provider = Scripted("one")
    with _dispatcher(provider) as dispatcher:
        first = dispatcher.send(Sms("hello"), to=PHONE, idempotency_key="k")
        assert dispatcher.send(Sms("hello"), to=PHONE, idempotency_key="k").id == first.id
        assert dispatcher.send(Sms("hello"), to=PHONE).id != first.id
        assert dispatcher.get_message(idempotency_key="k") is not None

    assert len(provider.asked) == 2


@pytest.mark.parametrize(
    ("message", "to"),
    [(Sms("other"), PHONE), (Sms("hello", sender="Shop"), PHONE), (Sms("hello"), "+447700900124")],
)
def test_a_key_given_with_another_message_or_recipient_is_refused(message: Sms, to: str) -> None:
    provider = Scripted("one")
    with _dispatcher(provider) as dispatcher:
        first = dispatcher.send(Sms("hello"), to=PHONE, idempotency_key="k")
        with pytest.raises(IdempotencyKeyReused) as reused:
            dispatcher.send(message, to=to, idempotency_key="k")

    assert reused.value.message_id == first.id
    assert len(provider.asked) == 1


def test_keys_of_two_scopes_never_meet() -> None:
    provider = Scripted("one")
    with _dispatcher(provider) as dispatcher:
        ids = {dispatcher.send(Sms("hello"), to=PHONE, idempotency_key="k", scope=scope).id for scope in "ab"}

    assert len(ids) == 2


@pytest.mark.parametrize("key", ["", "k" * 256])
def test_a_key_that_is_empty_or_too_long_is_refused(key: str) -> None:
    with _dispatcher(Scripted("one")) as dispatcher, pytest.raises(InvalidMessage, match="1 to 255"):
        dispatcher.send(Sms("hello"), to=PHONE, idempotency_key=key)


def test_a_refusal_is_replayed_as_a_refusal() -> None:
    provider = Scripted("one", Reason.RECIPIENT)
    with _dispatcher(provider) as dispatcher:
        for replayed in (False, True):
            with pytest.raises(Rejected) as refused:
                dispatcher.send(Sms("hello"), to=PHONE, idempotency_key="k")
            assert refused.value.receipt.replayed is replayed

    assert len(provider.asked) == 1


@pytest.mark.parametrize(
    "reason", [Reason.UNREACHABLE, Reason.THROTTLED, Reason.CREDENTIALS, Reason.INSUFFICIENT_CREDIT]
)
def test_what_certainly_was_not_sent_may_be_tried_again_with_its_key(
    ledger: SqliteLedger, reason: Reason
) -> None:
    provider = Scripted("one", reason, Reason.ACCEPTED)
    with _dispatcher(provider, ledger=ledger) as dispatcher:
        with pytest.raises((NotSent, Rejected)) as failed:
            dispatcher.send(Sms("hello"), to=PHONE, idempotency_key="k")
        receipt = dispatcher.send(Sms("hello"), to=PHONE, idempotency_key="k")
        record = dispatcher.get_message(receipt.id)

    assert receipt.id == failed.value.receipt.id
    assert [one.id for one in provider.asked] == [receipt.id, receipt.id]
    assert record is not None
    assert (record.outcome, [one.number for one in record.attempts]) == (Outcome.ACCEPTED, [1, 2])


def test_what_is_unknown_stays_unknown_under_its_key_unless_the_caller_prefers_a_copy() -> None:
    provider = Scripted("one", Reason.TIMEOUT, Reason.ACCEPTED)
    with _dispatcher(provider) as dispatcher:
        for _ in range(3):
            assert dispatcher.send(Sms("hello"), to=PHONE, idempotency_key="k").outcome is Outcome.UNKNOWN
        assert len(provider.asked) == 1
        receipt = dispatcher.send(Sms("hello"), to=PHONE, idempotency_key="k", on_unknown="resend")

    assert (receipt.outcome, len(provider.asked)) == (Outcome.ACCEPTED, 2)


def test_no_copy_is_sent_when_a_report_comes_while_its_time_is_waited_for(ledger: SqliteLedger) -> None:
    class Reporting(QuickClock):
        """Time in which a report comes in."""

        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            (sent,) = provider.asked
            told = StatusChanged(
                provider="one", occurred_at=self.now(), status=DELIVERED_TO_HANDSET, message_id=sent.id
            )
            with Transport(executors=ledger.executors) as transport:
                transport.run(ask(RecordEvent(told, self.now())))

    busy = AttemptResult.of(Reason.TIMEOUT, retry_after=2.0)
    clock, provider = Reporting(), Scripted("one", busy, Reason.ACCEPTED)
    with Dispatcher([provider], ledger=ledger, clock=clock) as dispatcher:
        receipt = dispatcher.send(Sms("hello"), to=PHONE, on_unknown="resend")

    assert len(provider.asked) == len(clock.waits) == 1
    assert (receipt.outcome, receipt.status) == (Outcome.ACCEPTED, DELIVERED_TO_HANDSET)


def test_bad_input_leaves_no_record_and_the_key_free(ledger: SqliteLedger) -> None:
    refusal = InvalidMessage("no sender", field="Sms.sender", hint="set it")
    provider = Scripted("one", lambda: None)

    def refuse(batch: Any) -> Flow[Any]:
        raise refusal
        yield batch

    provider.send, send = refuse, provider.send  # type: ignore[method-assign]
    with _dispatcher(provider, ledger=ledger) as dispatcher:
        with pytest.raises(InvalidMessage):
            dispatcher.send(Sms("hello"), to=PHONE, idempotency_key="k")
        with pytest.raises(Unsupported):
            dispatcher.send(Sms("hello", flash=True), to=PHONE, idempotency_key="k")
        assert dispatcher.get_message(idempotency_key="k") is None
        provider.send = send  # type: ignore[method-assign]
        assert dispatcher.send(Sms("good"), to=PHONE, idempotency_key="k").outcome is Outcome.ACCEPTED


def test_a_call_that_is_under_way_is_told_or_waited_for(ledger: SqliteLedger) -> None:
    clock = QuickClock()
    _killed(ledger, clock, idempotency_key="k")
    with _dispatcher(Scripted("one"), ledger=ledger, clock=clock) as dispatcher:
        with pytest.raises(IdempotencyKeyInUse) as under_way:
            dispatcher.send(Sms("hello"), to=PHONE, idempotency_key="k")
        assert under_way.value.retry_after == pytest.approx(120)
        before = clock.time
        with pytest.raises(IdempotencyKeyInUse):
            dispatcher.send(Sms("hello"), to=PHONE, idempotency_key="k", in_progress_timeout=2)
        assert clock.time - before == pytest.approx(2, abs=0.1)
        before = clock.time
        with pytest.raises(IdempotencyKeyInUse):
            dispatcher.send(Sms("hello"), to=PHONE, idempotency_key="k", in_progress_timeout=60, timeout=1)
        assert clock.time - before == pytest.approx(1, abs=0.1)


def test_a_call_that_died_is_unknown_when_its_lease_is_over(ledger: SqliteLedger) -> None:
    clock, provider = QuickClock(), Scripted("one")
    _killed(ledger, clock, idempotency_key="k")
    clock.time += 121
    with _dispatcher(provider, ledger=ledger, clock=clock) as dispatcher:
        receipt = dispatcher.send(Sms("hello"), to=PHONE, idempotency_key="k")

    assert (receipt.outcome, provider.asked) == (Outcome.UNKNOWN, [])
    assert receipt.attempts[0].result is not None
    assert receipt.attempts[0].result.reason is Reason.PROCESS_CRASHED


class LookupProvider(Scripted):
    """Can be asked what became of a message."""

    def __init__(self, found: AttemptResult | None) -> None:
        super().__init__("one", Reason.TIMEOUT, Reason.ACCEPTED)
        self.found = found
        self.inquiries: list[LookupRequest] = []

    def look_up(self, request: LookupRequest) -> Flow[AttemptResult | None]:
        yield from ()
        self.inquiries.append(request)
        return self.found


def test_a_provider_that_knows_the_message_settles_it_as_accepted() -> None:
    provider = LookupProvider(AttemptResult.of(Reason.ACCEPTED, provider_id="p-9"))
    with _dispatcher(provider) as dispatcher:
        assert dispatcher.send(Sms("hello"), to=PHONE, idempotency_key="k").outcome is Outcome.UNKNOWN
        receipt = dispatcher.send(Sms("hello"), to=PHONE, idempotency_key="k")
    assert (receipt.outcome, receipt.provider_id, len(provider.asked)) == (Outcome.ACCEPTED, "p-9", 1)
    (inquiry,) = provider.inquiries

    assert inquiry.text_matches("hello")
    assert not inquiry.text_matches("hello!")
    assert (inquiry.message_id, str(inquiry.to)) == (receipt.id, str(receipt.destination))


def test_what_a_provider_finds_is_not_taken_for_this_message_if_it_is_another_one_of_ours() -> None:
    provider = LookupProvider(None)
    with _dispatcher(provider) as dispatcher:
        dispatcher.send(Sms("hello"), to=PHONE, idempotency_key="lost")
        other = dispatcher.send(Sms("hello"), to=PHONE, idempotency_key="other")
        provider.found = AttemptResult.of(Reason.ACCEPTED, provider_id=other.provider_id)
        assert dispatcher.send(Sms("hello"), to=PHONE, idempotency_key="lost").outcome is Outcome.UNKNOWN


def test_a_provider_that_proves_it_never_took_it_makes_it_safe_to_send_again() -> None:
    provider = LookupProvider(AttemptResult.of(Reason.NOT_FOUND))
    with _dispatcher(provider) as dispatcher:
        first = dispatcher.send(Sms("hello"), to=PHONE, idempotency_key="k")
        receipt = dispatcher.send(Sms("hello"), to=PHONE, idempotency_key="k")

    assert (receipt.id, receipt.outcome, len(provider.asked)) == (first.id, Outcome.ACCEPTED, 2)


def test_a_provider_that_cannot_tell_leaves_it_held() -> None:
    provider = LookupProvider(None)
    with _dispatcher(provider) as dispatcher:
        for _ in range(2):
            assert dispatcher.send(Sms("hello"), to=PHONE, idempotency_key="k").outcome is Outcome.UNKNOWN

    assert len(provider.asked) == 1


def test_settling_asks_by_the_schedule_and_within_its_budget(ledger: SqliteLedger) -> None:
    clock, provider = QuickClock(), LookupProvider(None)
    with _dispatcher(provider, ledger=ledger, clock=clock) as dispatcher:
        receipt = dispatcher.send(Sms("hello"), to=PHONE)
        asked: list[int] = []
        for seconds in (1, 30, 1, 120, 600, 3600, 10**6):
            clock.time += seconds
            dispatcher.reconcile()
            asked.append(len(provider.inquiries))
        assert asked == [0, 1, 1, 2, 3, 4, 4]
        assert provider.inquiries[0].to is not None
        record = dispatcher.get_message(receipt.id)
        assert record is not None
        assert record.outcome is Outcome.UNKNOWN


def test_what_was_settled_is_told_with_the_reason(ledger: SqliteLedger) -> None:
    clock, provider = QuickClock(), LookupProvider(AttemptResult.of(Reason.ACCEPTED, provider_id="p"))
    with _dispatcher(provider, ledger=ledger, clock=clock) as dispatcher:
        dispatcher.send(Sms("hello"), to=PHONE)
        clock.time += 31
        (record,) = dispatcher.reconcile()

    assert isinstance(record, MessageRecord)
    assert (record.outcome, record.stop_reason) == (Outcome.ACCEPTED, "one was asked, and says: accepted")


def test_the_process_of_a_message_without_a_key_that_died_is_found_by_settling(ledger: SqliteLedger) -> None:
    clock, provider = QuickClock(), LookupProvider(AttemptResult.of(Reason.NOT_FOUND))
    _killed(ledger, clock)
    clock.time += 121
    with _dispatcher(provider, ledger=ledger, clock=clock) as dispatcher:
        (record,) = dispatcher.reconcile()

    assert record.outcome is Outcome.NOT_SENT


def test_of_many_threads_with_one_key_one_sends_and_all_are_answered_alike() -> None:
    provider = Scripted("one")
    ids: list[str] = []
    start = threading.Barrier(16)
    route = Route("one", retry=RetryPolicy(max_attempts=1))
    with Dispatcher([provider], routes={"sms": route}) as dispatcher:

        def send() -> None:
            start.wait()
            ids.append(
                dispatcher.send(Sms("hello"), to=PHONE, idempotency_key="k", in_progress_timeout=10).id
            )

        threads = [threading.Thread(target=send) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert (len(ids), len(set(ids)), len(provider.asked)) == (16, 1, 1)


def test_of_many_tasks_with_one_key_one_sends_and_all_are_answered_alike() -> None:
    provider = Scripted("one")

    async def main() -> list[str]:
        async with AsyncDispatcher([provider]) as dispatcher:
            sends = [
                dispatcher.send(Sms("hello"), to=PHONE, idempotency_key="k", in_progress_timeout=10)
                for _ in range(32)
            ]
            return [receipt.id for receipt in await asyncio.gather(*sends)]

    ids = asyncio.run(main())

    assert (len(ids), len(set(ids)), len(provider.asked)) == (32, 1, 1)


def test_what_cannot_be_written_down_is_not_sent(tmp_path: Path) -> None:
    provider = Scripted("one")
    broken = SqliteLedger(path := tmp_path / "ledger.sqlite3")
    path.mkdir()  # opened with the first message
    with _dispatcher(provider, ledger=broken) as dispatcher, pytest.raises(LedgerUnavailable):
        dispatcher.send(Sms("hello"), to=PHONE)
    assert provider.asked == []
    broken.close()


def test_a_cancelled_send_is_written_down_as_unknown(ledger: SqliteLedger) -> None:
    entered, release = threading.Event(), threading.Event()

    def hang() -> None:
        entered.set()
        release.wait(10)

    async def main() -> MessageRecord | None:
        async with AsyncDispatcher([Scripted("one", hang)], ledger=ledger) as dispatcher:
            task = asyncio.ensure_future(dispatcher.send(Sms("hello"), to=PHONE, idempotency_key="k"))
            await asyncio.to_thread(entered.wait)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            release.set()
            return await dispatcher.get_message(idempotency_key="k")

    record = asyncio.run(main())

    assert record is not None
    assert record.attempts[0].result is not None
    assert (record.outcome, record.attempts[0].result.reason) == (Outcome.UNKNOWN, Reason.CANCELLED)


def test_keys_of_one_call_are_reserved_in_an_order_that_is_the_same_for_every_call(
    ledger: SqliteLedger,
) -> None:
    """Else two calls with the same key, and recipients in other orders, would wait for each other in PostgreSQL."""
    provider = BulkProvider("one")
    dispatch = _dispatcher(provider, ledger=ledger)._pipeline  # noqa: SLF001

    def reserved(numbers: list[str]) -> list[str]:
        bulk = Bulk(dispatch, SendOptions(idempotency_key="k"))
        with Transport(executors=ledger.executors) as transport:
            transport.run(bulk.prepare([(Sms("hello"), number) for number in numbers]))
        together: Any = next(dispatch.recorder.start(bulk.pending, provider, 0.0, 0.0))
        return [one.idempotency_key for one in together.operations]

    numbers = [f"+4477009001{number}" for number in range(10, 30)]

    assert len(reserved(numbers)) == len(numbers)
    assert reserved(numbers) == reserved(numbers[::-1])


def test_a_copy_that_was_refused_for_good_is_not_asked_for_again(ledger: SqliteLedger) -> None:
    provider = Scripted("one", Reason.TIMEOUT, Reason.POLICY, Reason.ACCEPTED)
    with _dispatcher(provider, ledger=ledger) as dispatcher:
        held = dispatcher.send(Sms("hello"), to=PHONE, idempotency_key="k")
        for _ in range(2):
            copied = dispatcher.send(Sms("hello"), to=PHONE, idempotency_key="k", on_unknown="resend")

    assert (held.outcome, copied.outcome) == (Outcome.UNKNOWN, Outcome.UNKNOWN)
    assert len(provider.asked) == 2
