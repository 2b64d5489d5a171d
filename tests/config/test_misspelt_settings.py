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


SMTP = '[providers.smtp]\nhost = "mail.example.com"\nsender = "shop@example.com"\n'
WRONG_VALUES = [
    ("retry = 3\n", 1, "[retry]"),
    ("[retry]\nmax_interval = true\n", 2, "max_interval = 30"),
    ("[retry]\nmax_interval = [5]\n", 2, "max_interval = 30"),
    ('[retry]\nmax_elapsed = "10s"\n', 2, "max_elapsed = 30"),
    ("[retry]\nmax_attempts = 2.5\n", 2, "max_attempts = 3"),
    ('[[routes]]\nsms = "sandbox"\n', 1, "[routes]"),
    ("[routes]\nsms = 5\n", 2, 'sms = "'),
    ("[routes]\nsms = []\n", 2, 'sms = ["sandbox"]'),
    ('[routes]\nsms = ["sandbox", "sandbox"]\n', 2, "'sandbox' twice"),
    ("[routes]\nsms = [5]\n", 2, 'sms = ["'),
    ('[routes.sms]\nproviders = [{ provider = "sandbox", weight = -1 }]\n', 2, "at least 0"),
    ('[routes.sms]\nproviders = [{ provider = "sandbox", weight = "heavy" }]\n', 2, "weight = 30"),
    ('[routes.sms]\nproviders = ["sandbox"]\nretry = 3\n', 3, "[routes.sms.retry]"),
    ("[checks]\nallowed_prefixes = [44]\n", 2, 'allowed_prefixes = ["'),
    ('[checks]\nallowed_prefixes = ["uk"]\n', 2, 'allowed_prefixes = ["44", "385"]'),
    ("[checks]\nvelocity_limit = 5\n", 2, "[checks.velocity_limit]"),
    ('[rate_limits]\nsandbox = "10/s"\n', 2, "limit = 30"),
    ('[rate_limits]\nsandbox = { limit = 5, per = "minute" }\n', 2, "per = 30"),
    ("[rate_limits]\nsandbox = -5\n", 2, "positive"),
    ('[ledger]\nurl = "ledger.sqlite3"\n', 2, "sqlite:/"),
    ('[ledger]\nurl = "sqlite:x"\naddresses = "hashed"\n', 1, "MESSAGING_CHANNELS_LEDGER_PEPPER"),
    ('[ledger]\nurl = "sqlite:x"\naddresses = "MASKED"\n', 3, "'masked'"),
    ("[telemetry.logs]\nlevel = 3\n", 1, "logs = true"),
    ("[http]\nread_timeout = 0\n", 2, "above 0"),
    ('[http]\nproxy = "proxy:3128"\n', 2, "http://user:password@host:port"),
    ('[http]\nclient_key = "key.pem"\n', 2, "client_certificate"),
    ('[http]\nca_file = "missing.pem"\n', 2, "No such file"),
    ('[providers]\nauth_token = "t"\n', 2, "[providers.twilio]"),
    ('[accounts.acme]\nauth_token = "t"\n', 2, "[accounts.acme.twilio]"),
    ('[accounts.twilio]\nauth_token = "t"\n', 2, "[providers.twilio]"),
    (TWILIO.replace('"AC', '"SK'), 2, "hexadecimal digits"),
    (TWILIO.replace('auth_token = "t"\n', ""), 1, "api_key"),
    (TWILIO.replace('"+15005550006"', "15005550006"), 4, 'sender = "'),
    ('[providers.twilio]\nauth_token = "t"\n', 1, "MESSAGING_CHANNELS_TWILIO_ACCOUNT_SID"),
    ('[routes]\nsms = "twilio"\n', 2, "MESSAGING_CHANNELS_TWILIO_ACCOUNT_SID"),
    (SMTP + "port = 70000\n", 4, "65535"),
    (SMTP.replace("mail.example.com", "smtp://mail.example.com"), 2, "MESSAGING_CHANNELS_SMTP_HOST"),
    (SMTP.replace("shop@example.com", "shop"), 3, "is not an address"),
    ("[recipients.user]\nsms = 5\n", 2, 'sms = "'),
    ("plugins = true\n", 1, 'plugins = ["twilio", "smtp"]'),
    ("[plugins]\ntwilio = true\n", 1, 'plugins = ["twilio", "smtp"]'),
    ("[gateway]\npublic_url = 5\n", 2, 'public_url = "'),
    ('[tool.messaging-channels.routes]\nsms = "sandbox"\n', 1, "[routes]"),
    ("[routes]\nsms = sandbox\n", 2, 'sms = "sandbox"'),
    ('[routes]\nsms: "sandbox"\n', 2, "key = value"),
    ('[routes\nsms = "sandbox"\n', 1, "Close the bracket"),
    ('[routes]\nsms = "sandbox"\nsms = "smtp"\n', 3, "each key once"),
    ("[retry]\nmax_attempts = 1\n[retry]\nmax_elapsed = 1\n", 3, "each section once"),
    ("[routes]\nsms = 'sandbox\"\n", 2, "not TOML"),
    ("[telemetry]\nlogs = True\n", 2, "lower case"),
    ('[ledger]\nurl = "sqlite:C:\\data"\n', 2, "backslash"),
]
"""Further ones: values of a wrong type or unit, tables at a wrong level, what a provider's own class refuses, and syntax."""


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "line", "remedy"),
    IN_THE_FILE + WRONG_VALUES,
    ids=[one[0][:40] for one in IN_THE_FILE + WRONG_VALUES],
)
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
    ("MESSAGING_CHANNELS_CONFIG", "", "unset"),
    ("MESSAGING_CHANNELS_CONFIG", ".", "directory"),
    ("MESSAGING_CHANNELS_ROUTE_sms", "sandbox", "MESSAGING_CHANNELS_ROUTE_SMS"),
    ("MESSAGING-CHANNELS-ROUTE-SMS", "sandbox", "MESSAGING_CHANNELS_ROUTE_SMS"),
    ("MESSAGING_CHANNELS__ROUTE_SMS", "sandbox", "MESSAGING_CHANNELS_ROUTE_SMS"),
    ("MESSAGING_CHANNELS_PROVIDERS_TWILIO_AUTH_TOKEN", "t", "MESSAGING_CHANNELS_TWILIO_AUTH_TOKEN"),
    ("MESSAGING_CHANNELS_ROUTES", "sms=sandbox", "MESSAGING_CHANNELS_ROUTE_SMS"),
    ("MESSAGING_CHANNELS_ROUTE_SMS", "", 'MESSAGING_CHANNELS_ROUTE_SMS="sandbox"'),
    ("MESSAGING_CHANNELS_CHECKS_SUPPRESSION_LIST", "true", "[checks]"),
    ("MESSAGING_CHANNELS_RATE_LIMITS_SANDBOX", "5", "[rate_limits]"),
    ("MESSAGING_CHANNELS_MAILGUN_API_KEY", "k", "config --variables"),
    ("MESSAGING_CHANNELS_TWILIO_FROM", "+15005550006", "MESSAGING_CHANNELS_TWILIO_SENDER"),
    ("MESSAGING_CHANNELS_HTTP_READ_TIMEOUT", "-1", "above 0"),
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


