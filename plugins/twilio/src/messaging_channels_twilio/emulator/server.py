"""Twilio on loopback: `python -m messaging_channels_twilio.emulator`, or `TwilioEmulator` in a test.

It validates, keeps what it took, signs its calls to us, and goes wrong on demand (see `messaging_channels.testing.emulator`). What comes of a message is
chosen by the recipient, see `rules.FATES`. Somebody writes to us with

    POST /_twilio/inbound    {"From": "+12025550123", "Body": "STOP"}
"""

from __future__ import annotations

import json
import re
from argparse import ArgumentParser, Namespace
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from hashlib import sha256
from itertools import count
from typing import Any
from urllib.parse import quote, urlencode

from messaging_channels.messages import segments
from messaging_channels.plugins import HttpRequest, HttpResponse, ask
from messaging_channels.testing import Emulator, Request, Transport, json_response
from messaging_channels_twilio._table_statuses import START_WORDS, STOP_WORDS
from messaging_channels_twilio.emulator.media import STORAGE, MediaStore
from messaging_channels_twilio.emulator.products import Products
from messaging_channels_twilio.emulator.rules import (
    NOT_CAPABLE,
    Form,
    RequestRejected,
    fate_of,
    find_error,
    matches_query,
)
from messaging_channels_twilio.webhook_auth import SigningKey

ACCOUNT_SID = "AC" + "b" * 32
AUTH_TOKEN = "0123456789abcdef0123456789abcdef"  # noqa: S105  the emulator's own, and no secret
OUR_NUMBER = "+15005550006"
_FINAL = frozenset({"delivered", "read", "undelivered", "failed", "canceled"})
_REPORT_INTERVAL = 0.005
_MAX_PAGE_SIZE = 1000
_DIGITS = 9
_FORM = "application/x-www-form-urlencoded"


