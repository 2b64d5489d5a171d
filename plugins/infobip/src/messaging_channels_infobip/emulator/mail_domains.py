"""The calls that set domains up for mail, and those about suppressed addresses.

Source: https://www.infobip.com/docs/api/channels/email
"""

from __future__ import annotations

from typing import Any

from messaging_channels.plugins import HttpResponse
from messaging_channels.testing import Request, json_response
from messaging_channels_infobip.dates import parse_date
from messaging_channels_infobip.emulator import _table_rules as rules
from messaging_channels_infobip.emulator.account import Account, Json, format_date
from messaging_channels_infobip.emulator.errors import RequestRejected, require_valid
from messaging_channels_infobip.emulator.routes import Routes, page_of, read_page, require

_NO_CONTENT = HttpResponse(204, {}, b"")
_TYPES = ("BOUNCE", "COMPLAINT", "OVER_QUOTA")


def new_domain(number: int, name: str, *, verified: bool = False, key_length: int = 2048) -> Json:
    """Return a domain with the DNS records that it needs."""
    records = (
        ("TXT", f"ib1._domainkey.{name}", f"v=DKIM1; k=rsa; n={key_length}"),
        ("TXT", name, "v=spf1 include:spf.example.net ~all"),
        ("CNAME", f"track.{name}", "tracking.example.net"),
    )
    return {
        "domainId": number,
        "domainName": name,
        "active": verified,
        "tracking": {"clicks": True, "opens": True, "unsubscribe": True},
        "dnsRecords": [
            {"recordType": kind, "name": at, "expectedValue": value, "verified": verified}
            for kind, at, value in records
        ],
        "blocked": False,
        "createdAt": format_date(),
    }


def _domain(account: Account, name: str) -> Json:
    found: Json = require(account.mail.domains.get(name.lower()))
    return found


def _list(request: Request, account: Account) -> HttpResponse:
    page, size = read_page(request, default=10, at_most=20)
    return json_response(page_of(list(account.mail.domains.values()), page, size))


def _add(request: Request, account: Account) -> HttpResponse:
    body = require_valid(request, rules.ADD_DOMAIN)
    name: str = body["domainName"].lower()
    if name in account.mail.domains:
        raise RequestRejected(409)
    number = account.mail.next_number()
    added = new_domain(number, name, key_length=body.get("dkimKeyLength", 2048))
    account.mail.domains[name] = added
    return json_response(added)


def _details(_: Request, account: Account, name: str) -> HttpResponse:
    return json_response(_domain(account, name))


def _delete(_: Request, account: Account, name: str) -> HttpResponse:
    gone = _domain(account, name)
    del account.mail.domains[gone["domainName"]]
    account.mail.domain_pools.pop(gone["domainId"], None)
    return _NO_CONTENT


def _verify(_: Request, account: Account, name: str) -> HttpResponse:
    found = _domain(account, name)
    found["active"] = True
    for record in found["dnsRecords"]:
        record["verified"] = True
    return HttpResponse(202, {}, b"")


def _track(request: Request, account: Account, name: str) -> HttpResponse:
    found = _domain(account, name)
    body = require_valid(request, rules.DOMAIN_TRACKING)
    found["tracking"] |= {("opens" if one == "open" else one): value for one, value in body.items()}
    return json_response(found)


def _suppressed(request: Request, account: Account) -> HttpResponse:
    query = request.query
    if query.get("type") not in _TYPES or not query.get("domainName"):
        missing = "type" if query.get("domainName") else "domainName"
        raise RequestRejected(400, [(missing, "must be one of the documented values")])
    page, size = read_page(request, default=100, at_most=1000)
    since = parse_date(query.get("createdDateFrom"), default=float("-inf"))
    until = parse_date(query.get("createdDateTo"), default=float("inf"))
    found = [
        one
        for one in account.mail.suppressions.values()
        if (one["domainName"], one["type"]) == (query["domainName"].lower(), query["type"])
        and query.get("emailAddress", one["emailAddress"]).lower() == one["emailAddress"]
        and one["emailAddress"].endswith(f"@{query['recipientDomain']}" if "recipientDomain" in query else "")
        and since <= parse_date(one["createdDate"], default=0.0) <= until
    ]
    return json_response({**page_of(found, page, size), "paging": {"page": page, "size": size}})


def _suppress(request: Request, account: Account) -> HttpResponse:
    for key in _named(request, account, rules.ADD_SUPPRESSIONS):
        domain, address, kind = key
        account.mail.suppressions[key] = {
            "domainName": domain,
            "emailAddress": address,
            "type": kind,
            "createdDate": format_date(),
            "reason": "Added by the account",
        }
    return _NO_CONTENT


def _release(request: Request, account: Account) -> HttpResponse:
    for key in _named(request, account, rules.DELETE_SUPPRESSIONS):
        account.mail.suppressions.pop(key, None)
    return _NO_CONTENT


def _named(request: Request, account: Account, rule: Any) -> list[tuple[str, str, str]]:  # noqa: ANN401  an Object
    body = require_valid(request, rule)
    named = [
        (one["domainName"].lower(), address.lower(), one["type"])
        for one in body["suppressions"]
        for address in one["emailAddress"]
    ]
    if any(domain not in account.mail.domains for domain, _, _ in named):
        raise RequestRejected(400, [("suppressions.domainName", "is no domain of the account")])
    return named


def _domain_rights(request: Request, account: Account) -> HttpResponse:
    page, size = read_page(request, default=100, at_most=1000)
    rights = ("readBounces", "createBounces", "deleteBounces", "readComplaints", "createComplaints")
    more = ("deleteComplaints", "readOverquotas", "deleteOverquotas")
    found = [
        {"domainName": name, "dataAccess": "OWNER", **dict.fromkeys((*rights, *more), True)}
        for name in account.mail.domains
    ]
    return json_response({**page_of(found, page, size), "paging": {"page": page, "size": size}})


DOMAIN_ROUTES: Routes = {
    ("GET", "/email/1/domains"): _list,
    ("POST", "/email/1/domains"): _add,
    ("GET", "/email/1/domains/*"): _details,
    ("DELETE", "/email/1/domains/*"): _delete,
    ("POST", "/email/1/domains/*/verify"): _verify,
    ("PUT", "/email/1/domains/*/tracking"): _track,
    ("GET", "/email/1/suppressions"): _suppressed,
    ("POST", "/email/1/suppressions"): _suppress,
    ("DELETE", "/email/1/suppressions"): _release,
    ("GET", "/email/1/suppressions/domains"): _domain_rights,
}
