"""Wake-ups and requests by a real NATS server."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import nats
import pytest
from nats.js import JetStreamContext  # noqa: TC002  beside the module of the same name
from notifier_suite import *  # noqa: F403  its tests are ours
from notifier_suite import Engine, Running
from scripted import Scripted

from messaging_channels import AsyncDispatcher, AsyncWorker, Dispatcher, PostgresLedger, Sms, SqliteLedger
from messaging_channels_nats import SUBJECT, NatsNotifier, RequestSource, wake_worker

TO = "+447700900123"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server with JetStream."""
    beside = Path(sys.executable).parent  # a virtual environment need not be activated
    program = shutil.which("nats-server", path=f"{beside}{os.pathsep}{os.environ['PATH']}")
    if program is None:
        pytest.skip("nats-server is not installed")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    folder = str(tmp_path_factory.mktemp("nats"))
    process = subprocess.Popen(
        [program, "-js", "-a", "127.0.0.1", "-p", str(port), "-sd", folder, "-l", f"{folder}/log"]
    )
    for _ in range(200):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            break
        time.sleep(0.05)
    yield f"nats://127.0.0.1:{port}"
    process.terminate()
    process.wait(20)


@asynccontextmanager
async def _streams(server: str) -> AsyncIterator[JetStreamContext]:
    """Empty streams for wake-ups and requests."""
    connection = await nats.connect(server)
    jetstream = connection.jetstream()
    for name, subjects in (("WAKE", [SUBJECT]), ("REQUESTS", ["send.>"])):
        with suppress(nats.js.errors.NotFoundError):
            await jetstream.delete_stream(name)
        await jetstream.add_stream(name=name, subjects=subjects)
    try:
        yield jetstream
    finally:
        await connection.close()


@pytest.fixture
def engine(postgres: str, server: str) -> Engine:
    @asynccontextmanager
    async def run(_: str) -> AsyncIterator[Running]:
        async with _streams(server) as jetstream:

            async def deliver(worker: AsyncWorker) -> None:
                await wake_worker(jetstream, worker, once=True)

            yield Running(NatsNotifier(jetstream), deliver)

    return Engine(postgres, run)


def _request(text: str = "hello", **more: Any) -> bytes:
    return json.dumps({"channel": "sms", "to": TO, "content": {"text": text}, **more}).encode()


async def _sent(dispatcher: AsyncDispatcher, provider: Scripted) -> list[str]:
    await AsyncWorker(dispatcher).drain()
    return [envelope.message.text for envelope in provider.asked]  # type: ignore[attr-defined]


def _with_source(server: str, home: Path, steps: Any) -> None:
    async def run() -> None:
        provider = Scripted("acme-sms")
        ledger = SqliteLedger(home / "ledger.sqlite3")
        async with _streams(server) as jetstream, AsyncDispatcher([provider], ledger=ledger) as dispatcher:
            source = RequestSource(jetstream, dispatcher, subject="send.>", rejected=None)
            await steps(jetstream, source, dispatcher, provider)

    asyncio.run(run())


def test_requests_are_sent_once_however_often_they_are_published_or_delivered(
    server: str, tmp_path: Path
) -> None:
    async def steps(
        jetstream: JetStreamContext, source: RequestSource, dispatcher: Any, provider: Any
    ) -> None:
        for number in range(20):
            await jetstream.publish("send.sms", _request(f"text {number}", idempotencyKey=f"order-{number}"))
            await jetstream.publish("send.sms", _request(f"text {number}", idempotencyKey=f"order-{number}"))
        await jetstream.publish("send.sms", _request("without a key"))
        assert await source.consume(once=True) == 41
        await jetstream.delete_consumer(
            "REQUESTS", "messaging_channels"
        )  # all of them are delivered once more
        assert await source.consume(once=True) == 41
        told = await _sent(dispatcher, provider)
        assert sorted(told) == sorted([*(f"text {number}" for number in range(20)), "without a key"])

    _with_source(server, tmp_path, steps)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"[1]",
        b'{"channel": "sms"}',
        _request(text=""),
        _request(to="nobody"),
        _request(channel="fax"),
        _request(channel=["sms"]),
        _request(unknown=1),
        _request(sendAt="soon"),
        _request(sendAt=5),
        _request(sendAt=["2030-01-01"]),
        b'{"channel": "sms", "to": "+447700900123", "content": 7}',
        b'{"channel": "sms", "to": ["+447700900123"], "content": {"text": "hello"}}',
    ],
)
def test_what_cannot_be_sent_holds_nothing_up_and_is_not_delivered_again(
    data: bytes, server: str, tmp_path: Path
) -> None:
    async def steps(
        jetstream: JetStreamContext, source: RequestSource, dispatcher: Any, provider: Any
    ) -> None:
        await jetstream.publish("send.sms", data)
        await jetstream.publish("send.sms", _request("after it"))
        assert await source.consume(once=True) == 2
        assert await source.consume(once=True) == 0
        info = await jetstream.consumer_info("REQUESTS", "messaging_channels")
        assert (info.num_ack_pending, info.num_pending) == (0, 0)
        assert await _sent(dispatcher, provider) == ["after it"]

    _with_source(server, tmp_path, steps)


