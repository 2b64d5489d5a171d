"""What vendors call and answer in the tests of faults: calls signed as each vendor signs them, and a server that answers as told."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from messaging_channels import Dispatcher
from messaging_channels._model.events import Event
from messaging_channels.plugins.exchange import HttpResponse
from messaging_channels.plugins.webhooks import WebhookRequest
from messaging_channels.testing.emulator import Emulator, Request
from messaging_channels_infobip import Infobip
from messaging_channels_infobip.webhook_auth import UrlToken
from messaging_channels_twilio import SigningKey, Twilio
from messaging_channels_vonage import Vonage
from messaging_channels_vonage.webhooks import signature
from messaging_channels_whatsapp_cloud import WhatsAppCloud

CAME_AT = 1_700_000_000.0
SECRET = "made-up-" * 3
SHOP_NUMBER_ID = "100000000000001"
METADATA = {"display_phone_number": "15550100001", "phone_number_id": SHOP_NUMBER_ID}
TWILIO_ACCOUNT = "AC" + "b" * 32


class StandIn(Emulator):
    """A vendor that answers every request as the test says."""

    def __init__(self, answer: Callable[[Request], HttpResponse]) -> None:
        super().__init__()
        self._answer = answer

    def handle(self, request: Request) -> HttpResponse:
        return self._answer(request)


def infobip(**settings: Any) -> Infobip:
    """Return the provider; its webhooks are proved by the secret in their URL."""
    usual = {
        "base_url": "http://127.0.0.1:9",
        "api_key": "emulated-key",
        "webhook_auth": [UrlToken([SECRET])],
    }
    return Infobip(**(usual | settings))


def infobip_call(told: object, content_type: str = "application/json") -> WebhookRequest:
    """Return a call of Infobip's with this body: bytes as they are, anything else as JSON."""
    body = told if isinstance(told, bytes) else json.dumps(told).encode()
    url = f"https://shop.example/hook?token={SECRET}"
    return WebhookRequest(body, {"content-type": content_type}, url, received_at=CAME_AT)


def infobip_tells(told: object, content_type: str = "application/json") -> list[Event]:
    """Return the events of such a call."""
    with Dispatcher([infobip()]) as dispatcher:
        return list(dispatcher.handle_webhook("infobip", infobip_call(told, content_type)).events)


def cloud(**settings: Any) -> WhatsAppCloud:
    """Return the provider."""
    usual = {"access_token": "made-up", "sender": SHOP_NUMBER_ID, "webhook_app_secrets": [SECRET]}
    return WhatsAppCloud(**(usual | settings))


def cloud_call(
    field: str, value: Mapping[str, Any], *, account: str = "WABA-7", at: float = CAME_AT
) -> WebhookRequest:
    """Return Meta's call with one change of a WhatsApp Business account."""
    entry = {"id": account, "time": 1751247548, "changes": [{"field": field, "value": value}]}
    body = json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()
    digest = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    headers = {"content-type": "application/json", "x-hub-signature-256": f"sha256={digest}"}
    return WebhookRequest(body, headers, "https://shop.example/hook", received_at=at)


def cloud_tells(field: str, value: Mapping[str, Any], *, account: str = "WABA-7") -> list[Event]:
    """Return the events of such a call."""
    with Dispatcher([cloud()]) as dispatcher:
        call = cloud_call(field, value, account=account)
        return list(dispatcher.handle_webhook("whatsapp-cloud", call).events)


def twilio_tells(fields: Mapping[str, str]) -> list[Event]:
    """Return the events of Twilio's call with these fields."""
    url = "https://shop.example/twilio"
    headers = {
        "content-type": "application/x-www-form-urlencoded",
        "x-twilio-signature": SigningKey(SECRET).sign(url, fields.items()),
    }
    call = WebhookRequest(urlencode(fields).encode(), headers, url, received_at=CAME_AT)
    with Dispatcher([Twilio(account_sid=TWILIO_ACCOUNT, auth_token=SECRET)]) as dispatcher:
        return list(dispatcher.handle_webhook("twilio", call).events)


def vonage(**settings: Any) -> Vonage:
    """Return the provider."""
    usual = {
        "api_key": "made-up",
        "api_secret": "made-up",
        "sender": "Shop",
        "webhook_signature_secret": SECRET,
    }
    return Vonage(**(usual | settings))


def vonage_call(fields: Mapping[str, str]) -> WebhookRequest:
    """Return Vonage's call with these parameters."""
    body = json.dumps({**fields, "sig": signature(fields, SECRET, "sha256")}).encode()
    return WebhookRequest(
        body, {"content-type": "application/json"}, "https://shop.example/v", received_at=CAME_AT
    )


def vonage_tells(fields: Mapping[str, str]) -> list[Event]:
    """Return the events of such a call."""
    with Dispatcher([vonage()]) as dispatcher:
        return list(dispatcher.handle_webhook("vonage", vonage_call(fields)).events)


def said(event: Event, *left_out: str) -> dict[str, str]:
    """Return what an event says in fields and properties of its own, written out: all but the report as it came, its key and what is left out."""
    names = [name for name in dir(event) if not name.startswith("_")]
    values = {name: getattr(event, name) for name in names if name not in {"raw", "key", *left_out}}
    return {name: repr(value) for name, value in values.items() if not callable(value)}
