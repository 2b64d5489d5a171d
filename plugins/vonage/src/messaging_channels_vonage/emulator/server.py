"""Vonage on loopback: takes messages, refuses some, and sends signed delivery receipts and inbound messages.

From any language: `python -m messaging_channels_vonage.emulator --webhook-url http://127.0.0.1:8000/hooks/vonage`.
"""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.parse import parse_qsl

from messaging_channels.plugins import HttpRequest, HttpResponse
from messaging_channels.testing import Emulator, Request, json_response
from messaging_channels_vonage.webhooks import signature

REJECTED_NUMBERS = {"447700900001": "7", "447700900002": "1", "447700900003": "9"}
"""Numbers that are refused, with the status: barred, too fast, no credit."""


class VonageEmulator(Emulator):
    """Use it as a context manager; `url` is the provider's `base_url`, `taken` what it took."""

    def __init__(
        self,
        *,
        api_secret: str = "made-up",  # noqa: S107  it opens nothing
        webhook_signature_secret: str = "made-up",  # noqa: S107  likewise
        webhook_url: str | None = None,
        port: int = 0,
    ) -> None:
        """Bind the port; send receipts to `webhook_url`."""
        super().__init__(port=port)
        self.messages: list[dict[str, str]] = []
        self._api_secret = api_secret
        self._webhook_signature_secret = webhook_signature_secret
        self._webhook_url = webhook_url

    def handle(self, request: Request) -> HttpResponse:
        """See Emulator."""
        message = dict(parse_qsl(request.body.decode(), keep_blank_values=True))
        if message.get("api_secret") != self._api_secret:
            return _rejection("4", "Bad Credentials")
        if not all(message.get(name) for name in ("from", "to", "text")):
            return _rejection("2", "Missing params")
        if message["to"] in REJECTED_NUMBERS:
            return _rejection(REJECTED_NUMBERS[message["to"]], "Refused")
        return self._accept(message)

    def state(self) -> Any:  # noqa: ANN401  anything JSON can hold
        """See Emulator."""
        return self.messages

    def sign(self, parameters: dict[str, str]) -> bytes:
        """Return the body of a call with these parameters, signed."""
        sig = signature(parameters, self._webhook_signature_secret, "sha256")
        return json.dumps({**parameters, "sig": sig}).encode()

    def _accept(self, message: dict[str, str]) -> HttpResponse:
        message_id = f"0A{len(self.messages):014X}"
        self.messages.append({name: value for name, value in message.items() if name != "api_secret"})
        if self._webhook_url is not None:
            receipt = _receipt(message, message_id, time.time())
            headers = {"content-type": "application/json"}
            self.report(HttpRequest("POST", self._webhook_url, headers, self.sign(receipt)))
        part = {"to": message["to"], "message-id": message_id, "status": "0", "message-price": "0.03330000"}
        return json_response({"message-count": "1", "messages": [part]})


def _rejection(code: str, text: str) -> HttpResponse:
    return json_response({"message-count": "1", "messages": [{"status": code, "error-text": text}]})


def _receipt(message: dict[str, str], message_id: str, now: float) -> dict[str, str]:
    return {
        "msisdn": message["to"],
        "to": message["from"],
        "messageId": message_id,
        "client-ref": message.get("client-ref", ""),
        "status": "delivered",
        "err-code": "0",
        "scts": time.strftime("%y%m%d%H%M", time.gmtime(now)),
        "timestamp": str(int(now)),
        "nonce": message_id,
    }
