from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from loopback import Peer, Server

from messaging_channels import Dispatcher, Outcome, SqliteLedger, WebhookRequest
from messaging_channels._model.status import DELIVERED_TO_HANDSET
from messaging_channels.events import MessageReceived, StatusChanged
from messaging_channels.messages import WhatsAppReaction, WhatsAppTemplate, WhatsAppText
from messaging_channels.plugins import HttpRequest, HttpResponse, ask
from messaging_channels.testing import Fault, FaultKind, Transport
from messaging_channels_whatsapp_cloud import WhatsAppCloud
from messaging_channels_whatsapp_cloud.emulator import NUMBER_ID, SECRET, TOKEN, WhatsAppCloudEmulator
from messaging_channels_whatsapp_cloud.emulator.rules import find_problem

NUMBER = "447700900123"
HELLO = {"messaging_product": "whatsapp", "to": f"+{NUMBER}", "type": "text", "text": {"body": "Hello"}}
PATH = f"/v24.0/{NUMBER_ID}/messages"


class Listener(Server):
    """Where webhooks go; it keeps them as calls."""

    def __init__(self) -> None:
        super().__init__(Peer.serve)

    @property
    def calls(self) -> list[WebhookRequest]:
        return [_call(request) for request in self.requests]


def _call(request: bytes) -> WebhookRequest:
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    method, target, _ = first.split(" ")
    return WebhookRequest(body, headers, f"https://example.com{target}", method, 1.0)


@pytest.fixture
def listener() -> Iterator[Listener]:
    with Listener() as server:
        yield server


def _cloud(emulator: WhatsAppCloudEmulator) -> WhatsAppCloud:
    return WhatsAppCloud(
        access_token=TOKEN,
        sender=NUMBER_ID,
        base_url=emulator.url,
        webhook_app_secrets=[SECRET],
        webhook_verify_token="v",
    )


def _post(
    emulator: WhatsAppCloudEmulator, path: str, payload: Any, token: str = TOKEN, method: str = "POST"
) -> HttpResponse:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    with Transport() as transport:
        return transport.run(
            ask(HttpRequest(method, emulator.url + path, {"authorization": f"Bearer {token}"}, body))
        )


def _code(answer: HttpResponse) -> Any:
    return answer.json()["error"]["code"]


def _events(emulator: WhatsAppCloudEmulator, listener: Listener) -> list[Any]:
    emulator.wait_for_reports()
    cloud = _cloud(emulator)
    return [event for call in listener.calls for event in cloud.handle_webhook(call).events]


def test_it_reports_progress_by_webhooks_that_it_signed(listener: Listener) -> None:
    with WhatsAppCloudEmulator(webhook_url=listener.url, reports=("read", "sent")) as emulator:
        with Dispatcher([_cloud(emulator)]) as dispatcher:
            receipt = dispatcher.send(WhatsAppText("Hello"), to=NUMBER)
        found = _events(emulator, listener)
    assert {event.message_id for event in found} == {receipt.id}
    assert sorted(event.status.id for event in found if isinstance(event, StatusChanged)) == [3, 5]


def test_a_lost_answer_is_settled_by_the_report_that_carries_our_id(listener: Listener) -> None:
    with WhatsAppCloudEmulator(webhook_url=listener.url) as emulator:
        emulator.faults.add(Fault(FaultKind.RESET, handled=True))
        with Dispatcher([_cloud(emulator)], ledger=SqliteLedger()) as dispatcher:
            receipt = dispatcher.send(WhatsAppText("Hello"), to=NUMBER)
            assert receipt.outcome is Outcome.UNKNOWN
            emulator.wait_for_reports()
            for call in [*listener.calls, *reversed(listener.calls)]:
                dispatcher.handle_webhook("whatsapp-cloud", call)
            record = dispatcher.get_message(receipt.id)
    assert record is not None
    assert record.status == DELIVERED_TO_HANDSET
    assert len(emulator.messages) == 1


def test_it_reports_together_if_told_so(listener: Listener) -> None:
    with WhatsAppCloudEmulator(webhook_url=listener.url, together=True) as emulator:
        _post(emulator, PATH, HELLO)
        found = _events(emulator, listener)
    assert len(listener.calls) == 1
    assert len(found) == 2


def test_it_fails_what_it_is_told_to_fail(listener: Listener) -> None:
    with WhatsAppCloudEmulator(webhook_url=listener.url) as emulator:
        _post(emulator, "/_whatsapp/fail", {"code": 131026})
        with Dispatcher([_cloud(emulator)]) as dispatcher:
            dispatcher.send(WhatsAppText("Hello"), to=NUMBER)
        (event,) = _events(emulator, listener)
    assert (event.status.group_id, event.status.id) == (2, 9)


