"""Vonage on loopback: takes messages, refuses some, and sends signed delivery receipts, one for every part.

It serves the SMS API (`/sms/json`, `/conversions/sms`) and the Messages API (`/v1/messages`). From any language:
`python -m messaging_channels_vonage.emulator --webhook-url http://127.0.0.1:8000/hooks/vonage`.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from typing import Any, cast
from urllib.parse import parse_qsl
from uuid import UUID

from messaging_channels.messages import segments
from messaging_channels.plugins import HttpRequest, HttpResponse
from messaging_channels.testing import Emulator, Request, json_response
from messaging_channels_vonage.emulator.rcs_rules import NOT_CAPABLE
from messaging_channels_vonage.emulator.rules import (
    REJECTED_BY_MESSAGES,
    REJECTED_NUMBERS,
    find_problem,
    find_rejection,
)
from messaging_channels_vonage.signing import (
    MAX_AGE,
    digest,
    is_signature,
    signature,
    signed_text,
    signed_token,
)

__all__ = ["REJECTED_NUMBERS", "VonageEmulator"]

_ERRORS = "https://developer.vonage.com/api-errors"


class VonageEmulator(Emulator):
    """Use it as a context manager; `url` is the provider's `base_url`, `messages` what it took."""

    def __init__(
        self,
        *,
        api_key: str | None = None,
        api_secret: str = "made-up",  # noqa: S107  it opens nothing
        webhook_signature_secret: str = "made-up",  # noqa: S107  likewise
        webhook_signature_method: str = "sha256",
        webhook_url: str | None = None,
        application_id: str | None = None,
        public_key: str | None = None,
        port: int = 0,
    ) -> None:
        """Say whom it serves.

        Args:
            api_key: the account's key; None for any.
            api_secret: its secret.
            webhook_signature_secret: what signs its calls, and requests to the SMS API.
            webhook_signature_method: how: see `Vonage`.
            webhook_url: where receipts and states are posted; nowhere without.
            application_id: whose tokens the Messages API takes; None for any.
            public_key: of the application, in PEM form. Without it the signatures of tokens are not checked.
            port: 0 for any free one.
        """
        super().__init__(port=port)
        self.messages: list[dict[str, Any]] = []
        """What was taken, by either API."""
        self.read: list[str] = []
        """Messages of people that were marked as read."""
        self.revoked: list[str] = []
        """Messages of ours that were taken back."""
        self._api_key, self._api_secret = api_key, api_secret
        self._secret, self._method = webhook_signature_secret, webhook_signature_method
        self._webhook_url = webhook_url
        self._application_id, self._public_key = application_id, public_key

    def handle(self, request: Request) -> HttpResponse:
        """Answer one request as the vendor does."""
        if request.path == "/v1/messages" and request.method == "POST":
            return self._handle_message(request)
        if _MESSAGE.fullmatch(request.path) and request.method == "PATCH":
            return self._handle_update(request)
        if request.path == "/account/get-balance" and request.method == "GET":
            return self._balance(request)
        if request.path in ("/sms/json", "/conversions/sms") and request.method in ("POST", "GET"):
            return self._handle_sms(request)
        return _problem(404, "Not found", "There is nothing at this address.")

    def state(self) -> Any:  # noqa: ANN401  anything JSON can hold
        """Return what the emulator holds, for `GET /_emulator/state`."""
        return self.messages

    def sign(self, parameters: Mapping[str, str]) -> bytes:
        """Return the body of a call of the SMS API with these parameters, signed."""
        sig = signature(parameters, self._secret, self._method)
        return json.dumps({**parameters, "sig": sig}).encode()

    def signed_call(self, told: Mapping[str, Any], url: str) -> HttpRequest:
        """Describe a call of the Messages API, with its token."""
        body = json.dumps(told).encode()
        claims = {
            "iat": int(time.time()),
            "iss": "Vonage",
            "jti": hashlib.sha256(body).hexdigest()[:32],
            "payload_hash": hashlib.sha256(body).hexdigest(),
            "api_key": self._api_key or "abcd1234",
        }
        headers = {
            "content-type": "application/json",
            "authorization": f"Bearer {signed_token(claims, self._secret)}",
        }
        return HttpRequest("POST", url, headers, body)

    def _balance(self, request: Request) -> HttpResponse:
        """Answer with a balance. Source: https://developer.vonage.com/en/api/account."""
        if not self._has_basic(request):
            return _problem(401, "Unauthorized", "You did not provide correct credentials.")
        return json_response({"value": 10.28, "autoReload": False})

    def _handle_sms(self, request: Request) -> HttpResponse:
        message = _parameters(request)
        if message is None:
            return _rejection("3", "The body is neither a form nor JSON")
        if not self._knows_account(request, message):
            return _rejection("4", "Bad Credentials")
        if request.path == "/conversions/sms":
            return HttpResponse(200 if message.get("message-id") else 420, {}, b"")
        rejected = find_rejection(message)
        return _rejection(*rejected) if rejected else self._accept(message)

    def _knows_account(self, request: Request, message: Mapping[str, str]) -> bool:
        """Whether key and secret are among the parameters or in the header, or the parameters are signed."""
        if request.headers.get("authorization", "").startswith("Basic "):
            return self._has_basic(request)
        if self._api_key not in (None, message.get("api_key")) or not message.get("api_key", "x"):
            return False
        if "sig" in message:
            return self._is_signed(message)
        return message.get("api_secret") == self._api_secret

    def _is_signed(self, message: Mapping[str, str]) -> bool:
        """Whether the parameters are signed, within the last five minutes.

        Vonage's own client signs the options that it leaves out too, as `None`, the signature among them: that is let pass, since programs with it should run.
        """
        absent = {name: "None" for name in _OPTIONS if name not in message}
        recent = abs(time.time() - float(_digits(message.get("timestamp")))) <= MAX_AGE
        text = signed_text({**message, **absent}, sig="None").encode("utf-8", "replace")
        by_client = digest(text, self._secret, self._method).lower() == message["sig"].lower()
        return recent and (by_client or is_signature(message["sig"], message, self._secret, self._method))

    def _has_basic(self, request: Request) -> bool:
        given = request.headers.get("authorization", "").removeprefix("Basic ")
        known = [self._api_key] if self._api_key else [_user(given)]
        return any(b64encode(f"{key}:{self._api_secret}".encode()).decode() == given for key in known)

    def _accept(self, message: dict[str, str]) -> HttpResponse:
        count = 1 if message.get("type") == "binary" else segments(message.get("text", "")).count
        first = len(self.messages)
        kept = {name: value for name, value in message.items() if name not in ("api_secret", "sig")}
        self.messages.append(kept)
        parts = [self._accept_part(message, f"0A{first:012X}{place:02X}") for place in range(count)]
        return json_response({"message-count": str(count), "messages": parts})

    def _accept_part(self, message: Mapping[str, str], message_id: str) -> dict[str, str]:
        if self._webhook_url is not None:
            receipt = _receipt(message, message_id, time.time())
            headers = {"content-type": "application/json"}
            self.report(
                HttpRequest("POST", message.get("callback") or self._webhook_url, headers, self.sign(receipt))
            )
        reference = {"client-ref": message["client-ref"]} if "client-ref" in message else {}
        return {
            "to": message["to"],
            "message-id": message_id,
            "status": "0",
            "remaining-balance": "3.14159265",
            "message-price": "0.03330000",
            "network": "12345",
            **reference,
        }

    def _handle_message(self, request: Request) -> HttpResponse:
        if not self._is_authorized(request):
            return _problem(401, "Unauthorized", "You did not provide correct credentials.")
        message = _json(request)
        if message is None:
            return _problem(422, "Invalid JSON", "The body is no JSON object.", 1020)
        if wrong := find_problem(message):
            return _problem(
                422, "Invalid params", f"The value of one or more parameters is invalid: {wrong}.", 1020
            )
        if message["to"] in REJECTED_BY_MESSAGES:
            status, code = REJECTED_BY_MESSAGES[message["to"]]
            return _problem(status, "Refused", "The emulator refuses this number.", code)
        return self._accept_message(message)

    def _accept_message(self, message: dict[str, Any]) -> HttpResponse:
        uuid = str(UUID(int=0xAAAAAAAA_0000_4000_8000_000000000000 + len(self.messages)))
        self.messages.append(message)
        url = message.get("webhook_url") or self._webhook_url
        for place, told in enumerate(_states(message, uuid)) if url else ():
            self.report(self.signed_call(told, str(url)), delay=place * _INTERVAL)
        workflow = {
            "workflow_id": f"3TcNjguHxr2vcCZ9Ddsnq6tw8yQUpZ9rMHv9QXSxLan5ibMxqSzLdx9-{len(self.messages)}"
        }
        return json_response(
            {"message_uuid": uuid, **(workflow if "failover" in message else {})}, status=202
        )

    def _handle_update(self, request: Request) -> HttpResponse:
        """Mark a person's message as read, or revoke one of ours."""
        if not self._is_authorized(request):
            return _problem(401, "Unauthorized", "You did not provide correct credentials.")
        told = _json(request)
        if told is None or told.get("status") not in ("read", "revoked"):
            return _problem(422, "Invalid params", "The value of status is invalid.", 1020)
        if told["status"] == "read":
            self.read.append(request.path.rpartition("/")[2])
        else:
            self.revoked.append(request.path.rpartition("/")[2])
        return HttpResponse(200, {}, b"")

    def _is_authorized(self, request: Request) -> bool:
        given = request.headers.get("authorization", "")
        if given.startswith("Bearer "):
            return self._is_token(given.removeprefix("Bearer "))
        return given.startswith("Basic ") and self._has_basic(request)

    def _is_token(self, token: str) -> bool:
        """Whether it is a token of the application that has not expired, and (where its public key is known) was signed with its key."""
        import jwt  # noqa: PLC0415  slow to import

        try:
            checked = {"verify_signature": self._public_key is not None, "verify_exp": True}
            claims = jwt.decode(token, self._public_key or "", algorithms=["RS256"], options=checked)  # type: ignore[arg-type]
        except jwt.InvalidTokenError:
            return False
        known = self._application_id in (None, claims.get("application_id"))
        return known and bool(claims.get("application_id")) and claims.get("exp", 0) > time.time()


