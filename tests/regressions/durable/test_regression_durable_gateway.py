"""The gateway after a busy day, with a full disk, and after a moment without its database."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest
from regression_gateway import GatewayProcess
from regression_server import until
from scripted import BulkProvider
from trials import scaled

from messaging_channels import Dispatcher, Sms, SqliteLedger
from messaging_channels.plugins import Capabilities

pytestmark = pytest.mark.slow
DAY = scaled(20_000)
"""How many messages a busy day has: 2,000 in the usual tests."""


class Thousands(BulkProvider):
    """A provider that takes a thousand messages at once."""

    capabilities: ClassVar[Capabilities] = Capabilities({Sms: frozenset({"sender"})}, max_batch_size=1000)


def test_the_gateway_starts_after_a_busy_day_as_soon_as_on_its_first(tmp_path: Path) -> None:
    quiet, after_busy_day = GatewayProcess(tmp_path / "quiet"), GatewayProcess(tmp_path / "busy")
    home = tmp_path / "busy"
    ledger = SqliteLedger(home / "ledger.sqlite3", owned=True)
    with Dispatcher([Thousands()], ledger=ledger) as dispatcher:
        to = (f"+447700900{number % 900:03d}" for number in range(DAY))
        if sum(1 for _ in dispatcher.send_each(Sms("hello"), to=to, scope="default")) != DAY:
            pytest.fail("the day was not busy")
    for gateway in (quiet, after_busy_day):
        _start(gateway)  # it writes down how far everything is told

    quick, busy = _start(quiet), _start(after_busy_day)
    for _ in range(5):  # the first ones may be ended before they told of the day
        if busy < 2 * quick:
            break
        busy = min(busy, _start(after_busy_day))

    assert busy < 2 * quick


def _start(gateway: GatewayProcess) -> float:
    """Start it and end it; return how many seconds of a processor that took."""
    with gateway:
        return gateway.worked


def test_the_gateway_is_not_ready_while_nothing_can_be_sent(tmp_path: Path) -> None:
    with GatewayProcess(tmp_path / "home") as gateway:

        def ready() -> bool:
            return gateway.client.get("/ready").status_code == 200

        gateway.client.get("/ready").raise_for_status()
        gateway.sms("before").raise_for_status()

        gateway.fill("ledger.sqlite3")
        gateway.disk_full(full=True)
        refused = [gateway.sms(f"meanwhile {number}").status_code for number in range(3)]
        unready = until(lambda: not ready(), 6)
        gateway.disk_full(full=False)
        again = until(lambda: gateway.sms("again").is_success and ready(), 8)

    assert min(refused) >= 500
    assert unready
    assert again


def _told(gateway: GatewayProcess, wanted: set[str], seconds: float) -> set[str]:
    """Read the event stream from its beginning until it has told that these messages were sent; return which it told of."""
    found: set[str] = set()
    end = time.monotonic() + seconds
    asking = gateway.client.stream(
        "GET", "/v1/events", headers={"last-event-id": "0"}, timeout=httpx.Timeout(20, read=seconds)
    )
    with suppress(httpx.ReadTimeout), asking as stream:
        for line in stream.iter_lines():
            notice: dict[str, Any] = json.loads(line[5:]) if line.startswith("data:") else {}
            if notice.get("type") == "sms.message.sent":
                found.add(notice["data"]["messageId"])
            if found >= wanted or time.monotonic() > end:
                break
    return found


def test_what_was_sent_while_the_gateways_database_was_away_is_told_later(tmp_path: Path) -> None:
    def sent(key: str) -> str:
        answer = gateway.sms(key)
        return answer.json()["messages"][0]["messageId"] if answer.is_success else ""

    with GatewayProcess(tmp_path / "home") as gateway:
        before = sent("before")
        if _told(gateway, {before}, 10) != {before}:
            pytest.fail("the gateway tells of nothing")

        gateway.fill("gateway.sqlite3")
        gateway.disk_full(full=True)
        meanwhile = sent("meanwhile")
        _told(gateway, {before, meanwhile}, 1)
        gateway.disk_full(full=False)
        after = sent("after")
        told = _told(gateway, {before, after, meanwhile} - {""}, 5)

    assert before in told
    assert after in told
    assert not meanwhile or meanwhile in told
