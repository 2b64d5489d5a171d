"""An answer over the limit is refused while it comes: it costs at most twice the limit, however it is written."""

from __future__ import annotations

import gzip
import subprocess
import sys
from collections.abc import Callable

import pytest
from loopback import Peer, Server

from messaging_channels._transport.answers import MAX_BODY_BYTES

pytestmark = pytest.mark.slow
PIECE = bytes(1 << 20)
ASK = """
import asyncio, resource, sys
from messaging_channels._model.errors import TransportError
from messaging_channels._transport.drivers import AsyncTransport, Transport
from messaging_channels._transport.settings import HttpSettings
from messaging_channels.plugins.exchange import HttpRequest, ask

url, client, mode = sys.argv[1:]

def posted(path):
    return ask(HttpRequest("POST", url + path, {}, b"{}"))

async def run():
    async with AsyncTransport(HttpSettings(client=client)) as transport:
        await transport.run(posted("/small"))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            await transport.run(posted("/large"))
        except TransportError as refused:
            return before, str(refused)

def run_sync():
    with Transport(HttpSettings(client=client)) as transport:
        transport.run(posted("/small"))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            transport.run(posted("/large"))
        except TransportError as refused:
            return before, str(refused)

before, refused = run_sync() if mode == "sync" else asyncio.run(run())
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024, refused, sep="|")
"""


def _chunked(peer: Peer) -> None:
    peer.answer(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    for _ in range(200):
        peer.answer(b"%x\r\n%b\r\n" % (len(PIECE), PIECE))


def _swelling(peer: Peer) -> None:
    bomb = gzip.compress(bytes(200 << 20))
    peer.answer(
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n%b" % (len(bomb), bomb)
    )


def _until_the_end(peer: Peer) -> None:
    peer.answer(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")
    for _ in range(200):
        peer.answer(PIECE)


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize("client", ["httpx", "pyreqwest"])
@pytest.mark.parametrize("answer", [_chunked, _swelling, _until_the_end])
def test_a_body_over_the_limit_costs_at_most_twice_the_limit(
    answer: Callable[[Peer], None], client: str, mode: str
) -> None:
    def handle(peer: Peer) -> None:
        if peer.read_request():
            peer.answer(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
            if peer.read_request():
                answer(peer)

    with Server(handle) as server:
        told = subprocess.run(
            [sys.executable, "-c", ASK, server.url, client, mode], capture_output=True, text=True, check=True
        ).stdout

    cost, _, refused = told.partition("|")
    assert "longer" in refused
    assert int(cost) <= 2 * MAX_BODY_BYTES
