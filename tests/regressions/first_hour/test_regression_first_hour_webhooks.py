"""A webhook handed on as the web framework gives it."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest

from messaging_channels import Dispatcher
from messaging_channels.plugins.webhooks import WebhookRequest
from messaging_channels_twilio import SigningKey, Twilio
from messaging_channels_twilio.emulator import ACCOUNT_SID, AUTH_TOKEN, OUR_NUMBER
from messaging_channels_whatsapp_cloud import WhatsAppCloud

URL = "https://shop.example.com/hooks"
AT = 1_790_000_000.0


def _from_meta() -> tuple[Any, bytes, dict[str, str]]:
    cloud = WhatsAppCloud(
        access_token="t" * 20, sender="1234567890", webhook_app_secrets=("secret",), webhook_verify_token="v"
    )
    message = {
        "from": "447700900123",
        "id": "wamid.A",
        "timestamp": "1790000000",
        "type": "text",
        "text": {"body": "Hello"},
    }
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "15550100100", "phone_number_id": "1234567890"},
        "contacts": [{"profile": {"name": "Zoe"}, "wa_id": "447700900123"}],
        "messages": [message],
    }
    change = {"field": "messages", "value": value}
    told = {"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [change]}]}
    body = json.dumps(told).encode()
    proof = "sha256=" + hmac.new(b"secret", body, hashlib.sha256).hexdigest()
    return cloud, body, {"content-type": "application/json", "x-hub-signature-256": proof}


def _from_twilio() -> tuple[Any, bytes, dict[str, str]]:
    twilio = Twilio(account_sid=ACCOUNT_SID, auth_token=AUTH_TOKEN, sender=OUR_NUMBER)
    fields = {
        "MessageSid": "SM" + "1" * 32,
        "MessageStatus": "delivered",
        "To": "+447700900123",
        "From": OUR_NUMBER,
        "AccountSid": ACCOUNT_SID,
        "ApiVersion": "2010-04-01",
    }
    proof = SigningKey(AUTH_TOKEN).sign(URL, list(fields.items()))
    headers = {"content-type": "application/x-www-form-urlencoded", "x-twilio-signature": proof}
    return twilio, urlencode(fields).encode(), headers


@pytest.mark.parametrize(
    "form",
    [
        pytest.param(str.title, id="Title-Case"),
        pytest.param(str.upper, id="UPPER-CASE"),
        pytest.param(str, id="lower-case"),
    ],
)
@pytest.mark.parametrize("vendor", [_from_meta, _from_twilio])
def test_a_call_is_proved_in_whatever_case_its_headers_are_written(
    form: Callable[[str], str], vendor: Callable[[], tuple[Any, bytes, dict[str, str]]]
) -> None:
    provider, body, plain = vendor()
    headers = {form(name): value for name, value in plain.items()}

    with Dispatcher([provider]) as dispatcher:
        received = dispatcher.handle_webhook(
            provider.name, WebhookRequest(body, headers, URL, received_at=AT)
        )

    assert received.events


def test_a_call_without_a_time_came_now_or_its_time_must_be_given() -> None:
    provider, body, headers = _from_twilio()
    began = time.time()

    try:
        call = WebhookRequest(body, headers, URL)
    except TypeError:
        told = began
    else:
        with Dispatcher([provider]) as dispatcher:
            (event,) = dispatcher.handle_webhook("twilio", call).events
        told = event.occurred_at

    assert abs(told - began) < 3600
