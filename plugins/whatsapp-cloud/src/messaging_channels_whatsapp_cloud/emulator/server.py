"""The Cloud API on loopback: `python -m messaging_channels_whatsapp_cloud.emulator`. It checks what it is sent, keeps it, and reports by signed webhooks.

Besides what every emulator is told (`/_emulator/faults`), it can be steered from any language:

    POST /_whatsapp/refuse    {"code": 131056, "times": 2}     the next messages are refused with this error
    POST /_whatsapp/fail      {"code": 131026}                 the next is taken, and reported as failed
    POST /_whatsapp/receive   {"from": "447700900123", "type": "text", "text": {"body": "Hello"}}     a person writes
    POST /_whatsapp/verify    {"token": "..."}                 make the verification call
"""

from __future__ import annotations

import argparse
import hashlib
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import urlencode

from messaging_channels.plugins import HttpRequest, HttpResponse
from messaging_channels.policies import RateLimit, reserve
from messaging_channels.testing import Emulator, Request, json_response
from messaging_channels_whatsapp_cloud.emulator.management import (
    ACCOUNT_ID,
    NUMBER,
    Management,
    describe_person,
    user_id_of,
)
from messaging_channels_whatsapp_cloud.emulator.rules import find_problem, find_upload_problem
from messaging_channels_whatsapp_cloud.emulator.wire import (
    error_response,
    error_title,
    parse_form,
    signed_webhook,
)
from messaging_channels_whatsapp_cloud.parsing import (
    as_object,
    as_objects,
    get_member,
    non_empty_text,
    parse_integer,
    parse_json,
)

TOKEN = "emulator-token"  # noqa: S105  the emulator's own, and no secret
SECRET = "emulator-secret"  # noqa: S105  likewise
NUMBER_ID = "106540352242922"
MEMBER = "447700900199"
"""Who reads what is sent to a group."""


@dataclass(frozen=True, slots=True)
class Account:
    """Whom the emulator serves."""

    token: str = field(default=TOKEN, repr=False)
    """The access token it wants."""
    app_secret: str = field(default=SECRET, repr=False)
    """What it signs webhooks with."""
    number_id: str = NUMBER_ID


@dataclass(slots=True)
class AcceptedMessage:
    """A message that the emulator took."""

    id: str
    to: str
    """Digits, or the id of a user."""
    body: dict[str, Any]
    """As it was sent."""
    reported_statuses: list[str] = field(default_factory=list[str])


@dataclass(slots=True)
class _PendingErrors:
    """Errors that are still to come."""

    codes: list[int] = field(default_factory=list[int])

    def add(self, code: int, times: int) -> None:
        self.codes += [code] * times

    def next(self) -> int | None:
        return self.codes.pop(0) if self.codes else None


