"""A setting of the gateway that is wrong is named with what is wrong, and with its variable, or its file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from messaging_channels import Configuration
from messaging_channels.errors import InvalidSetting
from messaging_channels_gateway.settings import GatewaySettings

FILE = "messaging-channels.toml"
VARIABLE = "MESSAGING_CHANNELS_GATEWAY_"
IN_FILE = [
    # what stands in the file, its line, and words that must be said
    ("[gateway]\nmax_body_bytes = 0\n", 2, ("gateway.max_body_bytes", "greater than 0")),
    (
        "[gateway]\npublic_url = 'messages.example.com'\n",
        2,
        ("gateway.public_url", "http(s) URL", "https://"),
    ),
    ("[gateway]\n\ntrusted_proxies = ['10.0.0.0/33']\n", 3, ("gateway.trusted_proxies", "networks")),
    ("[gateway]\ntrusted_proxies = 'proxy.internal'\n", 2, ("gateway.trusted_proxies", "networks")),
    ("[gateway]\nallowed_callback_hosts = ['shop.internal']\n", 2, ("allowed_callback_hosts", "host:port")),
    (
        "[gateway]\nkey_rate_limit = -1\n",
        2,
        ("gateway.key_rate_limit", "greater than 0", "key_rate_limit = 1"),
    ),
    ("[gateway]\nunsubscribe_secrets = 5\n", 2, ("gateway.unsubscribe_secrets", "must be")),
    ("[gateway.tenants.shop]\nusers = { kind = 'ldap' }\n", 2, ("gateway.tenants.shop.users", "'directory'")),
    ("[gateway.tenants.shop.users]\npath = 'x'\n", 1, ("gateway.tenants.shop.users", "kind")),
    ("[gateway.tenants.shop.users]\nkind = 'json'\n", 1, ("gateway.tenants.shop.users.path", "is missing")),
    (
        "[gateway.tenants.shop.users]\nkind = 'http'\nurl = 5\n",
        3,
        ("gateway.tenants.shop.users.url", "a text"),
    ),
]
IN_VARIABLES = [
    ("MAX_BODY_BYTES", "many", "whole number"),
    ("PREVIEW", "perhaps", "true or false"),
    ("LEASE", "0", "greater than 0"),
    ("PUBLIC_URL", "ftp://messages.example.com", "http(s) URL"),
    ("TRUSTED_PROXIES", "127.0.0.1,nginx", "networks"),
    ("ALLOWED_CALLBACK_HOSTS", "https://shop.internal:8443", "host:port"),
]


@pytest.mark.parametrize(("text", "line", "words"), IN_FILE, ids=[one[0].split("\n")[-2] for one in IN_FILE])
def test_what_is_wrong_in_the_file_is_named_with_its_line(
    text: str, line: int, words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / FILE).write_text(text, "utf-8")

    with pytest.raises(InvalidSetting) as refused:
        GatewaySettings.read(Configuration.read(check=False))

    assert all(one in str(refused.value) for one in (*words, f"{FILE} line {line}")), refused.value


@pytest.mark.parametrize(("name", "value", "words"), IN_VARIABLES)
def test_what_is_wrong_in_a_variable_is_named_with_the_variable(
    name: str, value: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE + name, value)

    with pytest.raises(InvalidSetting) as refused:
        GatewaySettings.read(Configuration.read())

    told = str(refused.value)
    assert all(one in told for one in (f"gateway.{name.lower()}", words, f"variable {VARIABLE}{name}"))
    assert f"'{value}'" not in told


def test_what_is_wrong_in_code_is_said_to_be_in_code() -> None:
    with pytest.raises(InvalidSetting, match=r"gateway\.lease must be greater than 0 \(from code\)"):
        GatewaySettings.read(Configuration.read(), lease=0)


def test_what_is_right_is_read_from_code_variables_and_file_in_that_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / FILE).write_text("[gateway]\nlease = 1\nsend_timeout = 1\nbody_timeout = 1\n", "utf-8")
    monkeypatch.setenv(f"{VARIABLE}LEASE", "2")
    monkeypatch.setenv(f"{VARIABLE}SEND_TIMEOUT", "2")
    monkeypatch.setenv("MESSAGING_CHANNELS_HOME", str(tmp_path))

    settings = GatewaySettings.read(Configuration.read(), lease=3)

    assert (settings.lease, settings.send_timeout, settings.body_timeout) == (3, 2, 1)
    assert settings.home == tmp_path