def test_a_request_that_is_rejected_is_told_with_its_reason_and_without_its_content(
    server: str, tmp_path: Path
) -> None:
    async def steps(jetstream: JetStreamContext, _: RequestSource, dispatcher: Any, __: Any) -> None:
        await jetstream.add_stream(name="REJECTED", subjects=["rejected"])
        source = RequestSource(jetstream, dispatcher, subject="send.>", rejected="rejected")
        await jetstream.publish("send.sms", _request("secret words", idempotencyKey="k"))
        await jetstream.publish("send.sms", _request("other words", idempotencyKey="k"))
        assert await source.consume(once=True) == 2
        held = await jetstream.get_last_msg("REJECTED", "rejected")
        told = json.loads(held.data or b"")
        assert (told["stream"], told["sequence"]) == ("REQUESTS", 2)
        assert told["reason"]
        assert "words" not in told["reason"]
        await jetstream.delete_stream("REJECTED")

    _with_source(server, tmp_path, steps)


def test_a_request_is_acknowledged_only_when_the_ledger_took_it(server: str) -> None:
    async def run() -> None:
        async with _streams(server) as jetstream:
            nobody = "host=127.0.0.1 port=1 user=nobody dbname=nothing"
            broken = PostgresLedger(nobody, addresses="plain", pool_timeout=0.2)
            async with AsyncDispatcher([Scripted("acme-sms")], ledger=broken) as dispatcher:
                source = RequestSource(jetstream, dispatcher, subject="send.>")
                await jetstream.publish("send.sms", _request())
                assert await source.consume(once=True) == 1
            info = await jetstream.consumer_info("REQUESTS", "messaging_channels")
            assert info.num_ack_pending == 1

    asyncio.run(run())


def test_a_synchronous_dispatcher_hands_over_by_the_loop_of_the_connection(
    server: str, tmp_path: Path
) -> None:
    async def run() -> None:
        async with _streams(server) as jetstream:
            notifier = NatsNotifier(jetstream, loop=asyncio.get_running_loop())

            def enqueue() -> str:
                ledger = SqliteLedger(tmp_path / "ledger.sqlite3")
                with Dispatcher([Scripted("acme-sms")], ledger=ledger, notifiers=[notifier]) as dispatcher:
                    return dispatcher.enqueue(Sms("x"), to=TO).id

            key = await asyncio.to_thread(enqueue)
            held = await jetstream.get_last_msg("WAKE", SUBJECT)
            assert (held.data or b"").decode() == key
            await notifier.notify_async("later", time.time() + 3600)
            assert (await jetstream.stream_info("WAKE")).state.messages == 1

    asyncio.run(run())
    with pytest.raises(TypeError, match="loop"):
        NatsNotifier(None).notify("m", 0.0)  # type: ignore[arg-type]


def test_an_engine_is_given_ids_and_nothing_else(server: str, tmp_path: Path) -> None:
    """Stands for the suite's test of the name, which looks into PostgreSQL: the stream holds the id, and nothing else."""

    async def run() -> None:
        ledger = SqliteLedger(tmp_path / "ledger.sqlite3")
        async with (
            _streams(server) as jetstream,
            AsyncDispatcher(
                [Scripted("acme-sms")], ledger=ledger, notifiers=[NatsNotifier(jetstream)]
            ) as dispatcher,
        ):
            key = (await dispatcher.enqueue(Sms("a text that no stream holds"), to=TO)).id
            held = await jetstream.get_last_msg("WAKE", SUBJECT)
            assert ((held.data or b"").decode(), held.headers) == (key, None)

    asyncio.run(run())
