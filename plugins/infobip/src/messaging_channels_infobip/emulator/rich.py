"""RCS: the calls that send, with the reports of a failover, and those that ask about numbers and senders."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from messaging_channels.plugins import HttpResponse, Status
from messaging_channels.plugins import status as statuses
from messaging_channels.testing import Request, json_response
from messaging_channels_infobip.emulator import _table_rcs as rules
from messaging_channels_infobip.emulator.account import (
    DELIVERED,
    NO_ERROR,
    AcceptedMessage,
    Account,
    Json,
    fate_of,
    format_date,
    new_id,
)
from messaging_channels_infobip.emulator.errors import RequestRejected, require_valid
from messaging_channels_infobip.emulator.queries import delivery_report
from messaging_channels_infobip.emulator.routes import page_of, read_page

Post: TypeAlias = Callable[[Json, str | None], None]
"""Makes a webhook call with these results, to the URL that a message named or the account's."""

NOT_CAPABLE = frozenset({"921", "922"})
"""The last digits of numbers that cannot be reached by RCS: 921 gets the SMS of a failover, 922 gets nothing."""
BOTH = "923"
"""The last digits of a number to which the SMS of a failover and, late, the RCS message are delivered."""
CODES: Mapping[str, str] = {"921": "UNREACHABLE", "922": "UNREACHABLE", "924": "REJECTED_NETWORK"}
SENDERS: Mapping[str, str] = {"AcmeAgent": "LAUNCHED", "TestAgent": "READY_FOR_TESTING"}
_LATE = 60.0
_NOT_DELIVERED = statuses.known(2, 4)
_UNKNOWN_USER: Json = {
    "groupId": 1,
    "groupName": "HANDSET_ERRORS",
    "id": 7002,
    "name": "EC_UNKNOWN_USER",
    "description": "Unknown user",
    "permanent": True,
}


def send(request: Request, account: Account, post: Post) -> HttpResponse:
    """`POST /rcs/2/messages`."""
    body = require_valid(request, rules.RCS, also=_problems)
    bulk_id = new_id()
    elements = [
        _accept(account, message, destination, bulk_id, post)
        for message in body["messages"]
        for destination in message["destinations"]
    ]
    return json_response({"bulkId": bulk_id, "messages": elements})


def _problems(body: Json) -> Iterator[tuple[str, str]]:
    for index, message in enumerate(body["messages"]):
        options = message.get("options", {})
        if "smsFailover" in options and "mmsFailover" in options:
            yield f"messages[{index}].options", "one failover at most"
        for card in _cards(message["content"]):
            if "title" not in card and "media" not in card:
                yield f"messages[{index}].content", "must have title or media"


def _cards(content: Json) -> list[Json]:
    if content["type"] == "CARD":
        return [content["content"]]
    return list(content.get("contents", []))


def _accept(account: Account, message: Json, destination: Json, bulk_id: str, post: Post) -> Json:
    to = destination["to"]
    hooks, options = message.get("webhooks", {}), message.get("options", {})
    taken = AcceptedMessage(
        id=destination.get("messageId") or new_id(),
        channel="rcs",
        to=to,
        sender=message.get("sender", ""),
        bulk_id=bulk_id,
        content=message["content"],
        labels={"callbackData": hooks["callbackData"]} if "callbackData" in hooks else {},
        fate=DELIVERED if to[-3:] in (*NOT_CAPABLE, BOTH) else fate_of(to),
        status=statuses.PENDING_ACCEPTED,
    )
    status = account.accept(taken)
    if status is taken.status and account.is_due(taken):
        url = hooks.get("delivery", {}).get("url")
        for report in _reports(taken, options.get("smsFailover"), all_steps=_wants_steps(hooks)):
            post({"results": [report]}, url)
    return {"messageId": taken.id, "status": status.as_dict(), "destination": to}


def _wants_steps(hooks: Json) -> bool:
    return bool(hooks.get("delivery", {}).get("receiveTriggeredFailoverReports"))


def _reports(taken: AcceptedMessage, failover: Json | None, *, all_steps: bool) -> Iterator[Json]:
    """Tell what becomes of a message: of one with a failover each step, if that is wanted, else the last. The channel is named with a failover only."""
    last = taken.to[-3:]
    if last not in (*NOT_CAPABLE, BOTH):
        taken.status = taken.fate.status
        yield {**delivery_report(taken), **({"channel": "RCS"} if failover else {})}
        return
    if failover is None:
        taken.status = statuses.DELIVERED_TO_HANDSET if last == BOTH else _NOT_DELIVERED
        error = NO_ERROR if last == BOTH else _UNKNOWN_USER
        yield {**delivery_report(taken), "error": error}
        return
    if all_steps:
        yield _step(taken, statuses.PENDING_ENROUTE, _UNKNOWN_USER, "RCS", taken.sender)
    by_sms = _NOT_DELIVERED if last == "922" else statuses.DELIVERED_TO_HANDSET
    taken.status = by_sms
    yield _step(
        taken, by_sms, _UNKNOWN_USER if last == "922" else NO_ERROR, "SMS", failover.get("sender", "")
    )
    if last == BOTH and all_steps:
        late = _step(taken, statuses.DELIVERED_TO_HANDSET, NO_ERROR, "RCS", taken.sender)
        yield {**late, "doneAt": format_date(taken.at + _LATE)}


def _step(taken: AcceptedMessage, status: Status, error: Json, channel: str, sender: str) -> Json:
    report = {**delivery_report(taken), "status": status.as_dict(), "error": error, "channel": channel}
    report["sender"] = sender
    if channel != "RCS":
        report.pop("interactionType", None)
    return report


def capabilities(request: Request, _: Account) -> HttpResponse:
    """`POST /rcs/2/capability-check/query`."""
    body = require_valid(request, rules.CAPABILITY_CHECK)
    known = SENDERS.get(body["sender"], "LAUNCHED") == "LAUNCHED"
    results = [
        {
            "messageId": new_id(),
            "phoneNumber": number,
            "code": CODES.get(number[-3:], "ENABLED") if known else "UNREACHABLE",
        }
        for number in body["phoneNumbers"]
    ]
    return json_response({"capabilityCheckResults": results})


def senders(request: Request, _: Account) -> HttpResponse:
    """`GET /rcs/1/senders`."""
    listed = [_sender(name, state) for name, state in SENDERS.items()]
    return json_response(page_of(listed, *read_page(request, default=20, at_most=100)))


def sender(request: Request, _: Account) -> HttpResponse:
    """`GET /rcs/1/senders/{senderName}`."""
    name = request.path.rpartition("/")[2]
    if name not in SENDERS:
        raise RequestRejected(404)
    return json_response(_sender(name, SENDERS[name]))


def _sender(name: str, state: str) -> dict[str, Any]:
    return {
        "senderName": name,
        "senderStatus": state,
        "billingCategory": "NON_CONVERSATIONAL",
        "useCase": "TRANSACTIONAL",
        "hostingRegion": "EUROPE",
        "displayName": "Acme",
    }
