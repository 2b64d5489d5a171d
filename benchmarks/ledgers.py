"""Sends a second with an idempotency key each, by ledger, over a provider that answers at once: `python benchmarks/ledgers.py [conninfo]`.

`python benchmarks/ledgers.py growth [count]` prints what look-ups take in a ledger of a thousand messages and of that many (a million).

Each send is two commits: the intent and the outcome. SQLite is on the disk of the temporary directory, with `synchronous=FULL`.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import psycopg

from messaging_channels import AsyncDispatcher, Dispatcher, PhoneNumber, Sms
from messaging_channels._ledger.sqlite import SqliteLedger
from messaging_channels._model.outcomes import AttemptResult, Reason
from messaging_channels.plugins.provider import Capabilities

_BEST_OF = 30


class AtOnce:
    name = "at-once"
    capabilities = Capabilities({Sms: frozenset()})
    executors = {}

    def send(self, batch):
        return [AttemptResult.of(Reason.ACCEPTED, provider_id=one.id) for one in batch]
        yield


def in_one_thread(ledger, count=2000):
    with Dispatcher([AtOnce()], ledger=ledger) as dispatcher:
        start = time.perf_counter()
        for number in range(count):
            dispatcher.send(Sms("hello"), to="+447700900123", idempotency_key=f"{start}-{number}")
        return count / (time.perf_counter() - start)


def in_threads(ledger, count=4000, threads=16):
    with Dispatcher([AtOnce()], ledger=ledger) as dispatcher:
        start = time.perf_counter()

        def work(own):
            for number in range(count // threads):
                dispatcher.send(Sms("hello"), to="+447700900123", idempotency_key=f"{start}-{own}-{number}")

        running = [threading.Thread(target=work, args=(own,)) for own in range(threads)]
        for one in running:
            one.start()
        for one in running:
            one.join()
        return count / (time.perf_counter() - start)


def in_tasks(ledger, count=6000, tasks=64):
    async def main():
        async with AsyncDispatcher([AtOnce()], ledger=ledger) as dispatcher:
            start = time.perf_counter()

            async def work(own):
                for number in range(count // tasks):
                    await dispatcher.send(
                        Sms("hello"), to="+447700900123", idempotency_key=f"{start}-{own}-{number}"
                    )

            await asyncio.gather(*(work(own) for own in range(tasks)))
            return (count // tasks) * tasks / (time.perf_counter() - start)

    return asyncio.run(main())


def in_bulk(ledger, count=10000):
    with Dispatcher([AtOnce()], ledger=ledger) as dispatcher:
        start = time.perf_counter()
        numbers = (f"4477{number:08}" for number in range(count))
        done = sum(
            each.error is None
            for each in dispatcher.send_each(Sms("hello"), to=numbers, idempotency_key=str(start))
        )
        assert done == count
        return count / (time.perf_counter() - start)


def measured(name, ledger):
    for how in (in_one_thread, in_threads, in_tasks, in_bulk):
        print(f"{name:14}{how.__name__:16}{how(ledger):10.0f}/s")


def filled(ledger, count):
    """Fill a ledger with messages of which each thousandth was rejected; the operations go to it in large transactions."""
    from messaging_channels._ledger.sql_list import id_at
    from messaging_channels._transport.drivers import Transport
    from messaging_channels.plugins.exchange import ask
    from messaging_channels.plugins.ledger import AttemptIntent, FinishAttempt, ReserveMessage, Transaction

    now = time.time() - 86400.0
    with Transport(executors=ledger.executors) as transport:
        for start in range(0, count, 500):
            steps = []
            for number in range(start, min(start + 500, count)):
                at = now + number / 100
                key = f"{id_at(at)}{number:020x}"
                intent = AttemptIntent(key, 1, "vendor", None, at)
                steps.append(
                    ReserveMessage(
                        id=key,
                        channel="sms",
                        message_type="Sms",
                        account=None,
                        address=f"4477{number:08}",
                        digest="",
                        fingerprint="",
                        scope="",
                        idempotency_key=None,
                        expires=at,
                        lease_owner="w",
                        lease=at,
                        first_attempt=intent,
                    )
                )
                reason = Reason.ACCEPTED if number % 1000 else Reason.RECIPIENT
                steps.append(FinishAttempt(key, 1, AttemptResult.of(reason), at, at, "over"))
            transport.run(ask(Transaction(tuple(steps))))
        for start in range(0, count // 2, 500):
            numbers = range(start, min(start + 500, count // 2))
            transport.run(ask(Transaction(tuple(waiting(number, now) for number in numbers))))
    return now


def waiting(number, now):
    """Return what takes in a message that waits: half of them are due, half are for later; each hundredth is a fallback."""
    from messaging_channels._ledger.sql_list import id_at
    from messaging_channels.plugins.ledger_queue import Enqueue

    at = now + 40_000 + number / 100
    return Enqueue(
        id=f"{id_at(at)}{number:020x}",
        channel="sms",
        message_type="Sms",
        account=None,
        address=f"4478{number:08}",
        digest="",
        fingerprint="",
        scope="",
        idempotency_key=None,
        expires=at,
        at=at,
        due=at if number % 2 else at + 1e6,
        priority=1,
        deadline=None,
        payload="{}",
        recipient_digests=f"{number:032x} {number:032x}x" if number % 100 == 0 else f"{number:032x}",
        steps=2 if number % 100 == 0 else 1,
    )


def scans(ledger, since, count):
    """Return the milliseconds of each look-up, the best of thirty."""
    from messaging_channels._ledger.sql_list import id_at
    from messaging_channels._transport.drivers import Transport
    from messaging_channels.plugins.exchange import ask
    from messaging_channels.plugins.ledger_retention import DeleteRecords, Prune

    with (
        Transport(executors=ledger.executors) as transport,
        Dispatcher([AtOnce()], ledger=ledger) as dispatcher,
    ):
        middle = since + count / 200
        asked = {
            "newest": lambda: dispatcher.list_messages(limit=10),
            "rare status": lambda: dispatcher.list_messages(limit=1, status="REJECTED_DESTINATION"),
            "channel without any": lambda: dispatcher.list_messages(limit=10, channel="email"),
            "a range of time": lambda: dispatcher.list_messages(limit=10, since=middle, until=middle + 1),
            "status in a time": lambda: dispatcher.list_messages(
                limit=1, status="REJECTED_DESTINATION", since=since, until=middle
            ),
            "group of a channel": lambda: dispatcher.list_messages(limit=1, channel="sms", group_id=5),
            "another scope": lambda: dispatcher.list_messages(
                limit=10, scope="other", status="DELIVERED_TO_HANDSET"
            ),
            "dead letters": lambda: dispatcher.queue.dead_letters(limit=10),
            "one recipient": lambda: dispatcher.list_messages(limit=10, to="+447700000042"),
            "erase": lambda: dispatcher.queue.erase_recipient(PhoneNumber.parse("+447700000043")),
            "erase of a fallback": lambda: dispatcher.queue.erase_recipient(
                PhoneNumber.parse("+447800000100")
            ),
            "export": lambda: dispatcher.queue.export_recipient(PhoneNumber.parse("+447700000044")),
            "a step of prune": lambda: transport.run(ask(Prune(time.time(), id_at(since + 5), 100))),
            "a step of deletion": lambda: transport.run(
                ask(DeleteRecords(time.time(), time.time(), id_at(since + 7), 5))
            ),
            "prune without work": lambda: dispatcher.queue.prune(older_than=10 * 365 * 86400.0),
            "statistics": dispatcher.queue.stats,
        }
        took = {}
        for name, ask_once in asked.items():
            best = float("inf")
            for _ in range(_BEST_OF):
                start = time.perf_counter()
                ask_once()
                best = min(best, time.perf_counter() - start)
            took[name] = best * 1000
        return took


def growth(name, make, small, large, settle=lambda: None):
    """Print what each look-up takes in a small and in a large ledger, and the ratio."""
    figures = []
    for count in (small, large):
        ledger = make()
        since = filled(ledger, count)
        settle()
        figures.append(scans(ledger, since, count))
        if hasattr(ledger, "close"):
            ledger.close()
    for what, milliseconds in figures[1].items():
        before = figures[0][what]
        print(f"{name:14}{what:22}{before:9.2f} ms{milliseconds:9.2f} ms   x {milliseconds / before:.1f}")


def measure_growth(large):
    with tempfile.TemporaryDirectory() as folder:
        files = (Path(folder) / f"{number}.sqlite3" for number in range(2))
        growth("SQLite file", lambda: SqliteLedger(next(files), addresses="plain"), 1000, large)
    from postgres import running

    from messaging_channels._ledger.postgres import PostgresLedger

    with running() as server:
        made = []

        def make():
            made.append(server.empty())
            return PostgresLedger(made[-1], addresses="plain")

        def settle():  # as the server does by itself within a minute
            with psycopg.connect(made[-1], autocommit=True) as connection:
                connection.execute("VACUUM ANALYZE")

        growth("PostgreSQL", make, 1000, large, settle)


if __name__ == "__main__" and sys.argv[1:2] == ["growth"]:
    measure_growth(int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000)
elif __name__ == "__main__":
    measured("memory", SqliteLedger())
    with tempfile.TemporaryDirectory() as folder:
        ledger = SqliteLedger(Path(folder) / "ledger.sqlite3")
        measured("SQLite file", ledger)
        ledger.close()
    from postgres import running

    from messaging_channels._ledger.postgres import PostgresLedger

    with running() as server:
        measured("PostgreSQL", PostgresLedger(server.conninfo, keys=[b"secret"], pool_size=16))
