"""The calls that ask: reports, logs, schedules, previews, persons."""

from __future__ import annotations

from messaging_channels.messages import segments
from messaging_channels.plugins import HttpResponse
from messaging_channels.testing import Request, json_response
from messaging_channels_infobip.emulator import _table_rules as rules
from messaging_channels_infobip.emulator.account import AcceptedMessage, Account, Json, Schedule
from messaging_channels_infobip.emulator.errors import RequestRejected, require_valid

_BOTH = "bulkId messageId sentAt doneAt price status error"
_WEBHOOK_WRITERS = {
    "sms": f"{_BOTH} to sender messageCount platform campaignReferenceId callbackData",
    "whatsapp": f"{_BOTH} to messageCount",
    "email": f"{_BOTH} to smsCount applicationId entityId campaignReferenceId callbackData",
    "messages": (
        "event channel sender destination sentAt doneAt bulkId messageId callbackData messageCount status error"
        " platform campaignReferenceId"
    ),
}
_WEBHOOK_WRITERS["rcs"] = f"{_WEBHOOK_WRITERS['sms']} interactionType"
_PULLED = _WEBHOOK_WRITERS["sms"]
_ROW = f"{_BOTH} destination sender messageCount platform campaignReferenceId"
_LOGGED = {"sms": f"{_ROW} content", "email": _ROW, "rcs": _ROW}
"""What reports and logs tell: the names differ from one to the other."""
_UNIFIED = _WEBHOOK_WRITERS["messages"]
_CONTACTS = {"PHONE": ("phone", "number"), "EMAIL": ("email", "address")}


def reports(request: Request, account: Account) -> HttpResponse:
    """`GET /sms/3/reports`, `GET /email/4/reports`: each report once."""
    channel = _channel(request)
    fitting = {id(one) for one in account.find(channel, request.query)}
    waiting = [one for one in account.unfetched[channel] if id(one) in fitting][: _limit(request)]
    account.unfetched[channel] = [one for one in account.unfetched[channel] if one not in waiting]
    told = _UNIFIED if channel == "messages" else _PULLED
    return json_response({"results": [one.fields(told) for one in waiting]})


def unified_inbox(request: Request, account: Account) -> HttpResponse:
    """`GET /messages-api/1/inbound`: each message once."""
    limit = _limit(request)
    fetched, account.unified_inbox = account.unified_inbox[:limit], account.unified_inbox[limit:]
    left = len(account.unified_inbox)
    return json_response({"results": fetched, "messageCount": len(fetched), "pendingMessageCount": left})


def delivery_report(message: AcceptedMessage) -> Json:
    """Write a delivery report as it is pushed."""
    return message.fields(_WEBHOOK_WRITERS[message.channel])


def logs(request: Request, account: Account) -> HttpResponse:
    """`GET /sms/3/logs`, `GET /email/4/logs`: as often as one likes. The cursor is the number of rows that were read."""
    start, limit = _number(request, "cursor", 0), _limit(request)
    found = account.find(_channel(request), request.query)
    rows = [one.fields(_LOGGED[one.channel]) for one in found[start : start + limit]]
    answer: Json = {"results": rows}
    if "useCursor" in request.query:
        more = {"nextCursor": str(start + limit)} if start + limit < len(found) else {}
        answer["cursor"] = {"limit": limit, **more}
    return json_response(answer)


def _channel(request: Request) -> str:
    return request.path.split("/")[1].removesuffix("-api")


def _limit(request: Request) -> int:
    limit = _number(request, "limit", 50)
    if not 1 <= limit <= 1000:  # noqa: PLR2004  as documented
        raise RequestRejected(400, [("limit", "must be between 1 and 1000")])
    return limit


def _number(request: Request, name: str, otherwise: int) -> int:
    try:
        return int(request.query.get(name, otherwise))
    except ValueError:
        raise RequestRejected(400, [(name, "must be a whole number")]) from None


