"""Enqueue to accepted: messages a second on SQLite and PostgreSQL, beside job queues with a bare HTTP call in the job. One run, one loopback server.

    python benchmarks/durable.py [--messages 2000] [--rounds 3] [--at-once 64] [--only sqlite,postgres,...]

The systems take turns, and the median of their rounds is told: rates, each as a multiple of PgQueuer's in the same run; the processor time of a message while it is taken in,
and while it is sent (this program and its workers, PostgreSQL, the loopback server); commits, statements and bytes of PostgreSQL's log a message. Each of our systems sends 200 messages
before it is measured.

    python benchmarks/durable.py --workers [--messages 6000]

This lets one and then two workers, each a process, drain the same queue: on all cores, and with a third of a core each (stopped and continued by signals).

    git worktree add ../start COMMIT
    python benchmarks/durable.py --start ../start [--messages 2000]

This compares sending and taking in on SQLite with those of an older commit, whose own `benchmarks/durable.py` is run in turns with this one.

    python benchmarks/durable.py --million [COUNT] [--only sqlite,postgres]

This fills a ledger with a million messages (or COUNT, at least 10) by `enqueue_each`, and sends a hundredth of them (2000 at most) at each tenth: the costs and the memory stay the same.

Needs: pip install pgqueuer procrastinate celery asyncpg psycopg[binary,pool] httpx, and PostgreSQL's programs. Every system keeps its jobs durably (the files on
one disk, PostgreSQL with synchronous_commit=on and fsync=on), enqueues with as many callers at once as `--at-once` says (Celery: one), and works with as many at once in one process.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import httpx
import psycopg
from server import Loopback

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import postgres  # noqa: E402

from messaging_channels import AsyncDispatcher, Route, Sms  # noqa: E402
from messaging_channels._ledger.postgres import PostgresLedger  # noqa: E402
from messaging_channels._ledger.sqlite import SqliteLedger  # noqa: E402
from messaging_channels._model.outcomes import AttemptResult, Outcome, Reason  # noqa: E402
from messaging_channels.plugins.provider import Capabilities, HttpProvider  # noqa: E402
from messaging_channels.plugins.exchange import HttpRequest  # noqa: E402
from messaging_channels.plugins.observer import Observer  # noqa: E402
from messaging_channels._client.worker import AsyncWorker  # noqa: E402

AT_ONCE = 64
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


class Ended(Observer):
    """Counts messages that were accepted, so that nobody has to ask for it while they are sent."""

    def __init__(self):
        self.count = 0

    def attempt_finished(self, attempt):
        self.count += attempt.outcome is Outcome.ACCEPTED


def dispatcher(ledger, url, observer=None):
    from messaging_channels_infobip import Infobip

    infobip = Infobip(base_url=url, api_key="key", sender="Shop")
    return AsyncDispatcher(
        [AcmeSms(url), infobip],
        ledger=ledger,
        routes={"sms": Route(os.environ["PROVIDER"])},
        observer=observer,
    )


async def at_once(count, one):
    """Do `one` so often, by some callers at once."""
    left = iter(range(count))

    async def caller():
        for _ in left:
            await one()

    await asyncio.gather(*(caller() for _ in range(AT_ONCE)))


async def ours(ledger, url, count, between):
    ended = Ended()
    async with dispatcher(ledger, url, ended) as client:
        await at_once(200, lambda: client.enqueue(Sms(TEXT), to="+447700900123"))
        await _drained(client, lambda: ended.count >= 200, 0.01)
        ended.count = 0
        between()
        start = time.perf_counter()
        await at_once(count, lambda: client.enqueue(Sms(TEXT), to="+447700900123"))
        enqueue = time.perf_counter() - start
        between()
        start = time.perf_counter()
        await _drained(client, lambda: ended.count >= count, 0.01)
        return enqueue, time.perf_counter() - start


async def _drained(client, is_over=lambda: True, interval=0.1):
    """Work until the queue is empty. It is asked only when all of it should be sent: what one call costs grows with the queue."""
    batch = 10 if os.environ["PROVIDER"] == "acme-sms" else 100
    worker = AsyncWorker(client, concurrency=AT_ONCE, batch_size=batch, poll_interval=0.01)
    running = asyncio.create_task(worker.run())
    while not is_over() or (await client.queue.stats()).by_state:
        await asyncio.sleep(interval)
    worker.stop()
    await running


def sqlite(url, _, folder, count, between):
    return asyncio.run(ours(SqliteLedger(folder / "ledger.sqlite3"), url, count, between))


def on_postgres(url, server, _, count, between):
    ledger = PostgresLedger(server.empty(), pool_size=AT_ONCE, keys=[b"secret"])
    return asyncio.run(ours(ledger, url, count, between))


def _work(conninfo, url, start):
    """A worker in a process of its own: it begins when all are ready, and ends when nothing waits."""

    async def main():
        async with dispatcher(PostgresLedger(conninfo, pool_size=4, keys=[b"secret"]), url) as client:
            await client.queue.stats()
            start.wait()
            await _drained(client, interval=0.2)

    asyncio.run(main())


def drained_by(number, server, url, count, share):
    """Return in how many seconds so many workers drain a queue, each with that share of a core."""
    conninfo = server.empty()

    async def fill():
        async with dispatcher(PostgresLedger(conninfo, pool_size=4, keys=[b"secret"]), url) as client:
            await at_once(count, lambda: client.enqueue(Sms(TEXT), to="+447700900123"))

    asyncio.run(fill())
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(number + 1)
    workers = [context.Process(target=_work, args=(conninfo, url, start)) for _ in range(number)]
    for worker in workers:
        worker.start()
    start.wait()
    begin = time.perf_counter()
    if share < 1:
        _throttle([worker.pid for worker in workers], share)
    for worker in workers:
        worker.join()
    return time.perf_counter() - begin


def _throttle(pids, share):
    """Stop and continue processes, so that each computes for no more than a share of the time, until they have ended (Linux)."""
    begin, before = time.perf_counter(), {pid: _computed(pid) for pid in pids}
    stopped = set()
    while running := {pid: used for pid in pids if (used := _computed(pid)) is not None}:
        most = share * (time.perf_counter() - begin) + _SLICE
        for pid, used in running.items():
            is_over = used - before[pid] > most
            if is_over != (pid in stopped):
                os.kill(pid, signal.SIGSTOP if is_over else signal.SIGCONT)
                stopped ^= {pid}
        time.sleep(_SLICE / 2)


def _computed(pid):
    """Return the seconds that the threads of a process have computed; None once it has ended."""
    try:
        if (Path("/proc") / str(pid) / "stat").read_text("ascii").rpartition(")")[2].split()[0] == "Z":
            return None
        tasks = list((Path("/proc") / str(pid) / "task").iterdir())
        return sum(int((one / "schedstat").read_text("ascii").split()[0]) for one in tasks) / 1e9
    except OSError:
        return None


_SLICE = 0.01
"""Seconds that a throttled process may be ahead of its share."""


def workers(server, url, options):
    """Tell how much faster two workers are than one."""
    os.environ["PROVIDER"] = "acme-sms"
    print(
        f"{options.messages} messages, one request each{'':14}one/s    two/s    ratio (median of {options.rounds})"
    )
    for title, share, count in (
        ("all cores", 1.0, options.messages),
        ("a third of a core each", 1 / 3, max(200, options.messages // 3)),
    ):
        rounds = [
            [count / drained_by(number, server, url, count, share) for number in order]
            for order in ([1, 2], [2, 1]) * options.rounds
        ][: options.rounds]
        pairs = [pair if place % 2 == 0 else pair[::-1] for place, pair in enumerate(rounds)]
        one, two = (statistics.median(values) for values in zip(*pairs, strict=True))
        ratio = statistics.median(after / before for before, after in pairs)
        print(f"{title:<38}{one:>9.0f}{two:>9.0f}{ratio:>9.2f}", flush=True)


def against_start(folder, options):
    """Run this program and that of an older commit in turns, on SQLite, and tell the rates and their ratios."""
    here = Path(__file__).parents[1]
    told = {"now": [], "start": []}
    for number in range(options.rounds):
        for name in ("now", "start") if number % 2 == 0 else ("start", "now"):
            top = here if name == "now" else Path(folder).resolve()
            paths = [top / "src", *sorted(top.glob("plugins/*/src"))]
            environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))}
            command = [sys.executable, top / "benchmarks" / "durable.py", "--only", "sqlite"]
            command += [
                "--messages",
                str(options.messages),
                *(["--rounds", "1", "--at-once", "16"] if name == "now" else []),
            ]
            out = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
            line = next(one for one in out.splitlines() if "SQLite" in one)
            told[name].append([float(one) for one in line[38:].split()[:3]])
    print(f"SQLite, {options.messages} messages, 16 at once{'':8}enqueue     send  through")
    medians = {
        name: [statistics.median(one) for one in zip(*rates, strict=True)] for name, rates in told.items()
    }
    for name, rates in medians.items():
        print(f"{name:<38}" + "".join(f"{one:>9.0f}" for one in rates))
    ratios = [after / before for after, before in zip(medians["now"], medians["start"], strict=True)]
    print(f"{'ratio':<38}" + "".join(f"{one:>9.2f}" for one in ratios))


async def _called(client, url):
    (await client.post(url, json={"messageId": "m", "text": TEXT})).raise_for_status()


def pgqueuer(url, server, _, count, between):
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
            between()
            start = time.perf_counter()
            await at_once(count, lambda: queries.enqueue("send", b"{}"))
            enqueued = time.perf_counter()
            between()
            pgq = PgQueuer.from_asyncpg_pool(pool)

            @pgq.entrypoint("send", concurrency_limit=AT_ONCE)
            async def send(job):
                await _called(client, url)

            await pgq.run(
                mode=QueueExecutionMode.drain, batch_size=AT_ONCE, dequeue_timeout=timedelta(seconds=1)
            )
            return enqueued - start, time.perf_counter() - enqueued

    return asyncio.run(main())


def procrastinate(url, server, _, count, between):
    from procrastinate import App, PsycopgConnector

    async def main():
        app = App(connector=PsycopgConnector(conninfo=server.empty(), max_size=AT_ONCE))
        async with app.open_async(), httpx.AsyncClient() as client:
            await app.schema_manager.apply_schema_async()

            @app.task(name="send")
            async def send():
                await _called(client, url)

            between()
            start = time.perf_counter()
            await at_once(count, send.defer_async)
            enqueued = time.perf_counter()
            between()
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
app.worker_main(["worker", "--pool=threads", "--concurrency=AT_ONCE", "--loglevel=ERROR", "--without-gossip", "--without-mingle", "--without-heartbeat"])
"""


