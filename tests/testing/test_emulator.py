from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from messaging_channels._model.errors import Phase, TransportError
from messaging_channels._transport.drivers import Transport
from messaging_channels._transport.settings import HttpSettings
from messaging_channels.plugins.exchange import HttpRequest, HttpResponse, Timeouts, ask
from messaging_channels.testing.emulator import Emulator, Request, json_response
from messaging_channels.testing.faults import Fault, FaultKind

IMPATIENT = HttpSettings(timeouts=Timeouts(read=0.3))


class EchoEmulator(Emulator):
    """Says what it heard, and reports it where it is told to."""

    webhook = ""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []

    def handle(self, request: Request) -> HttpResponse:
        self.heard.append(request.body.decode())
        if self.webhook:
            self.report(HttpRequest("POST", self.webhook, {}, request.body))
        return json_response({"heard": request.body.decode(), "query": dict(request.query)}, status=201)

    def state(self) -> list[str]:
        return self.heard


@pytest.fixture
def emulator() -> Iterator[EchoEmulator]:
    with EchoEmulator() as emulator:
        yield emulator


def _say(
    emulator: EchoEmulator, words: str = "hello", *, path: str = "/say", method: str = "POST"
) -> HttpResponse:
    with Transport(IMPATIENT) as transport:
        return transport.run(ask(HttpRequest(method, emulator.url + path, {}, words.encode())))


def test_a_request_is_handled_and_answered(emulator: EchoEmulator) -> None:
    answer = _say(emulator, path="/say?to=somebody")

    assert answer.status == 201
    assert answer.json() == {"heard": "hello", "query": {"to": "somebody"}}
    assert [request.path for request in emulator.requests] == ["/say"]


@pytest.mark.parametrize("handled", [True, False])
@pytest.mark.parametrize("how", [FaultKind.RESET, FaultKind.CLOSE, FaultKind.HANG, FaultKind.GARBAGE])
def test_an_answer_that_never_comes_tells_nothing_of_whether_the_request_was_handled(
    emulator: EchoEmulator, how: FaultKind, handled: bool
) -> None:
    emulator.faults.add(Fault(how, handled))
    with pytest.raises(TransportError) as failed:
        _say(emulator)

    assert failed.value.phase is Phase.READ
    assert failed.value.timed_out == (how is FaultKind.HANG)
    assert emulator.heard == (["hello"] if handled else [])
    assert _say(emulator).status == 201


def test_an_answer_can_be_cut(emulator: EchoEmulator) -> None:
    emulator.faults.add(Fault(FaultKind.CUT))
    with pytest.raises(TransportError):
        _say(emulator)

    assert emulator.heard == ["hello"]


def test_an_answer_can_be_of_any_status_and_carry_how_long_to_wait(emulator: EchoEmulator) -> None:
    emulator.faults.add(Fault(FaultKind.STATUS, status=503))
    emulator.faults.add(Fault(FaultKind.THROTTLE, seconds=2))
    emulator.faults.add(Fault(FaultKind.UNREADABLE, handled=True))
    emulator.faults.add(Fault(FaultKind.SLOW, seconds=0.01))

    assert _say(emulator).status == 503
    assert _say(emulator).headers["retry-after"] == "2"
    assert _say(emulator).body.startswith(b"<html>")
    assert _say(emulator).status == 201
    assert len(emulator.heard) == 2


def test_a_fault_hits_only_its_path_and_as_often_as_told(emulator: EchoEmulator) -> None:
    emulator.faults.add(Fault(FaultKind.STATUS, status=500, times=2, path="/say"))

    assert [_say(emulator, path=path).status for path in ("/other", "/say", "/say", "/say")] == [
        201,
        500,
        500,
        201,
    ]


def test_faults_and_state_can_be_steered_from_any_language(emulator: EchoEmulator) -> None:
    fault = json.dumps({"kind": "status", "status": 502})

    assert _say(emulator, fault, path="/_emulator/faults").status == 200
    assert _say(emulator).status == 502
    assert _say(emulator, fault, path="/_emulator/faults").status == 200
    assert _say(emulator, path="/_emulator/faults", method="DELETE").status == 200
    assert _say(emulator).status == 201
    assert _say(emulator, path="/_emulator/state", method="GET").json() == ["hello"]
    assert _say(emulator, '{"kind": "explode"}', path="/_emulator/faults").status == 400


def test_reports_are_posted_and_a_dead_listener_harms_nobody(emulator: EchoEmulator) -> None:
    with EchoEmulator() as listener:
        emulator.webhook = listener.url + "/reports"
        _say(emulator)
        emulator.wait_for_reports()
        assert listener.heard == ["hello"]
        assert [status for _, status in emulator.reports] == [201]
    _say(emulator)
    emulator.wait_for_reports()

    assert emulator.reports[-1][1] is None
