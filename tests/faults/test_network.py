"""Every case in which one process asks one provider about one message, on real sockets."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from faults import outcomes_page
from faults.behaviors import CASES
from faults.harness import CLIENTS, MODES, InstantClock, JsonProvider, RaisingProvider, VendorServer, sent

from messaging_channels import Outcome, Route
from messaging_channels._model.outcomes import REASON_POLICIES, Reason
from messaging_channels._transport.settings import HttpSettings
from messaging_channels.plugins.exchange import Timeouts
from messaging_channels.policies.routing import RetryPolicy

pytestmark = pytest.mark.slow

PAGE = outcomes_page.cases()
PATIENT = Timeouts(connect=5, write=5, read=5)
BRIEF = Timeouts(connect=0.3, write=0.3, read=0.3)
TIMEOUTS = {
    "no time": BRIEF,
    "no answer": BRIEF,
    "the answer drips": BRIEF,
    "the answer never": BRIEF,
    "no connection": Timeouts(connect=0.3, write=5, read=5),
}
TWICE = RetryPolicy(max_attempts=2)
LARGE = 32 * 1024 * 1024


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest) -> str:
    if request.param == "pyreqwest":
        pytest.importorskip("pyreqwest")
    return str(request.param)


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def _settings(name: str, client: Any, **options: Any) -> HttpSettings:
    timeouts = next((some for begin, some in TIMEOUTS.items() if name.startswith(begin)), PATIENT)
    return HttpSettings(client=client, timeouts=timeouts, **options)


def _alone() -> dict[str, Any]:
    return {"routes": {"sms": Route("first", retry=TWICE)}, "clock": InstantClock()}


def _both() -> dict[str, Any]:
    return {"routes": {"sms": Route("first", "second", retry=TWICE)}, "clock": InstantClock()}


def _holds(receipt: Any, name: str, asked: list[str]) -> None:
    """Compare a receipt with the page: the reason of every attempt at the first provider, who was asked, and how it stands."""
    row = PAGE[name]
    assert [attempt.provider for attempt in receipt.attempts] == asked
    assert {attempt.result.reason for attempt in receipt.attempts if attempt.provider == "first"} == {
        row.reason
    }
    assert receipt.outcome is (
        Outcome.ACCEPTED if "second" in asked else REASON_POLICIES[Reason(row.reason)].outcome
    )


@pytest.mark.parametrize("name", CASES)
def test_a_request_that_arrives_ends_as_the_page_says(name: str, mode: str, client: str) -> None:
    case, http = CASES[name], _settings(name, client)
    padding = LARGE if name == "no time to read the request" else 0
    with VendorServer(case.behave) as first, VendorServer() as second:
        providers = [JsonProvider("first", first.url, padding=padding), JsonProvider("second", second.url)]
        receipt = sent(mode, providers, http, **_both())
    asked = PAGE[name].asked(attempts=2)
    _holds(receipt, name, asked)

    assert len(first.taken) == (1 if case.taken else 0)
    assert len(second.taken) == asked.count("second")
    assert first.connections <= asked.count("first")


@pytest.mark.parametrize("name", CASES)
def test_without_another_provider_the_same_one_is_asked_again_only_where_the_page_says(
    name: str, mode: str, client: str
) -> None:
    case, http = CASES[name], _settings(name, client)
    padding = LARGE if name == "no time to read the request" else 0
    with VendorServer(case.behave) as first:
        receipt = sent(mode, [JsonProvider("first", first.url, padding=padding)], http, **_alone())
    _holds(receipt, name, PAGE[name].asked_alone(attempts=2))
    assert len(first.taken) == (1 if case.taken else 0)
    if case.waited is not None:
        assert [attempt.delay for attempt in receipt.attempts] == [0.0, pytest.approx(case.waited)]


def test_a_repetition_after_a_429_is_sent_once(mode: str, client: str) -> None:
    answers = iter([CASES["429 with Retry-After in seconds"].behave])

    def behave(server: VendorServer, peer: Any) -> None:
        next(answers, VendorServer.accept_all)(server, peer)

    clock = InstantClock()
    with VendorServer(behave) as first:
        http = HttpSettings(client=client, keepalive_expiry=0.0, timeouts=PATIENT)  # type: ignore[arg-type]
        receipt = sent(mode, [JsonProvider("first", first.url)], http, clock=clock, routes=_alone()["routes"])
    reasons = [attempt.result.reason for attempt in receipt.attempts if attempt.result]
    if first.connections == 1:  # the client went on with its connection, which still throttles
        assert reasons == [Reason.THROTTLED, Reason.THROTTLED]
    else:
        assert reasons == [Reason.THROTTLED, Reason.ACCEPTED]

    assert len(first.taken) == reasons.count(Reason.ACCEPTED)
    assert clock.waits == [2.0]


@contextmanager
def _unknown_authority(_: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    with VendorServer(tls=_tls(trustme.CA(), "localhost")) as server:
        yield server.url, {}
        assert server.requests == []


@contextmanager
def _another_host(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    with VendorServer(tls=_tls(authority, "other.example.com")) as server:
        yield server.url, {"ca_file": folder / "ca.pem"}
        assert server.requests == []


def _tls(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


@contextmanager
def _nobody_listens(_: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    yield f"http://127.0.0.1:{port}", {}


@contextmanager
def _nobody_answers_the_knock(_: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """A listener whose queue is full: it drops further attempts to connect."""
    with ExitStack() as held:
        listener = held.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            one = held.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", {}


@contextmanager
def _no_such_name(_: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    yield "http://nowhere.invalid", {}


CONNECTING = {
    "the name is not found (DNS)": _no_such_name,
    "the connection is refused": _nobody_listens,
    "no connection in time": _nobody_answers_the_knock,
    "TLS: the authority is unknown": _unknown_authority,
    "TLS: the certificate is another host's": _another_host,
}


@pytest.mark.parametrize("name", CONNECTING)
def test_what_never_connects_was_certainly_not_sent(
    name: str, mode: str, client: str, tmp_path: Path
) -> None:
    with CONNECTING[name](tmp_path) as (url, options):
        http = _settings(name, client, **options)
        alone = sent(mode, [JsonProvider("first", url)], http, **_alone())
        with VendorServer() as second:
            # the second server speaks plain HTTP, whatever authorities are trusted
            both = sent(
                mode, [JsonProvider("first", url), JsonProvider("second", second.url)], http, **_both()
            )
    _holds(alone, name, PAGE[name].asked_alone(attempts=2))
    _holds(both, name, PAGE[name].asked(attempts=2))

    assert len(second.taken) == 1


@pytest.mark.parametrize(
    ("name", "after"),
    [("the plugin raises before the request", False), ("the plugin raises after the request", True)],
)
def test_a_plugin_that_raises_is_never_the_reason_for_a_second_copy(
    name: str, after: bool, mode: str, client: str
) -> None:
    with VendorServer() as first, VendorServer() as second:
        providers = [RaisingProvider("first", first.url, after=after), JsonProvider("second", second.url)]
        receipt = sent(mode, providers, _settings(name, client), **_both())
    _holds(receipt, name, PAGE[name].asked(attempts=2))

    assert (len(first.taken), len(second.taken)) == (int(after), 0)


def test_a_deadline_shortens_the_wait_for_an_answer(mode: str, client: str) -> None:
    with VendorServer(CASES["no answer in time"].behave) as first:
        receipt = sent(
            mode,
            [JsonProvider("first", first.url)],
            HttpSettings(client=client, timeouts=Timeouts(read=60)),  # type: ignore[arg-type]
            timeout=0.3,
        )
    (attempt,) = receipt.attempts

    assert attempt.result is not None
    assert attempt.result.reason is Reason.TIMEOUT
    assert attempt.duration < 20
