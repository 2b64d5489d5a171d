from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest
from notifier_suite import *  # noqa: F403  its tests are ours
from notifier_suite import Engine, Running
from pgqueuer import PgQueuer
from pgqueuer.db import PsycopgDriver, SyncPsycopgDriver
from pgqueuer.queries import Queries, SyncQueries
from pgqueuer.types import QueueExecutionMode
from scripted import Scripted

from messaging_channels import AsyncDispatcher, AsyncWorker, Dispatcher, PostgresLedger, Sms
from messaging_channels_pgqueuer import PgQueuerNotifier, register_task

TEXT = Sms("x")


class _Attentive(psycopg.AsyncConnection[Any]):
    """Listens for a moment at a time: PgQueuer does so for a second, and what it asks the database meanwhile waits."""

    async def notifies(self, **_: Any) -> AsyncIterator[psycopg.Notify]:
        async for notice in super().notifies(timeout=0.02, stop_after=1):
            yield notice


@asynccontextmanager
async def _run(conninfo: str) -> AsyncIterator[Running]:
    async def deliver(worker: AsyncWorker) -> None:
        async with await _Attentive.connect(conninfo, autocommit=True) as own:
            pgq = PgQueuer.from_psycopg_connection(own)
            register_task(pgq, worker)
            await pgq.run(mode=QueueExecutionMode.drain)

    async with await _Attentive.connect(conninfo, autocommit=True) as connection:
        queries = Queries(PsycopgDriver(connection))
        await queries.install()
        yield Running(PgQueuerNotifier(queries), deliver)


@pytest.fixture
def engine(postgres: str) -> Engine:
    return Engine(postgres, _run)


def _jobs(conninfo: str) -> list[str]:
    """Return the message ids in PgQueuer's table."""
    with psycopg.connect(conninfo) as connection:
        return [payload.decode() for (payload,) in connection.execute("SELECT payload FROM pgqueuer")]


@pytest.fixture
def installed(postgres: str) -> str:
    """A database with PgQueuer's tables."""

    async def install() -> None:
        async with _run(postgres):
            pass

    asyncio.run(install())
    return postgres


async def _delivered(conninfo: str) -> list[str]:
    """Have PgQueuer do what is due, by an asynchronous worker; return the ids of what was sent."""
    provider = Scripted("acme-sms")
    async with (
        AsyncDispatcher([provider], ledger=PostgresLedger(conninfo, keys=[b"secret"])) as dispatcher,
        await _Attentive.connect(conninfo, autocommit=True) as own,
    ):
        pgq = PgQueuer.from_psycopg_connection(own)
        register_task(pgq, AsyncWorker(dispatcher))
        await pgq.run(mode=QueueExecutionMode.drain)
    return [envelope.id for envelope in provider.asked]


def test_a_synchronous_dispatcher_hands_over_too(installed: str) -> None:
    with (
        psycopg.connect(installed, autocommit=True) as connection,
        Dispatcher(
            [Scripted("acme-sms")],
            ledger=PostgresLedger(installed, keys=[b"secret"]),
            notifiers=[PgQueuerNotifier(sync=SyncQueries(SyncPsycopgDriver(connection)))],
        ) as dispatcher,
    ):
        receipt = dispatcher.enqueue(TEXT, to="+447700900123")
    assert _jobs(installed) == [receipt.id]
    assert asyncio.run(_delivered(installed)) == [receipt.id]
    assert _jobs(installed) == []


def test_a_wake_up_is_not_handed_out_before_the_message_is_due(installed: str) -> None:
    with psycopg.connect(installed, autocommit=True) as connection:
        waker = PgQueuerNotifier(sync=SyncQueries(SyncPsycopgDriver(connection)))
        waker.notify("later", time.time() + 3600)
        waker.notify("long ago", 0.0)
        held = "SELECT payload, extract(epoch FROM execute_after - now())::float FROM pgqueuer"
        waits = {payload.decode(): seconds for payload, seconds in connection.execute(held)}
    assert waits["later"] == pytest.approx(3600, abs=60)
    assert waits["long ago"] <= 0


def test_a_wake_up_on_the_callers_connection_lives_and_dies_with_the_transaction(installed: str) -> None:
    with (
        psycopg.connect(installed, autocommit=True) as connection,
        Dispatcher([Scripted("acme-sms")], ledger=PostgresLedger(installed, keys=[b"secret"])) as dispatcher,
    ):
        waker = PgQueuerNotifier(sync=SyncQueries(SyncPsycopgDriver(connection)))
        kept: list[str] = []
        for end in (psycopg.Rollback, None):
            with connection.transaction():
                receipt = dispatcher.enqueue(TEXT, to="+447700900123", transaction=connection)
                waker.notify(receipt.id, receipt.not_before)
                assert _jobs(installed) == []
                if end:
                    raise end
                kept.append(receipt.id)
    assert _jobs(installed) == kept


def test_a_waker_of_the_other_colour_says_what_it_lacks() -> None:
    with pytest.raises(TypeError, match="sync"):
        PgQueuerNotifier().notify("m", 0.0)
