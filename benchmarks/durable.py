"""Enqueue to accepted: messages a second on SQLite and PostgreSQL, beside job queues with a bare HTTP call in the job. One run, one loopback server.

    python benchmarks/durable.py [--messages 2000] [--only sqlite,postgres,two,...]
    python benchmarks/durable.py --million [COUNT] [--only sqlite,postgres]

The second fills a ledger with a million messages (or COUNT, at least 10) by `enqueue_each`, and sends a hundredth of them (2000 at most) at each tenth: the costs and the memory stay the same.

Needs: pip install pgqueuer procrastinate celery asyncpg psycopg[binary,pool] httpx, and PostgreSQL's programs. Every system keeps its jobs durably (the files on
one disk, PostgreSQL with synchronous_commit=on and fsync=on), enqueues with 16 callers at once (Celery: one), and works with 16 at once in one process.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import httpx
from server import Loopback

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import postgres  # noqa: E402

from messaging_channels import AsyncDispatcher, Route, Sms  # noqa: E402
from messaging_channels._ledger.postgres import PostgresLedger  # noqa: E402
from messaging_channels._ledger.sqlite import SqliteLedger  # noqa: E402
from messaging_channels._model.outcomes import AttemptResult, Reason  # noqa: E402
from messaging_channels.plugins.provider import Capabilities, HttpProvider  # noqa: E402
from messaging_channels.plugins.exchange import HttpRequest  # noqa: E402
from messaging_channels._client.worker import AsyncWorker  # noqa: E402

AT_ONCE = 16
TEXT = "Your code is 4821"


class AcmeSms(HttpProvider):
    name = "acme-sms"
    capabilities = Capabilities({Sms: frozenset()})
    executors = {}

    def __init__(self, url):
        self._url = url

    def build_request(self, envelope):
        return HttpRequest.post_json(
            self._url, {"messageId": envelope.id, "text": envelope.message.text}, headers={}
        )

    def parse_response(self, response, envelope):
        return AttemptResult.of(Reason.ACCEPTED, provider_id=envelope.id)


def dispatcher(ledger, url):
    from messaging_channels_infobip import Infobip

    infobip = Infobip(base_url=url, api_key="key", sender="Shop")
    return AsyncDispatcher(
        [AcmeSms(url), infobip], ledger=ledger, routes={"sms": Route(os.environ["PROVIDER"])}
    )


async def at_once(count, one):
    """Do `one` so often, by some callers at once."""
    left = iter(range(count))

    async def caller():
        for _ in left:
            await one()

    await asyncio.gather(*(caller() for _ in range(AT_ONCE)))


async def ours(ledger, url, count):
    async with dispatcher(ledger, url) as client:
        start = time.perf_counter()
        await at_once(count, lambda: client.enqueue(Sms(TEXT), to="+447700900123"))
        enqueued = time.perf_counter()
        await _drained(client)
        return enqueued - start, time.perf_counter() - enqueued


async def _drained(client):
    batch = 10 if os.environ["PROVIDER"] == "acme-sms" else 100
    worker = AsyncWorker(client, concurrency=AT_ONCE, batch_size=batch, poll_interval=0.01)
    running = asyncio.create_task(worker.run())
    while (await client.queue.stats()).by_state:
        await asyncio.sleep(0.05)
    worker.stop()
    await running


def sqlite(url, _, folder, count):
    return asyncio.run(ours(SqliteLedger(folder / "ledger.sqlite3"), url, count))


def on_postgres(url, server, _, count):
    return asyncio.run(ours(PostgresLedger(server.empty(), pool_size=AT_ONCE), url, count))


def _work(conninfo, url, start):
    async def main():
        async with dispatcher(PostgresLedger(conninfo, pool_size=AT_ONCE), url) as client:
            start.wait()
            await _drained(client)

    asyncio.run(main())


def two_workers(url, server, _, count):
    conninfo = server.empty()

    async def enqueued():
        async with dispatcher(PostgresLedger(conninfo, pool_size=AT_ONCE), url) as client:
            await at_once(count, lambda: client.enqueue(Sms(TEXT), to="+447700900123"))

    begin = time.perf_counter()
    asyncio.run(enqueued())
    enqueue = time.perf_counter() - begin
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(3)
    workers = [context.Process(target=_work, args=(conninfo, url, start)) for _ in range(2)]
    for worker in workers:
        worker.start()
    start.wait()
    begin = time.perf_counter()
    for worker in workers:
        worker.join()
    return enqueue, time.perf_counter() - begin


async def _called(client, url):
    (await client.post(url, json={"messageId": "m", "text": TEXT})).raise_for_status()


def pgqueuer(url, server, _, count):
    import asyncpg
    from pgqueuer import PgQueuer
    from pgqueuer.db import AsyncpgPoolDriver
    from pgqueuer.queries import Queries
    from pgqueuer.types import QueueExecutionMode

    async def main():
        parts = dict(part.split("=") for part in server.empty().split())
        async with (
            asyncpg.create_pool(
                host=parts["host"],
                port=parts["port"],
                user=parts["user"],
                database=parts["dbname"],
                max_size=AT_ONCE + 2,
            ) as pool,
            httpx.AsyncClient() as client,
        ):
            queries = Queries(AsyncpgPoolDriver(pool))
            await queries.install()
            start = time.perf_counter()
            await at_once(count, lambda: queries.enqueue("send", b"{}"))
            enqueued = time.perf_counter()
            pgq = PgQueuer.from_asyncpg_pool(pool)

            @pgq.entrypoint("send", concurrency_limit=AT_ONCE)
            async def send(job):
                await _called(client, url)

            await pgq.run(
                mode=QueueExecutionMode.drain, batch_size=AT_ONCE, dequeue_timeout=timedelta(seconds=1)
            )
            return enqueued - start, time.perf_counter() - enqueued

    return asyncio.run(main())


def procrastinate(url, server, _, count):
    from procrastinate import App, PsycopgConnector

    async def main():
        app = App(connector=PsycopgConnector(conninfo=server.empty(), max_size=AT_ONCE))
        async with app.open_async(), httpx.AsyncClient() as client:
            await app.schema_manager.apply_schema_async()

            @app.task(name="send")
            async def send():
                await _called(client, url)

            start = time.perf_counter()
            await at_once(count, send.defer_async)
            enqueued = time.perf_counter()
            await app.run_worker_async(concurrency=AT_ONCE, wait=False, install_signal_handlers=False)
            return enqueued - start, time.perf_counter() - enqueued

    return asyncio.run(main())


CELERY = """
import sys, time, threading, httpx, celery
folder, url, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
app = celery.Celery("bench", broker="filesystem://")
app.conf.broker_transport_options = {"data_folder_in": folder, "data_folder_out": folder, "control_folder": folder + "-control", "polling_interval": 0.002}
app.conf.update(task_ignore_result=True, worker_hijack_root_logger=False, broker_connection_retry_on_startup=True)
client, left, done = httpx.Client(), count, threading.Event()
lock = threading.Lock()
@app.task(name="send")
def send():
    global left
    client.post(url, json={"messageId": "m", "text": "Your code is 4821"}).raise_for_status()
    with lock:
        left -= 1
        if not left: done.set()