def test_a_person_writes_and_opens_a_window(listener: Listener) -> None:
    with WhatsAppCloudEmulator(webhook_url=listener.url, windows=True, reports=("sent",)) as emulator:
        with Dispatcher([_cloud(emulator)]) as dispatcher:
            dispatcher.send(WhatsAppText("closed"), to=NUMBER)
            dispatcher.send(WhatsAppTemplate("hello", "en"), to=NUMBER)
            written = {"from": NUMBER, "type": "text", "text": {"body": "a@b.example/ä"}}
            told = _post(emulator, "/_whatsapp/receive", written).json()
            dispatcher.send(WhatsAppText("open"), to=NUMBER)
            dispatcher.send(WhatsAppReaction("👍", told["id"]), to=NUMBER)
            dispatcher.send(WhatsAppReaction("👍", "wamid.gone"), to=NUMBER)
        found = _events(emulator, listener)
    assert [taken.reported_statuses for taken in emulator.messages] == [
        ["failed"],
        ["sent"],
        ["sent"],
        ["sent"],
        ["failed"],
    ]
    (received,) = [event for event in found if isinstance(event, MessageReceived)]
    assert (received.text, received.provider_id, received.name) == ("a@b.example/ä", told["id"], "Ann")


def test_a_person_without_a_number_writes_and_is_answered(listener: Listener) -> None:
    with WhatsAppCloudEmulator(webhook_url=listener.url, windows=True, reports=("sent",)) as emulator:
        emulator.receive_message("US.1349", {"type": "text", "text": {"body": "Hello"}})
        (received,) = _events(emulator, listener)
        with Dispatcher([_cloud(emulator)]) as dispatcher:
            dispatcher.send(WhatsAppText("Hello"), to=received.sender)
        assert emulator.messages[0].reported_statuses == ["sent"]
        assert _events(emulator, listener)[1].raw["statuses"][0]["recipient_user_id"] == "US.1349"


def test_it_makes_the_verification_call(listener: Listener) -> None:
    with WhatsAppCloudEmulator(webhook_url=listener.url) as emulator:
        _post(emulator, "/_whatsapp/verify", {"token": "v"})
        emulator.wait_for_reports()
        answer = _cloud(emulator).handle_webhook(listener.calls[0]).response
    assert answer.body == b"1158201444"


def test_it_refuses_what_it_is_told_to_refuse_as_often_as_told() -> None:
    with WhatsAppCloudEmulator() as emulator:
        _post(emulator, "/_whatsapp/refuse", {"code": 131056, "times": 2})
        answers = [_post(emulator, PATH, HELLO) for _ in range(3)]
        assert [answer.status for answer in answers] == [400, 400, 200]
        assert _code(answers[0]) == 131056
        assert _post(emulator, "/_whatsapp/refuse", b"no json").status == 400
        assert _post(emulator, "/_whatsapp/other", {}).status == 400


def test_it_knows_its_account() -> None:
    with WhatsAppCloudEmulator() as emulator:
        assert _code(_post(emulator, PATH, HELLO, token="other")) == 190
        assert _code(_post(emulator, "/v24.0/999/messages", HELLO)) == 33
        assert _code(_post(emulator, f"/{NUMBER_ID}/messages", HELLO)) == 100
        assert _code(_post(emulator, PATH, b"no json")) == 100
        assert _code(_post(emulator, PATH, {"status": "read"})) == 131009
        marketing = PATH.replace("messages", "marketing_messages")
        assert _code(_post(emulator, marketing, HELLO)) == 131055
        assert _code(_post(emulator, PATH, {**HELLO, "type": "image", "image": {"id": "gone"}})) == 100
        assert _post(emulator, "/_files/gone", b"", method="GET").status == 404
        assert _code(_post(emulator, "/v24.0/gone", b"", method="GET")) == 100
        assert _code(_post(emulator, PATH.replace("messages", "media"), b"no form")) == 100
        assert not emulator.messages


def test_it_knows_its_templates() -> None:
    def fill(name: str, *gaps: str) -> dict[str, Any]:
        parameters = [{"type": "text", "text": gap} for gap in gaps]
        template = {
            "name": name,
            "language": {"code": "en"},
            "components": [{"type": "body", "parameters": parameters}],
        }
        return {**HELLO, "type": "template", "template": template}

    with WhatsAppCloudEmulator(templates={("hello", "en"): 1}) as emulator:
        assert (
            _post(emulator, PATH, fill("hello", "Ann")).json()["messages"][0]["message_status"] == "accepted"
        )
        assert _code(_post(emulator, PATH, fill("hello"))) == 132000
        assert _code(_post(emulator, PATH, fill("bye", "Ann"))) == 132001


