"""A SQLite file that another process holds is waited for as long as the ledger was told, however many operations wait; what was given up is not done later."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from messaging_channels import AsyncDispatcher, Dispatcher, Sandbox, Sms, SqliteLedger
from messaging_channels.errors import InvalidMessage, LedgerUnavailable

TO = "+447700900123"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.sqlite3"
    with Dispatcher([Sandbox()], ledger=SqliteLedger(path, owned=True)) as dispatcher:
        dispatcher.send(Sms("first"), to=TO)
    return path


@pytest.fixture
def held(file: Path) -> Iterator[sqlite3.Connection]:
    """The file, as another process holds it."""
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    yield other
    other.close()


@pytest.mark.parametrize("is_open", [True, False], ids=["in use", "not opened yet"])
def test_all_that_wait_are_told_and_nothing_of_it_is_done_later(
    is_open: bool, file: Path, held: sqlite3.Connection
) -> None:
    ledger, told = SqliteLedger(file, timeout=0.2), list[str]()
    with Dispatcher([Sandbox()], ledger=ledger) as dispatcher:
        if is_open:
            held.execute("ROLLBACK")
            assert dispatcher.get_message("none") is None
            held.execute("BEGIN EXCLUSIVE")

        def send(number: int) -> None:
            try:
                dispatcher.send(Sms("hello"), to=TO, idempotency_key=str(number))
            except LedgerUnavailable as error:
                told.append(error.problem)

        threads = [threading.Thread(target=send, args=(number,)) for number in range(20)]
        for one in threads:
            one.start()
        for one in threads:
            one.join(60)
        assert len(told) == 20
        assert all("locked" in problem for problem in told)

        held.execute("ROLLBACK")
        assert len(dispatcher.list_messages()) == 1
        assert dispatcher.send(Sms("hello"), to=TO, idempotency_key="0").outcome == "accepted"
    ledger.close()


def test_a_task_is_told_and_one_that_may_wait_longer_is_done(file: Path, held: sqlite3.Connection) -> None:
    async def send(ledger: SqliteLedger) -> str:
        async with AsyncDispatcher([Sandbox()], ledger=ledger) as dispatcher:
            return str((await dispatcher.send(Sms("hello"), to=TO)).outcome)

    with pytest.raises(LedgerUnavailable, match="locked"):
        asyncio.run(send(SqliteLedger(file, timeout=0.2, owned=True)))
    held.execute("ROLLBACK")
    assert asyncio.run(send(SqliteLedger(file, timeout=60.0, owned=True))) == "accepted"


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), True, "5", 10**400])
def test_a_time_out_that_cannot_be_meant_is_refused(seconds: float) -> None:
    with pytest.raises(InvalidMessage):
        SqliteLedger(timeout=seconds)
