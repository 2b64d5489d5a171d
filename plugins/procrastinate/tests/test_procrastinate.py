from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from notifier_suite import *  # noqa: F403  its tests are ours
from notifier_suite import Engine, Running
from procrastinate import App, PsycopgConnector, SyncPsycopgConnector
from scripted import Scripted

from messaging_channels import AsyncWorker, Dispatcher, PostgresLedger, Sms
from messaging_channels_procrastinate import ProcrastinateNotifier, register_task


@asynccontextmanager
async def _run(conninfo: str) -> AsyncIterator[Running]:
    async def deliver(worker: AsyncWorker) -> None:
        own = App(connector=PsycopgConnector(conninfo=conninfo))
        register_task(own, worker)
        async with own.open_async():
            await own.run_worker_async(wait=False, install_signal_handlers=False, listen_notify=False)

    app = App(connector=PsycopgConnector(conninfo=conninfo))
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        yield Running(ProcrastinateNotifier(app), deliver)


@pytest.fixture
def engine(postgres: str) -> Engine:
    return Engine(postgres, _run)


def test_a_synchronous_dispatcher_hands_over_too(postgres: str) -> None:
    app = App(connector=SyncPsycopgConnector(conninfo=postgres))
    with app.open():
        app.schema_manager.apply_schema()
        with Dispatcher(
            [Scripted("acme-sms")],
            ledger=PostgresLedger(postgres, keys=[b"secret"]),
            notifiers=[ProcrastinateNotifier(app)],
        ) as dispatcher:
            receipt = dispatcher.enqueue(Sms("x"), to="+447700900123")
        (job,) = app.job_manager.list_jobs(task="messaging_channels.process")
        assert job.task_kwargs == {"message_id": receipt.id}
