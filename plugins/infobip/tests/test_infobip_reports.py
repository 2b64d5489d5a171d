"""Pulled reports: read once at the vendor, and yet none is lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from messaging_channels import Dispatcher, Email, Sms, SqliteLedger
from messaging_channels.events import StatusChanged
from messaging_channels.plugins import CurrentTime, HttpRequest, HttpResponse
from messaging_channels.testing import Fault, FaultKind, Transport
from messaging_channels_infobip import Infobip, InfobipApiError
from messaging_channels_infobip.emulator import InfobipEmulator

SENDERS: dict[str, Any] = {"sender": "Shop", "email_sender": "shop@example.com"}


@pytest.fixture
def emulator() -> Iterator[InfobipEmulator]:
    with InfobipEmulator() as running:
        yield running


def _infobip(emulator: InfobipEmulator, **settings: Any) -> Infobip:
    return Infobip(base_url=emulator.url, api_key="emulated-key", **SENDERS, **settings)


def _send(dispatcher: Dispatcher) -> list[str]:
    return [
        dispatcher.send(Sms("Hello"), to="447700900123").id,
        dispatcher.send(Sms("Hello"), to="447700900911").id,
        dispatcher.send(Email("Hello", "Hello"), to="bounced@example.com").id,
    ]


def test_what_a_process_pulled_and_lost_the_next_one_gets_from_the_logs(emulator: InfobipEmulator) -> None:
    ledger = SqliteLedger()
    with Dispatcher([_infobip(emulator, log_backfill_hours=0)], ledger=ledger) as dispatcher:
        sent = _send(dispatcher)
        with Transport() as transport:
            lost = transport.run(_infobip(emulator, log_backfill_hours=0).fetch_reports())
        assert lost
        assert {one.message_id for one in dispatcher.fetch_reports() if isinstance(one, StatusChanged)} == {
            sent[2]
        }
    with Dispatcher([_infobip(emulator)], ledger=ledger) as after:
        after.fetch_reports()
        statuses = [after.get_message(message_id) for message_id in sent]
    assert [(one.status.group_id, one.status.id) for one in statuses if one] == [(3, 5), (2, 9), (2, 9)]


def test_a_report_and_its_row_in_the_log_are_the_same_event(emulator: InfobipEmulator) -> None:
    heard: list[Any] = []
    from messaging_channels.plugins import Observer

    class Ear(Observer):
        def event_received(self, event: Any) -> None:
            heard.append(event)

    provider = _infobip(emulator)
    with Dispatcher([provider], ledger=SqliteLedger(), observer=Ear()) as dispatcher:
        sent = _send(dispatcher)
        assert len(dispatcher.fetch_reports()) == 6
        provider.replay_logs()
        assert len(dispatcher.fetch_reports()) == 3
        assert not dispatcher.fetch_reports()
    assert sorted(event.message_id for event in heard) == sorted(sent)


def test_without_catching_up_only_reports_are_read(emulator: InfobipEmulator) -> None:
    with Dispatcher([_infobip(emulator, log_backfill_hours=0)]) as dispatcher:
        _send(dispatcher)
        assert len(dispatcher.fetch_reports()) == 3
    assert not [request for request in emulator.requests if request.path.endswith("logs")]


def test_a_failed_look_at_the_reports_is_told_and_the_next_one_goes_on(emulator: InfobipEmulator) -> None:
    emulator.faults.add(Fault(FaultKind.STATUS, status=503, path="/sms/3/reports"))
    with Dispatcher([_infobip(emulator)]) as dispatcher:
        _send(dispatcher)
        with pytest.raises(InfobipApiError):
            dispatcher.fetch_reports()
        assert len(dispatcher.fetch_reports()) == 3


def test_a_channel_that_the_account_may_not_read_is_passed_over(emulator: InfobipEmulator) -> None:
    for path in ("/email/4/logs", "/email/4/reports"):
        emulator.faults.add(Fault(FaultKind.STATUS, status=403, path=path, times=10))
    with Dispatcher([_infobip(emulator)]) as dispatcher:
        sent = _send(dispatcher)
        assert {event.message_id for event in dispatcher.fetch_reports()} == {*sent[:2]}  # type: ignore[union-attr]
        emulator.faults.add(Fault(FaultKind.STATUS, status=403, path="/sms/3/reports"))
        with pytest.raises(InfobipApiError) as refused:
            dispatcher.fetch_reports()
        assert refused.value.http_status == 403


def _row(number: int) -> str:
    status = '{"groupId":3,"groupName":"DELIVERED","id":5,"name":"DELIVERED_TO_HANDSET","description":""}'
    return f'{{"messageId":"{number}","status":{status}}}'


def test_the_logs_are_read_page_by_page_to_their_end() -> None:
    pages = {
        "": f'{{"results":[{_row(1)}],"cursor":{{"nextCursor":"c1"}}}}',
        "c1": f'{{"results":[{_row(2)}],"cursor":{{"nextCursor":"c2"}}}}',
        "c2": '{"results":[],"cursor":{"nextCursor":"c3"}}',
    }
    provider = Infobip(base_url="xyz.api.infobip.com", api_key="secret")
    asked: list[str] = []

    def answer(request: HttpRequest) -> HttpResponse:
        asked.append(request.url.partition(".com")[2].partition("?")[0])
        cursor = request.url.partition("&cursor=")[2]
        if "/sms/3/logs" not in request.url:
            return HttpResponse(200, {}, b'{"results": []}')
        assert ("sentSince" in request.url) == (not cursor)
        return HttpResponse(200, {}, pages[cursor].encode())

    told = []
    while page := _run(provider.fetch_reports(), answer):
        told += [event.message_id for event in page]
    assert told == ["1", "2"]
    assert asked == ["/sms/3/logs"] * 3 + ["/email/4/logs", "/sms/3/reports", "/email/4/reports"]


def _run(flow: Any, answer: Any) -> Any:
    reply: Any = None
    try:
        while True:
            exchange = flow.send(reply)
            reply = 1_782_907_205.0 if isinstance(exchange, CurrentTime) else answer(exchange)
    except StopIteration as done:
        return done.value