def inbox(request: Request, account: Account) -> HttpResponse:
    """`GET /sms/1/inbox/reports`: each message once."""
    limit = _limit(request)
    fetched, account.inbox = account.inbox[:limit], account.inbox[limit:]
    return json_response(
        {"results": fetched, "messageCount": len(fetched), "pendingMessageCount": len(account.inbox)}
    )


def schedule(request: Request, account: Account) -> HttpResponse:
    """`GET` and `PUT /…/1/bulks`."""
    bulk_id, found = _schedule(request, account)
    if request.method == "PUT":
        found.send_at = require_valid(request, rules.SEND_AT)["sendAt"]
        return json_response({"bulkId": bulk_id, "sendAt": found.send_at})
    return json_response(_as_list(found, bulk_id, {"sendAt": found.send_at}))


def schedule_status(request: Request, account: Account) -> HttpResponse:
    """`GET` and `PUT /…/1/bulks/status`."""
    bulk_id, found = _schedule(request, account)
    if request.method == "PUT":
        found.status = require_valid(request, rules.BULK_STATUS)["status"]
        return json_response({"bulkId": bulk_id, "status": found.status})
    return json_response(_as_list(found, bulk_id, {"status": found.status}))


def _schedule(request: Request, account: Account) -> tuple[str, Schedule]:
    bulk_id = request.query.get("bulkId")
    if bulk_id is None:
        raise RequestRejected(400, [("bulkId", "must not be null")])
    found = account.schedules.get(bulk_id)
    if found is None or found.channel != _channel(request):
        raise RequestRejected(404)
    return bulk_id, found


def _as_list(found: Schedule, bulk_id: str, fields: Json) -> Json:
    """Mail answers with a list, SMS with the schedule itself."""
    if found.channel == "email":
        return {"externalBulkId": bulk_id, "bulks": [{"bulkId": bulk_id, **fields}]}
    return {"bulkId": bulk_id, **fields}


def preview(request: Request, _: Account) -> HttpResponse:
    """`POST /sms/1/preview`."""
    body = require_valid(request, rules.PREVIEW)
    size = segments(body["text"])
    configuration: Json = {}
    if "languageCode" in body:
        configuration["language"] = {"languageCode": body["languageCode"]}
    if "transliteration" in body:
        configuration["transliteration"] = body["transliteration"]
    one = {
        "textPreview": body["text"],
        "messageCount": size.count,
        "charactersRemaining": size.remaining,
        "configuration": configuration,
    }
    return json_response({"originalText": body["text"], "previews": [one]})


def person(request: Request, account: Account) -> HttpResponse:
    """`GET /people/2/persons?type=…&identifier=…`."""
    kind, identifier = request.query.get("type", ""), request.query.get("identifier", "")
    found = _person(account, kind, identifier)
    if found is None:
        raise RequestRejected(404)
    return json_response(found)


def match(request: Request, account: Account) -> HttpResponse:
    """`POST /people/2/persons/match`."""
    asked = require_valid(request, rules.MATCH)["identities"]
    found = [(one, _person(account, one["type"], one["identifier"])) for one in asked]
    return json_response({"matches": [{**one, "personId": person["id"]} for one, person in found if person]})


def create_person(request: Request, account: Account) -> HttpResponse:
    """`POST /people/2/persons`."""
    created: Json = {**request.json(), "id": len(account.persons) + 1}
    account.persons.append(created)
    return json_response(created)


def _person(account: Account, kind: str, identifier: str) -> Json | None:
    return next((one for one in account.persons if identifier in _identifiers(one, kind)), None)


def _identifiers(one: Json, kind: str) -> list[str]:
    if kind == "ID":
        return [str(one["id"])]
    if kind == "EXTERNAL_ID":
        return [one["externalId"]] if "externalId" in one else []
    name, member = _CONTACTS.get(kind, ("", ""))
    return [contact.get(member, "") for contact in one.get("contactInformation", {}).get(name, [])]
