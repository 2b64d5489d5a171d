"""The calls that say whether a mail address can be written to."""

from __future__ import annotations

from messaging_channels.errors import InvalidAddress
from messaging_channels.plugins import EmailAddress, HttpResponse
from messaging_channels.testing import Request, json_response
from messaging_channels_infobip.emulator import _table_rules as rules
from messaging_channels_infobip.emulator.account import Account, Json, format_date, new_id
from messaging_channels_infobip.emulator.errors import require_valid


def validate(request: Request, _: Account) -> HttpResponse:
    """`POST /email/2/validation`: what is well formed has a mailbox."""
    return json_response(_verdict(require_valid(request, rules.VALIDATION)["to"]))


def request_validations(request: Request, account: Account) -> HttpResponse:
    """`POST /email/2/validations`."""
    body = require_valid(request, rules.VALIDATIONS)
    key: str = body.get("validationRequestId") or new_id()
    for one in body["destinations"]:
        verdict = _verdict(one["destination"])
        verdict["destination"] = verdict.pop("to")
        account.validations.append(
            {"validationRequestId": key, "bulkValidationDate": format_date(), **verdict}
        )
    return json_response({"validationRequestId": key}, status=202)


def validations(request: Request, account: Account) -> HttpResponse:
    """`GET /email/2/validations`."""
    wanted = {name: request.query[name].split(",") for name in _FILTERS if name in request.query}
    found = [
        one for one in account.validations if all(str(one[name]) in values for name, values in wanted.items())
    ]
    paging = {"size": max(1, len(found)), "previousCursor": "", "nextCursor": ""}
    return json_response({"results": found, "paging": paging})


def _verdict(address: str) -> Json:
    try:
        EmailAddress.parse(address)
        valid = True
    except InvalidAddress:
        valid = False
    return {
        "to": address,
        "validMailbox": str(valid).lower(),
        "validSyntax": valid,
        "catchAll": False,
        "disposable": False,
        "roleBased": False,
        "risk": "LOW" if valid else "HIGH",
    }


_FILTERS = ("validationRequestId", "destination", "risk", "validMailbox")
