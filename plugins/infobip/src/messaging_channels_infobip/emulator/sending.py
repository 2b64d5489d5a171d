"""The calls that send, and what becomes of what they send."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from messaging_channels.messages import segments
from messaging_channels.plugins import HttpResponse
from messaging_channels.testing import Request, json_response
from messaging_channels_infobip.emulator import _table_rules as rules
from messaging_channels_infobip.emulator.account import (
    ENQUEUED,
    AcceptedMessage,
    Account,
    Json,
    Schedule,
    fate_of,
    new_id,
)
from messaging_channels_infobip.emulator.errors import RequestRejected, require_valid
from messaging_channels_infobip.emulator.mail import recipients_of

Report: TypeAlias = Callable[[AcceptedMessage, str | None], None]
"""Hears of a message that is due, and the URL its reports go to, if it named one."""

MAX_RECIPIENTS = 1000


def send_sms(request: Request, account: Account, report: Report) -> HttpResponse:
    """`POST /sms/3/messages`."""
    body = require_valid(request, rules.SMS)
    options: Json = body.get("options", {})
    bulk_id = _bulk(account, "sms", options.get("schedule", {}))
    taken = [
        _sms(message, destination, bulk_id)
        for message in body["messages"]
        for destination in message["destinations"]
    ]
    counted = options.get("includeSmsCountInResponse")
    elements = [
        _element(account, one, report, url, {"details": {"messageCount": one.parts}} if counted else {})
        for one, url in taken
    ]
    return json_response({"bulkId": bulk_id, "messages": elements})


def _sms(message: Json, destination: Json, bulk_id: str) -> tuple[AcceptedMessage, str | None]:
    webhooks, labels = _labels(message)
    taken = _accepted_message("sms", destination["to"], destination, message, bulk_id, labels)
    return taken, webhooks.get("delivery", {}).get("url")


def _labels(message: Json) -> tuple[Json, Json]:
    """Return where the reports of a message go, and what they bring back."""
    options, webhooks = message.get("options", {}), message.get("webhooks", {})
    campaign = {"campaignReferenceId": options.get("campaignReferenceId")}
    return webhooks, {**options.get("platform", {}), **campaign, "callbackData": webhooks.get("callbackData")}


def send_mail(request: Request, account: Account, report: Report) -> HttpResponse:
    """`POST /email/4/messages`."""
    body = require_valid(request, rules.EMAIL, also=_mail_problems)
    bulk_id = _bulk(account, "email", body.get("options", {}).get("schedule", {}))
    elements = [
        _element(account, one, report, url, {"details": {}})
        for message in body["messages"]
        for one, url in _mails(message, bulk_id)
    ]
    return json_response({"bulkId": bulk_id, "messages": elements})


def _mails(message: Json, bulk_id: str) -> Iterator[tuple[AcceptedMessage, str | None]]:
    """Every recipient gets a mail and an id, unless all see each other: then there is one of both."""
    webhooks, labels = _labels(message)
    for destination in message["destinations"]:
        everybody = [*destination["to"], *destination.get("cc", []), *destination.get("bcc", [])]
        for one in everybody[:1] if destination.get("preserveRecipients") else everybody:
            taken = _accepted_message("email", one["destination"], one, message, bulk_id, labels)
            yield taken, webhooks.get("delivery", {}).get("url")


def _mail_problems(body: Json) -> Iterator[tuple[str, str]]:
    for index, message in enumerate(body["messages"]):
        for where, problem, broken in _MAIL_RULES:
            if broken(message):
                yield f"messages[{index}].{where}", problem


def _is_free(message: Json) -> bool:
    """Whether the message brings its own words, for it names no template."""
    return "templateId" not in message["content"]


def _has_too_many_recipients(message: Json) -> bool:
    kinds = ("to", "cc", "bcc")
    return sum(len(one.get(kind, [])) for one in message["destinations"] for kind in kinds) > MAX_RECIPIENTS


_MAIL_RULES: tuple[tuple[str, str, Callable[[Json], bool]], ...] = (
    ("content.subject", "must not be null", lambda one: _is_free(one) and "subject" not in one["content"]),
    ("sender", "must not be null", lambda one: _is_free(one) and "sender" not in one),
    (
        "content",
        "must have text or html",
        lambda one: _is_free(one) and not {"text", "html"} & one["content"].keys(),
    ),
    (
        "content.ampHtml",
        "needs html",
        lambda one: "ampHtml" in one["content"] and "html" not in one["content"],
    ),
    ("destinations", f"at most {MAX_RECIPIENTS} recipients", _has_too_many_recipients),
)


def send_mime(request: Request, account: Account, report: Report) -> HttpResponse:
    """`POST /email/4/mime`. Its answer is worded as version 3 does."""
    body = require_valid(request, rules.MIME)
    labels = {name: body.get(name) for name in ("callbackData", "applicationId", "entityId")}
    bulk_id = body.get("bulkId") or new_id()
    named: list[str] = body.get("destinations") or recipients_of(b64decode(body["mimeMessage"]))
    if not named:
        raise RequestRejected(400, [("destinations", "must not be empty")])
    first, others = named[0], named[1:]
    taken = [_accepted_message("email", first, body, {**body, "sender": body.get("from")}, bulk_id, labels)]
    taken += [
        _accepted_message("email", other, {}, {"sender": body.get("from")}, bulk_id, labels)
        for other in others
    ]
    elements = [_element(account, one, report, body.get("notifyUrl"), {}, to="to") for one in taken]
    return json_response({"bulkId": bulk_id, "messages": elements})


def send_template(request: Request, account: Account, report: Report) -> HttpResponse:
    """`POST /whatsapp/1/message/template`."""
    body = require_valid(request, rules.TEMPLATE)
    bulk_id = body.get("bulkId") or new_id()
    elements = [_chat(account, message, report, bulk_id) for message in body["messages"]]
    return json_response(
        {"messages": elements, **({"bulkId": bulk_id} if len(elements) > 1 or "bulkId" in body else {})}
    )


def send_chat(request: Request, account: Account, report: Report) -> HttpResponse:
    """`POST /whatsapp/1/message/…` for all other types: one message, and a flat answer."""
    body = require_valid(request, rules.WHATSAPP[request.path.removeprefix("/whatsapp/1/message/")])
    return json_response(_chat(account, body, report, new_id()))


def send_unified(request: Request, account: Account, report: Report) -> HttpResponse:
    """`POST /messages-api/1/messages`: any channel but mail, one interface."""
    body = require_valid(request, rules.UNIFIED)
    bulk_id = _bulk(account, "messages", body.get("options", {}).get("schedule", {}))
    elements = [
        _element(account, _unified(message, named, bulk_id), report, None, {})
        for message in body["messages"]
        for named in map(_unified_destination, message["destinations"])
    ]
    return json_response({"bulkId": bulk_id, "messages": elements})


def _unified_destination(destination: Json) -> Json:
    """Return the first address of a destination that has one for each channel."""
    listed: list[Json] = destination.get("byChannel", [])
    first: Json = listed[0] if listed else {}
    return {
        "to": str(destination.get("to") or first.get("to") or ""),
        "messageId": destination.get("messageId"),
    }


def _unified(message: Json, destination: Json, bulk_id: str) -> AcceptedMessage:
    _, labels = _labels(message)
    labels["channel"] = message["channel"]
    return _accepted_message("messages", destination["to"], destination, message, bulk_id, labels)


def validate_unified(request: Request, _: Account) -> HttpResponse:
    """`POST /messages-api/1/messages/validate`: what the schema allows is in order."""
    require_valid(request, rules.UNIFIED)
    return json_response({"description": "Request is valid.", "action": "No action is needed."})


def send_unified_events(request: Request, _: Account) -> HttpResponse:
    """`POST /messages-api/1/events`: typing, which nobody sees."""
    body = require_valid(request, rules.UNIFIED_EVENTS)
    elements = [
        {
            "messageId": str(destination.get("messageId") or new_id()),
            "status": ENQUEUED["messages"].as_dict(),
            "destination": str(destination.get("to") or ""),
        }
        for event in body["events"]
        for destination in event.get("destinations", [])
    ]
    return json_response({"bulkId": new_id(), "messages": elements})


def _chat(account: Account, message: Json, report: Report, bulk_id: str) -> Json:
    labels = {name: message.get(name) for name in ("callbackData", "applicationId", "entityId")}
    described = {**message, "sender": message["from"]}
    taken = _accepted_message("whatsapp", message["to"], message, described, bulk_id, labels)
    return _element(account, taken, report, message.get("notifyUrl"), {"messageCount": 1}, to="to")


def _accepted_message(
    channel: str, to: str, named: Json, message: Json, bulk_id: str, labels: Mapping[str, Any]
) -> AcceptedMessage:
    return AcceptedMessage(
        id=named.get("messageId") or new_id(),
        channel=channel,
        to=to,
        sender=message.get("sender") or "",
        bulk_id=bulk_id,
        content=message.get("content") or {},
        labels={name: value for name, value in labels.items() if value},
        fate=fate_of(to),
        status=ENQUEUED[channel],
        parts=_parts(message.get("content")),
    )


def _parts(content: Any) -> int:  # noqa: ANN401  whatever is sent
    text = content.get("text") if isinstance(content, dict) else None
    return segments(text).count if isinstance(text, str) and text else 1


def _element(
    account: Account,
    accepted: AcceptedMessage,
    report: Report,
    url: str | None,
    more: Json,
    *,
    to: str = "destination",
) -> Json:
    """Take a message and write its element of the answer."""
    status = account.accept(accepted)
    if status is accepted.status and account.is_due(accepted):
        report(accepted, url)
    return {"messageId": accepted.id, "status": status.as_dict(), to: accepted.to, **more}


def _bulk(account: Account, channel: str, schedule: Json) -> str:
    bulk_id: str = schedule.get("bulkId") or new_id()
    if "sendAt" in schedule:
        account.schedules[bulk_id] = Schedule(channel, schedule["sendAt"])
    return bulk_id
