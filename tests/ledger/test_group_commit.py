"""What waits for PostgreSQL is committed together, and each caller is told as if it had been alone."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ledgers import reservation

from messaging_channels import AsyncDispatcher, Dispatcher, PostgresLedger, Sandbox, Sms
from messaging_channels._ledger.postgres_arrays import register
from messaging_channels._ledger.postgres_sets import CLAIM, INSERT_HOUR, INSERT_KEYS, PREPARE, set_of
from messaging_channels._model.errors import LedgerUnavailable
from messaging_channels._model.events import StatusChanged
from messaging_channels._model.outcomes import AttemptResult, Reason
from messaging_channels._model.status import DELIVERED_TO_HANDSET
from messaging_channels._transport.drivers import AsyncTransport, Transport
from messaging_channels.plugins.exchange import ask
from messaging_channels.plugins.ledger import (
    AttemptIntent,
    FinishAttempt,
    GetMessage,
    Operation,
    RecordEvent,
    ReserveMessage,
    StartAttempt,
    Transaction,
)
from messaging_channels.plugins.ledger_queue import Claim, Enqueue, UpdateJob

NOW = 1_000_000.0
_ids = itertools.count()


def _enqueue(key: str | None = None, payload: str = "{}") -> Enqueue:
    return Enqueue(
        id=f"{next(_ids):012x}",
        channel="sms",
        message_type="Sms",
        account=None,
        address="447700900123",
        digest="",
        fingerprint="f",
        scope="",
        idempotency_key=key,
        expires=NOW + 86400,
        at=NOW,
        due=NOW,
        priority=1,
        deadline=None,
        payload=payload,
        recipient_digests=" d ",
    )


def _reserve(key: str | None = None) -> ReserveMessage:
    return reservation(f"{next(_ids):012x}", at=NOW, idempotency_key=key)


def _finish(message_id: str, provider_id: str | None) -> FinishAttempt:
    result = AttemptResult.of(Reason.ACCEPTED, provider_id=provider_id)
    return FinishAttempt(message_id, 1, result, NOW + 1, NOW + 30, "accepted")


async def _at_once(conninfo: str, operations: Sequence[Operation[Any]]) -> list[Any]:
    """Ask for all of them in one turn of the loop; return the replies and errors."""
    transport = AsyncTransport(executors=PostgresLedger(conninfo).executors)
    try:
        asked = (transport.run(ask(one)) for one in operations)
        return await asyncio.gather(*asked, return_exceptions=True)
    finally:
        await transport.close()


def _rows(conninfo: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(conninfo) as connection:
        return connection.execute(query.encode()).fetchall()


def test_what_many_tasks_ask_for_is_committed_in_few_transactions(postgres: str) -> None:
    replies = asyncio.run(_at_once(postgres, [_enqueue(f"k{number}") for number in range(200)]))

    ((count, commits),) = _rows(
        postgres, "SELECT count(*), count(DISTINCT xmin::text) FROM messaging_channels_message"
    )
    assert replies == [None] * 200
    assert count == 200
    assert commits < 20


def test_what_many_threads_ask_for_is_committed_together_too(postgres: str) -> None:
    with Transport(executors=PostgresLedger(postgres).executors) as transport:
        threads = [
            threading.Thread(target=lambda: [transport.run(ask(_enqueue())) for _ in range(20)])
            for _ in range(8)
        ]
        for one in threads:
            one.start()
        for one in threads:
            one.join()

    ((count, commits),) = _rows(
        postgres, "SELECT count(*), count(DISTINCT xmin::text) FROM messaging_channels_queue"
    )
    assert count == 160
    assert commits < 160


@pytest.mark.parametrize("make", [_enqueue, _reserve])
def test_of_many_that_ask_for_one_key_at_once_one_gets_it(
    postgres: str, make: Callable[[str], Enqueue | ReserveMessage]
) -> None:
    replies = asyncio.run(_at_once(postgres, [make("the key") for _ in range(30)]))

    winners = [one for one in replies if one is None]
    held = {one.id for one in replies if one is not None}
    assert len(winners) == 1
    assert held == {name for (name,) in _rows(postgres, "SELECT id FROM messaging_channels_message")}


@pytest.mark.parametrize("bad", ["a NUL \x00 byte", "a lone \ud800 surrogate"])
def test_an_operation_that_the_database_refuses_is_told_to_its_own_caller_only(
    postgres: str, bad: str
) -> None:
    operations = [_enqueue() for _ in range(20)]
    operations[7] = _enqueue(payload=bad)
    replies = asyncio.run(_at_once(postgres, operations))

    assert isinstance(replies[7], Exception)
    assert [one for place, one in enumerate(replies) if place != 7] == [None] * 19
    assert _rows(postgres, "SELECT count(*) FROM messaging_channels_queue") == [(19,)]


def test_a_transaction_of_which_one_part_fails_leaves_nothing_behind_and_harms_no_other(
    postgres: str,
) -> None:
    whole = Transaction((_enqueue("a"), _enqueue("b", payload="\x00"), _enqueue("c")))
    other = Transaction((_enqueue("d"), _enqueue("e")))
    replies = asyncio.run(_at_once(postgres, [other, whole, _enqueue("f")]))

    assert replies[0] == [None, None]
    assert isinstance(replies[1], LedgerUnavailable)
    assert replies[2] is None
    kept = _rows(postgres, "SELECT idempotency_key FROM messaging_channels_message ORDER BY 1")
    assert kept == [("d",), ("e",), ("f",)]


def test_the_parts_of_a_transaction_that_no_set_takes_are_written_in_the_same_transaction(
    postgres: str,
) -> None:
    first = _enqueue("taken")
    asyncio.run(_at_once(postgres, [first]))
    parts = (_enqueue("x"), _enqueue("taken"), _enqueue("y"), _enqueue("z"))
    ((none, held, *rest),) = asyncio.run(_at_once(postgres, [Transaction(parts)]))

    assert (none, held.id, rest) == (None, first.id, [None, None])
    found = _rows(
        postgres,
        "SELECT count(DISTINCT xmin::text) FROM messaging_channels_message WHERE idempotency_key IN ('x', 'y', 'z')",
    )
    assert found == [(1,)]


def test_two_operations_on_one_message_in_one_group_are_done_one_after_the_other(postgres: str) -> None:
    async def both() -> list[Any]:
        transport = AsyncTransport(executors=PostgresLedger(postgres).executors)
        new = _reserve()
        unsent = AttemptResult.of(Reason.TIMEOUT)
        await transport.run(ask(new))
        end = replace(_finish(new.id, None), result=unsent, stop_reason="")
        again = StartAttempt(AttemptIntent(new.id, 2, "acme-sms", None, NOW + 2), new.lease_owner, NOW + 130)
        replies = await transport.run(ask(Transaction((end, again))))
        record = await transport.run(ask(GetMessage(message_id=new.id)))
        assert record is not None
        await transport.close()
        return [*replies[1:], *((one.number, one.in_progress) for one in record.attempts)]

    assert asyncio.run(both()) == [True, (1, False), (2, True)]


def test_a_report_that_comes_with_the_answer_always_joins_its_message(postgres: str) -> None:
    async def race() -> set[str]:
        ledger = PostgresLedger(postgres)
        transport = AsyncTransport(executors=ledger.executors)
        other = AsyncTransport(executors=PostgresLedger(postgres).executors)
        new = [_reserve() for _ in range(40)]
        await asyncio.gather(*(transport.run(ask(one)) for one in new))
        heard = [
            StatusChanged(
                provider="acme-sms", occurred_at=NOW, provider_id=f"p{one.id}", status=DELIVERED_TO_HANDSET
            )
            for one in new
        ]
        ends = [transport.run(ask(_finish(one.id, f"p{one.id}"))) for one in new]
        told = [other.run(ask(RecordEvent(event, NOW))) for event in heard]
        await asyncio.gather(*ends, *told)
        records = [await transport.run(ask(GetMessage(message_id=one.id))) for one in new]
        await transport.close()
        await other.close()
        return {one.status.name for one in records if one is not None}

    assert asyncio.run(race()) == {DELIVERED_TO_HANDSET.name}


def test_who_waits_for_a_lock_of_a_caller_holds_up_nobody_else(postgres: str) -> None:
    with Dispatcher([Sandbox()], ledger=PostgresLedger(postgres, keys=[b"secret"])) as dispatcher:
        dispatcher.enqueue(Sms("first"), to="+447700900123")
        with psycopg.connect(postgres) as connection:
            dispatcher.enqueue(Sms("x"), to="+447700900123", idempotency_key="k", transaction=connection)
            waiting = threading.Thread(
                target=lambda: dispatcher.enqueue(Sms("x"), to="+447700900123", idempotency_key="k")
            )
            waiting.start()
            others = [dispatcher.enqueue(Sms("y"), to="+447700900123") for _ in range(5)]
            assert waiting.is_alive()  # its key is another transaction's
            connection.rollback()
        waiting.join(30)

        assert not waiting.is_alive()
        assert len({one.id for one in others}) == 5
        assert dispatcher.get_message(idempotency_key="k") is not None


def test_a_connection_that_was_cut_is_made_anew_and_nobody_is_told(postgres: str) -> None:
    with Transport(executors=PostgresLedger(postgres).executors) as transport:
        transport.run(ask(_enqueue()))
        _rows(
            postgres,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid()",
        )
        transport.run(ask(_enqueue()))

    assert _rows(postgres, "SELECT count(*) FROM messaging_channels_queue") == [(2,)]


def test_what_a_cancelled_task_asked_for_is_done_when_it_learns_of_it(postgres: str) -> None:
    async def cancelled() -> tuple[int, bool]:
        transport = AsyncTransport(executors=PostgresLedger(postgres).executors)
        task = asyncio.ensure_future(transport.run(ask(_enqueue())))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        ((count,),) = _rows(postgres, "SELECT count(*) FROM messaging_channels_queue")
        await transport.close()
        return count, task.cancelled()

    assert asyncio.run(cancelled()) == (1, True)


def test_a_ledger_that_was_closed_is_opened_again_by_the_next_who_asks(postgres: str) -> None:
    ledger, before = PostgresLedger(postgres, keys=[b"secret"]), set(threading.enumerate())
    for _ in range(2):
        with Transport(executors=ledger.executors) as transport:
            transport.run(ask(_enqueue()))
        new = set(threading.enumerate()) - before
        assert not any(one.name == "messaging-channels-writer" for one in new)

    async def once() -> None:
        async with AsyncDispatcher([Sandbox()], ledger=ledger) as dispatcher:
            await dispatcher.enqueue(Sms("x"), to="+447700900123")

    asyncio.run(once())
    assert _rows(postgres, "SELECT count(*) FROM messaging_channels_queue") == [(3,)]


def test_a_server_that_refuses_is_told_in_the_time_that_a_caller_waits() -> None:
    nowhere = PostgresLedger("host=127.0.0.1 port=1 dbname=none", pool_timeout=0.05)
    with Transport(executors=nowhere.executors) as transport, pytest.raises(LedgerUnavailable):
        transport.run(ask(_enqueue()))


def test_a_message_goes_through_the_queue_in_sets_alone(postgres: str) -> None:
    with Transport(executors=PostgresLedger(postgres).executors) as transport:
        new = [_enqueue() for _ in range(3)]
        transport.run(ask(Transaction(tuple(new))))
        transport.run(ask(Claim("before", NOW, NOW + 60, 0)))  # the ledger learns the time
        jobs = transport.run(ask(Claim("w", NOW, NOW + 60, 10)))
        starts = tuple(
            StartAttempt(AttemptIntent(one.id, 1, "acme-sms", None, NOW), "w", NOW + 120, queued=True)
            for one in new
        )
        began = transport.run(ask(Transaction(starts)))
        ends = transport.run(ask(Transaction(tuple(_finish(one.id, f"p{one.id}") for one in new))))
        over = transport.run(ask(Transaction(tuple(UpdateJob(one.id, "w", NOW + 2, None) for one in new))))

    assert [job.message_id for job in jobs] == [one.id for one in new]
    assert (began, over) == ([True] * 3, [True] * 3)
    assert len({one.name for one in ends}) == 1
    assert _rows(postgres, "SELECT count(*) FROM messaging_channels_queue") == [(0,)]
    assert _rows(postgres, "SELECT count(DISTINCT xmin::text) FROM messaging_channels_attempt") == [(1,)]


_texts = st.none() | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8)
_row = st.tuples(_texts, st.none() | st.floats(allow_nan=False), st.none() | st.integers(-(2**31), 2**31 - 1))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(_row, min_size=1, max_size=5))
def test_columns_arrive_as_they_were_sent(postgres: str, rows: list[tuple[Any, ...]]) -> None:
    with psycopg.connect(postgres) as connection:
        register(connection)
        text, columns = set_of(b"SELECT * FROM unnest(%b::text[], %b::float8[], %b::int[])", rows)
        found = connection.execute(text, columns).fetchall()

    assert found == rows


@pytest.mark.parametrize(
    ("statement", "arguments"),
    [
        (INSERT_HOUR, (277,)),
        (INSERT_KEYS, (["a"], ["b"])),
        (CLAIM, {"now": NOW, "limit": 10, "holder": "h", "lease": NOW + 60}),
    ],
    ids=["hour", "keys", "claim"],
)
def test_the_server_compiles_no_statement_of_a_group(postgres: str, statement: bytes, arguments: Any) -> None:
    """Compiling takes it a quarter of a second, each time, for a statement that reads two rows."""
    Transport(None, PostgresLedger(postgres).executors).run(ask(GetMessage(message_id="none")))

    with psycopg.connect(postgres) as connection, connection.cursor() as cursor:
        register(connection)
        cursor.execute(PREPARE)
        plan = cursor.execute(b"EXPLAIN (ANALYZE) " + statement, arguments).fetchall()

    assert plan
    assert not [line for (line,) in plan if line.startswith("JIT")]
