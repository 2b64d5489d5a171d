"""What an account of Infobip is set up with for mail, as the emulator keeps it. The official client makes these calls, too: see `witness_infobip`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from http.client import HTTPConnection
from typing import Any

import pytest

from messaging_channels import Dispatcher, Email
from messaging_channels_infobip import Infobip
from messaging_channels_infobip.emulator import InfobipEmulator

KEY = {"authorization": "App emulated-key"}
FORM = {"content-type": "multipart/form-data; boundary=cut"}
POOLS = "/email/1/ip-management/pools"


@pytest.fixture
def emulator() -> Iterator[InfobipEmulator]:
    with InfobipEmulator() as started:
        yield started
        assert started.violations == []


def asked(
    emulator: InfobipEmulator,
    method: str,
    path: str,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
) -> tuple[int, Any]:
    """Return the status and the answer of a call."""
    connection = HTTPConnection("127.0.0.1", int(emulator.url.rpartition(":")[2]))
    content = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
    connection.request(method, path, content, {"content-type": "application/json", **KEY, **(headers or {})})
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    is_json = "json" in (answer.getheader("content-type") or "")
    return answer.status, json.loads(text) if is_json else text


def form(**fields: str) -> bytes:
    parts = (
        f'--cut\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'
        for name, text in fields.items()
    )
    return ("".join(parts) + "--cut--\r\n").encode()


def test_mail_to_a_suppressed_address_is_reported_as_held_back(emulator: InfobipEmulator) -> None:
    listed = {
        "suppressions": [{"domainName": "example.com", "emailAddress": ["Zoe@example.net"], "type": "BOUNCE"}]
    }
    assert asked(emulator, "POST", "/email/1/suppressions", listed)[0] == 204
    provider = Infobip(base_url=emulator.url, api_key="emulated-key", email_sender="Shop <shop@example.com>")
    with Dispatcher([provider]) as dispatcher:
        receipts = [
            dispatcher.send(Email("Hi", text="Hello"), to=to) for to in ("zoe@example.net", "max@example.net")
        ]
    reports = {one["messageId"]: one for one in asked(emulator, "GET", "/email/4/reports")[1]["results"]}
    told = [reports[receipt.id]["error"]["name"] for receipt in receipts]
    assert told == ["EC_SUPPRESSED_BOUNCE", "NO_ERROR"]
    assert asked(emulator, "DELETE", "/email/1/suppressions", listed)[0] == 204
    query = "/email/1/suppressions?domainName=example.com&type=BOUNCE"
    assert asked(emulator, "GET", query)[1]["results"] == []


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/email/1/domains", {"domainName": "example.com", "targetedDailyTraffic": 1}, 409),
        ("POST", "/email/1/domains", {"domainName": "b.example.com"}, 400),
        ("POST", "/email/1/domains", {"domainName": "b.example.com", "targetedDailyTraffic": 1, "dkimKeyLength": 512}, 400),
        ("POST", "/email/1/domains", {"domainName": "b.example.com", "targetedDailyTraffic": 1, "news": 1}, 400),
        ("GET", "/email/1/domains/none.example.com", None, 404),
        ("GET", "/email/1/domains?size=21", None, 400),
        ("GET", "/email/1/domains?page=x", None, 400),
        ("PUT", "/email/1/domains/example.com/tracking", {"open": "yes"}, 400),
        ("GET", "/email/1/suppressions?domainName=example.com&type=NEWS", None, 400),
        ("GET", "/email/1/suppressions?type=BOUNCE", None, 400),
        ("POST", "/email/1/suppressions", {"suppressions": [{"domainName": "example.com", "emailAddress": ["a@b.example"], "type": "OVER_QUOTA"}]}, 400),
        ("POST", "/email/1/suppressions", {"suppressions": [{"domainName": "other.example", "emailAddress": ["a@b.example"], "type": "BOUNCE"}]}, 400),
        ("POST", POOLS, {"name": ""}, 400),
        ("GET", f"{POOLS}/none", None, 404),
        ("DELETE", f"{POOLS}/none", None, 404),
        ("POST", f"{POOLS}/none/ips", {"ipId": "ip-1"}, 404),
        ("GET", "/email/1/ip-management/ips/none", None, 404),
        ("GET", "/email/1/ip-management/domains/none", None, 400),
        ("GET", "/email/1/ip-management/domains/99", None, 404),
        ("PUT", "/email/1/ip-management/domains/1/pools/none", {"priority": 1}, 404),
        ("GET", "/email/1/templates/99", None, 404),
        ("GET", "/email/1/templates?size=50", None, 400),
        ("GET", "/email/1/no-such-thing", None, 404),
    ],
)  # fmt: skip
def test_what_the_vendor_refuses_is_refused_in_the_words_of_that_path(
    emulator: InfobipEmulator, method: str, path: str, body: Any, status: int
) -> None:
    answered, told = asked(emulator, method, path, body)
    assert answered == status
    old = path.startswith(("/email/1/domains", "/email/1/no-such"))
    assert ("requestError" in told) is old
    assert ("errorCode" in told) is not old


def test_a_pool_is_gone_from_the_domain_that_had_it(emulator: InfobipEmulator) -> None:
    pool = asked(emulator, "POST", POOLS, {"name": "news"})[1]["id"]
    assert asked(emulator, "POST", f"{POOLS}/{pool}/ips", {"ipId": "ip-2"})[0] == 204
    domain = "/email/1/ip-management/domains/1"
    assert asked(emulator, "POST", f"{domain}/pools", {"poolId": pool, "priority": 50})[0] == 400
    assert asked(emulator, "POST", f"{domain}/pools", {"poolId": pool, "priority": 49})[0] == 204
    (held,) = asked(emulator, "GET", domain)[1]["pools"]
    assert (held["name"], held["priority"], held["ips"][0]["ip"]) == ("news", 49, "192.0.2.11")
    assert asked(emulator, "DELETE", f"{POOLS}/{pool}/ips/ip-1")[0] == 404
    assert asked(emulator, "DELETE", f"{POOLS}/{pool}")[0] == 204
    assert asked(emulator, "GET", domain)[1]["pools"] == []


def test_a_template_is_written_shown_changed_and_deleted(emulator: InfobipEmulator) -> None:
    status, made = asked(
        emulator,
        "POST",
        "/email/1/templates",
        form(html="<p>{{ name }}, {{code}}</p>", subject="Hi", landingPage="7"),
        FORM,
    )
    assert (status, made["landingPageId"], made["isHtmlEditable"]) == (201, "7", True)
    path = f"/email/1/templates/{made['id']}"
    shown = asked(emulator, "POST", f"{path}/preview", form(placeholders='{"name": "Zoë"}'), FORM)[1]
    assert shown.decode() == "<p>Zoë, {{code}}</p>"
    assert asked(emulator, "PATCH", path, form(preheader="Look"), FORM)[1]["subject"] == "Hi"
    assert "subject" not in asked(emulator, "PUT", path, form(html="<p>Hi</p>"), FORM)[1]
    file = asked(
        emulator,
        "POST",
        f"{path}/attachments",
        form(contentType="text/plain", fileName="a.txt", data="Zoë"),
        FORM,
    )[1]
    assert (file["size"], asked(emulator, "GET", path)[1]["attachments"]) == (4, [file])
    assert asked(emulator, "DELETE", f"{path}/attachments/{file['id']}")[0] == 204
    assert asked(emulator, "DELETE", path)[0] == 204
    assert asked(emulator, "GET", "/email/1/templates")[1]["paging"]["totalResults"] == 0


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"html": "x", "subject": "s" * 201},
        {"html": "x", "preheader": "p" * 76},
        {"html": "x", "news": "y"},
    ],
)
def test_a_template_that_the_vendor_refuses_is_not_made(
    emulator: InfobipEmulator, fields: dict[str, str]
) -> None:
    assert asked(emulator, "POST", "/email/1/templates", form(**fields), FORM)[0] == 400
    assert asked(emulator, "POST", "/email/1/templates", b"no form")[0] == 400
    assert asked(emulator, "GET", "/email/1/templates")[1]["results"] == []
