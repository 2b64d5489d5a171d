"""A process that sends under shared limits: `python limit_worker.py LEDGER FOLDER NAME SECONDS rate|budget|velocity`.

It writes down when each message was sent.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scripted import Scripted

from messaging_channels import AsyncDispatcher, LedgerOptions, PostgresLedger, RateLimit, Sms, SqliteLedger
from messaging_channels.errors import MessageBlocked, NotSent
from messaging_channels.plugins import Ledger
from messaging_channels.policies import PreSendCheck, SpendLimit, VelocityLimit

LIMIT = RateLimit(200, burst=20)
BUDGET, PRICE = 10.0, 0.04
CHECKS: dict[str, list[PreSendCheck]] = {
    "rate": [],
    "budget": [SpendLimit(lambda _: PRICE, BUDGET, shared=True)],
    "velocity": [VelocityLimit(per_account=RateLimit(1, per=3600, burst=50), shared=True)],
}


class Noted(Scripted):
    """Takes every message, and notes when."""

    times: list[float]

    def send(self, batch: Any) -> Any:
        self.times.extend([time.time()] * len(batch))
        return (yield from super().send(batch))


def open_ledger(where: str) -> Ledger:
    return SqliteLedger(Path(where)) if where.startswith("/") else PostgresLedger(where, pool_size=4)


async def send_for(seconds: float, where: str, kind: str, provider: Noted, wait: Callable[[], None]) -> None:
    """Send by many tasks as fast as the limits let it, once all processes are ready."""
    dispatcher = AsyncDispatcher(
        [provider],
        ledger=LedgerOptions(open_ledger(where), record_all=False),
        rate_limits={provider.name: LIMIT} if kind == "rate" else {},
        checks=CHECKS[kind],
        shared_limits=True,
    )

    until = 0.0

    async def caller() -> None:
        while time.monotonic() < until:
            try:
                await dispatcher.send(Sms("x"), to="+447700900123")
            except (MessageBlocked, NotSent):
                return

    async with dispatcher:
        await dispatcher.queue.stats()  # the ledger is open
        wait()
        until = time.monotonic() + seconds
        await asyncio.gather(*(caller() for _ in range(16)))


if __name__ == "__main__":
    where, folder, name, seconds, kind = sys.argv[1:]
    noted = Noted("vendor")
    noted.times = []

    def wait_for_others() -> None:
        (Path(folder) / f"{name}.ready").touch()
        while not (Path(folder) / "go").exists():
            time.sleep(0.005)

    asyncio.run(send_for(float(seconds), where, kind, noted, wait_for_others))
    (Path(folder) / f"{name}.times").write_text("\n".join(map(repr, noted.times)))
