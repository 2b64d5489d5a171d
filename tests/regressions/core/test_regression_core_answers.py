"""Answers of vendors, and of what stands between: coded, late, with a bad time to wait, or none at all."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
import uuid
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import pytest
from faults.harness import CLIENTS, MODES
from loopback import Peer, Server
from regression_server import (
    TO,
    Asked,
    reply,
    sent,
    twilio,
    vendor,
    vonage,
)

from messaging_channels import Dispatcher, NotSent, Route, Sms
from messaging_channels._transport.settings import HttpSettings
from messaging_channels.plugins.exchange import Timeouts
from messaging_channels.policies.routing import RetryPolicy
from messaging_channels.testing.clock import ControlledClock

BRIEF = Timeouts(1.0, 1.0, 1.0)
ONCE = {"sms": Route("twilio", retry=RetryPolicy(max_attempts=1))}


def _taken() -> bytes:
    return json.dumps({"sid": "SM" + uuid.uuid4().hex, "status": "queued"}).encode()


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_compressed_answer_is_read_or_no_coding_was_acceptable(client: str, mode: str, coding: str) -> None:
    def answer(request: Asked) -> bytes:
        acceptable = request.headers.get("accept-encoding")
        if acceptable is not None and coding not in acceptable and "*" not in acceptable:
            return reply(201, _taken())
        compress = gzip.compress if coding == "gzip" else zlib.compress
        return reply(201, compress(_taken()), content_encoding=coding)

    with vendor(answer) as server:
        receipt = sent(mode, [twilio(server.url)], http=HttpSettings(client=client))

    assert str(receipt.outcome) == "accepted"
    assert receipt.provider_id.startswith("SM")
    assert len(server.requests) == 1


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("mode", MODES)
def test_an_answer_that_begins_with_a_byte_order_mark_is_read(client: str, mode: str) -> None:
    with vendor(lambda _: reply(201, b"\xef\xbb\xbf" + _taken())) as server:
        receipt = sent(mode, [twilio(server.url)], http=HttpSettings(client=client))

    assert str(receipt.outcome) == "accepted"
    assert receipt.provider_id.startswith("SM")


@pytest.fixture
def drips() -> Iterator[str]:
    """A server whose answer comes a byte at a time, for more than four seconds."""
    gone = threading.Event()

    def handle(peer: Peer) -> None:
        peer.read_request()
        peer.answer(b"HTTP/1.1 201 Created\r\ncontent-type: application/json\r\ncontent-length: 16\r\n\r\n{")
        while not gone.wait(0.3):
            peer.answer(b" ")

    with Server(handle) as server:
        yield server.url
        gone.set()


@pytest.mark.parametrize("client", [pytest.param("httpx"), "pyreqwest"])
@pytest.mark.parametrize("mode", MODES)
def test_an_answer_in_drips_is_waited_for_until_the_deadline_only(client: str, mode: str, drips: str) -> None:
    began = time.monotonic()
    settings = HttpSettings(client=client, timeouts=BRIEF)

    receipt = sent(mode, [twilio(drips)], http=settings, routes=ONCE, timeout=1.0)

    assert time.monotonic() - began < 3.0
    assert str(receipt.outcome) == "unknown"


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("after", ["-5", "-1"])
def test_a_wait_below_nought_is_none_and_the_usual_one_stands(client: str, mode: str, after: str) -> None:
    clock = ControlledClock()
    busy = {"code": 20429, "message": "Too Many Requests", "status": 429}

    with vendor(lambda _: reply(429, busy, retry_after=after)) as server:
        sent(mode, [twilio(server.url)], http=HttpSettings(client=client), clock=clock)

    repeated = len(server.requests) - 1
    assert not repeated or any(wait > 0 for wait in clock.waits)


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("make", [vonage, twilio])
def test_a_time_to_come_back_is_obeyed_without_the_vendors_date(
    client: str, make: Callable[[str], Any]
) -> None:
    clock = ControlledClock(time.time())

    def busy(_: Asked) -> bytes:
        when = datetime.fromtimestamp(clock.now() + 30, UTC)
        return reply(429, b"", retry_after=format_datetime(when, usegmt=True))

    with (
        vendor(busy) as server,
        Dispatcher([make(server.url)], http=HttpSettings(client=client), clock=clock) as dispatcher,
        pytest.raises(NotSent) as refused,
    ):
        dispatcher.send(Sms("hello"), to=TO)

    waits = [*clock.waits, *filter(None, [refused.value.retry_after])]
    assert waits
    assert min(waits) > 25


@pytest.fixture
def full() -> Iterator[str]:
    """A port whose queue of connections is full: no connection comes about."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(6):
            one = stack.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("client", ["httpx", pytest.param("pyreqwest")])
@pytest.mark.parametrize("mode", MODES)
def test_where_no_connection_comes_about_nothing_was_sent(client: str, mode: str, full: str) -> None:
    settings = HttpSettings(client=client, timeouts=BRIEF)

    receipt = sent(mode, [twilio(full)], http=settings, routes=ONCE)

    assert str(receipt.outcome) == "not_sent"
