"""What providers tell is written down many at a time on PostgreSQL, as if each had come alone, and waits for nobody."""

from __future__ import annotations

import asyncio
import os
import random
import threading
import time
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ledgers import reservation
from queue_setup import asked
from scripted import Scripted

from messaging_channels import AsyncDispatcher, Dispatcher, PostgresLedger, Sms, SqliteLedger
from messaging_channels._config.settings import Configuration
from messaging_channels._model.events import Event, StatusChanged
from messaging_channels._model.failure_reasons import FailureReason
from messaging_channels._model.outcomes import AttemptResult, Reason
from messaging_channels._model.status import (
    BOUNCED_LATE,
    DELIVERED_TO_HANDSET,
    PENDING_ENROUTE,
)
from messaging_channels._transport.drivers import AsyncTransport, Transport
from messaging_channels.plugins import Ledger
from messaging_channels.plugins.exchange import ask
from messaging_channels.plugins.ledger import (
    FinishAttempt,
    GetMessage,
    MessageRecord,
    Operation,
    RecordEvent,
    ReserveMessage,
    TakeLease,
    Transaction,
)

NOW = 1_000_000.0
TO = "+447700900123"
_STATUSES = (PENDING_ENROUTE, DELIVERED_TO_HANDSET, BOUNCED_LATE)
_BURST = int(os.environ.get("MESSAGING_CHANNELS_STORM", "200"))
_WAITS_FOR_LONG = b"SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND clock_timestamp() - query_start > interval '1 second'"


def _reserved(number: int) -> ReserveMessage:
    return reservation(f"{number:012x}", at=NOW)


def _finished(number: int, reason: Reason) -> FinishAttempt:
    name = f"{number:012x}"
    provider_id = f"p{name}" if reason is Reason.ACCEPTED else None
    result = AttemptResult.of(reason, provider_id=provider_id)
    return FinishAttempt(name, 1, result, NOW + 1, NOW + 30, "it ended")


def _report(number: int, status: int, by: str, at: int) -> Event:
    name = f"{number:012x}"
    return StatusChanged(
        provider="acme-sms",
        occurred_at=NOW + at,
        message_id=name if "ours" in by else "",
        provider_id=f"p{name}" if "theirs" in by else None,
        status=_STATUSES[status],
        failure=FailureReason.UNREACHABLE if status == 2 else None,
    )


_reports = st.builds(
    _report,
    st.integers(0, 4),
    st.integers(0, 2),
    st.sampled_from(["ours", "theirs", "ours and theirs"]),
    st.integers(2, 4),
)
_ends = st.builds(_finished, st.integers(0, 4), st.sampled_from([Reason.ACCEPTED, Reason.TIMEOUT]))
_operations = st.lists(_reports | _ends, max_size=12)


async def _kept(ledger: Ledger, operations: list[Any], *, together: bool) -> list[Any]:
    """Perform them in order, at once or one after the other; return the records."""
    transport = AsyncTransport(executors=ledger.executors)
    try:
        for number in range(4):  # the fifth is not known
            await transport.run(ask(_reserved(number)))
        steps: list[Operation[Any]] = [
            Transaction((RecordEvent(one, NOW),)) if isinstance(one, StatusChanged) else one
            for one in operations
        ]
        if together:
            steps = [
                Transaction(
                    (*(RecordEvent(one, NOW) for one in operations if isinstance(one, StatusChanged)),)
                )
            ]
        for one in steps:
            await transport.run(ask(one))
        records = [await transport.run(ask(GetMessage(message_id=f"{one:012x}"))) for one in range(5)]
        return [None if one is None else _compared(one) for one in records]
    finally:
        await transport.close()


def _compared(record: MessageRecord) -> dict[str, Any]:
    made = record.as_dict()
    return {name: made[name] for name in ("status", "outcome", "version", "attempts", "events")}


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(_reports, min_size=1, max_size=12, unique_by=lambda one: one.key))
def test_reports_of_one_call_read_as_if_each_had_come_alone(postgres: str, reports: list[Event]) -> None:
    _emptied(postgres)
    own = SqliteLedger()
    alone = asyncio.run(_kept(own, list(reports), together=False))
    own.close()

    assert asyncio.run(_kept(PostgresLedger(postgres), list(reports), together=True)) == alone


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_operations)
def test_reports_and_ends_read_the_same_on_both_databases(postgres: str, operations: list[Any]) -> None:
    _emptied(postgres)
    own = SqliteLedger()
    expected = asyncio.run(_kept(own, operations, together=False))
    own.close()

    assert asyncio.run(_kept(PostgresLedger(postgres), operations, together=False)) == expected


def _emptied(conninfo: str) -> None:
    with Transport(executors=PostgresLedger(conninfo).executors) as transport:
        transport.run(ask(GetMessage(message_id="none")))
    tables = ("message", "attempt", "event", "failure")
    names = ", ".join(f"messaging_channels_{one}" for one in tables)
    with psycopg.connect(conninfo) as connection:
        connection.execute(f"TRUNCATE {names}".encode())


