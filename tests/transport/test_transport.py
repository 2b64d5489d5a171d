from __future__ import annotations

import asyncio
import copy
import os
import pickle
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme
from loopback import OK, Peer, Server

from messaging_channels._model.errors import InvalidSetting, Phase, TransportError
from messaging_channels._transport.drivers import AsyncTransport, Transport
from messaging_channels._transport.settings import ClientCertificate, HttpSettings
from messaging_channels.plugins.exchange import (
    BlockingCall,
    CurrentTime,
    Exchange,
    Flow,
    Gather,
    HttpRequest,
    HttpResponse,
    Sleep,
    Timeouts,
    ask,
)

IMPATIENT = Timeouts(read=0.3)
BRIEF = Timeouts(read=3.0)


def _run_sync(settings: HttpSettings, flow: Flow[Any]) -> Any:
    with Transport(settings) as transport:
        return transport.run(flow)


def _run_async(settings: HttpSettings, flow: Flow[Any]) -> Any:
    async def run() -> Any:
        async with AsyncTransport(settings) as transport:
            return await transport.run(flow)

    return asyncio.run(run())


@pytest.fixture(params=["httpx", "pyreqwest"])
def client(request: pytest.FixtureRequest) -> str:
    if request.param == "pyreqwest":
        pytest.importorskip("pyreqwest")
    return str(request.param)


@pytest.fixture(params=[_run_sync, _run_async], ids=["sync", "async"])
def run(request: pytest.FixtureRequest) -> Callable[[HttpSettings, Flow[Any]], Any]:
    return request.param  # type: ignore[no-any-return]


def _post(url: str, body: bytes = b"{}") -> Flow[HttpResponse]:
    return ask(HttpRequest("POST", f"{url}/send", {"authorization": "App secret"}, body))


def test_a_request_arrives_as_described_and_its_answer_is_read_whole(run: Any, client: str) -> None:
    def handle(peer: Peer) -> None:
        peer.read_request()
        peer.answer(b"HTTP/1.1 429 Slow Down\r\nRetry-After: 2\r\nContent-Length: 4\r\n\r\nwait")

    with Server(handle) as server:
        response = run(HttpSettings(client=client), _post(server.url, b'{"a":1}'))
    assert (response.status, response.body, response.headers["retry-after"]) == (429, b"wait", "2")
    request = server.requests[0]

    assert request.startswith(b"POST /send HTTP/1.1\r\n")
    assert request.endswith(b'\r\n\r\n{"a":1}')
    assert b"authorization: app secret" in request.lower()


def _several(*requests: HttpRequest) -> Flow[list[int]]:
    statuses = []
    for request in requests:
        response = yield from ask(request)
        statuses.append(response.status)
    return statuses


def test_requests_that_resemble_each_other_each_arrive_as_described(run: Any, client: str) -> None:
    changing = {"x-token": "first"}

    def flow(url: str) -> Flow[None]:
        yield from ask(HttpRequest("POST", url, changing, b"one"))
        changing["x-token"] = "second"
        yield from ask(HttpRequest("POST", url, changing, b"two"))
        yield from ask(HttpRequest("POST", url, changing, b"three"))
        yield from ask(HttpRequest("PUT", url, changing, b""))

    with Server(Peer.serve) as server:
        run(HttpSettings(client=client), flow(f"{server.url}/send"))
    told = [(one.split(b" ")[0], one.partition(b"\r\n\r\n")[2]) for one in server.requests]
    assert told == [(b"POST", b"one"), (b"POST", b"two"), (b"POST", b"three"), (b"PUT", b"")]
    tokens = [one.lower().partition(b"x-token: ")[2].partition(b"\r\n")[0] for one in server.requests]

    assert tokens == [b"first", b"second", b"second", b"second"]


def test_more_kinds_of_requests_than_are_remembered_arrive(client: str) -> None:
    with Server(Peer.serve) as server:
        requests = [HttpRequest("GET", f"{server.url}/{number}") for number in (*range(300), 0)]
        assert _run_sync(HttpSettings(client=client), _several(*requests)) == [200] * len(requests)

    assert [request.split(b" ")[1] for request in server.requests] == [
        b"/%d" % number for number in (*range(300), 0)
    ]


def test_the_time_out_of_a_request_is_that_of_the_next_one_like_it(run: Any, client: str) -> None:
    def handle(peer: Peer) -> None:
        peer.read_request()
        peer.answer()
        peer.read_request()
        peer.wait_for_the_other_side()

    def flow(url: str) -> Flow[None]:
        hasty = HttpRequest("POST", url, timeouts=IMPATIENT)
        yield from ask(hasty)
        yield from ask(hasty)

    with Server(handle) as server, pytest.raises(TransportError) as caught:
        run(HttpSettings(client=client), flow(server.url))

    assert caught.value.timed_out
    assert caught.value.may_have_been_sent