def test_it_keeps_to_the_documented_rates_if_told_so() -> None:
    with WhatsAppCloudEmulator(rate_limits=True) as emulator, Transport() as transport:
        request = HttpRequest(
            "POST", emulator.url + PATH, {"authorization": f"Bearer {TOKEN}"}, json.dumps(HELLO).encode()
        )
        answers = [transport.run(ask(request)) for _ in range(46)]
    assert [answer.status for answer in answers] == [200] * 45 + [400]
    assert _code(answers[-1]) == 131056


def test_a_number_without_its_plus_goes_astray_as_it_does_at_meta() -> None:
    with WhatsAppCloudEmulator() as emulator:
        _post(emulator, PATH, {**HELLO, "to": NUMBER})
        assert emulator.messages[0].to == f"1{NUMBER}"


def _filled(*components: Any, name: str = "a") -> dict[str, Any]:
    template = {"name": name, "language": {"code": "en"}, "components": list(components)}
    return {"type": "template", "template": template}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"messaging_product": "sms"}, 100),
        ({"to": None}, 131008),
        ({"to": "nobody"}, 131009),
        ({"to": None, "recipient": "nobody"}, 131009),
        ({"type": "hologram"}, 100),
        ({"type": "image"}, 131008),
        ({"biz_opaque_callback_data": "x" * 513}, 100),
        ({"text": {"body": ""}}, 100),
        ({"text": {"body": "x" * 4097}}, 100),
        ({"type": "image", "image": {"id": "1", "link": "x"}}, 131009),
        ({"type": "image", "image": {"id": "1", "caption": "x" * 1025}}, 100),
        ({"type": "sticker", "sticker": {"id": "1", "caption": "x"}}, 100),
        ({"type": "location", "location": {"latitude": "1"}}, 131008),
        ({"type": "location", "location": {"latitude": 91, "longitude": 0}}, 131009),
        ({"type": "contacts", "contacts": []}, 131008),
        ({"type": "contacts", "contacts": [{"name": {}}]}, 131008),
        ({"type": "reaction", "reaction": {}}, 131008),
        ({"type": "interactive", "interactive": {"type": "button"}}, 131008),
        ({"type": "interactive", "interactive": {"type": "button", "action": {}}}, 131008),
        ({"type": "interactive", "interactive": {"type": "button", "body": {"text": "x"}, "action": {}}}, 131009),
        ({"type": "interactive", "interactive": {"type": "button", "body": {"text": "x"}, "header": {"type": "x"}, "action": {}}}, 131009),
        ({"type": "interactive", "interactive": {"type": "button", "body": {"text": "x"}, "footer": {"text": ""}, "action": {}}}, 100),
        ({"type": "interactive", "interactive": {"type": "list", "body": {"text": "x"}, "action": {"button": "x"}}}, 131009),
        ({"type": "interactive", "interactive": {"type": "cta_url", "body": {"text": "x"}, "action": {"name": "cta_url"}}}, 131008),
        ({"type": "interactive", "interactive": {"type": "cta_url", "body": {"text": "x"}, "action": {}}}, 131008),
        ({"type": "interactive", "interactive": {"type": "carousel", "body": {"text": "x"}, "action": {"cards": [{"card_index": 1}]}}}, 131009),
        (_filled(name="A B"), 132001),
        (_filled({"type": "button"}), 131008),
        (_filled({"type": "body", "parameters": [{"type": "text"}]}), 132012),
        (_filled({"type": "body", "parameters": [{"type": "text", "text": "a\nb"}]}), 132018),
    ],
    ids=lambda value: str(value)[:50],
)  # fmt: skip
def test_it_refuses_what_the_api_refuses(change: dict[str, Any], code: int) -> None:
    found = find_problem({**HELLO, **change})
    assert found is not None
    assert found[0] == code


def test_it_is_a_program_of_its_own() -> None:
    program = [
        sys.executable,
        "-m",
        "messaging_channels_whatsapp_cloud.emulator",
        "--token",
        "mine",
        "--reports",
        "",
    ]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        cloud = WhatsAppCloud(access_token="mine", sender=NUMBER_ID, base_url=url)
        with Dispatcher([cloud]) as dispatcher:
            receipt = dispatcher.send(WhatsAppText("Hello"), to=NUMBER)
        with Transport() as transport:
            state = transport.run(ask(HttpRequest("GET", f"{url}/_emulator/state"))).json()
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    assert [taken["id"] for taken in state["messages"]] == [receipt.attempts[0].result.provider_id]
    assert state["messages"][0]["reported_statuses"] == []
