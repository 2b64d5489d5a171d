"""What a load needs: messages a day -> processor cores, connections and disk, from figures that were measured.

    python benchmarks/capacity.py            prints the table of docs/operations/capacity.md from capacity.json
    python benchmarks/capacity.py measure    measures, and writes capacity.json: some two minutes on a quiet machine (Linux, PostgreSQL's programs)
    python benchmarks/capacity.py try 300    measures with so many messages, and prints the figures and their table; nothing is written

Measured are, for a message on PostgreSQL with synchronous commits: the processor time of the program and of the server for taking it in, sending it by a provider
that answers at once, and its delivery report; the bytes that it adds to the database with its indexes, and to the write-ahead log. The calls of the gateway are measured by gateway.py.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

FIGURES = Path(__file__).with_suffix(".json")
LOADS = (10_000, 100_000, 1_000_000, 10_000_000, 33_000_000)
"""Messages a day: the last is a thousand million a month."""
BUSIEST_HOUR = 0.1
"""Of the day's messages."""
UTILIZATION = 0.6
"""Of a core, so that a peak within the hour finds room."""
CONNECTIONS = 14
"""Of a process: four for the work of messages, and the pool's ten; see docs/operations/ledger.md."""
RECORD_DAYS, LOG_DAYS = 30, 1
"""For how long records are kept, and how much of the write-ahead log stands on the disk."""


def needs(load: int, figures: dict[str, float]) -> dict[str, float]:
    """Return what a load needs."""
    peak = load * BUSIEST_HOUR / 3600
    programs = peak * (figures["program_us"] + figures["report_program_us"]) / 1e6 / UTILIZATION
    server = peak * (figures["server_us"] + figures["report_server_us"]) / 1e6 / UTILIZATION
    processes = max(2, math.ceil(programs))  # two, so that one may die
    return {
        "peak": peak,
        "workers": processes,
        "server_cores": max(1, math.ceil(server)),
        "connections": processes * CONNECTIONS,
        "disk_gb": load * (figures["bytes"] * RECORD_DAYS + figures["log_bytes"] * LOG_DAYS) / 1e9,
        "log_mb": peak * figures["log_bytes"] / 1e6,
    }


def table(figures: dict[str, float]) -> str:
    """Return the table of the page."""
    lines = [
        "| Messages a day | Messages a second at the peak | Worker processes (one core each) | Cores of the PostgreSQL server | Connections | Disk (records of 30 days, log of one day) | Write-ahead log at the peak |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for load in LOADS:
        one = needs(load, figures)
        lines.append(
            f"| {load:,} | {one['peak']:,.1f} | {one['workers']:.0f} | {one['server_cores']:.0f} | {one['connections']:.0f}"
            f" | {one['disk_gb']:,.1f} GB | {one['log_mb']:,.2f} MB/s |"
        )
    return "\n".join(lines)


def measure(count: int = 3000) -> dict[str, float]:
    """Return the figures of this machine."""
    import asyncio
    import tempfile

    import durable
    import psycopg

    durable.postgres._QUICK = ("max_connections=200", "shared_preload_libraries=pg_stat_statements")
    loopback = durable.Loopback()
    with loopback as url, durable.postgres.running() as server, tempfile.TemporaryDirectory():
        meter = durable.Meter(server, loopback.pid)
        conninfo = server.empty()
        return asyncio.run(_measured(meter, conninfo, url, count, psycopg))


async def _measured(meter, conninfo, url, count, psycopg) -> dict[str, float]:
    import os

    import durable

    from messaging_channels import Sms
    from messaging_channels._model import status as statuses
    from messaging_channels._model.events import StatusChanged
    from messaging_channels.plugins.exchange import ask
    from messaging_channels.plugins.ledger import RecordEvent

    os.environ["PROVIDER"] = "acme-sms"
    ended = durable.Ended()
    ledger = durable.PostgresLedger(conninfo, pool_size=durable.AT_ONCE, keys=[b"secret"])
    async with durable.dispatcher(ledger, url, ended) as client:
        first = await client.enqueue(Sms(durable.TEXT), to="+447700900123")  # the tables are made
        await durable._drained(client)
        size, begin = _size(psycopg, conninfo), meter.read()
        ids: list[str] = []

        async def enqueue() -> None:
            ids.append((await client.enqueue(Sms(durable.TEXT), to="+447700900123")).id)

        await durable.at_once(count, enqueue)
        await durable._drained(client, lambda: ended.count >= count + 1, 0.01)
        sent = meter.read()
        left = iter(ids)

        async def report() -> None:
            key = next(left)
            event = StatusChanged(
                provider="acme-sms", provider_id=key, message_id=key, status=statuses.DELIVERED_TO_HANDSET, occurred_at=0.0
            )  # fmt: skip
            await client.queue.run(ask(RecordEvent(event, 0.0)))

        await durable.at_once(count, report)
        reported = meter.read()
        record = await client.get_message(ids[-1])
        assert record is not None and record.status == statuses.DELIVERED_TO_HANDSET, first
    used = [(after - before) / count for before, after in zip(begin, sent, strict=True)]
    told = [(after - before) / count for before, after in zip(sent, reported, strict=True)]
    return {
        "program_us": round(used[0] * 1e6),
        "server_us": round(used[1] * 1e6),
        "report_program_us": round(told[0] * 1e6),
        "report_server_us": round(told[1] * 1e6),
        "bytes": round((_size(psycopg, conninfo) - size) / count),
        "log_bytes": round(used[5] + told[5]),
    }


def _size(psycopg, conninfo) -> int:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("VACUUM")
        return int(connection.execute("SELECT pg_database_size(current_database())").fetchall()[0][0])


if __name__ == "__main__":
    if sys.argv[1:] == ["measure"]:
        FIGURES.write_text(json.dumps(measure(), indent=2) + "\n")
    found = measure(int(sys.argv[2])) if sys.argv[1:2] == ["try"] else json.loads(FIGURES.read_text())
    print(json.dumps(found), table(found), sep="\n")
