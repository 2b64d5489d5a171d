from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from ledgers import Do  # noqa: TC002  a module of the tests

from messaging_channels._ledger.postgres import PostgresLedger
from messaging_channels._ledger.sqlite import SqliteLedger
from messaging_channels._transport.drivers import AsyncTransport, Transport
from messaging_channels.plugins.exchange import ask
from messaging_channels.plugins.ledger import Ledger


@pytest.fixture(params=["sqlite-memory", "sqlite-file", "postgres"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    if request.param == "postgres":
        yield PostgresLedger(request.getfixturevalue("postgres_emptied"), addresses="plain")
        return
    path = tmp_path / "ledger.sqlite3" if request.param == "sqlite-file" else None
    kept = SqliteLedger(path, addresses="plain")
    yield kept
    kept.close()


@pytest.fixture(params=["sync", "async"])
def do(request: pytest.FixtureRequest, ledger: Ledger) -> Iterator[Do]:
    """Does one operation and returns its reply."""
    if request.param == "sync":
        with Transport(executors=ledger.executors) as transport:
            yield lambda operation: transport.run(ask(operation))
        return
    with asyncio.Runner() as runner:
        asynchronous = runner.run(_made(ledger))
        yield lambda operation: runner.run(asynchronous.run(ask(operation)))
        runner.run(asynchronous.close())


async def _made(ledger: Ledger) -> AsyncTransport:
    return AsyncTransport(executors=ledger.executors)