start = time.perf_counter()
for _ in range(count): send.delay()
enqueued = time.perf_counter()
def watch():
    done.wait(600)
    print("told", enqueued - start, time.perf_counter() - enqueued, flush=True, file=sys.__stdout__)
    import os; os._exit(0)
threading.Thread(target=watch, daemon=True).start()
app.worker_main(["worker", "--pool=threads", "--concurrency=16", "--loglevel=ERROR", "--without-gossip", "--without-mingle", "--without-heartbeat"])
"""


def celery(url, _, folder, count):
    where = folder / "celery"
    where.mkdir()
    command = [sys.executable, "-c", CELERY, where, url, str(count)]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    if "told " not in told.stdout:
        raise RuntimeError(told.stderr[-2000:])
    return tuple(map(float, told.stdout.split("told ")[1].split()[:2]))


SYSTEMS = {
    "sqlite": ("ours on SQLite", sqlite, "acme-sms"),
    "postgres": ("ours on PostgreSQL", on_postgres, "acme-sms"),
    "two": ("ours on PostgreSQL, two workers", two_workers, "acme-sms"),
    "sqlite-batches": ("ours on SQLite, Infobip's batches", sqlite, "infobip"),
    "postgres-batches": ("ours on PostgreSQL, Infobip's batches", on_postgres, "infobip"),
    "pgqueuer": ("PgQueuer, bare call", pgqueuer, ""),
    "procrastinate": ("Procrastinate, bare call", procrastinate, ""),
    "celery": ("Celery (files as broker), bare call", celery, ""),
}


def million(systems, url, server, folder, count):
    """Fill a ledger with very many messages, and tell at each tenth what one costs, taken in and sent, and the memory of this process."""
    os.environ["PROVIDER"] = "infobip"
    print(f"{count} messages, Infobip's batches{'':8}waiting   taken in/µs   sent/µs   MB now   MB at most")
    for key in systems:
        if key == "sqlite":
            asyncio.run(_filled("SQLite", SqliteLedger(folder / "million.sqlite3"), url, count))
        if key == "postgres":
            asyncio.run(_filled("PostgreSQL", PostgresLedger(server.empty(), pool_size=AT_ONCE), url, count))


async def _filled(title, ledger, url, count):
    part, sample = count // 10, min(2000, max(1, count // 100))
    async with dispatcher(ledger, url) as client:
        worker, waiting = AsyncWorker(client), 0
        for tenth in range(10):
            begin = time.perf_counter()
            to = (f"447{tenth}{number:08}" for number in range(part))
            async for each in client.enqueue_each(Sms(TEXT), to=to):
                assert each.error is None, each.error
            entered = time.perf_counter()
            waiting, sent = waiting + part, 0
            while sent < sample:  # the oldest, from a queue of that depth
                sent += await worker._run(worker._processor.run_round(min(100, sample - sent)))
            cost = (time.perf_counter() - entered) / sent * 1e6
            waiting -= sent
            now = _megabytes()
            most = max(now, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
            taken_in = (entered - begin) / part * 1e6
            print(
                f"{title:<38}{waiting:>10}{taken_in:>14.0f}{cost:>10.0f}{now:>9.0f}{most:>13.0f}", flush=True
            )
        assert (await client.queue.stats()).by_state == {"waiting": waiting}


def _megabytes():
    """Return what this process has in memory now (Linux)."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * resource.getpagesize() / 2**20


