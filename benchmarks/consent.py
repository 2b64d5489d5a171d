"""What asking costs: recorded sends with the question whether the person wants the message, and without it, in turns in the same run.

python benchmarks/consent.py [rounds] [postgresql://…]. The goal is at most a tenth more.
SQLite is measured in the time of the processor, which a loaded machine does not change; PostgreSQL, which works in processes of its own, in passed time.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from messaging_channels import Dispatcher, PostgresLedger, Sms, SqliteLedger
from messaging_channels.consent import ConsentPolicy
from messaging_channels.plugins import (
    AttemptResult,
    Capabilities,
    Envelope,
    Exchange,
    ExecutorPair,
    Flow,
    Ledger,
    Reason,
)

SENDS = 300
OPT_OUTS = 2_000
"""What the ledger knows of others."""


class Instant:
    """A provider that accepts at once, so that only our own work is measured."""

    name: ClassVar[str] = "instant"
    capabilities: ClassVar[Capabilities] = Capabilities({Sms: frozenset()})
    executors: ClassVar[Mapping[type[Exchange[Any]], ExecutorPair]] = {}

    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        yield from ()
        return [AttemptResult.of(Reason.ACCEPTED, provider_id=one.id) for one in batch]


def seconds_a_send(dispatcher: Dispatcher, clock: Callable[[], float]) -> float:
    message, began = Sms("Your order is on its way", category="transactional"), clock()
    for number in range(SENDS):
        dispatcher.send(message, to=f"+44770090{number:04}")
    return (clock() - began) / SENDS


def measure(ledger: Ledger, rounds: int, clock: Callable[[], float]) -> tuple[float, float]:
    """Return the median seconds of a send that asks, and of one that does not."""
    with (
        Dispatcher([Instant()], ledger=ledger) as asking,
        Dispatcher([Instant()], ledger=ledger, consent=ConsentPolicy(enabled=False)) as silent,
    ):
        for number in range(OPT_OUTS):
            asking.consent.add("sms", f"+4479110{number:05}")
        told: list[list[float]] = [[], []]
        for turn in range(rounds):
            for place in (0, 1) if turn % 2 else (1, 0):
                told[place].append(seconds_a_send((asking, silent)[place], clock))
    return statistics.median(told[0][1:]), statistics.median(told[1][1:])


def main() -> None:
    rounds, *conninfo = int(sys.argv[1]) if len(sys.argv) > 1 else 9, *sys.argv[2:]
    with tempfile.TemporaryDirectory() as folder:
        ledgers: dict[str, Ledger] = {
            "sqlite, file": SqliteLedger(Path(folder) / "ledger"),
            "sqlite, memory": SqliteLedger(),
            **({"postgres": PostgresLedger(conninfo[0])} if conninfo else {}),
        }
        for name, ledger in ledgers.items():
            clock = time.perf_counter if name == "postgres" else time.process_time
            asking, silent = measure(ledger, rounds, clock)
            more = asking / silent - 1
            print(  # noqa: T201  the figures are the result
                f"{name}: {asking * 1e6:.0f} µs a send with the question, {silent * 1e6:.0f} µs without it: {more:+.1%}"
            )


if __name__ == "__main__":
    main()
