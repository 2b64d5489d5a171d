"""Who may call, and what a tenant cannot see of another."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import httpx
import pytest

from messaging_channels._cli.main import main
from messaging_channels_gateway.auth.api_keys import SCOPES

USER = "634b56217f6a7b0be52dffbd"
SMS = {"content": {"text": "x"}}
TO = {"to": "447700900100", **SMS}
MAIL = {"content": {"subject": "s", "text": "x"}}
MATRIX = [
    ("POST", "/v1/apps/message/sms", TO, "send:sms"),
    ("POST", "/v1/apps/message/whatsapp", TO, "send:whatsapp"),
    ("POST", "/v1/apps/message/email", {"to": "a@example.com", **MAIL}, "send:email"),
    ("POST", f"/v1/users/{USER}/message/sms", SMS, "send:sms"),
    ("POST", f"/v1/users/{USER}/message/whatsapp", SMS, "send:whatsapp"),
    ("POST", f"/v1/users/{USER}/message/email", MAIL, "send:email"),
    ("POST", f"/v1/identities/{USER}/person/message/sms", SMS, "send:sms"),
    ("POST", f"/v1/identities/{USER}/person/message/whatsapp", SMS, "send:whatsapp"),
    ("POST", f"/v1/identities/{USER}/person/message/email", MAIL, "send:email"),
    ("GET", "/v1/messages", None, "read:messages"),
    ("GET", "/v1/messages/01a2137d9f8ba4423e3e6e82c5e9592c", None, "read:messages"),
    ("DELETE", "/v1/messages/01a2137d9f8ba4423e3e6e82c5e9592c", None, "send:advanced"),
    ("PUT", f"/v1/users/{USER}", {}, "write:directory"),
    ("GET", f"/v1/users/{USER}", None, "read:directory"),
    ("DELETE", f"/v1/users/{USER}", None, "write:directory"),
    ("PUT", f"/v1/identities/{USER}", {}, "write:directory"),
    ("GET", f"/v1/identities/{USER}", None, "read:directory"),
    ("DELETE", f"/v1/identities/{USER}", None, "write:directory"),
    ("POST", "/v1/webhook-endpoints", {"url": "https://hooks.example.com/"}, "manage:webhooks"),
    ("GET", "/v1/webhook-endpoints", None, "manage:webhooks"),
    ("DELETE", "/v1/webhook-endpoints/ep_x", None, "manage:webhooks"),
    ("POST", "/v1/webhook-endpoints/ep_x/secret", None, "manage:webhooks"),
    ("GET", "/v1/callback-secret", None, "manage:webhooks"),
    ("GET", "/v1/webhook-deliveries", None, "manage:webhooks"),
    ("POST", "/v1/webhook-deliveries/1/retry", None, "manage:webhooks"),
]


def _call(client: httpx.Client, method: str, path: str, body: Any) -> httpx.Response:
    return client.request(method, path, json=body) if body is not None else client.request(method, path)


def test_every_call_needs_its_scope_and_no_other(served: Any) -> None:
    by_scope = {scope: served.with_key(_key(served, [scope])) for scope in SCOPES}
    for method, path, body, needed in MATRIX:
        refused = {
            scope
            for scope, client in by_scope.items()
            if _call(client, method, path, body).status_code == 403
        }
        assert set(SCOPES) - {needed} <= refused, path
        answer = _call(by_scope[needed], method, path, body)
        assert answer.json().get("code") not in ("forbidden", "unauthorised") if answer.content else True


def _key(served: Any, scopes: list[str], **options: Any) -> str:
    made: str = served.gateway.api_keys.create("test", tenant=served.tenant, scopes=scopes, **options)
    return made


def test_choosing_the_sender_takes_a_scope_of_its_own(served: Any) -> None:
    client = served.with_key(_key(served, ["send:sms"]))
    for option in (
        {"sender": "Bank"},
        {"callbackUrl": "https://hooks.example.com/"},
        {"validitySeconds": 60},
    ):
        answer = client.post("/v1/apps/message/sms", json={**TO, **option})
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


@pytest.mark.parametrize(
    "mangled",
    [
        lambda _: "",
        lambda key: key[:-1] + ("a" if key[-1] != "a" else "b"),
        lambda key: key.replace("mc_live_", "mc_test_"),
        lambda key: f"{key},{key}",
        lambda key: key.lower(),
        lambda key: key.replace(key.split("_")[2], "aaaaaaaa"),
        lambda _: "mc_live_aaaaaaaa_" + "0" * 43,
        lambda _: "cmVhbG06dXNlcjpwYXNz",
        lambda _: "' OR 1=1 --",
    ],
)
def test_what_is_not_a_key_opens_nothing_and_is_told_no_reason(served: Any, mangled: Any) -> None:
    given = mangled(served.key)
    assert served.client.get("/v1/messages").status_code == 200
    answer = httpx.post(f"{served.url}/v1/apps/message/sms", json=TO, headers={"x-api-key": given})
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorised")
    assert "www-authenticate" in answer.headers


def test_a_key_elsewhere_than_in_its_header_opens_nothing(served: Any) -> None:
    key = served.key
    for options in (
        {"headers": {"authorization": f"Bearer {key}"}},
        {"headers": {"cookie": f"x-api-key={key}"}},
        {"params": {"x-api-key": key}},
        {"headers": [("x-api-key", key), ("x-api-key", key)]},
    ):
        options: Any
        assert httpx.post(f"{served.url}/v1/apps/message/sms", json=TO, **options).status_code == 401


@pytest.mark.parametrize(
    "path",
    ["/v1/messages/", "//v1/messages", "/v1/./messages", "/v1/messages%2f", "/V1/messages", "/v1/messages;x"],
)
def test_no_spelling_of_a_path_goes_around_the_key(served: Any, path: str) -> None:
    assert httpx.get(served.url + path).status_code in (401, 404)


def test_a_revoked_an_expired_and_a_replaced_key_open_nothing(served: Any) -> None:
    keys = served.gateway.api_keys
    old = keys.create("old", tenant=served.tenant, days=-1)
    assert served.with_key(old).get("/v1/messages").status_code == 401
    first = keys.create("first", tenant=served.tenant)
    key_id = first.split("_")[2]
    second = keys.rotate(key_id, grace_hours=1)
    for key in (first, second):
        assert served.with_key(key).get("/v1/messages").status_code == 200
    keys.expire(key_id, 0.0)
    assert served.with_key(first).get("/v1/messages").status_code == 401
    assert served.with_key(second).get("/v1/messages").status_code == 200


def test_a_key_that_another_process_revokes_stands_for_a_second_at_most(
    serve: Any, clock: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    served = serve(clock=clock)
    key_id = served.key.split("_")[2]
    assert served.client.get("/v1/messages").status_code == 200
    assert main(["keys", "revoke", key_id]) == 0
    capsys.readouterr()
    clock.ahead += 1.0
    assert served.client.get("/v1/messages").status_code == 401


def test_only_a_digest_of_a_key_is_kept(served: Any) -> None:
    secret = served.key.rpartition("_")[2]
    kept = b"".join(path.read_bytes() for path in served.gateway.settings.home.glob("gateway.sqlite3*"))
    assert secret.encode() not in kept
    assert hashlib.sha256(secret.encode()).hexdigest().encode() in kept


def test_a_tenant_finds_nothing_of_another_one(served: Any) -> None:
    other = served.of_tenant()
    contact = {"phone": [{"number": "447700900100"}], "email": [{"address": "a@example.com"}]}
    served.client.put(
        f"/v1/users/{USER}", json={"channel": {"sms": "447700900100", "email": "a@example.com"}}
    )
    served.client.put(f"/v1/identities/{USER}", json={"person": {"contactInformation": contact}})
    endpoint = served.client.post("/v1/webhook-endpoints", json={"url": "https://hooks.example.com/"}).json()
    message = served.sms().json()["messages"][0]["messageId"]
    assert other.get("/v1/messages").json()["messages"] == []
    assert other.get("/v1/webhook-endpoints").json()["endpoints"] == []
    for method, path, body in (
        ("GET", f"/v1/messages/{message}", None),
        ("GET", f"/v1/users/{USER}", None),
        ("DELETE", f"/v1/users/{USER}", None),
        ("GET", f"/v1/identities/{USER}", None),
        ("DELETE", f"/v1/identities/{USER}", None),
        ("POST", f"/v1/users/{USER}/message/sms", SMS),
        ("POST", f"/v1/users/{USER}/message/email", MAIL),
        ("POST", f"/v1/identities/{USER}/person/message/sms", SMS),
        ("POST", f"/v1/identities/{USER}/person/message/email", MAIL),
        ("DELETE", f"/v1/webhook-endpoints/{endpoint['id']}", None),
        ("POST", f"/v1/webhook-endpoints/{endpoint['id']}/secret", None),
    ):
        theirs = _call(other, method, path, body)
        nobodys = _call(other, method, path.replace(USER, "0" * 24).replace(message, "0" * 32), body)
        assert theirs.status_code == 404, path
        assert theirs.json() == nobodys.json(), path
    assert served.client.get(f"/v1/users/{USER}").status_code == 200


def test_a_key_is_made_on_the_command_line_and_printed_once_alone(
    capsys: pytest.CaptureFixture[str], serve: Any
) -> None:
    assert main(["keys", "create", "--name", "shop"]) == 0
    key = capsys.readouterr().out
    assert key.count("\n") == 1
    with httpx.Client(base_url=serve().url, headers={"x-api-key": key.strip()}) as client:
        assert client.post("/v1/apps/message/sms", json=TO).status_code == 200
    assert main(["keys", "list"]) == 0
    (listed, _) = json.loads(capsys.readouterr().out)["keys"]
    assert (listed["name"], listed["tenant"]) == ("shop", "default")
    assert main(["keys", "rotate", listed["id"]]) == 0
    assert capsys.readouterr().out.startswith("mc_live_")
    assert main(["keys", "revoke", listed["id"]]) == 0
    assert main(["keys", "revoke", "nonesuch"]) == 2
    assert main(["keys", "rotate", "nonesuch"]) == 2
    assert main(["keys", "create", "--name", "x", "--tenant", "no tenant"]) == 2


def test_keys_of_a_tenant_and_with_few_rights_are_made_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(["keys", "create", "--name", "a", "--tenant", "acme", "--scope", "send:sms", "--days", "7"]) == 0
    )
    capsys.readouterr()
    assert main(["keys", "list"]) == 0
    (listed,) = json.loads(capsys.readouterr().out)["keys"]
    assert (listed["tenant"], listed["scopes"]) == ("acme", "send:sms")
    assert 6 * 86400 < listed["expires"] - listed["created"] <= 7 * 86400
