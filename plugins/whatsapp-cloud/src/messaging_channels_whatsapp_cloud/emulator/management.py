"""What surrounds messages, as far as a program that sends needs it: the account, its number and profile, templates, flows, people who are blocked.

Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/reference
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any, TypeAlias

from messaging_channels.plugins import HttpResponse
from messaging_channels.testing import Request, json_response
from messaging_channels_whatsapp_cloud.emulator.wire import error_response, parse_form
from messaging_channels_whatsapp_cloud.parsing import as_object, as_objects, non_empty_text

ACCOUNT_ID = "102290129340398"
NUMBER = "12025550100"
Act: TypeAlias = Callable[..., HttpResponse]

_SUCCESS = {"success": True}


class Management:
    """The resources of one account with one number. `handle` answers what it knows."""

    def __init__(self, number_id: str, url: str) -> None:
        self.templates: dict[str, dict[str, Any]] = {}
        """The templates by id."""
        self.flows: dict[str, dict[str, Any]] = {}
        self.blocked: list[str] = []
        self.profile: dict[str, Any] = {
            "messaging_product": "whatsapp",
            "about": "Shop",
            "vertical": "RETAIL",
            "websites": [],
        }
        self.settings: dict[str, Any] = {}
        self.callback: dict[str, Any] = {}
        """What `subscribed_apps` and the number were told about webhooks."""
        self._number_id, self._url = number_id, url
        self._ids = count(594425479261596)
        self._codes: dict[str, dict[str, Any]] = {}
        self._commerce = {"id": "1001", "is_catalog_visible": True, "is_cart_enabled": True}

    def handle(self, request: Request) -> HttpResponse | None:
        """Answer a request; None for what is not among these resources."""
        path = _VERSION.sub("", request.path, count=1).rstrip("/")
        for method, pattern, act in self._routes():
            match = re.fullmatch(pattern, path)
            if match and method == request.method:
                return act(request, *match.groups())
        return None

    def _routes(self) -> list[tuple[str, str, Act]]:
        number = f"/{self._number_id}"
        return [
            *self._account_routes(),
            ("GET", number, lambda _: json_response(self._number())),
            ("POST", number, self._update_number),
            ("GET", f"{number}/whatsapp_business_profile", lambda _: _list([self.profile])),
            ("POST", f"{number}/whatsapp_business_profile", lambda it: self._merge(self.profile, it)),
            ("GET", f"{number}/whatsapp_commerce_settings", lambda _: _list([self._commerce])),
            (
                "POST",
                f"{number}/whatsapp_commerce_settings",
                lambda it: self._merge(self._commerce, it, query=True),
            ),
            (
                "GET",
                f"{number}/settings",
                lambda _: json_response({"storage_configuration": {"status": "DEFAULT"}, **self.settings}),
            ),
            ("POST", f"{number}/settings", lambda it: self._merge(self.settings, it)),
            (
                "GET",
                f"{number}/block_users",
                lambda _: _list([{"input": one, **_person(one)} for one in self.blocked]),
            ),
            ("POST", f"{number}/block_users", self._block),
            ("DELETE", f"{number}/block_users", self._unblock),
            ("GET", f"{number}/message_qrdls", lambda _: _list(list(self._codes.values()))),
            (
                "GET",
                rf"{number}/message_qrdls/(\w+)",
                lambda _, code: _list([self._codes[code]] if code in self._codes else []),
            ),
            ("POST", f"{number}/message_qrdls", self._save_code),
            ("DELETE", rf"{number}/message_qrdls/(\w+)", lambda _, code: _delete(self._codes, code)),
        ]

    def _account_routes(self) -> list[tuple[str, str, Act]]:
        account, template, flow = f"/{ACCOUNT_ID}", r"/(5944\d+)", r"/(5944\d+)"
        return [
            ("GET", account, lambda _: json_response(self._account())),
            ("POST", account, lambda _: json_response({"id": ACCOUNT_ID})),
            ("GET", f"{account}/phone_numbers", lambda _: _list([self._number()])),
            ("GET", f"{account}/subscribed_apps", lambda _: _list([self._app()])),
            ("POST", f"{account}/subscribed_apps", lambda it: self._merge(self.callback, it)),
            ("GET", f"{account}/message_templates", self._list_templates),
            ("POST", f"{account}/message_templates", self._create_template),
            ("DELETE", f"{account}/message_templates", self._delete_template),
            ("GET", f"{account}/flows", lambda _: _list(list(self.flows.values()))),
            ("POST", f"{account}/flows", self._create_flow),
            ("GET", template, self._fetch),
            ("POST", template, self._update),
            ("POST", rf"{template}/unpause", self._unpause),
            ("DELETE", flow, self._delete_flow),
            ("GET", rf"{flow}/assets", self._assets),
            ("POST", rf"{flow}/assets", self._update_asset),
            ("POST", rf"{flow}/(publish|deprecate)", self._promote),
        ]

    def _number(self) -> dict[str, Any]:
        return {
            "id": self._number_id,
            "verified_name": "Shop",
            "display_phone_number": "+1 202-555-0100",
            "quality_rating": "GREEN",
            "quality_score": {"score": "GREEN"},
            "platform_type": "CLOUD_API",
            "status": "CONNECTED",
            "name_status": "APPROVED",
            "code_verification_status": "VERIFIED",
            "throughput": {"level": "STANDARD"},
            "account_mode": "LIVE",
            "webhook_configuration": {"application": self.callback.get("override_callback_uri", "")},
        }

    def _update_number(self, request: Request) -> HttpResponse:
        told = as_object(_json(request).get("webhook_configuration"))
        self.callback |= told
        return json_response(_SUCCESS)

    def _account(self) -> dict[str, Any]:
        return {
            "id": ACCOUNT_ID,
            "name": "Shop",
            "timezone_id": "1",
            "message_template_namespace": "ba30dd89_2ebd_41e4_b805_f2c05ae04cc9",
            "status": "ACTIVE",
            "business_verification_status": "verified",
            "currency": "USD",
            "country": "US",
            "ownership_type": "SELF",
            "account_review_status": "APPROVED",
        }

    def _app(self) -> dict[str, Any]:
        app = {"id": "670843887433847", "name": "Shop", "link": "https://www.facebook.com/games/?app_id=1"}
        override = self.callback.get("override_callback_uri")
        return {
            "whatsapp_business_api_data": app,
            **({"override_callback_uri": override} if override else {}),
        }

    def _merge(self, held: dict[str, Any], request: Request, *, query: bool = False) -> HttpResponse:
        told = {name: value == "true" for name, value in request.query.items()} if query else _json(request)
        held |= {name: value for name, value in told.items() if name != "messaging_product"}
        return json_response(_SUCCESS)

    def _block(self, request: Request) -> HttpResponse:
        people = [str(one.get("user")) for one in as_objects(_json(request).get("block_users"))]
        known = [one for one in people if _DIGITS.fullmatch(one)]
        failed = [
            {"input": one, "errors": [{"code": 131021, "message": "x"}]} for one in people if one not in known
        ]
        self.blocked += [one.lstrip("+") for one in known if one.lstrip("+") not in self.blocked]
        added = [{"input": one, **_person(one.lstrip("+"))} for one in known]
        return json_response(
            {"messaging_product": "whatsapp", "block_users": {"added_users": added, "failed_users": failed}}
        )

    def _unblock(self, request: Request) -> HttpResponse:
        people = [str(one.get("user")) for one in as_objects(_json(request).get("block_users"))]
        self.blocked = [one for one in self.blocked if one not in {person.lstrip("+") for person in people}]
        removed = [{"input": one, **_person(one.lstrip("+"))} for one in people]
        return json_response({"messaging_product": "whatsapp", "block_users": {"removed_users": removed}})

    def _save_code(self, request: Request) -> HttpResponse:
        told = {**request.query, **_json(request)}
        words = non_empty_text(told.get("prefilled_message"))
        if words is None:
            return error_response(100, "The parameter prefilled_message is required.")
        code = str(told.get("code") or f"QR{len(self._codes):012d}")
        link = {"deep_link_url": f"https://wa.me/message/{code}", "qr_image_url": f"{self._url}/qr/{code}"}
        self._codes[code] = {"code": code, "prefilled_message": words, **link}
        return json_response(self._codes[code])

    # --- templates

    def _list_templates(self, request: Request) -> HttpResponse:
        named = request.query.get("name")
        found = [one for one in self.templates.values() if named in (None, one["name"])]
        count_of_templates = len(self.templates)
        summary = {
            "total_count": count_of_templates,
            "message_template_count": count_of_templates,
            "message_template_limit": 250,
            "are_translations_complete": True,
        }
        return _list(found, summary=summary)

    def _create_template(self, request: Request) -> HttpResponse:
        told = _json(request)
        name, language = non_empty_text(told.get("name")) or "", non_empty_text(told.get("language"))
        category = told.get("category")
        if not _NAME.fullmatch(name) or language is None or category not in _CATEGORIES:
            return error_response(100, "Params name, language and category are required.")
        if any((one["name"], one["language"]) == (name, language) for one in self.templates.values()):
            return error_response(100, "There is already content in this language for this template.")
        key = str(next(self._ids))
        self.templates[key] = {
            "id": key,
            "name": name,
            "language": language,
            "category": category,
            "status": "APPROVED",
            "parameter_format": str(told.get("parameter_format") or "POSITIONAL").upper(),
            "components": as_objects(told.get("components")),
        }
        return json_response({"id": key, "status": "APPROVED", "category": category})

    def _delete_template(self, request: Request) -> HttpResponse:
        named, key = request.query.get("name"), request.query.get("hsm_id")
        gone = [one for one, held in self.templates.items() if held["name"] == named and key in (None, one)]
        for one in gone:
            del self.templates[one]
        return json_response(_SUCCESS) if gone else error_response(100, "The template does not exist.")

    def _unpause(self, _: Request, key: str) -> HttpResponse:
        if key not in self.templates:
            return error_response(100, "The template does not exist.")
        return json_response(_SUCCESS)

    # --- flows

    def _create_flow(self, request: Request) -> HttpResponse:
        told = _json(request)
        categories = told.get("categories")
        if non_empty_text(told.get("name")) is None or not categories:
            return error_response(100, "Params name and categories are required.")
        key = str(next(self._ids))
        self.flows[key] = {
            "id": key,
            "name": told["name"],
            "status": "PUBLISHED" if told.get("publish") else "DRAFT",
            "categories": categories,
            "validation_errors": [],
            "json_version": "7.2",
            "data_api_version": "3.0",
            "endpoint_uri": told.get("endpoint_uri"),
            "updated_at": "2026-01-01T00:00:00+0000",
        }
        return json_response({"id": key, "success": True, "validation_errors": []})

    def _delete_flow(self, _: Request, key: str) -> HttpResponse:
        if self.flows.get(key, {"status": "DRAFT"})["status"] != "DRAFT":
            return error_response(139003, "A flow that was published can only be deprecated.")
        return _delete(self.flows, key)

    def _promote(self, _: Request, key: str, act: str) -> HttpResponse:
        if key not in self.flows:
            return error_response(100, "The flow does not exist.")
        self.flows[key]["status"] = {"publish": "PUBLISHED", "deprecate": "DEPRECATED"}[act]
        return json_response(_SUCCESS)

    def _assets(self, _: Request, key: str) -> HttpResponse:
        if key not in self.flows:
            return error_response(100, "The flow does not exist.")
        asset = {"name": "flow.json", "asset_type": "FLOW_JSON", "download_url": f"{self._url}/flows/{key}"}
        return _list([asset])

    def _update_asset(self, request: Request, key: str) -> HttpResponse:
        file = parse_form(request.headers.get("content-type", ""), request.body).get("file", ("", b""))[1]
        if key not in self.flows or not file:
            return error_response(100, "The flow does not exist, or the file is missing.")
        return json_response({"success": True, "validation_errors": []})

    def _fetch(self, _: Request, key: str) -> HttpResponse:
        held = self.templates.get(key) or self.flows.get(key)
        return error_response(100, "The object does not exist.") if held is None else json_response(held)

    def _update(self, request: Request, key: str) -> HttpResponse:
        held = self.templates.get(key) or self.flows.get(key)
        if held is None:
            return error_response(100, "The object does not exist.")
        held |= {name: value for name, value in _json(request).items() if name in held}
        named = {"id": key, "name": held["name"], "category": held["category"]} if "category" in held else {}
        return json_response({**_SUCCESS, **named})


def _json(request: Request) -> dict[str, Any]:
    try:
        return as_object(request.json())
    except (ValueError, RecursionError):
        return {}


def _list(data: list[Any], **more: object) -> HttpResponse:
    return json_response({"data": data, "paging": {"cursors": {"before": "QVFI", "after": "QVFJ"}}, **more})


def _delete(held: dict[str, Any], key: str) -> HttpResponse:
    if key not in held:
        return error_response(100, "The object does not exist.")
    del held[key]
    return json_response(_SUCCESS)


def _person(number: str) -> Mapping[str, Any]:
    return {"messaging_product": "whatsapp", "wa_id": number, "user_id": user_id_of(number)}


def user_id_of(number: str) -> str:
    """Return the id by which the emulator's business knows the person with a number."""
    return f"GB.1{number}"


def describe_person(person: str) -> dict[str, Any]:
    """Describe a person as Meta does since April 2026: with the business-scoped id beside the number."""
    ids = {"wa_id": person, "user_id": user_id_of(person)} if person.isdecimal() else {"user_id": person}
    return {"profile": {"name": "Ann"}, **ids}


_VERSION = re.compile(r"^/v[0-9]+\.[0-9]")
_NAME = re.compile(r"[a-z0-9_]{1,512}")
_DIGITS = re.compile(r"\+?[0-9]{5,17}")
_CATEGORIES = ("UTILITY", "MARKETING", "AUTHENTICATION")
