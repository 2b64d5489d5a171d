"""The calls about the addresses of the servers that send mail, their pools, and the pools of a domain.

Source: https://www.infobip.com/docs/api/channels/email
"""

from __future__ import annotations

from messaging_channels.plugins import HttpResponse
from messaging_channels.testing import Request, json_response
from messaging_channels_infobip.emulator import _table_rules as rules
from messaging_channels_infobip.emulator.account import Account, Json
from messaging_channels_infobip.emulator.errors import RequestRejected, require_valid
from messaging_channels_infobip.emulator.routes import Routes, require, require_number

_NO_CONTENT = HttpResponse(204, {}, b"")


def _ips(_: Request, account: Account) -> HttpResponse:
    return json_response([_with_pools(account, one) for one in account.mail.ips.values()])


def _ip(_: Request, account: Account, ip_id: str) -> HttpResponse:
    return json_response(_with_pools(account, require(account.mail.ips.get(ip_id))))


def _with_pools(account: Account, ip: Json) -> Json:
    mail = account.mail
    return {**ip, "pools": [mail.pools[one] for one, ips in mail.pool_ips.items() if ip["id"] in ips]}


def _pools(request: Request, account: Account) -> HttpResponse:
    name = request.query.get("name")
    found = [one for one in account.mail.pools.values() if name in (None, one["name"])]
    return json_response([{**one, "ips": _ips_of(account, one["id"])} for one in found])


def _create(request: Request, account: Account) -> HttpResponse:
    name = require_valid(request, rules.IP_POOL)["name"]
    pool = {"id": f"pool-{account.mail.next_number()}", "name": name}
    account.mail.pools[pool["id"]] = pool
    account.mail.pool_ips[pool["id"]] = []
    return json_response(pool, status=201)


def _pool(_: Request, account: Account, pool_id: str) -> HttpResponse:
    found: Json = require(account.mail.pools.get(pool_id))
    return json_response({**found, "ips": _ips_of(account, pool_id)})


def _ips_of(account: Account, pool_id: str) -> list[Json]:
    return [account.mail.ips[one] for one in account.mail.pool_ips[pool_id]]


def _rename(request: Request, account: Account, pool_id: str) -> HttpResponse:
    found: Json = require(account.mail.pools.get(pool_id))
    found["name"] = require_valid(request, rules.IP_POOL)["name"]
    return json_response(found)


def _delete(_: Request, account: Account, pool_id: str) -> HttpResponse:
    mail = account.mail
    require(mail.pools.pop(pool_id, None))
    del mail.pool_ips[pool_id]
    for pools in mail.domain_pools.values():
        pools.pop(pool_id, None)
    return _NO_CONTENT


def _assign_ip(request: Request, account: Account, pool_id: str) -> HttpResponse:
    held: list[str] = require(account.mail.pool_ips.get(pool_id))
    ip_id = require_valid(request, rules.POOL_IP)["ipId"]
    require(account.mail.ips.get(ip_id))
    held += [ip_id] if ip_id not in held else []
    return _NO_CONTENT


def _remove_ip(_: Request, account: Account, pool_id: str, ip_id: str) -> HttpResponse:
    held: list[str] = require(account.mail.pool_ips.get(pool_id))
    if ip_id not in held:
        raise RequestRejected(404)
    held.remove(ip_id)
    return _NO_CONTENT


def _domain(account: Account, domain_id: str) -> Json:
    number = require_number(domain_id, "domainId")
    domains = account.mail.domains.values()
    found: Json = require(next((one for one in domains if one["domainId"] == number), None))
    return found


def _domain_pools(account: Account, domain_id: str) -> dict[str, int]:
    return account.mail.domain_pools.setdefault(_domain(account, domain_id)["domainId"], {})


def _pools_of_domain(_: Request, account: Account, domain_id: str) -> HttpResponse:
    domain, held = _domain(account, domain_id), _domain_pools(account, domain_id)
    pools = [
        {**account.mail.pools[one], "priority": priority, "ips": _ips_of(account, one)}
        for one, priority in sorted(held.items(), key=lambda pair: pair[1])
    ]
    return json_response({"id": domain["domainId"], "name": domain["domainName"], "pools": pools})


def _assign_pool(request: Request, account: Account, domain_id: str) -> HttpResponse:
    held = _domain_pools(account, domain_id)
    body = require_valid(request, rules.DOMAIN_POOL)
    require(account.mail.pools.get(body["poolId"]))
    held[body["poolId"]] = body["priority"]
    return _NO_CONTENT


def _prioritize(request: Request, account: Account, domain_id: str, pool_id: str) -> HttpResponse:
    held = _domain_pools(account, domain_id)
    require(held.get(pool_id))
    held[pool_id] = require_valid(request, rules.POOL_PRIORITY)["priority"]
    return _NO_CONTENT


def _remove_pool(_: Request, account: Account, domain_id: str, pool_id: str) -> HttpResponse:
    require(_domain_pools(account, domain_id).pop(pool_id, None))
    return _NO_CONTENT


_POOLS, _DOMAIN = "/email/1/ip-management/pools", "/email/1/ip-management/domains/*"
POOL_ROUTES: Routes = {
    ("GET", "/email/1/ip-management/ips"): _ips,
    ("GET", "/email/1/ip-management/ips/*"): _ip,
    ("GET", _POOLS): _pools,
    ("POST", _POOLS): _create,
    ("GET", f"{_POOLS}/*"): _pool,
    ("PUT", f"{_POOLS}/*"): _rename,
    ("DELETE", f"{_POOLS}/*"): _delete,
    ("POST", f"{_POOLS}/*/ips"): _assign_ip,
    ("DELETE", f"{_POOLS}/*/ips/*"): _remove_ip,
    ("GET", _DOMAIN): _pools_of_domain,
    ("POST", f"{_DOMAIN}/pools"): _assign_pool,
    ("PUT", f"{_DOMAIN}/pools/*"): _prioritize,
    ("DELETE", f"{_DOMAIN}/pools/*"): _remove_pool,
}
