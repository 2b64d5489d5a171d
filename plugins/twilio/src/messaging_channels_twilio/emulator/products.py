"""What Twilio offers beside messages, as far as a program that sends needs it: the account, its numbers, services and content templates, look-ups of numbers.

Sources: https://www.twilio.com/docs/content/content-api-resources, https://www.twilio.com/docs/messaging/api/service-resource,
https://www.twilio.com/docs/phone-numbers/api/incomingphonenumber-resource, https://www.twilio.com/docs/lookup/v2-api
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from itertools import count
from typing import Any, cast
from urllib.parse import unquote

from messaging_channels.plugins import HttpResponse
from messaging_channels.testing import Request, json_response
from messaging_channels_twilio.emulator.rules import Form, RequestRejected

_GONE = HttpResponse(204, {}, b"")


class Products:
    """The resources of one account. `handle` answers what it knows."""

    def __init__(
        self, account_sid: str, numbers: Mapping[str, str], templates: Mapping[tuple[str, str], str]
    ) -> None:
        self.contents: dict[str, dict[str, Any]] = {}
        """The content templates by SID."""
        self.services: dict[str, dict[str, Any]] = {}
        """The messaging services by SID."""
        self.approvals: dict[str, dict[str, Any]] = {}
        """What was handed in to WhatsApp, by the SID of the template."""
        self.channel_senders: list[dict[str, Any]] = []
        """The senders of RCS, each with its `sid`, `sender_id`, `status` and `offline_reasons`."""
        self.typing: list[str] = []
        """Messages that were answered with "is typing"."""
        self._account_sid = account_sid
        self._ids = count(1)
        self._numbers = {sid: self._number(sid, number) for sid, number in numbers.items()}
        for (name, language), sid in templates.items():
            self.contents[sid] = self._content(sid, name, language, {"twilio/text": {"body": "Hi {{1}}"}}, {})

    def handle(self, request: Request) -> HttpResponse | None:
        """Answer a request; None for what is not among these resources."""
        for method, path, act in self._routes():
            match = re.fullmatch(path, request.path)
            if match and request.method == method:
                return act(request, *match.groups())
        return None

    def _routes(self) -> list[tuple[str, str, Callable[..., HttpResponse]]]:
        account = f"/2010-04-01/Accounts/{self._account_sid}"
        content, service = r"/v1/Content/(HX\w+)", r"/v1/Services/(MG\w+)"
        return [
            ("GET", rf"{account}\.json", lambda _: json_response(self._account())),
            ("GET", rf"{account}/IncomingPhoneNumbers\.json", self._list_numbers),
            (
                "GET",
                rf"{account}/IncomingPhoneNumbers/(\w+)\.json",
                lambda _, sid: json_response(_one(self._numbers, sid)),
            ),
            ("GET", "/v1/Content", lambda _: _page("contents", self.contents)),
            ("GET", "/v[12]/ContentAndApprovals", lambda _: _page("contents", self._with_approvals())),
            ("POST", "/v1/Content", self._create_content),
            ("GET", content, lambda _, sid: json_response(_one(self.contents, sid))),
            ("PUT", content, self._update_content),
            ("DELETE", content, lambda _, sid: _delete(self.contents, sid)),
            ("GET", rf"{content}/ApprovalRequests", self._fetch_approval),
            ("POST", rf"{content}/ApprovalRequests/whatsapp", self._create_approval),
            ("GET", "/v1/Services", lambda _: _page("services", self.services)),
            ("POST", "/v1/Services", self._create_service),
            ("GET", service, lambda _, sid: json_response(_one(self.services, sid))),
            ("POST", service, self._update_service),
            ("DELETE", service, lambda _, sid: _delete(self.services, sid)),
            ("GET", rf"{service}/PhoneNumbers", self._list_senders),
            ("GET", "/v2/Channels/Senders", self._list_channel_senders),
            ("GET", r"/v2/PhoneNumbers/([^/]+)", self._look_up),
            ("POST", r"/v2/Indicators/Typing\.json", self._type),
        ]

    def _sid(self, prefix: str) -> str:
        return f"{prefix}{0xE << 124 | next(self._ids):032x}"

    def _account(self) -> dict[str, Any]:
        now = format_datetime(datetime.now(UTC))
        return {
            "sid": self._account_sid,
            "friendly_name": "Emulated account",
            "owner_account_sid": self._account_sid,
            "status": "active",
            "type": "Full",
            "date_created": now,
            "date_updated": now,
            "auth_token": None,
            "subresource_uris": {},
            "uri": f"/2010-04-01/Accounts/{self._account_sid}.json",
        }

    def _number(self, sid: str, number: str) -> dict[str, Any]:
        return {
            "sid": sid,
            "account_sid": self._account_sid,
            "phone_number": number,
            "friendly_name": number,
            "capabilities": {"sms": True, "mms": True, "voice": True, "fax": False},
            "status": "in-use",
            "date_created": format_datetime(datetime.now(UTC)),
            "date_updated": format_datetime(datetime.now(UTC)),
        }

    def _list_channel_senders(self, request: Request) -> HttpResponse:
        wanted = f"{request.query.get('Channel', '')}:"
        held = {one["sid"]: one for one in self.channel_senders if one["sender_id"].startswith(wanted)}
        return _page("senders", held)

    def _list_numbers(self, request: Request) -> HttpResponse:
        wanted = request.query.get("PhoneNumber", "")
        found = [one for one in self._numbers.values() if wanted in one["phone_number"]]
        return json_response(
            {"incoming_phone_numbers": found, "page": 0, "page_size": 50, "next_page_uri": None}
        )

    def _content(
        self, sid: str, name: str, language: str, types: Mapping[str, Any], variables: Mapping[str, str]
    ) -> dict[str, Any]:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {
            "sid": sid,
            "account_sid": self._account_sid,
            "friendly_name": name,
            "language": language,
            "variables": dict(variables),
            "types": dict(types),
            "date_created": now,
            "date_updated": now,
            "url": f"https://content.twilio.com/v1/Content/{sid}",
            "links": {},
        }

    def _create_content(self, request: Request) -> HttpResponse:
        told = _object(request)
        types, language = told.get("types"), told.get("language")
        if not isinstance(types, dict) or not types or not isinstance(language, str) or not language:
            raise RequestRejected(400, 20001)
        sid = self._sid("HX")
        name = str(told.get("friendly_name") or "")
        self.contents[sid] = self._content(sid, name, language, types, told.get("variables") or {})
        return json_response(self.contents[sid], status=201)

    def _update_content(self, request: Request, sid: str) -> HttpResponse:
        held = _one(self.contents, sid)
        held |= {name: told for name, told in _object(request).items() if name in _CONTENT_MEMBERS}
        return json_response(held)

    def _create_approval(self, request: Request, sid: str) -> HttpResponse:
        _one(self.contents, sid)
        told = _object(request)
        name, category = told.get("name"), told.get("category")
        if not isinstance(name, str) or not _NAME.fullmatch(name) or category not in _CATEGORIES:
            raise RequestRejected(400, 20001)
        approval = {"name": name, "category": category, "content_type": "twilio/text", "status": "received"}
        self.approvals[sid] = {**approval, "rejection_reason": "", "allow_category_change": True}
        return json_response(self.approvals[sid], status=201)

    def _fetch_approval(self, _: Request, sid: str) -> HttpResponse:
        _one(self.contents, sid)
        approval = self.approvals.get(sid, {"status": "unsubmitted"})
        url = f"https://content.twilio.com/v1/Content/{sid}/ApprovalRequests"
        return json_response({"sid": sid, "account_sid": self._account_sid, "whatsapp": approval, "url": url})

    def _with_approvals(self) -> dict[str, dict[str, Any]]:
        unsubmitted = {"status": "unsubmitted"}
        return {
            sid: {**content, "approval_requests": self.approvals.get(sid, unsubmitted)}
            for sid, content in self.contents.items()
        }

    def _create_service(self, request: Request) -> HttpResponse:
        form, now = Form(request.body), datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        if not form.one("FriendlyName"):
            raise RequestRejected(400, 20001)
        sid = self._sid("MG")
        self.services[sid] = {
            "sid": sid,
            "account_sid": self._account_sid,
            "friendly_name": form.one("FriendlyName"),
            "status_callback": form.one("StatusCallback") or None,
            "inbound_request_url": form.one("InboundRequestUrl") or None,
            "validity_period": 36000,
            "smart_encoding": True,
            "sticky_sender": True,
            "date_created": now,
            "date_updated": now,
            "links": {},
            "url": f"https://messaging.twilio.com/v1/Services/{sid}",
        }
        return json_response(self.services[sid], status=201)

    def _update_service(self, request: Request, sid: str) -> HttpResponse:
        held, form = _one(self.services, sid), Form(request.body)
        for name, member in (("FriendlyName", "friendly_name"), ("StatusCallback", "status_callback")):
            if name in form:
                held[member] = form.one(name)
        return json_response(held)

    def _list_senders(self, _: Request, sid: str) -> HttpResponse:
        _one(self.services, sid)
        return _page("phone_numbers", self._numbers)

    def _look_up(self, _: Request, given: str) -> HttpResponse:
        number = unquote(given)
        valid = re.fullmatch(r"\+[1-9][0-9]{6,14}", number) is not None
        return json_response(
            {
                "phone_number": number,
                "valid": valid,
                "validation_errors": [] if valid else ["NOT_A_NUMBER"],
                "calling_country_code": number[1:3] if valid else None,
                "country_code": None,
                "national_format": number if valid else None,
                "url": f"https://lookups.twilio.com/v2/PhoneNumbers/{given}",
            }
        )

    def _type(self, request: Request) -> HttpResponse:
        form = Form(request.body)
        if form.one("channel").lower() != "whatsapp" or not form.one("messageId"):
            raise RequestRejected(400, 20001)
        self.typing.append(form.one("messageId"))
        return json_response({"success": True})


def _page(name: str, held: Mapping[str, Any]) -> HttpResponse:
    meta = {"key": name, "page": 0, "page_size": 50, "next_page_url": None, "previous_page_url": None}
    return json_response({name: list(held.values()), "meta": {**meta, "first_page_url": "", "url": ""}})


def _one(held: Mapping[str, dict[str, Any]], sid: str) -> dict[str, Any]:
    if sid not in held:
        raise RequestRejected(404, 20404)
    return held[sid]


def _delete(held: dict[str, dict[str, Any]], sid: str) -> HttpResponse:
    _one(held, sid)
    del held[sid]
    return _GONE


def _object(request: Request) -> dict[str, Any]:
    try:
        told = request.json()
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise RequestRejected(400, 20001)
    return cast("dict[str, Any]", told)


_NAME = re.compile(r"[a-z0-9_]{1,512}")
_CATEGORIES = ("UTILITY", "MARKETING", "AUTHENTICATION")
_CONTENT_MEMBERS = frozenset({"friendly_name", "language", "types", "variables"})