def _idle():
    """Return how many seconds the machine's cores have had nothing to do, together (Linux)."""
    fields = Path("/proc/stat").read_text("ascii").split("\n", 1)[0].split()
    return (int(fields[4]) + int(fields[5])) / os.sysconf("SC_CLK_TCK")  # idle, and waiting for a disk


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=2000)
    parser.add_argument("--only", default=",".join(SYSTEMS))
    parser.add_argument("--million", type=int, nargs="?", const=1_000_000, default=0, metavar="COUNT")
    options = parser.parse_args()
    postgres._QUICK = ("max_connections=200",)  # durably: no fsync=off here
    with Loopback() as url, tempfile.TemporaryDirectory() as name, postgres.running() as server:
        if options.million:
            return million(options.only.split(","), url, server, Path(name), options.million)
        print(
            f"{options.messages} messages{'':27}enqueued/s     sent/s  enqueue to accepted/s  of {os.cpu_count()} cores busy"
        )
        for key in options.only.split(","):
            title, run, os.environ["PROVIDER"] = SYSTEMS[key]
            folder = Path(name) / key
            folder.mkdir()
            idle, start = _idle(), time.perf_counter()
            enqueue, send = run(url, server, folder, options.messages)
            busy = os.cpu_count() - (_idle() - idle) / (time.perf_counter() - start)
            count = options.messages
            print(
                f"{title:<38}{count / enqueue:>12.0f}{count / send:>11.0f}{count / (enqueue + send):>12.0f}{busy:>22.1f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