class WhatsAppCloudEmulator(Emulator):
    """Emulates the Cloud API with one business number; see the module. `messages`, `files` and `read` hold the messages, uploads and read receipts so far."""

    def __init__(
        self,
        *,
        port: int = 0,
        webhook_url: str | None = None,
        account: Account | None = None,
        reports: Sequence[str] = ("sent", "delivered"),
        together: bool = False,
        windows: bool = False,
        rate_limits: bool = False,
        templates: Mapping[tuple[str, str], int] | None = None,
    ) -> None:
        """Say how it behaves.

        Args:
            port: 0 for any free one.
            webhook_url: where its webhooks are posted; nowhere without.
            account: its token, secret and number; those of `Account()` without.
            reports: what it reports of each message, in this order.
            together: whether it reports them in one call.
            windows: whether a free message fails, error 131047, unless the person wrote in the last 24 hours.
            rate_limits: whether it refuses what goes beyond the documented rates.
            templates: the approved ones by name and language, with the number of gaps of their bodies. None for any.
        """
        super().__init__(port=port)
        self.messages: list[AcceptedMessage] = []
        self.files: dict[str, tuple[str, bytes]] = {}
        self.read: list[str] = []
        self.webhook_url = webhook_url
        self.pending_rejections, self.pending_failures = _PendingErrors(), _PendingErrors()
        self._account = account or Account()
        self.management = Management(self._account.number_id, self.url)
        self._reports, self._together = reports, together
        self._windows, self._templates = windows, templates
        self._rate_limits = (
            (RateLimit(80.0, burst=80), RateLimit(1, per=6.0, burst=45)) if rate_limits else ()
        )
        self._next: dict[str, float] = {}
        self._wrote: dict[str, float] = {}
        self._known: set[str] = set()

    def state(self) -> Any:  # noqa: ANN401  anything JSON can hold
        """Return what the emulator holds, for `GET /_emulator/state`."""
        return {
            "messages": [asdict(one) for one in self.messages],
            "files": {name: {"type": kind, "size": len(data)} for name, (kind, data) in self.files.items()},
            "read": self.read,
        }

    def handle(self, request: Request) -> HttpResponse:
        """Answer one request as the vendor does."""
        if request.path.startswith("/_whatsapp/"):
            return self._handle_control(request)
        if request.headers.get("authorization") != f"Bearer {self._account.token}":
            return error_response(190, "The access token could not be decrypted.")
        if request.path.startswith("/_files/"):
            return self._file(request.path.rpartition("/")[2])
        if (known := self.management.handle(request)) is not None:
            return known
        path = _PATH.fullmatch(request.path)
        if path is None:
            return error_response(100, "Unknown path components: write /v24.0/<id>/<edge>.")
        return self._at(path["id"], path["edge"], request)

    def _at(self, name: str, edge: str | None, request: Request) -> HttpResponse:
        if edge is None:
            return self._handle_media(name, request.method)
        if name != self._account.number_id:
            return error_response(33, "The business number does not exist.")
        return self._handle_upload(request) if edge == "media" else self._handle_post(request, edge)

    def receive_message(
        self, sender: str, message: Mapping[str, Any], *, contact: Mapping[str, Any] | None = None
    ) -> str:
        """Have a person write to the business, by a number or the id of a user. Return the id of the message."""
        wamid = self._new_id()
        who = dict(contact or describe_person(sender))
        ends = (
            {"from": sender, "from_user_id": user_id_of(sender)}
            if sender.isdecimal()
            else {"from_user_id": sender}
        )
        told = {**ends, "id": wamid, "timestamp": str(int(time.time())), **self._quoted(message), **message}
        self._wrote[sender] = time.time()
        self._known.add(wamid)
        self._run_on_server(lambda: self._report({"contacts": [who], "messages": [told]}))
        return wamid

    def _quoted(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Name the message that a press or a choice answers: the last one that was taken."""
        answered = self.messages[-1].id if self.messages else "wamid.HBgL0AA=="
        pressed = message.get("type") in ("interactive", "button")
        return {"context": {"from": NUMBER, "id": answered}} if pressed else {}

    def verify(self, token: str) -> None:
        """Make the verification call; its answer is in `reported`."""
        query = urlencode({"hub.mode": "subscribe", "hub.verify_token": token, "hub.challenge": "1158201444"})
        self._run_on_server(lambda: self.report(HttpRequest("GET", f"{self.webhook_url}?{query}")))

    def _run_on_server(self, act: Callable[[], None]) -> None:
        """Do it in the server's thread."""
        if threading.current_thread() is self._thread:
            act()
            return
        done = threading.Event()
        self._loop.call_soon_threadsafe(act)
        self._loop.call_soon_threadsafe(done.set)
        done.wait()

    def _handle_control(self, request: Request) -> HttpResponse:
        told = as_object(parse_json(request.body))
        due = {"refuse": self.pending_rejections, "fail": self.pending_failures}
        what, code = request.path.rpartition("/")[2], parse_integer(told.get("code"))
        sender = non_empty_text(told.pop("from", None))
        if what == "receive" and sender:
            return json_response({"id": self.receive_message(sender, told)})
        if what in due and code is not None:
            due[what].add(code, parse_integer(told.get("times")) or 1)
        elif what == "verify":
            self.verify(non_empty_text(told.get("token")) or "")
        else:
            return json_response({"error": "see the module's first lines"}, status=400)
        return json_response({})

    def _handle_post(self, request: Request, edge: str) -> HttpResponse:
        try:
            body = as_object(request.json())
        except ValueError:
            return error_response(100, "The body is no JSON.")
        if body.get("status") == "read":
            return self._handle_status(body)
        refused = self.pending_rejections.next()
        if refused is not None:
            return error_response(refused, "The emulator was told so.")
        if edge == "marketing_messages" and body.get("type") != "template":
            return error_response(131055, "Only marketing templates go this way.")
        wrong = find_problem(body) or self._missing_resource(body) or self._exceeds_rate_limit(body)
        return error_response(*wrong) if wrong else self._accept(body)

    def _handle_status(self, body: Mapping[str, Any]) -> HttpResponse:
        wamid = non_empty_text(body.get("message_id"))
        if wamid is None or body.get("messaging_product") != "whatsapp":
            return error_response(131009, "Param message_id is not a valid message id.")
        self.read.append(wamid)
        return json_response({"success": True})

    def _missing_resource(self, body: Mapping[str, Any]) -> tuple[int, str] | None:
        """Check what the account holds: templates and files."""
        template = as_object(body.get("template"))
        if self._templates is not None and template:
            gaps = self._templates.get((template["name"], template["language"]["code"]))
            if gaps is None:
                return 132001, "The template does not exist in that language."
            if gaps != _parameter_counts(template):
                return 132000, f"The body has {gaps} gaps, {_parameter_counts(template)} were filled."
        file = non_empty_text(get_member(body.get(str(body.get("type"))), "id"))
        return None if file is None or file in self.files else (100, "Param id is not a file of this number.")

    def _exceeds_rate_limit(self, body: Mapping[str, Any]) -> tuple[int, str] | None:
        keys = ("", _digits(body))
        for rate, key, code in zip(self._rate_limits, keys, (130429, 131056), strict=False):
            due, wait = reserve(self._next.get(key, 0.0), rate, time.time())
            if wait > 0:
                return code, "Too fast."
            self._next[key] = due
        return None

    def _accept(self, body: dict[str, Any]) -> HttpResponse:
        taken = AcceptedMessage(self._new_id(), _digits(body), body)
        self.messages.append(taken)
        self._known.add(taken.id)
        self._progress(taken)
        asked = body.get("to")
        contact = {"input": asked, "wa_id": taken.to} if asked else {"input": taken.to, "user_id": taken.to}
        sent = {"id": taken.id, **({"message_status": "accepted"} if body.get("type") == "template" else {})}
        return json_response({"messaging_product": "whatsapp", "contacts": [contact], "messages": [sent]})

    def _progress(self, message: AcceptedMessage) -> None:
        failed = self.pending_failures.next() or self._failure(message)
        message.reported_statuses = ["failed"] if failed else list(self._reports)
        statuses = [_status(message, word, failed) for word in message.reported_statuses]
        calls = [statuses] if self._together else [[one] for one in statuses]
        for call in calls:
            reader = MEMBER if message.body.get("recipient_type") == "group" else message.to
            known = {} if failed else {"contacts": [describe_person(reader)]}  # left out where it failed
            self._report({**known, "statuses": call})

    def _failure(self, message: AcceptedMessage) -> int | None:
        target = get_member(message.body.get("reaction"), "message_id")
        if target is not None and target not in self._known:
            return 131009
        since = time.time() - self._wrote.get(message.to, 0.0)
        closed = self._windows and message.body.get("type") != "template" and since > _DAY
        return 131047 if closed else None

    def _report(self, statuses_value: Mapping[str, Any]) -> None:
        if self.webhook_url is None:
            return
        metadata = {"display_phone_number": NUMBER, "phone_number_id": self._account.number_id}
        value = {"messaging_product": "whatsapp", "metadata": metadata, **statuses_value}
        entry = {"id": ACCOUNT_ID, "changes": [{"field": "messages", "value": value}]}
        payload = {"object": "whatsapp_business_account", "entry": [entry]}
        self.report(signed_webhook(self.webhook_url, payload, self._account.app_secret))

    def _handle_upload(self, request: Request) -> HttpResponse:
        parts = parse_form(request.headers.get("content-type", ""), request.body)
        kind, content = parts.get("file", ("", b""))
        if parts.get("messaging_product", ("", b""))[1] != b"whatsapp" or not content:
            return error_response(100, "The parameters messaging_product and file are required.")
        if (problem := find_upload_problem(kind, len(content))) is not None:
            return error_response(*problem)
        name = str(1013859600285441 + len(self.files))
        self.files[name] = (kind, content)
        return json_response({"id": name})

    def _handle_media(self, name: str, method: str) -> HttpResponse:
        if name not in self.files:
            return error_response(100, "The file does not exist.")
        if method == "DELETE":
            del self.files[name]
            return json_response({"success": True})
        kind, content = self.files[name]
        told = {"messaging_product": "whatsapp", "url": f"{self.url}/_files/{name}", "mime_type": kind}
        digest = hashlib.sha256(content).hexdigest()
        return json_response({**told, "sha256": digest, "file_size": len(content), "id": name})

    def _file(self, name: str) -> HttpResponse:
        if name not in self.files:
            return HttpResponse(404, {}, b"")
        kind, content = self.files[name]
        return HttpResponse(200, {"content-type": kind}, content)

    def _new_id(self) -> str:
        return f"wamid.HBgL{len(self._known) + 1:020d}AA=="


def _digits(body: Mapping[str, Any]) -> str:
    """Return whom a message goes to. A number without its plus gets the business's own country code, as Meta does it."""
    to = body.get("to")
    if not isinstance(to, str):
        return str(body.get("recipient"))
    if body.get("recipient_type") == "group":
        return to
    digits = re.sub(r"[^0-9]", "", to)
    return digits if to.startswith("+") else f"{NUMBER[0]}{digits}"


def _parameter_counts(template: Mapping[str, Any]) -> int:
    bodies = [one for one in as_objects(template.get("components")) if one.get("type") == "body"]
    return sum(len(as_objects(one.get("parameters"))) for one in bodies)


def _status(message: AcceptedMessage, word: str, failed: int | None) -> dict[str, Any]:
    to, groups = message.to, message.body.get("recipient_type") == "group"
    ends = (
        {"recipient_id": to, "recipient_user_id": user_id_of(to)}
        if to.isdecimal()
        else {"recipient_user_id": to}
    )
    if groups:
        member = {"recipient_participant_id": MEMBER, "recipient_participant_user_id": user_id_of(MEMBER)}
        ends = {"recipient_id": to, "recipient_type": "group", **member}
    said: dict[str, Any] = {"id": message.id, "status": word, "timestamp": str(int(time.time())), **ends}
    if opaque := message.body.get("biz_opaque_callback_data"):
        said["biz_opaque_callback_data"] = opaque
    if failed:
        details = {"details": "The emulator was told so, or a rule says so."}
        said["errors"] = [
            {
                "code": failed,
                "title": error_title(failed),
                "message": error_title(failed),
                "error_data": details,
            }
        ]
    else:
        said["pricing"] = {"billable": True, "pricing_model": "PMP", "type": "regular", "category": "service"}
    return said


_DAY = 24 * 3600.0
_PATH = re.compile(r"/v[0-9]+\.[0-9]/(?P<id>[A-Za-z0-9_-]+)(?:/(?P<edge>messages|marketing_messages|media))?")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command line takes."""
    parser.add_argument("--token", default=TOKEN, help="access token that clients must send")
    parser.add_argument("--app-secret", default=SECRET, help="secret that signs webhooks")
    parser.add_argument("--number-id", default=NUMBER_ID, help="the id of the business number")
    parser.add_argument("--reports", default="sent,delivered", help="reports for each message")
    parser.add_argument("--windows", action="store_true", help="fail messages outside the 24 hours")
    parser.add_argument("--rates", action="store_true", help="refuse requests that come too fast")


def build(options: argparse.Namespace) -> WhatsAppCloudEmulator:
    """Make one as the command line says."""
    return WhatsAppCloudEmulator(
        port=options.port,
        webhook_url=options.webhook_url,
        account=Account(options.token, options.app_secret, options.number_id),
        reports=[word for word in options.reports.split(",") if word],
        windows=options.windows,
        rate_limits=options.rates,
    )
