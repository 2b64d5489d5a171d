"""Sends a second with an idempotency key each, by ledger, over a provider that answers at once: `python benchmarks/ledgers.py [conninfo]`.

`python benchmarks/ledgers.py growth [count [sqlite|postgres]]` prints what look-ups take in a ledger of a thousand messages and of that many (a million), and
ends with 1 if anything takes more than three times as long. A million takes about two minutes on each database.

Each send is two commits: the intent and the outcome. SQLite is on the disk of the temporary directory, with `synchronous=FULL`.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import sqlite3
import sys
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import psycopg

from messaging_channels import AsyncDispatcher, Dispatcher, PhoneNumber, Sms
from messaging_channels._ledger.sqlite import SqliteLedger
from messaging_channels._model.outcomes import AttemptResult, Reason
from messaging_channels.plugins.provider import Capabilities

_BEST_OF, _BEST_OF_CHANGES = 100, 30


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


class Tables:
    """The tables of a ledger, reached beside it: rows are written in bulk."""

    def __init__(self, connection, copy, *settling):
        self.connection, self.copy, self.settling = connection, copy, settling

    def settle(self):
        """Do what a database does by itself within a minute."""
        for statement in self.settling:
            self.connection.execute(statement)

    def close(self):
        self.connection.close()

    @classmethod
    def of_file(cls, path):
        connection = sqlite3.connect(path, isolation_level=None)

        def copy(table, columns, rows):
            marks = ", ".join("?" * len(columns))
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows)
            connection.execute("COMMIT")

        return cls(connection, copy, "PRAGMA wal_checkpoint(TRUNCATE)")

    @classmethod
    def of_server(cls, conninfo):
        connection = psycopg.connect(conninfo, autocommit=True)

        def copy(table, columns, rows):
            into = f"COPY {table} ({', '.join(columns)}) FROM STDIN"
            with connection.cursor() as cursor, cursor.copy(into) as copied:
                for row in rows:
                    copied.write_row(row)

        return cls(connection, copy, "VACUUM ANALYZE")

    def repeat(self, table, name, ids, changes):
        """Write rows of a table again under other ids: those of the first `_WRITTEN` ids in turn, with some columns changed."""
        cursor = self.connection.execute(f"SELECT * FROM {table}")
        columns = [column[0] for column in cursor.description]
        own = columns.index(name)
        known = {row[own]: row for row in cursor.fetchall()}
        first = [known[key] for key in ids[:_WRITTEN] if key in known]
        changed = [(columns.index(column), make) for column, make in changes.items()]

        def rows():
            for number in range(len(first), len(ids)):
                row = list(first[number % len(first)])
                row[own] = ids[number]
                for place, make in changed:
                    row[place] = row[place] and make(number)
                yield row

        self.copy(table, columns, rows())


_WRITTEN = 1000
"""So many messages of each kind are written by the operations that sending performs. The others are those once more."""


def filled(ledger, count, tables):
    """Fill a ledger with messages of which each thousandth was rejected, and half as many that wait."""
    from messaging_channels._transport.drivers import Transport
    from messaging_channels.plugins.exchange import ask
    from messaging_channels.plugins.ledger import Transaction

    since = time.time() - 86400.0 - count / 100
    with Transport(executors=ledger.executors) as transport:
        for start in range(0, min(count, _WRITTEN), 500):
            numbers = range(start, min(start + 500, count))
            transport.run(ask(Transaction(tuple(step for number in numbers for step in sent(number, since)))))
        for start in range(0, min(count // 2, _WRITTEN), 500):
            numbers = range(start, min(start + 500, count // 2))
            transport.run(ask(Transaction(tuple(waiting(number, since) for number in numbers))))
    with closing(tables()) as opened:
        if count > _WRITTEN:
            repeat_all(opened, since, count)
        opened.settle()
    return since


def repeat_all(tables, since, count):
    """Write the first messages again, each with an id, an address and a time of its own, until there are so many."""

    def at(number):
        return since + number / 100

    def at_queue(number):
        return since + _WAITING_AFTER + number / 100

    def due(number):
        return at_queue(number) if number % 2 else at_queue(number) + 1e6

    message, queue = "messaging_channels_message", "messaging_channels_queue"
    ids = [id_of(at(number), number) for number in range(count)]
    times = dict.fromkeys(("created", "expires", "lease"), at)
    tables.repeat(message, "id", ids, {**times, "address": lambda number: f"4477{number:08}"})
    tables.repeat("messaging_channels_attempt", "message_id", ids, {"started": at})
    ids = [id_of(at_queue(number), number) for number in range(count // 2)]
    times = dict.fromkeys(("created", "expires"), at_queue)
    tables.repeat(message, "id", ids, {**times, "address": lambda number: f"4478{number:08}"})
    tables.repeat(queue, "message_id", ids, {"created": at_queue, "due": due, "ready_at": due})
    recipients = [
        (f"{number:032x}{end}", ids[number]) for number in range(_WRITTEN, len(ids), 100) for end in ("", "x")
    ]
    tables.copy("messaging_channels_fallback_recipient", ["recipient", "message_id"], recipients)


_WAITING_AFTER = 40_000.0
"""Seconds after the first message that was sent, from which on messages wait."""


def id_of(at, number):
    from messaging_channels._ledger.sql_list import id_at

    return f"{id_at(at)}{number:020x}"


def sent(number, since):
    """Return the operations that write a message down which went out, or was rejected."""
    from messaging_channels.plugins.ledger import AttemptIntent, FinishAttempt, ReserveMessage

    at = since + number / 100
    key = id_of(at, number)
    yield ReserveMessage(
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
        first_attempt=AttemptIntent(key, 1, "vendor", None, at),
    )
    reason = Reason.ACCEPTED if number % 1000 else Reason.RECIPIENT
    yield FinishAttempt(key, 1, AttemptResult.of(reason), at, at, "over")


def waiting(number, now):
    """Return what takes in a message that waits: half of them are due, half are for later; each hundredth is a fallback."""
    from messaging_channels.plugins.ledger_queue import Enqueue

    at = now + _WAITING_AFTER + number / 100
    return Enqueue(
        id=id_of(at, number),
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
    """Return the milliseconds of each look-up, the best of many."""
    from messaging_channels._ledger.sql_list import id_at
    from messaging_channels._transport.drivers import Transport
    from messaging_channels.plugins.exchange import ask
    from messaging_channels.plugins.ledger_retention import DeleteRecords, Prune

    with (
        Transport(executors=ledger.executors) as transport,
        Dispatcher([AtOnce()], ledger=ledger) as dispatcher,
    ):
        middle = since + count / 200
        person, waiting_person, step = itertools.count(100), itertools.count(100), itertools.count(50)
        # each change finds somebody, or messages, of whom something is left
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
            "erase": lambda: dispatcher.queue.erase_recipient(PhoneNumber(f"4477{next(person):08}")),
            "erase of a fallback": lambda: dispatcher.queue.erase_recipient(
                PhoneNumber(f"4478{next(waiting_person):08}")
            ),
            "export": lambda: dispatcher.queue.export_recipient(PhoneNumber.parse("+447700000044")),
            "a step of prune": lambda: transport.run(
                ask(Prune(time.time(), id_at(since + next(step) / 10), 10))
            ),
            "a step of deletion": lambda: transport.run(
                ask(DeleteRecords(time.time(), time.time(), id_at(since + 7), 5))
            ),
            "prune without work": lambda: dispatcher.queue.prune(older_than=10 * 365 * 86400.0),
            "rejected of one": lambda: dispatcher.list_messages(
                limit=10, to="+447700000042", status="REJECTED_DESTINATION"
            ),
            "statistics": dispatcher.queue.stats,
        }
        took = {}
        for name, ask_once in asked.items():
            best = float("inf")
            for _ in range(_BEST_OF_CHANGES if name.startswith("a step") else _BEST_OF):
                start = time.perf_counter()
                ask_once()
                best = min(best, time.perf_counter() - start)
            took[name] = best * 1000
        return took


def growth(name, places):
    """Print what each look-up takes in a small and in a large ledger, and the ratio. Return the names of those that are over the bar."""
    figures = []
    for count, ledger, tables in places:
        started = time.perf_counter()
        since = filled(ledger, count, tables)
        print(f"{name:14}{count} messages in {time.perf_counter() - started:.0f} s", flush=True)
        figures.append(scans(ledger, since, count))
        if hasattr(ledger, "close"):
            ledger.close()
    over = []
    for what, milliseconds in figures[1].items():
        before = figures[0][what]
        ratio = milliseconds / before
        over += [f"{name}: {what}"] if ratio > _MOST_RATIO else []
        print(f"{name:14}{what:22}{before:9.2f} ms{milliseconds:9.2f} ms   x {ratio:.1f}")
    return over


_MOST_RATIO = 3.0


def measure_growth(large, on):
    """Measure on both databases, or on one. Return whether all is flat."""
    over = []
    with tempfile.TemporaryDirectory() as folder:
        paths = {count: Path(folder) / f"{count}.sqlite3" for count in (1000, large)}
        places = (
            (count, SqliteLedger(path, addresses="plain"), functools.partial(Tables.of_file, path))
            for count, path in paths.items()
        )
        over += growth("SQLite file", places) if on != "postgres" else []
    if on != "sqlite":
        over += growth_on_server(large)
    print("over 3: " + (", ".join(over) or "nothing"))
    return not over


def growth_on_server(large):
    from postgres import running

    from messaging_channels._ledger.postgres import PostgresLedger

    with running() as server:

        def places():
            for count in (1000, large):
                conninfo = server.empty()
                ledger = PostgresLedger(conninfo, addresses="plain")
                yield count, ledger, functools.partial(Tables.of_server, conninfo)

        return growth("PostgreSQL", places())


if __name__ == "__main__" and sys.argv[1:2] == ["growth"]:
    count, on = [*sys.argv[2:], *("1000000", "both")[len(sys.argv) - 2 :]]
    sys.exit(0 if measure_growth(int(count), on) else 1)
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
