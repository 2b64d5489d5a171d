"""What a provider's server does to a request, case by case: the names are those of the page `docs/reference/outcomes.md`."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from faults.harness import VendorServer, http
from loopback import Peer

Behaviour: TypeAlias = Callable[[VendorServer, Peer], None]


@dataclass(frozen=True)
class Case:
    """One way to end, and whether the server took the message all the same."""

    behave: Behaviour
    taken: bool = False
    waited: float | None = None
    """What is waited before a repetition, where the server names it."""


def _answers(data: bytes, *, take: bool = False) -> Behaviour:
    def behave(server: VendorServer, peer: Peer) -> None:
        while request := peer.read_request():
            if take:
                server.take(request)
            peer.answer(data)

    return behave


def _ends(how: Callable[[Peer], None], *, take: bool) -> Behaviour:
    def behave(server: VendorServer, peer: Peer) -> None:
        request = peer.read_request()
        if request and take:
            server.take(request)
        if request:
            how(peer)

    return behave


def _reset_at_the_first_byte(_: VendorServer, peer: Peer) -> None:
    peer.connection.recv(1)
    peer.reset()


def _reads_nothing(server: VendorServer, _: Peer) -> None:
    server.released.wait(20)


def _refuses(reason: str) -> Behaviour:
    return _answers(http(200, f'{{"refused": "{reason}"}}'))


def _cut(peer: Peer) -> None:
    peer.answer(http(200, '{"id": "1"}')[:-3])


def _closed(_: Peer) -> None:
    """Return, whereupon the connection is closed."""


def _drips(server: VendorServer, peer: Peer) -> None:
    server.take(peer.read_request())
    peer.answer(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
    while not server.released.wait(0.05):
        peer.answer(b" ")


def _continues_for_ever(server: VendorServer, peer: Peer) -> None:
    server.take(peer.read_request())
    while not server.released.wait(0.05):
        peer.answer(b"HTTP/1.1 100 Continue\r\n\r\n")


def _takes_and(write: Callable[[bytes], bytes]) -> Behaviour:
    def behave(server: VendorServer, peer: Peer) -> None:
        while request := peer.read_request():
            peer.answer(write(json.dumps({"id": server.take(request)}).encode()))

    return behave


def _compressed(body: bytes) -> bytes:
    packed = gzip.compress(body)
    return b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(packed) + packed


def _marked(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n\xef\xbb\xbf" % (len(body) + 3) + body


_TOO_LONG = (
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + (b"100000\r\n%b\r\n" % bytes(1 << 20)) * 18
)
_SOON_ON_THE_CLOCK = "Fri, 15 Jan 2027 08:00:02 GMT"
_DATE = "Wed, 25 Nov 2026 10:00:00 GMT"
_LATER = "Wed, 25 Nov 2026 10:00:02 GMT"

CASES = {
    "accepted": Case(VendorServer.accept_all, taken=True),
    "taken before, says the provider": Case(_refuses("accepted.duplicate")),
    "no time to read the request": Case(_reads_nothing),
    "no answer in time": Case(_ends(Peer.wait_for_the_other_side, take=False)),
    "no answer in time, though taken": Case(_ends(Peer.wait_for_the_other_side, take=True), taken=True),
    "reset while the request is written": Case(_reset_at_the_first_byte),
    "reset after the request was written": Case(_ends(Peer.reset, take=False)),
    "reset after the request was written, though taken": Case(_ends(Peer.reset, take=True), taken=True),
    "closed without an answer": Case(_ends(_closed, take=True), taken=True),
    "the answer is cut short": Case(_ends(_cut, take=True), taken=True),
    "the answer is no HTTP": Case(
        _ends(lambda peer: peer.answer(b"\x00\xff no HTTP at all\r\n\r\n"), take=True), taken=True
    ),
    "an unreadable 2xx": Case(_answers(http(200, "<html>busy</html>"), take=True), taken=True),
    "a 2xx that names no message": Case(_answers(http(202, "{}"), take=True), taken=True),
    "the answer drips for longer than the time-out": Case(_drips, taken=True),
    "the answer never gets beyond 100 Continue": Case(_continues_for_ever, taken=True),
    "the answer is too long": Case(_answers(_TOO_LONG, take=True), taken=True),
    "the answer is compressed though nobody asked": Case(_takes_and(_compressed), taken=True),
    "the answer begins with a byte order mark": Case(_takes_and(_marked), taken=True),
    "3xx": Case(_answers(http(302, location="/elsewhere"))),
    "407, 421, 425, 426 or 431": Case(_answers(http(426, "{}"))),
    "400, 404, 422 and other 4xx in the provider's form": Case(_answers(http(422, "{}"))),
    "400, 404, 422 and other 4xx in another form": Case(_answers(http(404, "<html>Log in</html>"))),
    "401 or 403": Case(_answers(http(401))),
    "402": Case(_answers(http(402))),
    "408": Case(_answers(http(408))),
    "429 without Retry-After": Case(_answers(http(429))),
    "429 with Retry-After in seconds": Case(_answers(http(429, retry_after="2")), waited=2.0),
    "429 with Retry-After as an HTTP date": Case(
        _answers(http(429, retry_after=_LATER, date=_DATE)), waited=2.0
    ),
    "429 with Retry-After as an HTTP date, without a Date header": Case(
        _answers(http(429, retry_after=_SOON_ON_THE_CLOCK)), waited=2.0
    ),
    "429 with Retry-After below nought, NaN or absurd": Case(_answers(http(429, retry_after="-5"))),
    "429 with Retry-After in milliseconds": Case(_answers(http(429, retry_after_ms="250")), waited=0.25),
    "429 that asks for more than a route waits": Case(_answers(http(429, retry_after="3600"))),
    "500, 502, 503 and other 5xx": Case(_answers(http(503, retry_after="1"))),
    "5xx, though taken": Case(_answers(http(500), take=True), taken=True),
    "refused: the message is malformed": Case(_refuses("rejected.invalid")),
    "refused: the recipient": Case(_refuses("rejected.recipient")),
    "refused: a rule forbids it": Case(_refuses("rejected.policy")),
    "refused: our credentials": Case(_refuses("not_sent.credentials")),
    "refused: no credit": Case(_refuses("not_sent.insufficient_credit")),
    "refused: no way to that destination": Case(_refuses("rejected.no_coverage")),
}
"""Those in which a request arrives and its sender lives on."""
