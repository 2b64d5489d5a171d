"""What every waker has to pass: wake-ups that are lost, repeated, late or concurrent change nothing but the time.

A test module of a waker imports the tests from here, and has a fixture `engine` that returns an `Engine`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import psycopg
from scripted import Scripted

from messaging_channels import AsyncDispatcher, Sms
from messaging_channels._client.worker import AsyncWorker
from messaging_channels._ledger.postgres import PostgresLedger
from messaging_channels.plugins.notifiers import QueueNotifier

TO = "+447700900123"
HELLO = Sms("a text that no table of an engine holds")
Deliver: TypeAlias = Callable[[AsyncWorker], Awaitable[None]]


@dataclass(frozen=True)
class Running:
    """An engine that runs on a database."""

    notifier: QueueNotifier
    deliver: Deliver
    """Does all jobs that are due, by one worker of the engine."""


@dataclass(frozen=True)
class Engine:
    """An engine, and how to run it."""

    conninfo: str
    run: Callable[[str], AbstractAsyncContextManager[Running]]


@asynccontextmanager
async def _scene(engine: Engine) -> AsyncIterator[tuple[AsyncDispatcher, AsyncWorker, Running, Scripted]]:
    provider = Scripted("acme-sms")
    async with (
        engine.run(engine.conninfo) as running,
        AsyncDispatcher(
            [provider], ledger=PostgresLedger(engine.conninfo, keys=[b"secret"]), notifiers=[running.notifier]
        ) as dispatcher,
    ):
        yield dispatcher, AsyncWorker(dispatcher), running, provider


def test_a_wake_up_has_the_message_sent(engine: Engine) -> None:
    async def scenario() -> None:
        async with _scene(engine) as (dispatcher, worker, running, provider):
            key = (await dispatcher.enqueue(HELLO, to=TO)).id
            await running.deliver(worker)
            assert [envelope.id for envelope in provider.asked] == [key]
            assert await worker.drain() == 0

    asyncio.run(scenario())


def test_a_lost_wake_up_loses_no_message_and_a_late_one_changes_nothing(engine: Engine) -> None:
    async def scenario() -> None:
        async with _scene(engine) as (dispatcher, worker, running, provider):
            await dispatcher.enqueue(HELLO, to=TO)
            assert await worker.drain() == 1  # nobody waited for the job
            await running.deliver(worker)
            assert len(provider.asked) == 1

    asyncio.run(scenario())


def test_repeated_wake_ups_send_once(engine: Engine) -> None:
    async def scenario() -> None:
        async with _scene(engine) as (dispatcher, worker, running, provider):
            receipt = await dispatcher.enqueue(HELLO, to=TO)
            for _ in range(3):
                await running.notifier.notify_async(receipt.id, receipt.not_before)
            await running.deliver(worker)
            assert len(provider.asked) == 1

    asyncio.run(scenario())


def test_concurrent_wake_ups_send_each_message_once(engine: Engine) -> None:
    async def scenario() -> None:
        async with _scene(engine) as (dispatcher, worker, running, provider):
            receipts = [await dispatcher.enqueue(HELLO, to=TO) for _ in range(10)]
            for receipt in receipts:
                await running.notifier.notify_async(receipt.id, receipt.not_before)
            other = AsyncWorker(dispatcher)
            await asyncio.gather(
                running.deliver(worker), running.deliver(other), worker.drain(), other.drain()
            )
            assert sorted(envelope.id for envelope in provider.asked) == sorted(
                receipt.id for receipt in receipts
            )

    asyncio.run(scenario())


def test_a_wake_up_for_what_was_cancelled_or_never_was_does_nothing(engine: Engine) -> None:
    async def scenario() -> None:
        async with _scene(engine) as (dispatcher, worker, running, provider):
            key = (await dispatcher.enqueue(HELLO, to=TO)).id
            await dispatcher.queue.cancel(key)
            await running.notifier.notify_async("nobody", 0.0)
            await running.deliver(worker)
            assert provider.asked == []

    asyncio.run(scenario())


def test_an_engine_that_is_broken_keeps_no_message_from_being_kept(engine: Engine) -> None:
    class Broken:
        def notify(self, message_id: str, not_before: float) -> None:
            raise NotImplementedError

        async def notify_async(self, message_id: str, not_before: float) -> None:
            raise OSError(message_id, not_before)

    async def scenario() -> None:
        async with AsyncDispatcher(
            [Scripted("acme-sms")],
            ledger=PostgresLedger(engine.conninfo, keys=[b"secret"]),
            notifiers=[Broken()],
        ) as dispatcher:
            await dispatcher.enqueue(HELLO, to=TO)
            assert await AsyncWorker(dispatcher).drain() == 1

    asyncio.run(scenario())


def test_an_engine_is_given_ids_and_nothing_else(engine: Engine) -> None:
    async def scenario() -> None:
        async with _scene(engine) as (dispatcher, _, _, _):
            key = (await dispatcher.enqueue(HELLO, to=TO)).id
            async with await psycopg.AsyncConnection.connect(engine.conninfo) as connection:
                named = await connection.execute(
                    "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
                )
                held: list[Any] = []
                for (table,) in await named.fetchall():
                    if not table.startswith("messaging_channels_"):
                        rows = await connection.execute(f'SELECT to_jsonb(t) FROM "{table}" AS t'.encode())
                        held += await rows.fetchall()
            text = repr(held)
            assert HELLO.text not in text
            assert TO[1:] not in text
            assert key in text or key.encode().hex() in text

    asyncio.run(scenario())