def test_closing_ends_the_idle_connections(run: Any, client: str) -> None:
    ended = threading.Event()

    def handle(peer: Peer) -> None:
        peer.serve()
        ended.set()

    with Server(handle) as server:
        run(HttpSettings(client=client, keepalive_expiry=600.0), _post(server.url))
        assert ended.wait(10)


def test_headers_are_a_mapping_by_names_in_lower_case(run: Any, client: str) -> None:
    def handle(peer: Peer) -> None:
        peer.read_request()
        peer.answer(
            b"HTTP/1.1 200 OK\r\nRetry-After: 2\r\nX-Trace: abc\r\nX-Name: caf\xc3\xa9\r\nContent-Length: 0\r\n\r\n"
        )

    with Server(handle) as server:
        response = run(HttpSettings(client=client), _post(server.url))
    headers = response.headers
    ascii_only = {name: value for name, value in headers.items() if name != "x-name"}

    assert ascii_only == {"retry-after": "2", "x-trace": "abc", "content-length": "0"}
    assert len(headers) == len(list(headers))
    assert "Retry-After" not in headers
    assert headers.get("x-absent", "none") == "none"
    assert pickle.loads(pickle.dumps(response)) == copy.deepcopy(response) == response


def test_redirects_are_answers(run: Any, client: str) -> None:
    def handle(peer: Peer) -> None:
        peer.read_request()
        peer.answer(b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n")

    with Server(handle) as server:
        assert run(HttpSettings(client=client), _post(server.url)).status == 302

    assert len(server.requests) == 1


def _silence(peer: Peer) -> None:
    peer.read_request()
    peer.wait_for_the_other_side()


def _reset_at_the_first_byte(peer: Peer) -> None:
    peer.connection.recv(1)
    peer.reset()


def _reset_after_reading(peer: Peer) -> None:
    peer.read_request()
    peer.reset()


def _close_after_reading(peer: Peer) -> None:
    peer.read_request()


def _half_a_status_line(peer: Peer) -> None:
    peer.read_request()
    peer.answer(b"HTTP/1.1 2")


def _truncated_body(peer: Peer) -> None:
    peer.read_request()
    peer.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")


def _garbage(peer: Peer) -> None:
    peer.read_request()
    peer.answer(b"\x00\xff no HTTP at all\r\n\r\n")


FAULTS = [
    _silence, _reset_at_the_first_byte, _reset_after_reading, _close_after_reading, _half_a_status_line, _truncated_body, _garbage,
]  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_failure_after_connecting_may_have_been_sent(run: Any, client: str, fault: Any) -> None:
    with Server(fault) as server, pytest.raises(TransportError) as caught:
        run(
            HttpSettings(client=client, timeouts=IMPATIENT if fault is _silence else Timeouts()),
            _post(server.url),
        )

    assert caught.value.may_have_been_sent
    assert caught.value.timed_out is (fault is _silence)
    assert "secret" not in str(caught.value)
    assert server.url not in str(caught.value)
    assert server.connections == 1


def test_a_refused_connection_was_certainly_not_sent(run: Any, client: str) -> None:
    with Server(Peer.serve) as server:
        url = server.url
    with pytest.raises(TransportError) as caught:
        run(HttpSettings(client=client), _post(url))

    assert caught.value.phase is Phase.CONNECT
    assert not caught.value.may_have_been_sent


def test_an_unknown_host_was_certainly_not_sent(run: Any, client: str) -> None:
    with pytest.raises(TransportError) as caught:
        run(HttpSettings(client=client), _post("http://nowhere.invalid"))

    assert caught.value.phase is Phase.CONNECT


def test_what_is_no_url_never_leaves(run: Any, client: str) -> None:
    with pytest.raises(TransportError) as caught:
        run(HttpSettings(client=client), _post("ftp://example.com"))

    assert not caught.value.may_have_been_sent


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def _server_tls(authority: trustme.CA, name: str = "localhost") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


def test_a_certificate_of_an_unknown_authority_is_refused_before_anything_is_sent(
    run: Any, client: str, authority: trustme.CA
) -> None:
    with Server(Peer.serve, tls=_server_tls(authority)) as server, pytest.raises(TransportError) as caught:
        run(HttpSettings(client=client), _post(server.url))

    assert caught.value.phase is Phase.CONNECT
    assert server.requests == []


def test_an_authority_of_ones_own_can_be_trusted(
    run: Any, client: str, authority: trustme.CA, tmp_path: Path
) -> None:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    with Server(Peer.serve, tls=_server_tls(authority)) as server:
        response = run(HttpSettings(client=client, ca_file=tmp_path / "ca.pem"), _post(server.url))

    assert response.status == 200


def test_what_the_environment_trusts_is_trusted_by_the_next_transport_and_not_only_by_the_first(
    run: Any, authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    with Server(Peer.serve, tls=_server_tls(authority)) as server:
        with pytest.raises(TransportError):
            run(HttpSettings(client="httpx"), _post(server.url))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        assert run(HttpSettings(client="httpx"), _post(server.url)).status == 200


def test_an_environment_that_names_no_certificates_is_a_clear_error(
    run: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "nothing.pem"))

    with pytest.raises(InvalidSetting):
        run(HttpSettings(client="httpx"), _post("https://127.0.0.1:1"))


def test_a_certificate_for_another_name_is_refused(
    run: Any, client: str, authority: trustme.CA, tmp_path: Path
) -> None:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    settings = HttpSettings(client=client, ca_file=tmp_path / "ca.pem")
    with (
        Server(Peer.serve, tls=_server_tls(authority, "other.example.com")) as server,
        pytest.raises(TransportError) as caught,
    ):
        run(settings, _post(server.url))

    assert caught.value.phase is Phase.CONNECT


def test_a_client_certificate_proves_who_we_are(
    run: Any, client: str, authority: trustme.CA, tmp_path: Path
) -> None:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    ours = authority.issue_cert("client.example.com")
    ours.private_key_and_cert_chain_pem.write_to_path(tmp_path / "ours.pem")
    context = _server_tls(authority)
    context.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(context)
    settings = HttpSettings(
        client=client,
        ca_file=tmp_path / "ca.pem",
        client_certificate=ClientCertificate(tmp_path / "ours.pem"),
    )
    with Server(Peer.serve, tls=context) as server:
        assert run(settings, _post(server.url)).status == 200


def test_a_proxy_is_used_when_configured(run: Any, client: str) -> None:
    with Server(Peer.serve) as proxy:
        settings = HttpSettings(client=client, proxy=f"http://user:word@127.0.0.1:{proxy.port}")
        assert run(settings, _post("http://api.example.com")).status == 200

    assert proxy.requests[0].startswith(b"POST http://api.example.com/send HTTP/1.1\r\n")
    assert b"proxy-authorization: basic" in proxy.requests[0].lower()


def test_a_missing_certificate_file_is_a_clear_setting_error() -> None:
    with pytest.raises(InvalidSetting, match="certificate file"):
        _run_sync(HttpSettings(client="httpx", ca_file=Path("nowhere.pem")), _post("http://127.0.0.1:9"))


def _many(url: str, count: int) -> Flow[list[int]]:
    statuses = []
    for _ in range(count):
        response = yield from _post(url)
        statuses.append(response.status)
    return statuses


def test_one_after_the_other_share_a_connection(run: Any, client: str) -> None:
    with Server(Peer.serve) as server:
        assert run(HttpSettings(client=client), _many(server.url, 5)) == [200] * 5

    assert server.connections == 1


def test_many_tasks_at_once_need_no_more_connections_than_there_are_tasks(client: str) -> None:
    async def run(url: str) -> None:
        async with AsyncTransport(HttpSettings(client=client)) as transport:
            for _ in range(3):
                await asyncio.gather(*(transport.run(_post(url)) for _ in range(16)))

    with Server(Peer.serve) as server:
        asyncio.run(run(server.url))

    assert len(server.requests) == 48
    assert server.connections <= 16


def test_many_threads_share_one_transport(client: str) -> None:
    with Server(Peer.serve) as server, Transport(HttpSettings(client=client)) as transport:
        threads = [threading.Thread(target=transport.run, args=(_many(server.url, 10),)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert len(server.requests) == 80
    assert (
        server.connections <= 16
    )  # one comes back a moment after its answer: another may be opened meanwhile


def test_a_cancelled_request_closes_its_connection_at_the_latest_with_the_read_time_out(client: str) -> None:
    arrived = threading.Event()
    closed = threading.Event()

    def handle(peer: Peer) -> None:
        peer.read_request()
        arrived.set()
        peer.wait_for_the_other_side()
        closed.set()

    async def run(url: str) -> None:
        async with AsyncTransport(HttpSettings(client=client, timeouts=BRIEF)) as transport:
            task = asyncio.create_task(transport.run(_post(url)))
            await asyncio.to_thread(arrived.wait, 10)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await asyncio.to_thread(closed.wait, 10)

    with Server(handle) as server:
        asyncio.run(run(server.url))


def test_an_idle_connection_that_the_server_closed_is_not_used_again(run: Any) -> None:
    def handle(peer: Peer) -> None:
        peer.read_request()
        peer.answer()

    with Server(handle) as server:
        assert run(HttpSettings(client="httpx", keepalive_expiry=0.0), _many(server.url, 3)) == [200] * 3

    assert server.connections == 3


def test_a_forked_child_makes_its_own_connections() -> None:
    with Server(Peer.serve) as server, Transport(HttpSettings(client="httpx")) as transport:
        transport.run(_post(server.url))
        child = os.fork()
        if child == 0:
            os._exit(0 if transport.run(_post(server.url)).status == 200 else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert transport.run(_post(server.url)).status == 200

    assert server.connections == 2


def test_a_forked_child_makes_its_own_threads() -> None:
    def both() -> Flow[Any]:
        return ask(Gather([ask(BlockingCall(lambda: 1)), ask(BlockingCall(lambda: 2))]))

    with Transport() as transport:
        assert transport.run(both()) == [1, 2]
        child = os.fork()
        if child == 0:
            os._exit(0 if transport.run(both()) == [1, 2] else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert transport.run(both()) == [1, 2]


def test_calls_waits_and_the_clock_are_performed(run: Any) -> None:
    def flow() -> Flow[tuple[str, bool]]:
        before = yield from ask(CurrentTime())
        yield from ask(Sleep(0.001))
        word = yield from ask(BlockingCall(lambda: "done"))
        after = yield from ask(CurrentTime())
        return word, after > before

    assert run(HttpSettings(), flow()) == ("done", True)


def test_what_a_call_raises_is_raised_into_the_flow(run: Any) -> None:
    def fail() -> None:
        raise KeyError

    def flow() -> Flow[str]:
        try:
            yield from ask(BlockingCall(fail))
        except KeyError:
            return "caught"
        return "missed"

    assert run(HttpSettings(), flow()) == "caught"


class Strange(Exchange[None]):
    """Nobody performs it."""


def test_an_exchange_nobody_performs_is_named(run: Any) -> None:
    with pytest.raises(TypeError, match="Strange"):
        run(HttpSettings(), ask(Strange()))


def test_nothing_runs_after_closing() -> None:
    transport = Transport()
    transport.close()
    for exchange in (CurrentTime(), HttpRequest("GET", "http://127.0.0.1:9")):
        with pytest.raises(RuntimeError, match="closed"):
            transport.run(ask(exchange))


def test_an_endless_answer_is_cut_off() -> None:
    def handle(peer: Peer) -> None:
        peer.read_request()
        peer.answer(OK.replace(b"content-length: 2", b"content-length: 17000000")[:-2] + b"x" * 17_000_000)

    with Server(handle) as server, pytest.raises(TransportError, match="longer"):
        _run_sync(HttpSettings(client="httpx"), _post(server.url))


def test_the_repr_of_a_request_shows_neither_query_nor_headers_nor_body() -> None:
    request = HttpRequest("GET", "https://api.example.com/log?to=canary", {"x": "canary"}, b"canary")

    assert repr(request) == "HttpRequest(GET https://api.example.com/log?…)"
    assert (
        repr(HttpRequest("GET", "https://api.example.com/log"))
        == "HttpRequest(GET https://api.example.com/log)"
    )


def test_flows_at_once_all_end_and_what_one_raises_is_raised_then(run: Any) -> None:
    met = threading.Barrier(3, timeout=30)
    ended: list[int] = []

    def flow(number: int) -> Flow[int]:
        yield BlockingCall(met.wait)
        if number == 1:
            message = "one"
            raise LookupError(message)
        ended.append(number)
        return number

    def several(*numbers: int) -> Flow[Any]:
        try:
            return (yield Gather([flow(number) for number in numbers]))
        except LookupError as error:
            return str(error), sorted(ended)

    assert run(HttpSettings(), several(2, 3, 4)) == [2, 3, 4]
    ended.clear()

    assert run(HttpSettings(), several(0, 1, 2)) == ("one", [0, 2])


SHORT_LIVED = """
import threading
from messaging_channels.plugins.exchange import HttpRequest, ask
from messaging_channels._transport.drivers import HttpSettings, Transport

def send():
    with Transport(HttpSettings(client={client!r})) as transport:
        print(transport.run(ask(HttpRequest("POST", {url!r}))).status)

for _ in range(20):
    thread = threading.Thread(target=send)
    thread.start()
    thread.join()
"""


def test_threads_that_end_may_send(client: str) -> None:
    """Pyreqwest crashes the process when the thread that imported it has ended."""
    with Server(Peer.serve) as server:
        command = [sys.executable, "-c", SHORT_LIVED.format(client=client, url=server.url)]
        told = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    assert (told.returncode, told.stdout.split()) == (0, ["200"] * 20), told.stderr