def test_reports_that_come_at_once_are_committed_in_few_transactions_and_all_of_them_count(
    postgres: str,
) -> None:
    async def burst() -> list[str]:
        ledgers = [PostgresLedger(postgres, pool_size=1) for _ in range(2)]  # two processes in all but name
        transports = [AsyncTransport(executors=one.executors) for one in ledgers]
        numbers = range(_BURST)
        await asyncio.gather(*(transports[0].run(ask(_reserved(one))) for one in numbers))
        steps: list[Operation[Any]] = [
            Transaction((RecordEvent(_report(one, status, "theirs", status), NOW),))
            for one in numbers
            for status in (0, 1, 1)
        ]
        steps += [_finished(one, Reason.ACCEPTED) for one in numbers]
        random.Random(7).shuffle(steps)
        await asyncio.gather(*(transports[place % 2].run(ask(one)) for place, one in enumerate(steps)))
        records = [await transports[0].run(ask(GetMessage(message_id=f"{one:012x}"))) for one in numbers]
        for one in transports:
            await one.close()
        return [record.status.name for record in records if record]

    assert asyncio.run(burst()) == [DELIVERED_TO_HANDSET.name] * _BURST
    with psycopg.connect(postgres) as connection:
        rows = connection.execute(
            "SELECT count(*), count(DISTINCT xmin::text) FROM messaging_channels_event"
        ).fetchall()
    ((count, commits),) = rows
    assert count == 2 * _BURST
    assert commits < count / 2


def _wait_until_the_pool_waits(conninfo: str) -> None:
    """Return when a connection of the pool waits for a lock: a writer gives up after 0.2 seconds."""
    deadline = time.monotonic() + 60
    with psycopg.connect(conninfo, autocommit=True) as watching:
        while not watching.execute(_WAITS_FOR_LONG).fetchall():
            assert time.monotonic() < deadline, "nobody waited for the transaction"


def test_reports_and_direct_calls_wait_for_no_place_in_the_pool(postgres: str) -> None:
    ledger = PostgresLedger(postgres, pool_size=1, pool_timeout=30.0, keys=[b"secret"])
    providers: Any = [Scripted("acme-sms")]
    with Dispatcher(providers, ledger=ledger) as dispatcher:
        run = dispatcher.queue.run
        dispatcher.queue.stats()  # the pool is open
        with psycopg.connect(postgres) as connection:
            dispatcher.enqueue(Sms("x"), to=TO, idempotency_key="k", transaction=connection)
            holder = threading.Thread(
                target=dispatcher.enqueue, args=(Sms("x"),), kwargs={"to": TO, "idempotency_key": "k"}
            )
            holder.start()
            _wait_until_the_pool_waits(postgres)  # for that transaction, with its one connection
            receipt = dispatcher.send(Sms("y"), to=TO)
            event = StatusChanged(
                provider="acme-sms",
                occurred_at=NOW,
                provider_id=f"acme-sms-{receipt.id}",
                status=DELIVERED_TO_HANDSET,
            )
            run(asked(Transaction((RecordEvent(event, NOW),))))
            found = dispatcher.get_message(receipt.id)
            assert found is not None
            assert found.status == DELIVERED_TO_HANDSET
            assert holder.is_alive()
            connection.rollback()
        holder.join(30)
        assert not holder.is_alive()


def test_a_report_that_the_database_refuses_is_told_to_its_own_caller_only(postgres: str) -> None:
    async def told() -> list[Any]:
        providers: Any = [Scripted("acme-sms")]
        async with AsyncDispatcher(providers, ledger=PostgresLedger(postgres)) as dispatcher:
            receipts = await asyncio.gather(*(dispatcher.send(Sms("x"), to=TO) for _ in range(6)))
            events: list[Event] = [
                StatusChanged(
                    provider="acme-sms", occurred_at=NOW, message_id=one.id, status=DELIVERED_TO_HANDSET
                )
                for one in receipts
            ]
            events[2] = StatusChanged(
                provider="acme\x00sms", occurred_at=NOW, message_id="x", status=DELIVERED_TO_HANDSET
            )
            steps = (dispatcher.queue.run(asked(RecordEvent(one, NOW))) for one in events)
            return await asyncio.gather(*steps, return_exceptions=True)

    replies = asyncio.run(told())
    assert isinstance(replies.pop(2), Exception)
    assert [one.status for one in replies] == [DELIVERED_TO_HANDSET] * 5


def test_of_many_that_take_a_lease_at_once_one_gets_it(postgres: str) -> None:
    async def taken() -> list[bool]:
        transport = AsyncTransport(executors=PostgresLedger(postgres).executors)
        new = _reserved(1)
        await transport.run(ask(new))
        takes = (
            transport.run(ask(TakeLease(new.id, new.lease_owner, f"other-{one}", NOW + 300, 1)))
            for one in range(20)
        )
        replies = await asyncio.gather(*takes)
        await transport.close()
        return replies

    assert sorted(asyncio.run(taken())) == [False] * 19 + [True]


@pytest.mark.parametrize(
    ("name", "value", "is_right"),
    [("pool_size", "3", True), ("pool_size", "0", False), ("pool_timeout", "-1", False)],
)
def test_size_and_patience_of_the_pool_are_settings(name: str, value: str, is_right: bool) -> None:
    environment = {
        "MESSAGING_CHANNELS_LEDGER_URL": "postgresql://shop@db/shop",
        f"MESSAGING_CHANNELS_LEDGER_{name.upper()}": value,
    }
    configuration = Configuration.read(environment=environment)
    if is_right:
        assert isinstance(configuration.ledger(), PostgresLedger)
    else:
        with pytest.raises(Exception, match=name):
            configuration.ledger()
