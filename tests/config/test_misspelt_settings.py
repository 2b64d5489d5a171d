"""Forty mistakes that people make in their first settings: each is refused, and named with the line that mends it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from messaging_channels import Configuration, Dispatcher
from messaging_channels._config.plugin_manager import load_plugins
from messaging_channels.errors import ConfigurationError, InvalidSetting

FILE = "messaging-channels.toml"
TWILIO = f'[providers.twilio]\naccount_sid = "AC{"0" * 32}"\nauth_token = "t"\nsender = "+15005550006"\n'

IN_THE_FILE = [
    # what is written, the line on which it stands, and what the person has to read
    ('[route]\nsms = "sandbox"\n', 1, "[routes]"),
    ('[Routes]\nsms = "sandbox"\n', 1, "[routes]"),
    ('rotes = "sandbox"\n', 1, "[routes]"),
    ('[provider.twilio]\nsender = "+15005550006"\n', 1, "[providers]"),
    ('[twilio]\nauth_token = "t"\n', 1, "[providers.twilio]"),
    ("[rate]\nsandbox = 5\n", 1, "[rate_limits]"),
    ("[vetos]\nopt_outs = true\n", 1, "[checks]"),
    ("[check]\nsuppression_list = true\n", 1, "[checks]"),
    ("[checks]\nsupression_list = true\n", 2, "suppression_list"),
    ('[checks]\n# only these\nallowed_prefix = ["44"]\n', 3, "allowed_prefixes"),
    ("[checks]\nvelocity_limit = { per_numbr = { limit = 1 } }\n", 2, "per_number"),
    ("[checks]\nvelocity_limit = { per_number = { limt = 1 } }\n", 2, "limit"),
    ("[checks.velocity_limit.per_number]\nlimit = 1\nbrust = 3\n", 3, "burst"),
    ('[checks]\nsuppression_list = "maybe"\n', 2, "true or false"),
    ("[retry]\nmax_attemps = 1\n", 2, "max_attempts"),
    ("[retry]\nmax-attempts = 1\n", 2, "max_attempts"),
    ('[retry]\nmax_elapsed = 5\nmax_attempts = "many"\n', 3, "whole number"),
    ("[retry]\nmax_attempts = 0\n", 2, "positive"),
    ('[routes]\nsmss = "sandbox"\n', 2, "sms"),
    ('[routes]\nemail = "sandbox"\nsms = "twillio"\n', 3, "'twilio'"),
    ('[routes]\nsms = ["sandbox", "infobib"]\n', 2, "'infobip'"),
    ('[routes.sms]\nprovider = ["sandbox"]\n', 2, "providers"),
    ('[routes.sms]\nproviders = [\n  "sandbox",\n  { provider = "twilio", wight = 3 },\n]\n', 4, "weight"),
    ('[routes.sms]\nproviders = ["sandbox"]\nretry = { attempts = 3 }\n', 3, "max_attempts"),
    ('[routes.sms]\nproviders = ["sandbox"]\ncircuit_braker = {}\n', 3, "circuit_breaker"),
    (TWILIO + 'sendr = "Shop"\n', 5, "sender"),
    (TWILIO.replace("auth_token", "auth_tokn"), 3, "auth_token"),
    ('[providers.twillio]\nsender = "Shop"\n', 1, "'twilio'"),
    ('[accounts.acme.twillio]\nsender = "Shop"\n', 1, "twilio"),
    ('[accounts.acme.twilio]\nsendr = "Shop"\n', 2, "sender"),
    ('[ledger]\nuri = "sqlite:x"\n', 2, "url"),
    ('[ledger]\nurl = "mysql://localhost/x"\n', 2, "sqlite"),
    ('[ledger]\nurl = "sqlite:x"\naddresses = "hidden"\n', 3, "masked"),
    ('ledger = "sqlite:x"\n', 1, "[ledger]"),
    ("[telemetry]\nlog = true\n", 2, "logs"),
    ("[http]\ntimeout = 20\n", 2, "read_timeout"),
    ('[http]\nclient = "requests"\n', 2, "httpx"),
    ('[rate_limits]\nsandbox = "fast"\n', 2, "number"),
    ("[rate_limits]\ntwillio = 5\n", 2, "'twilio'"),
    ('plugins = ["twillio"]\n', 1, "twilio"),
    ("[gateway]\npublik_url = 'https://shop.example.com'\n", 2, "public_url"),
    ('[routes]\nsms = "sandbox\n', 2, "line 2"),
]


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("text", "line", "remedy"), IN_THE_FILE, ids=[one[0][:30] for one in IN_THE_FILE])
def test_a_mistake_in_the_file_is_refused_with_its_line_and_what_mends_it(
    text: str, line: int, remedy: str, folder: Path
) -> None:
    (folder / FILE).write_text(text, "utf-8")

    with pytest.raises(ConfigurationError) as refused:
        Dispatcher.from_config()

    told = str(refused.value)
    assert f"line {line}" in told
    assert remedy in told


IN_THE_ENVIRONMENT = [
    ("MESSAGING_CHANNELS_ROUT_SMS", "sandbox", "MESSAGING_CHANNELS_ROUTE_SMS"),
    ("MESSAGING_CHANNELS_ROUTES_SMS", "sandbox", "MESSAGING_CHANNELS_ROUTE_SMS"),
    ("MESSAGING_CHANNELS_ROUTE_SMSS", "sandbox", "MESSAGING_CHANNELS_ROUTE_SMS"),
    ("MESSAGING_CHANNELS_ROUTE_SMS", "twillio", "'twilio'"),
    ("MESSAGING_CHANNELS_TWILO_AUTH_TOKEN", "t", "MESSAGING_CHANNELS_TWILIO_AUTH_TOKEN"),
    ("MESSAGING_CHANNELS_SMTP_SENDR", "a@example.com", "MESSAGING_CHANNELS_SMTP_SENDER"),
    ("MESSAGING_CHANNELS_INFOBIP_APIKEY", "k", "MESSAGING_CHANNELS_INFOBIP_API_KEY"),
    ("MESSAGING_CHANNELS_LEDGER_URI", "sqlite:x", "MESSAGING_CHANNELS_LEDGER_URL"),
    ("MESSAGING_CHANNELS_LEDGER", "sqlite:x", "MESSAGING_CHANNELS_LEDGER_URL"),
    ("MESSAGING_CHANNELS_PLUGIN", "twilio", "MESSAGING_CHANNELS_PLUGINS"),
    ("MESSAGING_CHANNELS_PLUGINS", "twillio", "twilio"),
    ("MESSAGING_CHANNELS_RETRY_ATTEMPTS", "3", "MESSAGING_CHANNELS_RETRY_MAX_ATTEMPTS"),
    ("MESSAGING_CHANNELS_RETRY_MAX_ATTEMPTS", "many", "whole number"),
    ("MESSAGING_CHANNELS_TELEMETRY_LOGS", "perhaps", "true or false"),
    ("MESSAGING_CHANNELS_HTTP_READ_TIMEOUT", "soon", "number"),
    ("MESSAGING_CHANNELS_GATEWAY_PUBLIC_URI", "x", "MESSAGING_CHANNELS_GATEWAY_PUBLIC_URL"),
    ("MESSAGING_CHANNEL_ROUTE_SMS", "sandbox", "MESSAGING_CHANNELS_ROUTE_SMS"),
    ("MESSAGE_CHANNELS_LEDGER_URL", "sqlite:x", "MESSAGING_CHANNELS_LEDGER_URL"),
    ("messaging_channels_route_sms", "sandbox", "MESSAGING_CHANNELS_ROUTE_SMS"),
    ("MESSAGING_CHANNELS_CONFIG", "nowhere.toml", "nowhere.toml"),
]


@pytest.mark.parametrize(
    ("name", "value", "remedy"), IN_THE_ENVIRONMENT, ids=[one[0] for one in IN_THE_ENVIRONMENT]
)
def test_a_mistake_in_a_variable_is_refused_with_its_name_and_what_mends_it(
    name: str, value: str, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(ConfigurationError) as refused:
        Dispatcher.from_config()

    told = str(refused.value)
    assert name in told
    assert remedy in told


@pytest.mark.parametrize(
    "name", ["messaging_channels.toml", "messaging-channel.toml", "Mesaging-Channels.toml"]
)
def test_a_file_that_is_named_nearly_right_is_not_passed_over(name: str, folder: Path) -> None:
    (folder / name).write_text('[routes]\nsms = "sandbox"\n', "utf-8")

    with pytest.raises(InvalidSetting, match=f"(?i){name}.*rename it to {FILE}"):
        Configuration.read()


@pytest.mark.parametrize(
    "name", ["pyproject.toml", "messaging-channels.example.toml", "messages.toml", "channels.toml"]
)
def test_files_of_others_are_not_ours(name: str, folder: Path) -> None:
    (folder / name).write_text("a = 1\n", "utf-8")

    Configuration.read()


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        ({"rotes": {"sms": "sandbox"}}, "[routes]"),
        ({"routes": {"smss": "sandbox"}}, "sms"),
        ({"providers": {"sandbox": {"hangs": 1}}}, "hang"),
        ({"checks": {"supression_list": True}}, "suppression_list"),
        ({"routes": {"sms": "sandbocks"}}, "'sandbox'"),
    ],
)
def test_code_is_held_to_the_same(code: dict[str, object], remedy: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        Dispatcher.from_config(code)

    assert "code" in str(refused.value)
    assert remedy in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MESSAGING_CHANNELS_SERVICE_HOST", "10.0.0.7"),
        ("MESSAGING_CHANNELS_SERVICE_PORT", "8080"),
        ("MESSAGING_CHANNELS_SERVICE_PORT_HTTP", "8080"),
        ("MESSAGING_CHANNELS_PORT", "tcp://10.0.0.7:8080"),
        ("MESSAGING_CHANNELS_GATEWAY_SERVICE_HOST", "10.0.0.7"),
        ("MESSAGING_CHANNELS_GATEWAY_PORT", "tcp://10.0.0.7:8080"),
        ("MESSAGING_CHANNELS_GATEWAY_PORT_8080_TCP_ADDR", "10.0.0.7"),
        ("MESSAGING_TIMEOUT", "3"),
        ("MY_MESSAGING_CHANNELS_ROUTE_SMS", "x"),
        ("MESSAGING_CHANNELS_IMAP_PASSWORD", "x"),
        ("MESSAGING_CHANNELS_GATEWAY_KEY_RATE_LIMIT", "9"),
    ],
)
def test_what_a_cluster_sets_and_what_others_read_is_left_alone(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)

    Configuration.read()


@pytest.mark.parametrize(
    ("environment", "file"),
    [
        ({"MESSAGING_CHANNELS_TWILIO_AUTH_TOKEN": "t"}, {}),
        ({}, {"providers": {"twilio": {"auth_token": "t"}}}),
        ({"MESSAGING_CHANNELS_ROUTE_SMS": "twilio"}, {}),
        ({}, {"routes": {"sms": "sandbox,twilio"}}),
    ],
)
def test_settings_of_a_plugin_that_is_not_installed_say_so(
    environment: dict[str, str], file: dict[str, Any]
) -> None:
    configuration = Configuration({}, environment, file, FILE, load_plugins(entries=()))

    told = [str(one) for one in (*configuration.misspellings(), *configuration.unknown_providers())]

    assert len(told) == 1
    assert "pip install messaging-channels-twilio" in told[0].lower()


def test_settings_of_plugins_that_were_left_out_are_no_mistake() -> None:
    environment = {"MESSAGING_CHANNELS_PLUGINS": "smtp", "MESSAGING_CHANNELS_TWILIO_AUTH_TOKEN": "t"}

    Configuration.read(environment=environment)


def test_all_mistakes_are_listed_for_whoever_asks(folder: Path) -> None:
    (folder / FILE).write_text("[retry]\nmax_attemps = 1\n[telemetry]\nlog = true\n", "utf-8")
    environment = {"MESSAGING_CHANNELS_ROUT_SMS": "sandbox"}

    told = [str(one) for one in Configuration.read(environment=environment, check=False).misspellings()]

    assert len(told) == 3


def test_no_secret_is_shown(folder: Path) -> None:
    (folder / FILE).write_text(TWILIO.replace('"t"', "12345678901"), "utf-8")

    with pytest.raises(ConfigurationError) as refused:
        Dispatcher.from_config()

    assert "12345678901" not in str(refused.value)
    assert "line 3" in str(refused.value)
