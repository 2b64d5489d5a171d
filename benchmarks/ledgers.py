"""Sends a second with an idempotency key each, by ledger, over a provider that answers at once: `python benchmarks/ledgers.py [conninfo]`.

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

from messaging_channels import AsyncDispatcher, Dispatcher, Sms
from messaging_channels._ledger.sqlite import SqliteLedger
from messaging_channels._model.outcomes import AttemptResult, Reason
from messaging_channels.plugins.provider import Capabilities


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


if __name__ == "__main__":
    measured("memory", SqliteLedger())
    with tempfile.TemporaryDirectory() as folder:
        ledger = SqliteLedger(Path(folder) / "ledger.sqlite3")
        measured("SQLite file", ledger)
        ledger.close()
    from postgres import running

    from messaging_channels._ledger.postgres import PostgresLedger

    with running() as server:
        measured("PostgreSQL", PostgresLedger(server.conninfo, pool_size=16))
