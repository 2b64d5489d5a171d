"""Where Users and Persons come from: tables, services, files, plugins, Infobip People."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from loopback import OK, Peer, Server

from messaging_channels import MappingResolver, User
from messaging_channels.plugins import hookimpl

pytestmark = pytest.mark.slow

BODY = {"content": {"text": "x"}}
MAIL = {"content": {"subject": "s", "text": "x"}}


def _tenants(**sources: Any) -> dict[str, Any]:
    return {"default": {"account": "acme", **sources}}


ACCOUNTS = {"providers": {"sandbox": {"hang": 1}}, "accounts": {"acme": {"sandbox": {"hang": 1}}}}


def test_users_are_found_in_a_table(serve: Any, tmp_path: Path) -> None:
    file = tmp_path / "shop.sqlite3"
    with sqlite3.connect(file) as database:
        database.execute("CREATE TABLE customer (id TEXT, phone TEXT, mail TEXT)")
        database.execute("INSERT INTO customer VALUES ('u1', '447700900100', NULL)")
    database.close()
    query = "SELECT phone AS sms, phone AS whatsapp, mail AS email FROM customer WHERE id = ?"
    source = {"kind": "sql", "database": f"sqlite:///{file}", "query": query}
    client = serve(settings=ACCOUNTS, tenants=_tenants(users=source), poll_interval=60).client
    sent = client.post("/v1/users/u1/message/sms", json=BODY).json()
    assert sent["messages"][0]["destination"] == "447700900100"
    assert client.post("/v1/users/u1/message/email", json=MAIL).json()["code"] == "no_address"
    assert client.post("/v1/users/u2/message/sms", json=BODY).json()["code"] == "not_found"
    assert client.post("/v1/users/'%20OR%201=1/message/sms", json=BODY).status_code == 404


def test_users_are_found_by_a_service(serve: Any) -> None:
    def answer(peer: Peer) -> None:
        while request := peer.read_request():
            document = json.dumps({"channel": {"sms": "447700900100"}}).encode()
            head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(document)}\r\n\r\n"
            path = request.split(b" ")[1]
            if path == b"/people/u1":
                peer.answer(head.encode() + document)
            elif path == b"/people/u2":
                peer.answer(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
            else:
                peer.answer(OK.replace(b"200 OK", b"500 Oh"))

    with Server(answer) as service:
        source = {"kind": "http", "url": f"{service.url}/people/{{id}}", "secret": "Bearer people-secret"}
        client = serve(settings=ACCOUNTS, tenants=_tenants(users=source), poll_interval=60).client
        sent = client.post("/v1/users/u1/message/sms", json=BODY).json()
        assert sent["messages"][0]["destination"] == "447700900100"
        assert b"authorization: bearer people-secret" in service.requests[0].lower()
        assert client.post("/v1/users/u2/message/sms", json=BODY).json()["code"] == "not_found"
        failed = client.post("/v1/users/u3/message/sms", json=BODY)
        assert (failed.status_code, failed.json()["code"]) == (503, "not_sent")
    unreachable = client.post("/v1/users/u1/message/sms", json=BODY)
    assert (unreachable.status_code, unreachable.json()["code"]) == (503, "not_sent")


def test_persons_are_found_in_a_file_that_may_change(serve: Any, tmp_path: Path) -> None:
    file = tmp_path / "people.json"

    def write(number: str, at: int) -> None:
        person = {"contactInformation": {"phone": [{"number": number}], "email": []}}
        file.write_text(json.dumps({"users": {}, "identities": {"i1": {"person": person}}}), "utf-8")
        os.utime(file, (at, at))

    write("447700900100", 1000)
    source = {"kind": "json", "path": str(file)}
    client = serve(settings=ACCOUNTS, tenants=_tenants(persons=source), poll_interval=60).client
    for number, at in (("447700900100", 1000), ("447700900101", 2000)):
        write(number, at)
        sent = client.post("/v1/identities/i1/person/message/whatsapp", json=BODY).json()
        assert sent["messages"][0]["destination"] == number
    assert client.post("/v1/identities/i1/person/message/email", json=MAIL).json()["code"] == "no_address"
    assert client.post("/v1/identities/i2/person/message/sms", json=BODY).json()["code"] == "not_found"


class Registering:
    @hookimpl
    def register_resolvers(self) -> list[Any]:
        return [MappingResolver({User("u1"): {"sms": "447700900100"}})]


def test_users_are_found_by_the_resolvers_of_plugins(serve: Any) -> None:
    tenants = _tenants(users={"kind": "plugins"})
    client = serve(settings=ACCOUNTS, tenants=tenants, plugin=Registering(), poll_interval=60).client
    sent = client.post("/v1/users/u1/message/sms", json=BODY).json()
    assert sent["messages"][0]["destination"] == "447700900100"
    assert client.post("/v1/users/u2/message/sms", json=BODY).json()["code"] == "not_found"


@pytest.mark.parametrize(
    "settings",
    [
        {"tenants": {"x": {"users": {"kind": "nonsense"}}}},
        {"trusted_proxies": ["nowhere"]},
        {"max_body_bytes": 0},
        {"nonsense": 1},
    ],
)
def test_a_setting_that_is_malformed_is_named(serve: Any, settings: dict[str, Any]) -> None:
    from messaging_channels.errors import InvalidSetting

    with pytest.raises(InvalidSetting) as refused:
        serve(**settings)
    assert next(iter(settings)) in str(refused.value)


def test_settings_come_from_the_environment_and_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from messaging_channels import Configuration
    from messaging_channels_gateway import GatewaySettings

    file = tmp_path / "settings.toml"
    file.write_text(
        '[gateway]\nmax_body_bytes = 1000\nkey_rate_limit = 7\n[gateway.tenants.acme]\naccount = "acme"\n',
        "utf-8",
    )
    monkeypatch.setenv("MESSAGING_CHANNELS_CONFIG", str(file))
    monkeypatch.setenv("MESSAGING_CHANNELS_GATEWAY_KEY_RATE_LIMIT", "9")
    monkeypatch.setenv("MESSAGING_CHANNELS_GATEWAY_TRUSTED_PROXIES", "10.0.0.0/8, 127.0.0.1")
    settings = GatewaySettings.read(Configuration.read(use_sandbox_defaults=True))
    assert (settings.max_body_bytes, settings.key_rate_limit, settings.tenants["acme"].account) == (
        1000,
        9.0,
        "acme",
    )
    assert settings.trusted_proxies == ["10.0.0.0/8", "127.0.0.1"]


def test_the_script_for_newcomers_does_all_nine_calls() -> None:
    script = Path(__file__).parents[1] / "examples" / "nine-calls.sh"
    commands = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        [str(script)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env={**os.environ, "PATH": commands},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(" DELIVERED\n") == 9


def test_the_configuration_says_where_addresses_stand_in_a_document(serve: Any, tmp_path: Path) -> None:
    file = tmp_path / "people.json"
    told = {"users": {"u1": {"mobile": "447700900100"}}, "identities": {"i1": {"phones": ["447700900101"]}}}
    file.write_text(json.dumps(told), encoding="utf-8")
    source = {"kind": "json", "path": str(file)}
    paths = {"user": {"sms": "mobile"}, "person": {"sms": "phones[0]"}}
    client = serve(
        settings={**ACCOUNTS, "recipients": paths},
        tenants=_tenants(users=source, persons=source),
        poll_interval=60,
    ).client

    for call, to in (("users/u1", "447700900100"), ("identities/i1/person", "447700900101")):
        sent = client.post(f"/v1/{call}/message/sms", json=BODY).json()
        assert sent["messages"][0]["destination"] == to
    assert client.post("/v1/users/u1/message/email", json=MAIL).json()["code"] == "no_address"


def test_persons_are_found_in_infobip_people_and_written_to_from_that_account(serve: Any) -> None:
    pytest.importorskip(
        "messaging_channels_infobip.emulator", reason="the Infobip plugin and its emulator are not installed"
    )
    from messaging_channels_infobip import settings as plugin
    from messaging_channels_infobip.emulator import InfobipEmulator

    with InfobipEmulator(api_key="key") as platform, InfobipEmulator(api_key="key") as tenant:
        settings = {
            "providers": {"infobip": {"base_url": platform.url, "api_key": "key", "sender": "Platform"}},
            "accounts": {"acme": {"infobip": {"base_url": tenant.url, "api_key": "key", "sender": "Acme"}}},
        }
        person = {"externalId": "i1", "contactInformation": {"phone": [{"number": "447700900100"}]}}
        tenant.account.persons.append({**person, "id": 1})
        served = serve(
            settings=settings, plugin=plugin, tenants=_tenants(persons={"kind": "people"}), poll_interval=60
        )
        sent = served.client.post("/v1/identities/i1/person/message/sms", json=BODY).json()
        assert sent["messages"][0]["destination"] == "447700900100"
        assert (
            served.client.post("/v1/identities/i2/person/message/sms", json=BODY).json()["code"]
            == "not_found"
        )
        assert len(tenant.state()["messages"]) == 1
        assert platform.state()["messages"] == []


def test_who_is_inactive_in_a_table_is_not_written_to(serve: Any, tmp_path: Path) -> None:
    file = tmp_path / "shop.sqlite3"
    with sqlite3.connect(file) as database:
        database.execute("CREATE TABLE customer (id TEXT, phone TEXT, active INTEGER)")
        database.executemany("INSERT INTO customer VALUES (?, '447700900100', ?)", [("u1", 1), ("u2", 0)])
    database.close()
    query = "SELECT phone AS sms, active FROM customer WHERE id = ?"
    source = {"kind": "sql", "database": f"sqlite:///{file}", "query": query}
    client = serve(settings=ACCOUNTS, tenants=_tenants(users=source), poll_interval=60).client
    assert client.post("/v1/users/u1/message/sms", json=BODY).status_code == 200
    assert client.post("/v1/users/u2/message/sms", json=BODY).json()["code"] == "recipient_inactive"
