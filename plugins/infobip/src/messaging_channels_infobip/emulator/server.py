"""Infobip on loopback, for tests in any language: it checks requests as Infobip does, remembers, and reports. Nothing leaves the machine.

    python -m messaging_channels_infobip.emulator --webhook-url http://127.0.0.1:8000/webhooks/infobip?token=...

Besides what `messaging_channels.testing.emulator` offers:

    POST /_infobip/sms         an inbound SMS, posted on to the webhook URL (or into the inbox); likewise /_infobip/whatsapp and /_infobip/rcs
    POST /_infobip/seen        {"messageId": …}: the recipient has read that WhatsApp message
    POST /_infobip/tracking    any tracking notification, posted on as it is

What becomes of a message depends on its recipient: see `account.FATES`. Scheduled messages stay scheduled. Reports go to loopback addresses only.
"""

from __future__ import annotations

import hmac
import json
import os
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from messaging_channels.plugins import HttpRequest, HttpResponse
from messaging_channels.testing import Emulator, OpenApiChecks, Request, json_response
from messaging_channels_infobip.api import is_loopback
from messaging_channels_infobip.emulator import queries, rich, sending, validation
from messaging_channels_infobip.emulator._table_rules import WHATSAPP
from messaging_channels_infobip.emulator.account import AcceptedMessage, Account, Json, format_date, new_id
from messaging_channels_infobip.emulator.errors import STRICT, RequestRejected
from messaging_channels_infobip.emulator.mail_domains import DOMAIN_ROUTES, new_domain
from messaging_channels_infobip.emulator.mail_pools import POOL_ROUTES
from messaging_channels_infobip.emulator.mail_templates import TEMPLATE_ROUTES
from messaging_channels_infobip.emulator.routes import Routes, answer_by_path
from messaging_channels_infobip.webhook_auth import HASH_NAMES, Algorithm


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSecurity:
    """How webhook calls prove whose they are, as a notification profile would say it. All that is set is done."""

    username: str = ""
    password: str = field(default="", repr=False)
    bearer: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    hmac_secret: str = field(default="", repr=False)
    hmac_header: str = "X-Hub-Signature-256"
    hmac_algorithm: Algorithm = "HMAC_SHA_256"
    hmac_encoding: Literal["hex", "base64"] = "hex"
    hmac_prefix: str = ""

    def auth_headers(self, body: bytes) -> dict[str, str]:
        """Return the headers that prove a body."""
        proof = dict(self.headers)
        if self.username:
            proof["authorization"] = (
                f"Basic {b64encode(f'{self.username}:{self.password}'.encode()).decode()}"
            )
        if self.bearer:
            proof["authorization"] = f"Bearer {self.bearer}"
        if self.hmac_secret:
            digest = hmac.new(self.hmac_secret.encode(), body, HASH_NAMES[self.hmac_algorithm]).digest()
            written = digest.hex() if self.hmac_encoding == "hex" else b64encode(digest).decode()
            proof[self.hmac_header] = self.hmac_prefix + written
        return proof


