"""What goes to Meta as it was written, payments among it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from specifications import FOLDER

from messaging_channels import Dispatcher, Outcome, WhatsAppText, errors
from messaging_channels.messages import Message, WhatsAppInteractive, WhatsAppTemplate
from messaging_channels.testing import Request
from messaging_channels_whatsapp_cloud import WhatsAppCloud, WhatsAppOptions
from messaging_channels_whatsapp_cloud.emulator import NUMBER_ID, TOKEN, WhatsAppCloudEmulator

NUMBER = "+447700900123"
ORDER = {
    "reference_id": "order-1",
    "type": "digital-goods",
    "payment_type": "br",
    "currency": "BRL",
    "total_amount": {"value": 5000, "offset": 100},
    "order": {
        "status": "pending",
        "items": [{"name": "Tea", "amount": {"value": 5000, "offset": 100}, "quantity": 1}],
    },
}


def _request(message: Message, specifications: Path | None = None) -> Request:
    with WhatsAppCloudEmulator() as vendor:
        provider = WhatsAppCloud(
            access_token=TOKEN, sender=NUMBER_ID, base_url=vendor.url, specifications=specifications
        )
        with Dispatcher([provider]) as dispatcher:
            receipt = dispatcher.send(message, to=NUMBER)
        assert receipt.outcome is Outcome.ACCEPTED, receipt.reason
        assert receipt.provider_id
        return vendor.requests[-1]


def _sent(message: Message, specifications: Path | None = None) -> Any:
    return _request(message, specifications).json()


def _raw(**raw: Any) -> WhatsAppText:
    return WhatsAppText("Hello", provider_options=(WhatsAppOptions(raw=raw),))


def test_raw_members_are_merged_into_the_request_and_the_answer_is_read_as_usual() -> None:
    told = _sent(_raw(text={"preview_url": True}, context={"message_id": "wamid.1"}))
    assert told["text"] == {"body": "Hello", "preview_url": True}
    assert told["context"] == {"message_id": "wamid.1"}
    assert told["to"] == NUMBER
    kept = _sent(_raw(text={"preview_url": None}))
    assert kept["text"] == {"body": "Hello"}


def test_a_raw_type_replaces_the_content() -> None:
    told = _sent(_raw(type="location", location={"latitude": 1.5, "longitude": 2.5}))
    assert told["location"] == {"latitude": 1.5, "longitude": 2.5}
    assert "text" not in told


def test_an_order_and_its_status_are_sent_raw() -> None:
    asked = WhatsAppInteractive(
        text="Pay", kind="order_details", action={"name": "review_and_pay", "parameters": ORDER}
    )
    assert _sent(asked)["interactive"]["action"] == {"name": "review_and_pay", "parameters": ORDER}
    status = {"reference_id": "order-1", "order": {"status": "shipped", "description": "On its way"}}
    told = WhatsAppInteractive(
        text="Shipped", kind="order_status", action={"name": "review_order", "parameters": status}
    )
    assert _sent(told)["interactive"]["type"] == "order_status"
    button = {
        "type": "button",
        "sub_type": "order_details",
        "index": 0,
        "parameters": [{"type": "action", "action": {"order_details": ORDER}}],
    }
    options = WhatsAppOptions(raw={"template": {"components": [button]}})
    assert _sent(WhatsAppTemplate("pay", "pt_BR", provider_options=(options,)))["template"]["components"] == [
        button
    ]


@pytest.mark.parametrize(
    "name", ["to", "recipient", "recipient_type", "messaging_product", "biz_opaque_callback_data"]
)
def test_raw_members_name_neither_recipients_nor_ids(name: str) -> None:
    with pytest.raises(errors.InvalidMessage, match=name):
        WhatsAppOptions(raw={name: "x"})


@pytest.mark.parametrize(
    "raw",
    [
        {"news": 1},
        {"text": {"body": 5}},
        {"text": {"news": "x"}},
        {"type": "news", "news": {}},
        {"context": "wamid.1"},
    ],
)
def test_with_the_documents_raw_members_are_checked_before_they_leave(raw: dict[str, Any]) -> None:
    if not (FOLDER / "meta_business_messaging_v23.json").exists():
        pytest.skip("the vendor's documents are not here")
    with pytest.raises(errors.InvalidMessage, match="Meta's OpenAPI documents"):
        _sent(_raw(**raw), FOLDER)
    assert _sent(_raw(text={"preview_url": True}), FOLDER)["text"]["preview_url"] is True


def test_options_that_say_the_same_are_equal_and_hash_alike() -> None:
    one, other = (WhatsAppOptions(raw={"text": {"body": "secret"}}) for _ in range(2))
    assert one == other
    assert hash(one) == hash(other)
    assert "secret" not in repr(one)
