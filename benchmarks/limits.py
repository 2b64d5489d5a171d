"""A rate that several processes share: how much of it they use, whether any second exceeds it, and how often the store is asked.

    python benchmarks/limits.py [--processes 4] [--limit 1000] [--burst 100] [--seconds 5] [--only sqlite,postgres]

Needs PostgreSQL's programs. Each process sends by 64 tasks, as fast as the limit lets it, to a provider that takes everything at once.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import sys
import tempfile
import time
from bisect import bisect_left
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import postgres  # noqa: E402

from messaging_channels import (  # noqa: E402
    AsyncDispatcher,
    LedgerOptions,
    NotSent,
    PostgresLedger,
    RateLimit,
    Sms,
    SqliteLedger,
)
from messaging_channels._model.outcomes import AttemptResult, Reason  # noqa: E402
from messaging_channels.plugins import Capabilities  # noqa: E402
from messaging_channels.plugins.exchange import CurrentTime, ask  # noqa: E402
from messaging_channels.plugins.ledger_limits import TakePlaces  # noqa: E402

TASKS = 64


class Taken:
    name = "taken"
    capabilities = Capabilities({Sms: frozenset()})
    executors = {}

    def __init__(self):
        self.times = []

    def send(self, batch):
        self.times.append((yield from ask(CurrentTime())))
        return [AttemptResult.of(Reason.ACCEPTED, provider_id=one.id) for one in batch]


def counted(ledger):
    """Return a ledger's executors, and a list that grows by one whenever places are asked for."""
    asked = []

    class Store:
        executors = dict(ledger.executors)

    made = Store.executors[TakePlaces].asynchronous()

    class Counted:
        async def perform(self, exchange):
            asked.append(len(exchange.requests))
            return await made.perform(exchange)

        async def close(self):
            await made.close()

    Store.executors[TakePlaces] = type(ledger.executors[TakePlaces])(None, Counted)
    return Store(), asked


def work(where, limit, burst, seconds, start, results):
    async def main():
        ledger = SqliteLedger(Path(where)) if where.startswith("/") else PostgresLedger(where, pool_size=4)
        provider, (store, asked) = Taken(), counted(ledger)
        dispatcher = AsyncDispatcher(
            [provider],
            ledger=LedgerOptions(ledger, record_all=False),
            rate_limits={"taken": RateLimit(limit, burst=burst)},
            shared_limits=store,
        )
        async with dispatcher:
            await dispatcher.queue.stats()
            start.wait()
            until = time.monotonic() + seconds

            async def caller():
                while time.monotonic() < until:
                    try:
                        await dispatcher.send(Sms("x"), to="+447700900123")
                    except NotSent:
                        pass

            await asyncio.gather(*(caller() for _ in range(TASKS)))
        results.put((provider.times, len(asked), time.process_time()))

    asyncio.run(main())


def run(where, options):
    context = multiprocessing.get_context("spawn")
    start, results = context.Barrier(options.processes), context.Queue()
    args = (where, options.limit, options.burst, options.seconds, start, results)
    workers = [context.Process(target=work, args=args) for _ in range(options.processes)]
    for one in workers:
        one.start()
    ends = [results.get() for _ in workers]
    for one in workers:
        one.join()
    times = sorted(at for own, _, _ in ends for at in own)
    most = max(bisect_left(times, at + 1.0) - place for place, at in enumerate(times))
    inner = [at for at in times if times[0] + 1 <= at < times[0] + options.seconds]
    used = len(inner) / (options.limit * (options.seconds - 1))
    asks = sum(count for _, count, _ in ends) / len(times)
    return used, most, asks


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--limit", type=float, default=1000)
    parser.add_argument("--burst", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--only", default="sqlite,postgres")
    options = parser.parse_args()
    print(
        f"{options.processes} processes, {options.limit:g}/s, burst {options.burst}: of the limit, most in a second, asks a message"
    )
    with tempfile.TemporaryDirectory() as folder, postgres.running() as server:
        for kind in options.only.split(","):
            used, most, asks = run(
                f"{folder}/ledger.sqlite3" if kind == "sqlite" else server.empty(), options
            )
            print(f"{kind:<12}{used:>8.1%}{most:>8}{asks:>8.2f}")


if __name__ == "__main__":
    main()