class InfobipEmulator(Emulator):
    """An account of Infobip on loopback."""

    def __init__(
        self,
        *,
        port: int = 0,
        api_key: str = "emulated-key",
        webhook_url: str | None = None,
        security: WebhookSecurity | None = None,
        delay: float = 0.02,
        strict: bool = True,
        specifications: Path | None = None,
    ) -> None:
        """Bind the port; serve nothing yet.

        Args:
            port: 0 for any free one.
            api_key: the only one that is taken; empty for any.
            webhook_url: where reports go of messages that name no URL themselves. Without it they wait to be fetched.
            security: how the calls to it prove whose they are.
            delay: seconds from the answer to a send to its report.
            strict: whether unknown fields are refused, and every request, answer and report is held to the vendor's OpenAPI documents. False for experiments.
            specifications: the folder of these documents (`infobip_*.json`), by default what `MESSAGING_CHANNELS_SPECS` names. Without a folder the
                emulator's own rules hold alone.
        """
        super().__init__(port=port)
        self.account = Account()
        self.account.mail.domains["example.com"] = new_domain(
            self.account.mail.next_number(), "example.com", verified=True
        )
        self._key, self._url, self._delay = api_key, webhook_url, delay
        self._security = security or WebhookSecurity()
        self._strict = strict
        self._checks = OpenApiChecks.read(_folder(specifications) if strict else None, "infobip_*.json")
        self.violations: list[tuple[str, str, str]] = []
        """Where an answer of the emulator's own broke the documents: path, place, problem. It was then a fault (500)."""

    def handle(self, request: Request) -> HttpResponse:
        """Answer one request as the vendor does. An exception of the emulator becomes an answer, too, and never ends the connection."""
        STRICT.set(self._strict)
        try:
            answer = self._handle(request)
        except Exception as fault:  # noqa: BLE001  see above
            self.violations.append((request.path, "", repr(fault)))
            return RequestRejected(500).response(request.path)
        problems = self._checks.response_problems(
            request.method, request.path, answer.status, _parsed(answer)
        )
        if problems:
            self.violations += [(request.path, *one) for one in problems]
            return RequestRejected(500, problems).response(request.path)
        return answer

    def _handle(self, request: Request) -> HttpResponse:
        if request.path.startswith("/_infobip/"):
            return self._reports_to_emulator(request)
        try:
            self._check_key(request)
            return self._respond(request)
        except RequestRejected as refused:
            return refused.response(request.path)

    def state(self) -> Any:  # noqa: ANN401  anything JSON can hold
        """Return what the emulator holds, for `GET /_emulator/state`."""
        return {"messages": self.account.state(), "schedules": list(self.account.schedules)}

    def _check_key(self, request: Request) -> None:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme != "App" or not key or (self._key and key != self._key):
            raise RequestRejected(401)

    def _respond(self, request: Request) -> HttpResponse:
        body = _parsed(request) if request.body else None
        problems = self._checks.request_problems(request.method, request.path, body, request.query)
        if problems:
            raise RequestRejected(400, problems)
        place = (request.method, request.path)
        if place in _SEND_ROUTES:
            return _SEND_ROUTES[place](request, self.account, self._deliver)
        if place == ("POST", "/rcs/2/messages"):
            return rich.send(request, self.account, self._post_to)
        if place[0] == "GET" and place[1].startswith("/rcs/1/senders/"):
            return rich.sender(request, self.account)
        if place in _QUERY_ROUTES:
            return _QUERY_ROUTES[place](request, self.account)
        answer = answer_by_path(_SETUP_ROUTES, request, self.account)
        if answer is None:
            raise RequestRejected(404)
        return answer

    def _deliver(self, message: AcceptedMessage, url: str | None) -> None:
        """Let a message arrive, and report it to its own URL, the account's, or whoever fetches reports.

        Nothing leaves the machine: a URL of another one is passed over.
        """
        message.status = message.fate.status
        target = next((one for one in (url, self._url) if one and _is_here(one)), None)
        if target:
            self._post(target, {"results": [queries.delivery_report(message)]})
        elif message.channel in self.account.unfetched:
            self.account.unfetched[message.channel].append(message)

    def _post_to(self, payload: Json, url: str | None) -> None:
        """Report to a message's own URL, or the account's."""
        target = next((one for one in (url, self._url) if one and _is_here(one)), None)
        if target:
            self._post(target, payload)

    def _post(self, url: str, payload: Json) -> None:
        body = json.dumps(payload).encode()
        headers = {"content-type": "application/json", **self._security.auth_headers(body)}
        self.report(HttpRequest("POST", url, headers, body), delay=self._delay)

    def _reports_to_emulator(self, request: Request) -> HttpResponse:
        record, kind = request.json(), request.path.removeprefix("/_infobip/")
        if kind == "sms" and not self._url:
            self.account.inbox.append(_inbound(record))
        elif kind in _WEBHOOK_WRITERS and self._url:
            self._post(self._url, _WEBHOOK_WRITERS[kind](record))
        else:
            return json_response(
                {"error": f"one of {', '.join(_WEBHOOK_WRITERS)}, with a webhook URL"}, status=400
            )
        return json_response({})


def _folder(given: Path | None) -> Path | None:
    named = os.environ.get("MESSAGING_CHANNELS_SPECS")
    folder = given or (Path(named) if named else None)
    return folder if folder is not None and folder.is_dir() else None