class TwilioEmulator(Emulator):
    """Emulates one Twilio account, with an auth token and any number of API keys."""

    def __init__(
        self,
        *,
        port: int = 0,
        account_sid: str = ACCOUNT_SID,
        auth_token: str = AUTH_TOKEN,
        api_keys: Mapping[str, str] | None = None,
        webhook_url: str | None = None,
        json_webhooks: bool = False,
        templates: Mapping[tuple[str, str], str] | None = None,
        rcs_agent: str | None = None,
    ) -> None:
        """Bind the port; serve nothing yet.

        Args:
            port: 0 for any free one.
            account_sid: the account.
            auth_token: its token, which signs the webhooks too.
            api_keys: secrets by SID.
            webhook_url: where people's messages go, and the reports of messages that name no callback.
            json_webhooks: whether the calls are JSON instead of forms.
            templates: content SIDs by name and language. Without any, every SID is taken for one.
            rcs_agent: the RCS sender that every messaging service has; None for no such sender. It goes first, and SMS follows where it cannot be reached.
        """
        super().__init__(port=port)
        self.messages: dict[str, dict[str, Any]] = {}
        """The resources by SID, in the order they came."""
        self.forms: list[list[tuple[str, str]]] = []
        self.opted_out: set[str] = set()
        """Addresses that wrote STOP."""
        self.webhook_url = webhook_url
        self._account_sid = account_sid
        self._key = SigningKey(auth_token)
        self._credentials = {account_sid: auth_token, **(api_keys or {})}
        self._json = json_webhooks
        self._rcs_agent = rcs_agent
        self._templates = dict(templates or {})
        self._numbers = count(1)
        self.products = Products(account_sid, {"PN" + "1" * 32: OUR_NUMBER}, self._templates)
        """Templates, messaging services and senders."""
        if rcs_agent:
            about = {"sid": "XE" + "0" * 32, "sender_id": f"rcs:{rcs_agent}", "status": "ONLINE"}
            self.products.channel_senders.append({**about, "offline_reasons": None})
        self._media = MediaStore(account_sid)
        self._root = f"/2010-04-01/Accounts/{account_sid}"

    def state(self) -> Any:  # noqa: ANN401  JSON
        """Return what the emulator holds, for `GET /_emulator/state`."""
        return list(self.messages.values())

    def receive_message(
        self, sender: str, body: str = "", *, media: Sequence[tuple[str, bytes]] = (), **fields: str
    ) -> None:
        """Have somebody write to us; `media` are the types and bytes of files."""
        files = {"_media": [(kind, b64encode(content).decode()) for kind, content in media]} if media else {}
        given = {"From": sender, "Body": body, **fields, **files}
        with Transport() as transport:
            call = HttpRequest("POST", f"{self.url}/_twilio/inbound", {}, json.dumps(given).encode())
            transport.run(ask(call))

    def handle(self, request: Request) -> HttpResponse:
        """Answer one request as the vendor does."""
        try:
            answer = self._handle(request)
        except RequestRejected as refusal:
            answer = json_response(refusal.envelope(), status=refusal.status)
        headers = {**answer.headers, "twilio-request-id": self._sid("RQ"), "twilio-concurrent-requests": "1"}
        return HttpResponse(answer.status, headers, answer.body)

    def _handle(self, request: Request) -> HttpResponse:
        if request.path == "/_twilio/inbound":
            return self._receive_message(request)
        if request.path.startswith(STORAGE):
            return self._media.read(request)
        self._authenticate(request)
        if (known := self.products.handle(request)) is not None:
            return known
        for method, path, handle in self._routes():
            match = re.fullmatch(re.escape(self._root) + path, request.path)
            if match and request.method == method:
                return handle(request, *match.groups())
        raise RequestRejected(404, 20404)

    def _routes(self) -> list[tuple[str, str, Callable[..., HttpResponse]]]:
        one = r"/Messages/(\w+)"
        return [
            ("POST", r"/Messages\.json", self._create),
            ("GET", r"/Messages\.json", self._list),
            ("GET", one + r"\.json", lambda _, sid: json_response(self._require_message(sid))),
            ("POST", one + r"\.json", self._update),
            ("DELETE", one + r"\.json", self._delete),
            ("GET", one + r"/Media\.json", lambda _, sid: self._media.list(sid)),
            ("GET", one + r"/Media/(\w+)\.json", lambda _, sid, file: self._media.fetch(sid, file)),
            ("GET", one + r"/Media/(\w+)", lambda _, sid, file: self._media.redirect(sid, file, self.url)),
            ("DELETE", one + r"/Media/(\w+)\.json", self._delete_media),
            ("POST", one + r"/Feedback\.json", self._feedback),
            ("GET", r"/Balance\.json", lambda _: json_response(self._balance())),
        ]

    def _authenticate(self, request: Request) -> None:
        known = {
            b64encode(f"{user}:{secret}".encode()).decode() for user, secret in self._credentials.items()
        }
        if request.headers.get("authorization", "").removeprefix("Basic ") not in known:
            raise RequestRejected(401, 20003)

    def _create(self, request: Request) -> HttpResponse:
        if not request.headers.get("content-type", "").startswith(_FORM):
            raise RequestRejected(415, 20001)
        form, now = Form(request.body), datetime.now(UTC)
        if code := find_error(form, now):
            raise RequestRejected(400, code)
        if form.one("To") in self.opted_out:
            raise RequestRejected(400, 21610)
        if (
            self._templates
            and "ContentSid" in form
            and form.one("ContentSid") not in self._templates.values()
        ):
            raise RequestRejected(400, 21655)
        message = self._create_message(form, now)
        self.messages[message["sid"]] = message
        answer = json_response(message, status=201)
        if message["status"] != "scheduled":
            self._report_all_states(message, form.one("StatusCallback") or self.webhook_url)
        return answer

    def _create_message(self, form: Form, now: datetime) -> dict[str, Any]:
        media = form.all("MediaUrl")
        sid = self._sid("MM" if media else "SM")
        self._media.add(sid, [("image/jpeg", b"") for _ in media], next(self._numbers) << 16)
        state = (
            "scheduled" if "SendAt" in form else "accepted" if form.service and not form.sender else "queued"
        )
        uri = f"{self._root}/Messages/{sid}"
        return {
            "sid": sid,
            "account_sid": self._account_sid,
            "messaging_service_sid": form.service or None,
            "from": form.sender or None,
            "to": form.one("To"),
            "body": form.one("Body"),
            "status": state,
            "direction": "outbound-api",
            "error_code": None,
            "error_message": None,
            "num_segments": "0" if form.service else str(segments(form.one("Body")).count),
            "num_media": str(len(media)),
            "price": None,
            "price_unit": "USD",
            "date_created": format_datetime(now),
            "date_updated": format_datetime(now),
            "date_sent": None,
            "api_version": "2010-04-01",
            "uri": f"{uri}.json",
            "subresource_uris": {"media": f"{uri}/Media.json"},
        }

    def _report_all_states(self, message: dict[str, Any], callback: str | None) -> None:
        """Report every state that will come; the resource is in the last one at once."""
        self._choose_channel(message)
        end = fate_of(message["to"])
        for place, state in enumerate(end.states, start=1):
            message["status"] = state
            if state == end.states[-1] and end.code:
                message["error_code"] = end.code
            if callback:
                self._post_webhook(callback, self._status_fields(message), after=place * _REPORT_INTERVAL)
        if end.states:
            message["date_sent"] = message["date_updated"]

    def _choose_channel(self, message: dict[str, Any]) -> None:
        """Have a messaging service with an RCS sender send by RCS whom it can reach so."""
        plain = message["to"].startswith("+") and not message["from"]
        if (
            plain
            and self._rcs_agent
            and message["messaging_service_sid"]
            and message["to"] not in NOT_CAPABLE
        ):
            message["to"], message["from"] = f"rcs:{message['to']}", f"rcs:{self._rcs_agent}"

    def _status_fields(self, message: Mapping[str, Any]) -> dict[str, str]:
        fields = {
            "AccountSid": self._account_sid,
            "ApiVersion": "2010-04-01",
            "From": message["from"] or OUR_NUMBER,
            "To": message["to"],
            "MessageSid": message["sid"],
            "SmsSid": message["sid"],
            "MessageStatus": message["status"],
            "SmsStatus": message["status"],
        }
        if message["error_code"]:
            fields["ErrorCode"] = str(message["error_code"])
        if message["messaging_service_sid"]:
            fields["MessagingServiceSid"] = message["messaging_service_sid"]
        prefix = message["to"].partition(":")[0]
        if prefix in ("whatsapp", "rcs"):
            fields |= {"ChannelPrefix": prefix}
            fields |= {"EventType": "READ"} if message["status"] == "read" else {}
        return fields

    def _receive_message(self, request: Request) -> HttpResponse:
        """Pass on what somebody wrote, with the fields that are blank for most numbers."""
        given = request.json()
        sid = self._sid("SM")
        media = self._inbound_media(sid, given.pop("_media", []))
        geography = {
            f"{end}{part}": "" for end in ("From", "To") for part in ("City", "State", "Zip", "Country")
        }
        fields: dict[str, str] = {
            "AccountSid": self._account_sid,
            "ApiVersion": "2010-04-01",
            "To": OUR_NUMBER,
            "MessageSid": sid,
            "SmsSid": sid,
            "SmsMessageSid": sid,
            "SmsStatus": "received",
            "NumMedia": "0",
            "NumSegments": "1",
            **geography,
            **media,
            **given,
        }
        word = fields.get("Body", "").strip().upper()
        if word in STOP_WORDS:
            self.opted_out.add(fields["From"])
        elif word in START_WORDS:
            self.opted_out.discard(fields["From"])
        if self.webhook_url:
            self._post_webhook(self.webhook_url, fields)
        return json_response({"sid": sid})

    def _inbound_media(self, sid: str, media: Sequence[tuple[str, str]]) -> dict[str, str]:
        """Keep the files of somebody's message; return the fields that name them."""
        files = [(kind, b64decode(content)) for kind, content in media]
        sids = self._media.add(sid, files, next(self._numbers) << 16)
        told = {"NumMedia": str(len(files))} if files else {}
        for place, ((kind, _), file) in enumerate(zip(files, sids, strict=True)):
            told[f"MediaUrl{place}"] = f"{self.url}{self._root}/Messages/{sid}/Media/{file}"
            told[f"MediaContentType{place}"] = kind
        return told

    def _post_webhook(self, url: str, fields: Mapping[str, str], *, after: float = 0.0) -> None:
        """Make a signed call. The fragment of a URL never leaves, and what no URL may hold is escaped before it is signed."""
        url = quote(url.partition("#")[0], safe="!#$%&'()*+,/:;=?@[]~")
        if self._json:
            body = json.dumps(fields).encode()
            url += f"{'&' if '?' in url else '?'}bodySHA256={sha256(body).hexdigest()}"
            headers = {"content-type": "application/json", "x-twilio-signature": self._key.sign(url)}
        else:
            body = urlencode(fields).encode()
            signature = self._key.sign(url, fields.items())
            headers = {"content-type": f"{_FORM}; charset=UTF-8", "x-twilio-signature": signature}
        self.report(HttpRequest("POST", url, headers, body), delay=after)

    def _list(self, request: Request) -> HttpResponse:
        size, page = _whole(request.query.get("PageSize", "50")), _whole(request.query.get("Page", "0"))
        if not 1 <= size <= _MAX_PAGE_SIZE or page < 0:
            raise RequestRejected(400, 20007)
        fitting = [one for one in reversed(self.messages.values()) if matches_query(one, request.query)]
        shown = fitting[page * size : (page + 1) * size]
        query = {**request.query, "PageSize": str(size), "Page": str(page + 1)}
        more = f"{request.path}?{urlencode(query)}" if len(fitting) > (page + 1) * size else None
        return json_response(
            {
                "messages": shown,
                "page": page,
                "page_size": size,
                "start": page * size,
                "end": page * size + max(0, len(shown) - 1),
                "uri": f"{request.path}?{urlencode(request.query)}",
                "first_page_uri": f"{request.path}?{urlencode({**query, 'Page': '0'})}",
                "next_page_uri": more,
                "previous_page_uri": None,
            }
        )

    def _update(self, request: Request, sid: str) -> HttpResponse:
        message, form = self._require_message(sid), Form(request.body)
        if (
            ("Status" in form) == ("Body" in form)
            or form.one("Body")
            or form.one("Status") not in ("", "canceled")
        ):
            raise RequestRejected(400, 30400)
        if "Body" in form:
            message["body"] = ""
        elif message["status"] != "scheduled":
            raise RequestRejected(400, 30409)
        else:
            message["status"] = "canceled"
        return json_response(message)

    def _delete(self, _: Request, sid: str) -> HttpResponse:
        if self._require_message(sid)["status"] not in _FINAL:
            raise RequestRejected(409, 20009)
        del self.messages[sid]
        return HttpResponse(204, {}, b"")

    def _delete_media(self, _: Request, sid: str, file: str) -> HttpResponse:
        message, answer = self._require_message(sid), self._media.delete(sid, file)
        message["num_media"] = str(max(0, int(message["num_media"]) - 1))
        return answer

    def _feedback(self, request: Request, sid: str) -> HttpResponse:
        outcome = Form(request.body).one("Outcome")
        if outcome not in ("confirmed", "unconfirmed"):
            raise RequestRejected(400, 20001)
        return json_response({"message_sid": self._require_message(sid)["sid"], "outcome": outcome})

    def _balance(self) -> dict[str, str]:
        return {"account_sid": self._account_sid, "balance": "12.345", "currency": "USD"}

    def _require_message(self, sid: str) -> dict[str, Any]:
        if sid not in self.messages:
            raise RequestRejected(404, 20404)
        return self.messages[sid]

    def _sid(self, prefix: str) -> str:
        return f"{prefix}{next(self._numbers):032x}"


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS else -1


def add_arguments(parser: ArgumentParser) -> None:
    """Say what the command line takes."""
    parser.add_argument("--account-sid", default=ACCOUNT_SID)
    parser.add_argument("--auth-token", default=AUTH_TOKEN)
    parser.add_argument("--json-webhooks", action="store_true", help="call with JSON instead of forms")


def build(arguments: Namespace) -> TwilioEmulator:
    """Make one as the command line says."""
    return TwilioEmulator(
        port=arguments.port,
        account_sid=arguments.account_sid,
        auth_token=arguments.auth_token,
        webhook_url=arguments.webhook_url,
        json_webhooks=arguments.json_webhooks,
    )
