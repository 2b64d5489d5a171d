"""Telnyx on loopback: takes messages, refuses some, repeats answers by idempotency key, and sends signed reports.

It serves `/v2/messages` and `/v2/messages/whatsapp`. From any language:
`python -m messaging_channels_telnyx.emulator --webhook-url http://127.0.0.1:8000/hooks/telnyx`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast
from uuid import NAMESPACE_URL, UUID, uuid5

from messaging_channels.plugins import HttpRequest, HttpResponse
from messaging_channels.testing import Emulator, Request, json_response
from messaging_channels_telnyx.emulator.rules import find_refusal
from messaging_channels_telnyx.emulator.signing import public_key_of, signed_headers

_PATHS = ("/v2/messages", "/v2/messages/whatsapp")
_INTERVAL = 0.005


class TelnyxEmulator(Emulator):
    """Use it as a context manager; `url` is the provider's `base_url`, `public_key` its `webhook_public_key`, `messages` what it took."""

    def __init__(
        self,
        *,
        api_key: str | None = None,
        signing_secret: str = "made-up",  # noqa: S107  it opens nothing
        webhook_url: str | None = None,
        port: int = 0,
    ) -> None:
        """Say whom it serves.

        Args:
            api_key: the account's key; None for any.
            signing_secret: what the key is made of that signs its calls.
            webhook_url: where reports are posted whose message names no URL; nowhere without.
            port: 0 for any free one.
        """
        super().__init__(port=port)
        self.messages: list[dict[str, Any]] = []
        """What was taken."""
        self._api_key, self._secret, self._webhook_url = api_key, signing_secret, webhook_url
        self._answers: dict[tuple[str, str], tuple[bytes, HttpResponse]] = {}

    @property
    def public_key(self) -> str:
        """The key that verifies its calls, in base64."""
        return public_key_of(self._secret)

    def handle(self, request: Request) -> HttpResponse:
        """Answer one request as the vendor does."""
        if request.path not in _PATHS or request.method != "POST":
            return _problem(404, "10005", "Resource not found")
        if not self._is_authorized(request):
            return _problem(401, "10009", "Authentication failed")
        key = (request.path, request.headers.get("idempotency-key", ""))
        body, known = self._answers.get(key, (request.body, None))
        if body != request.body:
            return _problem(422, "10015", "Bad Request: the idempotency key was used for another request")
        if known is not None:
            return known
        answer = self._accept(request)
        if key[1] and answer.ok:
            self._answers[key] = (request.body, answer)
        return answer

    def state(self) -> Any:  # noqa: ANN401  anything JSON can hold
        """Return what the emulator holds, for `GET /_emulator/state`."""
        return self.messages

    def signed_call(self, kind: str, payload: Mapping[str, Any], url: str) -> HttpRequest:
        """Describe a call about an event of this kind, such as `message.received`, signed now."""
        now = time.time()
        body = json.dumps(event(kind, payload, now), ensure_ascii=False).encode()
        return HttpRequest("POST", url, signed_headers(body, self._secret, now), body)

    def _is_authorized(self, request: Request) -> bool:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        return bool(given) and self._api_key in (None, given)

    def _accept(self, request: Request) -> HttpResponse:
        try:
            told = request.json()
        except (ValueError, RecursionError):
            told = None
        if not isinstance(told, dict):
            return _problem(400, "10023", "Invalid JSON")
        message = cast("dict[str, Any]", told)
        refused = find_refusal(message, whatsapp=request.path == _PATHS[1])
        if refused:
            return _problem(*refused)
        message_id = str(UUID(int=0x40385F64_5717_4562_B3FC_000000000000 + len(self.messages)))
        self.messages.append(message)
        self._report(message, message_id)
        return json_response({"data": resource(message, message_id, "queued")})

    def _report(self, message: Mapping[str, Any], message_id: str) -> None:
        url = message.get("webhook_url") or self._webhook_url
        if not url:
            return
        for place, (kind, state) in enumerate((("message.sent", "sent"), ("message.finalized", "delivered"))):
            call = self.signed_call(kind, resource(message, message_id, state), str(url))
            self.report(call, delay=place * _INTERVAL)


def resource(message: Mapping[str, Any], message_id: str, state: str) -> dict[str, Any]:
    """Return the message as Telnyx's answers and reports show it."""
    whatsapp = "whatsapp_message" in message
    kind = "WHATSAPP" if whatsapp else "MMS" if message.get("media_urls") else "SMS"
    return {
        "record_type": "message",
        "direction": "outbound",
        "id": message_id,
        "type": kind,
        "from": {"phone_number": message.get("from", ""), "carrier": "", "line_type": ""},
        "to": [{"phone_number": message["to"], "status": state, "carrier": "", "line_type": ""}],
        **({"body": message["whatsapp_message"]} if whatsapp else {"text": message.get("text", "")}),
        "media": [{"url": url} for url in message.get("media_urls", [])],
        "webhook_url": message.get("webhook_url"),
        "errors": [],
        "tags": [],
    }


def event(kind: str, payload: Mapping[str, Any], at: float) -> dict[str, Any]:
    """Return the object of a call about an event at this time, in seconds since the epoch."""
    told = f"{kind} {payload['id']} {at}"
    data = {
        "record_type": "event",
        "event_type": kind,
        "id": str(uuid5(NAMESPACE_URL, told)),
        "occurred_at": datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds"),
        "payload": payload,
    }
    return {"data": data, "meta": {"attempt": 1}}


def _problem(status: int, code: str, title: str) -> HttpResponse:
    told = {"errors": [{"code": code, "title": title, "detail": "The emulator refuses it."}]}
    return HttpResponse(status, {"content-type": "application/json"}, json.dumps(told).encode())
