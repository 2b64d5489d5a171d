"""A disk that was full is no reason to take a ledger for an older copy: what could not be committed never was."""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from messaging_channels import SqliteLedger
from messaging_channels._transport.drivers import Transport
from messaging_channels.errors import LedgerUnavailable
from messaging_channels.plugins.exchange import ask
from messaging_channels.plugins.ledger_queue import IncrementCounters
from messaging_channels.plugins.ledger_workers import RecordHeartbeat

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no limits of processes")
NOW = 1_000_000.0


@contextmanager
def _full_disk() -> Iterator[None]:
    """Let no file of this process be written beyond its first byte."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("times", [1, 2, 20])
@pytest.mark.parametrize("looks", [True, False], ids=["file touched", "file as it was"])
def test_a_ledger_goes_on_once_there_is_room(tmp_path: Path, times: int, *, looks: bool) -> None:
    path = tmp_path / "ledger.sqlite3"
    ledger = SqliteLedger(path, addresses="plain")
    with Transport(executors=ledger.executors) as transport:
        transport.run(ask(RecordHeartbeat("one", NOW)))
        with _full_disk():
            for number in range(times):
                with pytest.raises(LedgerUnavailable):
                    transport.run(ask(IncrementCounters(NOW, "w", {"accepted": number + 1})))
        if looks:  # as a checkpoint does, after which the file is looked into
            os.utime(path, (NOW, NOW))
        transport.run(ask(RecordHeartbeat("one", NOW + 1)))
        os.utime(path, (NOW + 5, NOW + 5))
        transport.run(ask(RecordHeartbeat("one", NOW + 2)))
    ledger.close()
    again = SqliteLedger(path, addresses="plain")
    with Transport(executors=again.executors) as transport:
        transport.run(ask(RecordHeartbeat("two", NOW + 3)))
    again.close()