def test_what_a_providers_class_refuses_is_named_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESSAGING_CHANNELS_TWILIO_ACCOUNT_SID", "AC1")
    monkeypatch.setenv("MESSAGING_CHANNELS_TWILIO_AUTH_TOKEN", "t")

    with pytest.raises(InvalidSetting, match="environment variable MESSAGING_CHANNELS_TWILIO_ACCOUNT_SID"):
        Dispatcher.from_config()


def test_a_ledger_without_its_url_says_how_to_set_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESSAGING_CHANNELS_LEDGER_ADDRESSES", "masked")

    with pytest.raises(InvalidSetting, match=r"url is missing.*set MESSAGING_CHANNELS_LEDGER_URL"):
        Dispatcher.from_config()


def test_a_home_that_cannot_be_a_folder_is_a_setting(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    (folder / "file").touch()
    monkeypatch.setenv("MESSAGING_CHANNELS_HOME", str(folder / "file" / "home"))
    monkeypatch.setenv("MESSAGING_CHANNELS_ROUTE_SMS", "sandbox")

    with pytest.raises(InvalidSetting, match="MESSAGING_CHANNELS_HOME"):
        Dispatcher.from_config()


def test_a_route_may_be_a_table_with_a_name(folder: Path) -> None:
    (folder / FILE).write_text('[routes.sms]\nproviders = "sandbox"\n', "utf-8")

    with Dispatcher.from_config() as dispatcher:
        assert list(dispatcher.providers) == ["sandbox"]


def test_no_secret_is_shown(folder: Path) -> None:
    (folder / FILE).write_text(TWILIO.replace('"t"', "12345678901"), "utf-8")

    with pytest.raises(ConfigurationError) as refused:
        Dispatcher.from_config()

    assert "12345678901" not in str(refused.value)
    assert "line 3" in str(refused.value)
