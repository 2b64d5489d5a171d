"""Answers as servers write them in the field: coded, marked, too long, left over, in drips."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st
from loopback import Peer, Server

from messaging_channels._model.errors import Phase, TransportError
from messaging_channels._model.outcomes import Reason
from messaging_channels._transport.answers import MAX_BODY_BYTES, decode_body
from messaging_channels._transport.drivers import AsyncTransport, Transport
from messaging_channels._transport.settings import HttpSettings
from messaging_channels.plugins.exchange import BlockingCall, Flow, HttpRequest, HttpResponse, Timeouts, ask
from messaging_channels.plugins.results import result_from_status, retry_after

BODY = json.dumps({"id": "1"}).encode()
CLIENTS = ("httpx", "pyreqwest")


def _sync(settings: HttpSettings, flow: Flow[Any]) -> Any:
    with Transport(settings) as transport:
        return transport.run(flow)


def _async(settings: HttpSettings, flow: Flow[Any]) -> Any:
    async def run() -> Any:
        async with AsyncTransport(settings) as transport:
            return await transport.run(flow)

    return asyncio.run(run())


Run = Callable[[HttpSettings, Flow[Any]], Any]
MODES = [pytest.param(_sync, id="sync"), pytest.param(_async, id="async")]


def _post(url: str) -> Flow[HttpResponse]:
    return ask(HttpRequest("POST", f"{url}/send", {}, b"{}"))


def _two_posts(url: str, between: threading.Event) -> Flow[list[int]]:
    first = yield from _post(url)
    yield from ask(BlockingCall(lambda: between.wait(20)))
    second = yield from _post(url)
    return [first.status, second.status]


def _answering(head: bytes, body: bytes) -> Callable[[Peer], None]:
    def handle(peer: Peer) -> None:
        while peer.read_request():
            peer.answer(b"HTTP/1.1 200 OK\r\n%bcontent-length: %d\r\n\r\n%b" % (head, len(body), body))

    return handle


def _raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


CODED = {
    "gzip": gzip.compress(BODY),
    "x-gzip": gzip.compress(BODY),
    "GZip ": gzip.compress(BODY),
    "deflate": zlib.compress(BODY),
    "Deflate": _raw_deflate(BODY),
    "gzip, gzip": gzip.compress(gzip.compress(BODY)),
    "deflate, gzip": gzip.compress(zlib.compress(BODY)),
    "identity": BODY,
}


@pytest.mark.parametrize("run", MODES)
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("coding", CODED)
def test_a_coding_is_undone(run: Run, client: Any, coding: str) -> None:
    with Server(_answering(b"content-encoding: %b\r\n" % coding.encode(), CODED[coding])) as server:
        response = run(HttpSettings(client=client), _post(server.url))

    assert response.json() == {"id": "1"}
    assert response.headers.get("content-encoding") is None


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip", "deflate", "gzip, gzip, gzip, gzip", "chunked"])
def test_what_cannot_be_undone_is_handed_on_as_it_came(coding: str) -> None:
    with Server(_answering(b"content-encoding: %b\r\n" % coding.encode(), BODY)) as server:
        response = _sync(HttpSettings(client="httpx"), _post(server.url))

    assert response.body == BODY
    assert response.headers["content-encoding"] == coding


@pytest.mark.parametrize("run", MODES)
@pytest.mark.parametrize("client", CLIENTS)
def test_what_swells_beyond_the_limit_is_refused(run: Run, client: Any) -> None:
    bomb = gzip.compress(bytes(MAX_BODY_BYTES + 1))
    with (
        Server(_answering(b"content-encoding: gzip\r\n", bomb)) as server,
        pytest.raises(TransportError, match="longer") as refused,
    ):
        run(HttpSettings(client=client), _post(server.url))

    assert refused.value.may_have_been_sent


@given(st.binary(max_size=2000), st.sampled_from(["gzip", "deflate"]))
def test_every_body_survives_its_coding(data: bytes, coding: str) -> None:
    packed = gzip.compress(data) if coding == "gzip" else zlib.compress(data)

    assert decode_body(packed, coding) == data


@given(st.binary(max_size=200), st.sampled_from(["gzip", "deflate", "gzip,deflate"]))
def test_no_bytes_make_decoding_raise(data: bytes, coding: str) -> None:
    decoded = decode_body(data, coding)

    assert decoded is None or isinstance(decoded, bytes)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_is_passed_over(encoding: str) -> None:
    response = HttpResponse(200, {}, '{"text": "é"}'.encode(encoding))

    assert response.json() == {"text": "é"}


LEFT_OVER = [("httpx", False), ("httpx", True), ("pyreqwest", False)]
"""Clients, and whether what is left over comes by itself. pyreqwest reads in a thread of its own, which may not have seen the latter by the next request."""


@pytest.mark.parametrize("run", MODES)
@pytest.mark.parametrize(("client", "late"), LEFT_OVER)
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_what_is_left_over_is_no_answer_to_the_next_request(
    run: Run, client: Any, late: bool, tls: bool, tmp_path: Path
) -> None:
    answer, left_over = (
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
        b"HTTP/1.1 299 Old\r\ncontent-length: 0\r\n\r\n",
    )

    written = threading.Event()

    def handle(peer: Peer) -> None:
        peer.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while peer.read_request():
            parts = [answer, left_over] if late else [answer + left_over]
            for part in parts if len(peer.server.requests) == 1 else [answer]:
                peer.answer(part)
            written.set()

    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    settings = HttpSettings(client=client, ca_file=tmp_path / "ca.pem" if tls else None)
    with Server(handle, tls=context if tls else None) as server:
        statuses = run(settings, _two_posts(server.url, written))

    assert statuses == [200, 200]


SLOW = {
    "a byte of the head at a time": (b"HTTP/1.1 200 OK\r\nx-slow: ", b"x"),
    "a byte of the body at a time": (b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n", b"x"),
    "a chunk at a time": (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    "100 Continue again and again": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "103 Early Hints again and again": (b"", b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"),
}


@pytest.mark.parametrize("run", MODES)
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("name", SLOW)
@pytest.mark.parametrize("timeouts", [Timeouts(1.0, 1.0, 1.0), Timeouts(total=1.0)], ids=["phases", "total"])
def test_however_an_answer_drips_the_time_out_ends_it(
    run: Run, client: Any, name: str, timeouts: Timeouts
) -> None:
    first, again = SLOW[name]

    def handle(peer: Peer) -> None:
        peer.read_request()
        peer.answer(first)
        while True:
            peer.answer(again)
            time.sleep(0.05)

    began = time.monotonic()
    with Server(handle) as server, pytest.raises(TransportError) as ended:
        run(HttpSettings(client=client, timeouts=timeouts), _post(server.url))

    assert ended.value.timed_out
    assert ended.value.phase is Phase.READ
    assert 0.7 < time.monotonic() - began < 10.0


@pytest.mark.parametrize("name", ["x y", "x\r\ny", "", "ü"])
@pytest.mark.parametrize("client", CLIENTS)
def test_a_header_that_cannot_be_written_was_certainly_not_sent(client: Any, name: str) -> None:
    with Server(Peer.serve) as server, pytest.raises(TransportError) as refused:
        _sync(HttpSettings(client=client), ask(HttpRequest("POST", server.url, {name: "1"}, b"{}")))

    assert refused.value.phase is Phase.LOCAL
    assert server.requests == []


WAITS = {
    "5": 5.0,
    " 2.5 ": 2.5,
    "0": 0.0,
    "-1": None,
    "nan": None,
    "inf": None,
    "1e9": None,
    "1_0": None,
    "99999999999": None,
    "٣": None,
    "soon": None,
    "": None,
    "9" * 400: None,
    formatdate(1_800_000_030, usegmt=True): 30.0,
    formatdate(1_799_999_990, usegmt=True): None,
    formatdate(1_900_000_000, usegmt=True): None,
    "Wed, 99 Foo 2026 10:00:00 GMT": None,
}


@pytest.mark.parametrize(("text", "seconds"), WAITS.items())
def test_a_time_to_wait_is_one_that_can_be_meant(text: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": text}, now=1_800_000_000.0) == seconds


@given(st.text(max_size=40))
def test_no_text_makes_the_time_to_wait_absurd(text: str) -> None:
    seconds = retry_after({"retry-after": text}, now=1_800_000_000.0)

    assert seconds is None or 0 <= seconds <= 31 * 24 * 3600


@given(
    st.integers(300, 499).filter(lambda status: status not in (401, 402, 403, 408, 429)),
    st.one_of(st.binary(max_size=60), st.sampled_from([b"", b"<html>Log in</html>", b"[]", b'"x"'])),
)
def test_what_is_not_in_the_providers_form_never_refuses_a_message(status: int, body: bytes) -> None:
    answer = HttpResponse(status, {}, body)
    is_object = body.startswith(b"{")
    result = result_from_status(answer, is_from_provider=False)

    assert result.reason is Reason.MISDIRECTED
    assert is_object or result_from_status(answer).reason is Reason.MISDIRECTED


@pytest.mark.parametrize("status", [301, 302, 307, 308, 407, 421, 425, 426, 431])
def test_some_statuses_are_never_the_providers_word_on_a_message(status: int) -> None:
    result = result_from_status(HttpResponse(status, {"content-type": "text/html"}, b"{}"))

    assert result.reason is Reason.MISDIRECTED
    assert "text/html" in result.detail
