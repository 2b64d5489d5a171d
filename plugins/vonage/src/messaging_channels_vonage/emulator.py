"""Vonage on loopback: takes messages, refuses some, and sends signed delivery receipts and inbound messages.

From any language: `python -m messaging_channels_vonage.emulator --webhook-url http://127.0.0.1:8000/hooks/vonage`.
"""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.parse import parse_qsl

from messaging_channels.plugins import HttpRequest, HttpResponse
from messaging_channels.testing import Emulator, Request, json_response, serve
from messaging_channels_vonage.calls import signature

REFUSED = {"447700900001": "7", "447700900002": "1", "447700900003": "9"}
"""Numbers that are refused, with the status: barred, too fast, no credit."""


class VonageEmulator(Emulator):
    """Use it as a context manager; `url` is the provider's `base_url`, `taken` what it took."""

    def __init__(
        self,
        *,
        api_secret: str = "made-up",  # noqa: S107  it opens nothing
        signature_secret: str = "made-up",  # noqa: S107  likewise
        webhook_url: str | None = None,
        port: int = 0,
    ) -> None:
        """Bind the port; send receipts to `webhook_url`."""
        super().__init__(port=port)
        self.taken: list[dict[str, str]] = []
        self._api_secret = api_secret
        self._signature_secret = signature_secret
        self._webhook_url = webhook_url

    def handle(self, request: Request) -> HttpResponse:
        """See Emulator."""
        message = dict(parse_qsl(request.body.decode(), keep_blank_values=True))
        if message.get("api_secret") != self._api_secret:
            return _refusal("4", "Bad Credentials")
        if not all(message.get(name) for name in ("from", "to", "text")):
            return _refusal("2", "Missing params")
        if message["to"] in REFUSED:
            return _refusal(REFUSED[message["to"]], "Refused")
        return self._take(message)

    def state(self) -> Any:  # noqa: ANN401  anything JSON can hold
        """See Emulator."""
        return self.taken

    def signed(self, parameters: dict[str, str]) -> bytes:
        """Return the body of a call with these parameters, signed."""
        sig = signature(parameters, self._signature_secret, "sha256")
        return json.dumps({**parameters, "sig": sig}).encode()

    def _take(self, message: dict[str, str]) -> HttpResponse:
        message_id = f"0A{len(self.taken):014X}"
        self.taken.append({name: value for name, value in message.items() if name != "api_secret"})
        if self._webhook_url is not None:
            receipt = _receipt(message, message_id, time.time())
            headers = {"content-type": "application/json"}
            self.report(HttpRequest("POST", self._webhook_url, headers, self.signed(receipt)))
        part = {"to": message["to"], "message-id": message_id, "status": "0", "message-price": "0.03330000"}
        return json_response({"message-count": "1", "messages": [part]})


def _refusal(code: str, words: str) -> HttpResponse:
    return json_response({"message-count": "1", "messages": [{"status": code, "error-text": words}]})


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


if __name__ == "__main__":
    serve(
        lambda options: VonageEmulator(
            api_secret=options.api_secret, webhook_url=options.webhook_url, port=options.port
        ),
        describe=lambda parser: parser.add_argument("--api-secret", default="made-up"),
    )