def _parsed(message: Request | HttpResponse) -> Any:  # noqa: ANN401  JSON
    try:
        return json.loads(message.body)
    except ValueError:
        return None


def _is_here(url: str) -> bool:
    try:
        return is_loopback(urlsplit(url).hostname or "")
    except ValueError:
        return False


def _inbound(record: Json) -> Json:
    return {
        "messageId": new_id(),
        "receivedAt": format_date(),
        "smsCount": 1,
        "price": {"pricePerMessage": 0.0, "currency": "EUR"},
        **record,
    }


def _inbound_chat(record: Json) -> Json:
    return {
        "integrationType": "WHATSAPP",
        "messageId": new_id(),
        "receivedAt": format_date(),
        "price": {"pricePerMessage": 0.0, "currency": "EUR"},
        "contact": {"name": "Zoe", "phoneNumber": record.get("from")},
        **record,
    }


def _inbound_rich(record: Json) -> Json:
    return {
        "integrationType": "RCS",
        "messageId": new_id(),
        "receivedAt": format_date(),
        "interactionType": "BASIC_MESSAGE",
        "rcsCount": 1,
        "price": {"trafficType": "BASIC", "pricePerMessage": 0.0, "currency": "EUR"},
        **record,
    }


def _single(record: Json) -> Json:
    return {"results": [record], "messageCount": 1, "pendingMessageCount": 0}


_WEBHOOK_WRITERS: Mapping[str, Callable[[Json], Json]] = {
    "sms": lambda record: _single(_inbound(record)),
    "whatsapp": lambda record: _single(_inbound_chat(record)),
    "rcs": lambda record: _single(_inbound_rich(record)),
    "seen": lambda record: {"results": [{"seenAt": format_date(), "sentAt": format_date(), **record}]},
    "tracking": lambda record: record,
}
_SEND_ROUTES: Mapping[tuple[str, str], Callable[[Request, Account, sending.Report], HttpResponse]] = {
    ("POST", "/sms/3/messages"): sending.send_sms,
    ("POST", "/email/4/messages"): sending.send_mail,
    ("POST", "/email/4/mime"): sending.send_mime,
    ("POST", "/messages-api/1/messages"): sending.send_unified,
    ("POST", "/whatsapp/1/message/template"): sending.send_template,
    **{("POST", f"/whatsapp/1/message/{kind}"): sending.send_chat for kind in WHATSAPP},
}
_SETUP_ROUTES: Routes = {**DOMAIN_ROUTES, **POOL_ROUTES, **TEMPLATE_ROUTES}
_QUERY_ROUTES: Mapping[tuple[str, str], Callable[[Request, Account], HttpResponse]] = {
    ("POST", "/sms/1/preview"): queries.preview,
    ("POST", "/messages-api/1/messages/validate"): sending.validate_unified,
    ("POST", "/messages-api/1/events"): sending.send_unified_events,
    ("GET", "/messages-api/1/reports"): queries.reports,
    ("GET", "/messages-api/1/inbound"): queries.unified_inbox,
    ("POST", "/email/2/validation"): validation.validate,
    ("POST", "/email/2/validations"): validation.request_validations,
    ("GET", "/email/2/validations"): validation.validations,
    ("GET", "/sms/3/reports"): queries.reports,
    ("GET", "/email/4/reports"): queries.reports,
    ("GET", "/sms/3/logs"): queries.logs,
    ("GET", "/email/4/logs"): queries.logs,
    ("GET", "/sms/1/inbox/reports"): queries.inbox,
    ("GET", "/rcs/2/reports"): queries.reports,
    ("GET", "/rcs/2/logs"): queries.logs,
    ("POST", "/rcs/2/capability-check/query"): rich.capabilities,
    ("GET", "/rcs/1/senders"): rich.senders,
    **{
        (how, f"/{channel}/1/bulks"): queries.schedule
        for how in ("GET", "PUT")
        for channel in ("sms", "email")
    },
    **{
        (how, f"/{channel}/1/bulks/status"): queries.schedule_status
        for how in ("GET", "PUT")
        for channel in ("sms", "email")
    },
    ("GET", "/people/2/persons"): queries.person,
    ("POST", "/people/2/persons"): queries.create_person,
    ("POST", "/people/2/persons/match"): queries.match,
}