def _parameters(request: Request) -> dict[str, str] | None:
    """Return the parameters, out of the query, a form or JSON; None for anything else."""
    if request.method == "GET":
        return dict(request.query)
    if "json" in request.headers.get("content-type", ""):
        told = _json(request)
        return (
            None
            if told is None
            else {name: _written(value) for name, value in told.items() if value is not None}
        )
    try:
        return dict(parse_qsl(request.body.decode(), keep_blank_values=True, errors="strict"))
    except ValueError:
        return None


def _written(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _json(request: Request) -> dict[str, Any] | None:
    try:
        told = request.json()
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", told) if isinstance(told, dict) else None


def _user(basic: str) -> str:
    from base64 import b64decode  # noqa: PLC0415

    try:
        return b64decode(basic).decode().partition(":")[0]
    except ValueError:
        return ""


def _digits(value: str | None) -> str:
    return value if value and value.isascii() and value.isdigit() else "0"


def _rejection(code: str, text: str) -> HttpResponse:
    return json_response({"message-count": "1", "messages": [{"status": code, "error-text": text}]})


def _problem(status: int, title: str, detail: str, code: int | None = None) -> HttpResponse:
    address = f"{_ERRORS}/messages#{code}" if code else f"{_ERRORS}#{title.lower().replace(' ', '-')}"
    told = {"type": address, "title": title, "detail": detail, "instance": "bf0ca0bf927b3b52e3cb03217e1a1ddf"}
    return HttpResponse(status, {"content-type": "application/problem+json"}, json.dumps(told).encode())


def _receipt(message: Mapping[str, str], message_id: str, now: float) -> dict[str, str]:
    return {
        "msisdn": message["to"],
        "to": message["from"],
        "network-code": "12345",
        "messageId": message_id,
        "price": "0.03330000",
        "client-ref": message.get("client-ref", ""),
        "status": "delivered",
        "err-code": "0",
        "api-key": message.get("api_key", "abcd1234"),
        "scts": time.strftime("%y%m%d%H%M", time.gmtime(now)),
        "message-timestamp": time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(now)),
        "timestamp": str(int(now)),
        "nonce": message_id,
    }