def celery(url, _, folder, count, between):
    between()
    between()  # both in a program of its own: all of it counts as sending
    where = folder / "celery"
    where.mkdir()
    command = [sys.executable, "-c", CELERY.replace("AT_ONCE", str(AT_ONCE)), where, url, str(count)]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    if "told " not in told.stdout:
        raise RuntimeError(told.stderr[-2000:])
    return tuple(map(float, told.stdout.split("told ")[1].split()[:2]))


SYSTEMS = {
    "sqlite": ("ours on SQLite", sqlite, "acme-sms"),
    "postgres": ("ours on PostgreSQL", on_postgres, "acme-sms"),
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
            asyncio.run(
                _filled(
                    "PostgreSQL",
                    PostgresLedger(server.empty(), pool_size=AT_ONCE, keys=[b"secret"]),
                    url,
                    count,
                )
            )


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


def _cpu_of_tree(root):
    """Return the seconds that a process, what it began and what has ended of that have computed (Linux)."""
    seconds, parents = {}, {}
    for one in Path("/proc").iterdir():
        if one.name.isdigit():
            try:
                fields = (one / "stat").read_text("ascii").rpartition(")")[2].split()
            except OSError:  # it has just ended
                continue
            parents[int(one.name)] = int(fields[1])
            seconds[int(one.name)] = sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    family = {root}
    while more := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= more
    return sum(seconds.get(pid, 0.0) for pid in family)


class Meter:
    """What the parts of a run have used so far."""

    def __init__(self, server, loopback):
        self._server, self._loopback = server, loopback
        with psycopg.connect(server.conninfo, autocommit=True) as connection:
            connection.execute("CREATE EXTENSION pg_stat_statements")
        self._postmaster = int((server._data / "postmaster.pid").read_text("ascii").split()[0])

    def read(self):
        own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        with psycopg.connect(self._server.conninfo, autocommit=True) as connection:
            ((log,),) = connection.execute("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn").fetchall()
            ((commits,),) = connection.execute("SELECT sum(xact_commit) FROM pg_stat_database").fetchall()
            ((calls,),) = connection.execute(
                "SELECT coalesce(sum(calls), 0) FROM pg_stat_statements"
            ).fetchall()
        return (
            sum(one.ru_utime + one.ru_stime for one in (own, children)),
            _cpu_of_tree(self._postmaster),
            _cpu_of_tree(self._loopback),
            float(commits),
            float(calls),
            float(log),
        )


def measured(run, meter, url, server, folder, count):
    """Return rates, and what a message used while it was taken in and while it was sent."""
    seen = []

    def between():
        time.sleep(0.6)  # PostgreSQL tells its commits late
        seen.append(meter.read())

    enqueue, send = run(url, server, folder, count, between)
    between()
    parts = [
        [(after - before) / count for before, after in zip(*pair, strict=True)]
        for pair in zip(seen, seen[1:], strict=False)
    ]
    return (count / enqueue, count / send, count / (enqueue + send), *parts[0], *parts[1])


def told(title, rounds, peer):
    values = [statistics.median(values) for values in zip(*rounds, strict=True)]
    ratios = [values[place] / peer[place] for place in range(3)] if peer else []
    entering, sending = values[3:9], values[9:15]
    cpu = [1e6 * one for one in (sum(entering[:3]), *sending[:3], sum(sending[:3]))]
    used = [one + other for one, other in zip(entering, sending, strict=True)]
    print(
        f"{title:<38}{values[0]:>9.0f}{values[1]:>9.0f}{values[2]:>9.0f}   "
        + "".join(f"{one:>6.2f}" for one in ratios).ljust(18)
        + "".join(f"{one:>7.0f}" for one in cpu)
        + f"{used[3]:>9.2f}{used[4]:>8.1f}{used[5]:>8.0f}",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser()
    global AT_ONCE
    parser.add_argument("--messages", type=int, default=2000)
    parser.add_argument("--at-once", type=int, default=AT_ONCE)
    parser.add_argument("--workers", action="store_true")
    parser.add_argument("--start", metavar="FOLDER")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default=",".join(SYSTEMS))
    parser.add_argument("--million", type=int, nargs="?", const=1_000_000, default=0, metavar="COUNT")
    options = parser.parse_args()
    AT_ONCE = options.at_once
    if options.start:
        return against_start(options.start, options)
    postgres._QUICK = (
        "max_connections=200",
        "shared_preload_libraries=pg_stat_statements",
    )  # durably: no fsync=off here
    loopback = Loopback()
    with loopback as url, tempfile.TemporaryDirectory() as name, postgres.running() as server:
        if options.million:
            return million(options.only.split(","), url, server, Path(name), options.million)
        if options.workers:
            return workers(server, url, options)
        keys, meter = options.only.split(","), Meter(server, loopback.pid)
        results = {key: [] for key in keys}
        for number in range(options.rounds):
            for key in keys if number % 2 == 0 else keys[::-1]:
                _, run, os.environ["PROVIDER"] = SYSTEMS[key]
                folder = Path(name) / f"{key}-{number}"
                folder.mkdir()
                results[key].append(measured(run, meter, url, server, folder, options.messages))
        print(
            f"{options.messages} messages, {options.rounds} rounds{'':16}enqueue     send  through   x PgQueuer's        "
            "CPU/µs: taken in | sent: own server loopback  all  commits  statem.  log/B"
        )
        found = results.get("pgqueuer")
        peer = found and [statistics.median(values) for values in zip(*found, strict=True)]
        for key in keys:
            told(SYSTEMS[key][0], results[key], peer)


if __name__ == "__main__":
    main()
