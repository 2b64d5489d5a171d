"""What Infobip reports of messages that were sent: whose address, why it failed, what undoes a delivery, and pages that repeat."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from regression_vendor import StandIn, infobip, infobip_call, infobip_tells, said

from messaging_channels import AsyncDispatcher, Dispatcher, Email
from messaging_channels._ledger.sqlite import SqliteLedger
from messaging_channels._model.events import Event, StatusChanged, UnknownEvent
from messaging_channels.plugins.exchange import HttpResponse
from messaging_channels.testing.emulator import Request, json_response
from messaging_channels_infobip import Infobip
from messaging_channels_infobip.emulator import InfobipEmulator

DELIVERED = {"groupId": 3, "groupName": "DELIVERED", "id": 5, "name": "DELIVERED_TO_HANDSET"}
BOUNCED = {"groupId": 2, "groupName": "UNDELIVERABLE", "id": 9, "name": "UNDELIVERABLE_NOT_DELIVERED"}
SENDERS = {"email_sender": "shop@example.com"}
ENOUGH = 30
"""Requests for one page, after which nobody may ask again."""


def _report(message_id: str, to: str, status: dict[str, Any], **error: Any) -> dict[str, Any]:
    return {
        "messageId": message_id,
        "to": to,
        "doneAt": "2024-04-01T11:02:43.594+0000",
        "status": status,
        "error": {"groupId": 0, "id": 0, **error},
    }


def _group_after(told_of: Callable[[str], Sequence[object]], *, cc: str | None = None) -> str:
    """Send a mail, hand in the calls that are made of its id, and return the group of its status in the record."""
    with (
        InfobipEmulator() as vendor,
        Dispatcher([infobip(base_url=vendor.url, **SENDERS)], ledger=SqliteLedger()) as dispatcher,
    ):
        receipt = dispatcher.send(Email("Hi", "hello", cc=cc or ()), to="zoe@example.com")
        for told in told_of(receipt.id):
            dispatcher.handle_webhook("infobip", infobip_call(told))
        record = dispatcher.get_message(receipt.id)
        assert record is not None
        assert record.status is not None
        return record.status.group_name


@pytest.mark.parametrize("order", [1, -1], ids=["recipient-first", "copy-first"])
def test_the_record_says_what_became_of_the_recipients_mail_and_not_of_its_copy(order: int) -> None:
    def told(message_id: str) -> list[object]:
        recipient = {"results": [_report(message_id, "zoe@example.com", BOUNCED)]}
        copy = {"results": [_report(message_id, "copy@example.org", DELIVERED)]}
        return [recipient, copy][::order]

    group = _group_after(told, cc="copy@example.org")

    assert group == "UNDELIVERABLE"


@pytest.mark.parametrize("order", [1, -1], ids=["recipient-first", "copy-first"])
def test_a_copy_that_bounces_does_not_undo_the_delivery_to_the_recipient(order: int) -> None:
    def told(message_id: str) -> list[object]:
        recipient = {"results": [_report(message_id, "zoe@example.com", DELIVERED)]}
        copy = {"results": [_report(message_id, "copy@example.org", BOUNCED)]}
        return [recipient, copy][::order]

    group = _group_after(told, cc="copy@example.org")

    assert group == "DELIVERED"


def test_a_late_bounce_undoes_the_delivery_of_a_mail() -> None:
    def told(message_id: str) -> list[object]:
        late = {
            "notificationType": "LATE_BOUNCE",
            "eventId": "e-1",
            "domain": "example.com",
            "recipient": "zoe@example.com",
            "sendDateTime": 1704114000000,
            "messageId": message_id,
        }
        return [{"results": [_report(message_id, "zoe@example.com", DELIVERED)]}, late]

    group = _group_after(told)

    assert group == "UNDELIVERABLE"


@pytest.mark.parametrize(
    ("group", "number", "name"),
    [
        (2, 351, "EC_INVALID_DESTINATION_ADDRESS"),
        (1, 27, "EC_ABSENT_SUBSCRIBER"),
        (2, 6010, "EC_RECIPIENT_INBOX_FULL"),
    ],
)
def test_the_error_code_of_a_report_is_a_value_and_not_only_words_for_the_operator(
    group: int, number: int, name: str
) -> None:
    report = _report("m-1", "447700900123", BOUNCED, groupId=group, id=number, name=name)

    (event,) = infobip_tells({"results": [report]})

    told = said(event, "detail")
    assert [field for field, value in told.items() if str(number) in value or name in value]


@pytest.mark.parametrize("group", [1, 2])
def test_no_answer_of_the_operator_is_no_advice_to_send_again(group: int) -> None:
    error = {"groupId": group, "id": 502, "name": "EC_NO_RESPONSE", "permanent": False}

    (event,) = infobip_tells({"results": [_report("m-1", "447700900123", BOUNCED, **error)]})

    assert isinstance(event, StatusChanged)
    assert "retry" not in " ".join(said(event).values()).lower()


@pytest.mark.parametrize("status", ["CAPTURED", "FAILED"])
def test_a_payment_is_told_with_its_kind_and_its_own_time(status: str) -> None:
    content = {
        "from": "447700900123",
        "type": "payment",
        "referenceId": "r-1",
        "paymentId": "p-1",
        "paymentStatus": status,
        "currency": "INR",
    }

    (event,) = infobip_tells(
        {"from": "15550100001", "content": content, "createdAt": "2023-01-01T01:00:00.000+0000"}
    )

    assert isinstance(event, UnknownEvent)
    assert event.kind != ""
    assert event.occurred_at == 1672534800


@pytest.mark.parametrize("content_type", ["application/xml", "text/xml; charset=utf-8"])
def test_a_report_in_xml_is_kept_or_understood(content_type: str) -> None:
    body = (
        b"<reportResponse><results><result><messageId>id-4711</messageId>"
        b"<status><groupId>3</groupId><id>5</id></status></result></results></reportResponse>"
    )

    (event,) = infobip_tells(body, content_type)

    assert "id-4711" in repr(event.raw) or said(event).get("message_id") == "'id-4711'"


def _pulled(provider: Infobip) -> Sequence[Event]:
    with Dispatcher([provider]) as dispatcher:
        return dispatcher.fetch_reports()


def _pulled_by_a_task(provider: Infobip) -> Sequence[Event]:
    async def pulled() -> Sequence[Event]:
        async with AsyncDispatcher([provider]) as dispatcher:
            return await dispatcher.fetch_reports()

    return asyncio.run(pulled())


@pytest.mark.parametrize("pulled", [_pulled, _pulled_by_a_task], ids=["sync", "async"])
@pytest.mark.parametrize("path", ["/sms/3/reports", "/email/4/reports"])
def test_fetching_reports_ends_when_the_same_page_comes_again_and_again(
    path: str, pulled: Callable[[Infobip], Sequence[Event]]
) -> None:
    page = {"results": [_report("m-1", "447700900123", DELIVERED)]}
    asked = []

    def answer(request: Request) -> HttpResponse:
        asked.append(request.path)
        repeated = request.path == path and asked.count(path) <= ENOUGH
        return json_response(page if repeated else {"results": []})

    with StandIn(answer) as vendor:
        events = pulled(infobip(base_url=vendor.url))

    assert [event.message_id for event in events if isinstance(event, StatusChanged)][:1] == ["m-1"]
    assert asked.count(path) < ENOUGH