def _states(message: Mapping[str, Any], uuid: str) -> Iterator[dict[str, Any]]:
    """Tell what becomes of a message, and of the next one of its failover: each has an id of its own."""
    failover: list[dict[str, Any]] = message.get("failover", [])
    if message["channel"] != "rcs" or message["to"] not in NOT_CAPABLE:
        for state in ("submitted", "delivered"):
            yield _state(message, uuid, state)
        return
    steps = [message, *failover]
    for number, step in enumerate(steps, start=1):
        own = uuid if number == 1 else str(UUID(int=UUID(uuid).int + (number << 32)))
        workflow = {"workflow": {"id": "w-1", "items_number": str(number), "items_total": str(len(steps))}}
        joined = workflow if failover else {}
        yield {**_state(step, own, "submitted"), **joined}
        yield {**_end_of_step(step, own), **joined}


def _end_of_step(step: Mapping[str, Any], own: str) -> dict[str, Any]:
    if step["channel"] != "rcs" and not step["to"].endswith("922"):
        return _state(step, own, "delivered")
    problem = {"type": "https://developer.vonage.com/api-errors/messages#1300", "title": "1300"}
    problem |= {"detail": "Not part of the provider network", "instance": own}
    return {**_state(step, own, "rejected"), "error": problem}


def _state(message: Mapping[str, Any], uuid: str, state: str) -> dict[str, Any]:
    return {
        "message_uuid": uuid,
        "to": message["to"],
        "from": message["from"],
        "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "status": state,
        "channel": message["channel"],
        "usage": {"currency": "EUR", "price": "0.0333"},
        **({"client_ref": message["client_ref"]} if "client_ref" in message else {}),
    }


_MESSAGE = re.compile(r"/v1/messages/[A-Za-z0-9-]{1,64}")
_INTERVAL = 0.005
_OPTIONS = (
    "account-ref",
    "body",
    "callback",
    "client-ref",
    "content-id",
    "entity-id",
    "message-class",
    "protocol-id",
    "status-report-req",
    "trusted-number",
    "ttl",
    "type",
    "udh",
)
