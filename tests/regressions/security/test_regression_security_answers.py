"""Answers that are an attack, or look like one: endless ones, and ones to no request."""

from __future__ import annotations

import asyncio
import json

import pytest
from faults.harness import CLIENTS, MODES
from loopback import Peer, Server
from regression_server import TO, program, reply, twilio, twilio_takes, vendor

from messaging_channels import AsyncDispatcher, Dispatcher, Sms
from messaging_channels._transport.settings import HttpSettings
from messaging_channels.plugins.exchange import Timeouts

MIB = 1 << 20
TAKEN = reply(201, {"sid": "SM" + "1" * 32, "status": "queued"})

MEASURED = """
import json, sys
from pathlib import Path
from messaging_channels import HttpSettings
from regression_server import sent, twilio

ordinary, endless, client, mode = sys.argv[1:]

def most():
    # of this program alone: what getrusage tells begins with the memory of the process that started it
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024

http = HttpSettings(client=client)
sent(mode, [twilio(ordinary)], http=http)
before = most()
end = sent(mode, [twilio(endless)], http=http)
print(json.dumps([str(end.outcome), most() - before]))
"""


def _flood(peer: Peer) -> None:
    """Answer with 120 MiB, as long as anybody reads."""
    peer.read_request()
    head = b"HTTP/1.1 201 Created\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    peer.answer(head % (120 * MIB))
    for _ in range(120):
        peer.answer(b" " * MIB)


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("mode", MODES)
def test_of_an_answer_without_end_no_more_is_read_than_an_answer_may_be_long(client: str, mode: str) -> None:
    with vendor(twilio_takes) as ordinary, Server(_flood) as endless:
        ran = program(MEASURED, ordinary.url, endless.url, client, mode)

    outcome, grown = json.loads(ran.stdout)
    assert outcome in ("unknown", "rejected")
    assert grown < 80, "MiB"


@pytest.mark.parametrize(
    ("client", "extra"),
    [
        pytest.param("httpx", TAKEN, id="httpx-whole"),
        pytest.param("pyreqwest", TAKEN, id="pyreqwest-whole"),
        pytest.param("httpx", TAKEN[:12], id="httpx-begun"),
        pytest.param("pyreqwest", TAKEN[:12], id="pyreqwest-begun"),
    ],
)
@pytest.mark.parametrize("mode", MODES)
def test_an_answer_that_came_before_the_request_is_none(client: str, mode: str, extra: bytes) -> None:
    def handle(peer: Peer) -> None:
        while peer.read_request():
            if len(peer.server.requests) == 1:
                peer.answer(TAKEN + extra)

    settings = HttpSettings(client=client, timeouts=Timeouts(0.5, 0.5, 0.5))  # type: ignore[arg-type]
    with Server(handle) as server:
        outcomes = asyncio.run(_two(server.url, settings)) if mode == "async" else _both(server.url, settings)

    assert outcomes == ["accepted", "unknown"]


def _both(url: str, http: HttpSettings) -> list[str]:
    with Dispatcher([twilio(url)], http=http) as dispatcher:
        return [str(dispatcher.send(Sms("hello"), to=TO).outcome) for _ in range(2)]


async def _two(url: str, http: HttpSettings) -> list[str]:
    async with AsyncDispatcher([twilio(url)], http=http) as dispatcher:
        return [str((await dispatcher.send(Sms("hello"), to=TO)).outcome) for _ in range(2)]
