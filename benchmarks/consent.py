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

SENDS, TURNS = 100, 4
"""Sends of a turn, and turns of a round: short turns meet the same load with the question and without it."""
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
    """Return the median seconds of a send that does not ask, and by how much one that asks takes longer: the median over pairs of turns that follow each other."""
    with (
        Dispatcher([Instant()], ledger=ledger) as asking,
        Dispatcher([Instant()], ledger=ledger, consent=ConsentPolicy(enabled=False)) as silent,
    ):
        for number in range(OPT_OUTS):
            asking.consent.add("sms", f"+4479110{number:05}")
        told: list[list[float]] = [[], []]
        for turn in range(rounds * TURNS):
            for place in (0, 1) if turn % 2 else (1, 0):
                told[place].append(seconds_a_send((asking, silent)[place], clock))
    pairs = zip(told[0][TURNS:], told[1][TURNS:], strict=True)  # the first round warms up
    return statistics.median(told[1][TURNS:]), statistics.median(asking / silent for asking, silent in pairs)


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
            silent, ratio = measure(ledger, rounds, clock)
            print(f"{name}: {silent * 1e6:.0f} µs a send without the question, {ratio - 1:+.1%} with it")  # noqa: T201  the figures are the result


if __name__ == "__main__":
    main()
