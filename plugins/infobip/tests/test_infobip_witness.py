"""The vendor's own client beside us. See `witness_infobip`, which prints the counts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import pytest
import witness_infobip as witness

pytestmark = pytest.mark.skipif(
    not find_spec("infobip_api_client"), reason="the official client is not installed"
)
"""It is imported by the first test, and not by each process that collects: that takes 2 s."""


@pytest.fixture(scope="module")
def sides() -> Iterator[tuple[Any, Any]]:
    with witness.emulated() as emulator, witness.connected(emulator) as client:
        yield emulator, client


def test_every_call_that_the_client_offers_for_our_channels_passes(
    sides: tuple[Any, Any],
) -> None:
    emulator, client = sides
    for call in witness.CALLS:
        call.make(client)
    assert emulator.violations == []
    assert witness.offered() == {call.name for call in witness.CALLS}


def test_the_plugin_asks_what_the_client_asks_or_the_difference_is_explained(sides: tuple[Any, Any]) -> None:
    emulator, client = sides
    used: set[str] = set()
    for pair in witness.PAIRS:
        found = witness.differences(*witness.compared(pair, client, emulator))
        assert {path: values for path, values in found.items() if path not in witness.DIFFERENCES} == {}
        used |= found.keys()
    assert used == witness.DIFFERENCES.keys(), "take the reasons away that explain nothing"


def test_a_mail_as_mime_says_what_was_asked_for(sides: tuple[Any, Any]) -> None:
    emulator, client = sides
    pair = witness.PAIRS[-1]
    ours, theirs = witness.compared(pair, client, emulator)
    read = witness.read_mail(ours["mimeMessage"])
    assert read.get_body(("plain",)).get_content().strip() == pair.message.text
    assert read.get_body(("html",)).get_content().strip() == pair.message.html
    assert witness.read_mail(theirs["mimeMessage"])["from"] == "shop@example.com"


@pytest.mark.parametrize(
    "body",
    [
        {"mimeMessage": "From: a@example.com\r\n\r\nHello"},
        {"mimeMessage": "SGVsbG8="},
        {"mimeMessage": ""},
        {"mimeMessage": witness.WHOLE_MAIL, "destinations": []},
    ],
)
def test_what_no_client_would_send_is_refused(sides: tuple[Any, Any], body: dict[str, Any]) -> None:
    from infobip_api_client import exceptions

    _, client = sides
    with pytest.raises(exceptions.BadRequestException):
        witness.Call("EmailApi", "send_mime_email", "EmailSendMimeRequestSchema", body).make(client)


def test_the_clients_refusals_name_the_field(sides: tuple[Any, Any]) -> None:
    from infobip_api_client import exceptions

    _, client = sides
    with pytest.raises(exceptions.BadRequestException) as refused:
        witness.Call("SmsApi", "send_sms_messages", "SmsRequest", witness.sms_body(sender="S" * 31)).make(
            client
        )
    assert "messages[0].sender" in str(refused.value.body)


def test_the_clients_models_read_what_the_emulator_reports() -> None:
    import infobip_api_client as client

    from messaging_channels import Dispatcher, Email, Sms
    from messaging_channels_infobip import Infobip
    from messaging_channels_infobip.emulator import InfobipEmulator

    models = {"447700900100": client.SmsDeliveryReport, "zoe@example.com": client.EmailWebhookDeliveryReport}
    with InfobipEmulator(webhook_url="http://127.0.0.1:9/reports") as emulator:
        settings = {"sms_sender": "Shop", "email_sender": "shop@example.com"}
        provider = Infobip(base_url=emulator.url, api_key=witness.KEY, **settings)
        with Dispatcher([provider]) as dispatcher:
            sent = [
                dispatcher.send(Sms("Hello"), to="+447700900100").id,
                dispatcher.send(Email("Hi", text="Hello"), to="zoe@example.com").id,
            ]
        emulator.wait_for_reports()
        told = [json.loads(request.body)["results"][0] for request, _ in emulator.reports]
    read = [models[one["to"]].from_dict(one) for one in told]
    assert sorted(one.message_id for one in read) == sorted(sent)
    assert {one.status.name for one in read} == {"DELIVERED_TO_HANDSET"}
    assert [set(one) - set(model.to_dict()) for one, model in zip(told, read, strict=True)] == [set(), set()]
