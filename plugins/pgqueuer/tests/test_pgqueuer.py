from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
import pytest
from pgqueuer import PgQueuer
from pgqueuer.db import PsycopgDriver, SyncPsycopgDriver
from pgqueuer.queries import Queries, SyncQueries
from pgqueuer.types import QueueExecutionMode
from scripted import Scripted
from waker_suite import *  # noqa: F403  its tests are ours
from waker_suite import Engine, Running

from messaging_channels import Dispatcher, Sms
from messaging_channels.ledger.postgres import PostgresLedger
from messaging_channels.worker import AsyncWorker, Worker
from messaging_channels_pgqueuer import PgQueuerWaker, serve


@asynccontextmanager
async def _run(conninfo: str) -> AsyncIterator[Running]:
    async def deliver(worker: AsyncWorker) -> None:
        async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as own:
            pgq = PgQueuer.from_psycopg_connection(own)
            serve(pgq, worker)
            await pgq.run(mode=QueueExecutionMode.drain)

    async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
        queries = Queries(PsycopgDriver(connection))
        await queries.install()
        yield Running(PgQueuerWaker(queries), deliver)


@pytest.fixture
def engine(postgres: str) -> Engine:
    return Engine(postgres, _run)


def test_a_synchronous_dispatcher_hands_over_too(postgres: str) -> None:
    with (
        psycopg.connect(postgres, autocommit=True) as connection,
        Dispatcher([Scripted("pigeon")], ledger=PostgresLedger(postgres)) as dispatcher,
    ):
        SyncQueries(SyncPsycopgDriver(connection))
        receipt = dispatcher.enqueue(Sms("x"), to="+447700900123")
        assert Worker(dispatcher).look(receipt.id) is True


def test_a_waker_of_the_other_colour_says_what_it_lacks() -> None:
    with pytest.raises(TypeError, match="sync"):
        PgQueuerWaker().wake("m", 0.0)
