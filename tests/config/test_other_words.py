"""Mistakes of people who know another library: words of others, milliseconds, keys at a wrong level, checks that would check nothing, JSON and YAML."""

from __future__ import annotations

from pathlib import Path

import pytest

from messaging_channels import Configuration, Dispatcher
from messaging_channels.errors import ConfigurationError, InvalidSetting

FILE = "messaging-channels.toml"
TWILIO = f'[providers.twilio]\naccount_sid = "AC{"0" * 32}"\nauth_token = "t"\nsender = "+15005550006"\n'
SMTP = '[providers.smtp]\nhost = "mail.example.com"\nsender = "shop@example.com"\n'
SANDBOX = '[routes.sms]\nproviders = ["sandbox"]\n'

MISTAKES = [
    # what is written, the line on which it stands, and what the person has to read
    ('[routing]\nsms = "sandbox"\n', 1, "[routes]"),
    ('[proxy]\nurl = "http://proxy:3128"\n', 1, "[http]"),
    ("[logging]\nlevel = 3\n", 1, "[telemetry]"),
    ("[consent]\nenabled = true\n", 1, "[checks]"),
    ("suppression_list = true\n", 1, "[checks]"),
    ('[allowed_prefixes]\nuk = "44"\n', 1, "[checks]"),
    ("[sandbox]\nhang = 1\n", 1, "[providers.sandbox]"),
    ('[sms]\nproviders = ["sandbox"]\n', 1, "[routes.sms]"),
    ('email = "sandbox"\n', 1, "in [routes]"),
    ('auth_token = "t"\n', 1, "[providers.twilio]"),
    ('url = "sqlite:x"\n', 1, "[ledger]"),
    ("max_attempts = 3\n", 1, "[retry]"),
    ("[worker]\nconcurrency = 4\n", 1, "messaging-channels worker"),
    ('[messaging_channels.routes]\nsms = "sandbox"\n', 1, "no tool in its name"),
    ("[retry]\nmax_retries = 3\n", 2, "max_attempts"),
    ("[retry]\ntimeout = 3\n", 2, "max_elapsed"),
    ("[retry]\nbackoff = 2\n", 2, "initial_interval"),
    ("[http]\nverify = false\n", 2, "ca_file"),
    ('[ledger]\npath = "x"\n', 2, "url"),
    ("[telemetry]\notel = true\n", 2, "opentelemetry"),
    ("[checks]\nopt_outs = true\n", 2, "suppression_list"),
    ("[checks]\nspend_limit = 3\n", 2, "velocity_limit"),
    ("[rate_limits.sandbox]\nlimit = 5\nseconds = 60\n", 3, "did you mean per"),
    ('[recipients]\nsms = "phone"\n', 2, "[recipients.user]"),
    ('[recipients.user]\nphone = "phone"\n', 2, "did you mean sms"),
    ('[routes]\ntext = "sandbox"\n', 2, "did you mean sms"),
    (SANDBOX + 'fallback = ["smtp"]\n', 3, "did you mean providers"),
    (TWILIO + 'from = "Shop"\n', 5, "did you mean sender"),
    (TWILIO + 'sid = "AC"\n', 5, "did you mean account_sid"),
    (SMTP + "ssl = true\n", 4, "did you mean tls"),
    (SMTP + "tls = true\n", 4, 'tls = "starttls"'),
    (SMTP.replace("host", "server"), 2, "did you mean host"),
    (SMTP.replace("mail.example.com", "mail.example.com:587"), 2, "port = 587"),
    (SMTP + "timeout = 30000\n", 4, "at most 3600"),
    ("[retry]\nmax_elapsed = 60000\n", 2, "looks like milliseconds"),
    ("[retry]\nmax_interval = 5000\n", 2, "looks like milliseconds"),
    ("[http]\nread_timeout = 30000\n", 2, "read_timeout = 30"),
    ("[http]\nkeepalive_expiry = 5000\n", 2, "keepalive_expiry = 5"),
    ("[http]\nkeepalive_expiry = -1\n", 2, "at least 0"),
    (SANDBOX + "circuit_breaker = { reset_timeout = 30000 }\n", 3, "reset_timeout = 30"),
    ('[ledger]\nurl = "sqlite:x"\npool_timeout = 10000\n', 3, "pool_timeout = 30"),
    ('[http]\nclient_key_password = "x"\n', 2, "client_certificate"),
    ('[ledger]\nurl = "sqlite:/"\n', 1, "a folder"),
    ("[checks.velocity_limit]\n", 1, "nothing would be checked"),
    ('[routes]\nemail = "twilio"\n' + TWILIO, 2, "twilio sends sms"),
    ('[routes]\nsms = "smtp"\n' + SMTP, 2, "smtp sends email"),
    ('{"routes": {"sms": "sandbox"}}\n', 1, "this is JSON"),
    ("routes:\n  sms: sandbox\n", 1, "no YAML"),
    ('[routes]\nsms = "sandbox" "smtp"\n', 2, "into a list"),
    ("[routes]\nsms = [\u201csandbox\u201d]\n", 2, "straight quotes"),
    ("[http]\nread_timeout = 10s\n", 2, "number alone"),
    ("[http]\nread_timeout = 1,5\n", 2, "decimal point"),
    ("[retry]\nmax_attempts = 3,\n", 2, "at the end of that line"),
    ("// the routes\n[routes]\n", 1, "comment with #"),
    ("[retry]\nmax_attempts =\n", 2, "behind the ="),
    ("[retry]]\n", 1, "as many brackets"),
    ('[ledger]\nurl = "sqlite:x\n', 2, "close the quotes"),
]


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("text", "line", "remedy"), MISTAKES, ids=[one[0][:40] for one in MISTAKES])
def test_a_word_of_others_in_the_file_is_refused_with_its_line_and_ours(
    text: str, line: int, remedy: str, folder: Path
) -> None:
    (folder / FILE).write_text(text, "utf-8")

    with pytest.raises(ConfigurationError) as refused:
        Dispatcher.from_config()

    told = str(refused.value)
    assert f"line {line}" in told
    assert remedy.lower() in told.lower()


VARIABLES = [
    ("SMS_ROUTE", "sandbox", "ROUTE_SMS"),
    ("SMS", "sandbox", "ROUTE_SMS"),
    ("DATABASE_URL", "sqlite:x", "LEDGER_URL"),
    ("OTEL", "true", "TELEMETRY_OPENTELEMETRY"),
    ("LOG_LEVEL", "debug", "TELEMETRY_LOGS"),
    ("SETTINGS", "x.toml", "CONFIG"),
    ("RETRY_TIMEOUT", "3", "RETRY_MAX_ELAPSED"),
    ("HTTP_VERIFY", "false", "HTTP_CA_FILE"),
    ("TWILIO_SID", "x", "TWILIO_ACCOUNT_SID"),
    ("TWILIO_FROM_NUMBER", "x", "TWILIO_SENDER"),
    ("SMTP_SERVER", "x", "SMTP_HOST"),
    ("WHATSAPP_TOKEN", "x", "WHATSAPP_CLOUD_ACCESS_TOKEN"),
    ("SUPRESSION_LIST", "true", "[checks]"),
    ("CHECK_SUPPRESSION_LIST", "true", "[checks]"),
    ("RATE_LIMIT_SANDBOX", "5", "[rate_limits]"),
    ("ACCOUNT_ACME", "x", "[accounts]"),
    ("WORKER_CONCURRENCY", "4", "messaging-channels worker"),
    ("CONFIG", "a.toml,b.toml", "name one file"),
    ("LEDGER_ADDRESSES", "hidden", "'masked'"),
    ("SMTP_PORT", "smtp", "whole number"),
    ("INFOBIP_API_KEY", "k", "INFOBIP_BASE_URL"),
    ("RETRY_MAX_ELAPSED", "60000", "milliseconds"),
]


@pytest.mark.parametrize(("name", "value", "remedy"), VARIABLES, ids=[one[0] for one in VARIABLES])
def test_a_word_of_others_in_a_variable_is_refused_with_its_name_and_ours(
    name: str, value: str, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"MESSAGING_CHANNELS_{name}", value)

    with pytest.raises(ConfigurationError) as refused:
        Dispatcher.from_config()

    told = str(refused.value)
    assert f"MESSAGING_CHANNELS_{name}" in told
    assert remedy.lower() in told.lower()


@pytest.mark.parametrize(
    "beginning",
    [
        "MESSENGING_CHANNELS_",
        "MESSAGING_CAHNNELS_",
        "MESSAGNIG_CHANNELS_",
        "MESSAGINGCHANNELS_",
        "MESSAGING_CHANNELS",
        "MESSAGING_CHANEL_",
    ],
)
@pytest.mark.parametrize("rest", ["ROUTE_SMS", "ROUT_SMS"])
def test_a_variable_whose_beginning_is_misspelt_is_named(
    beginning: str, rest: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{beginning}{rest}", "sandbox")

    with pytest.raises(InvalidSetting, match=f"(?i){beginning}{rest} .*MESSAGING_CHANNELS_ROUTE_SMS"):
        Configuration.read()


@pytest.mark.parametrize(
    "name", ["MESSAGING_CHANNELS", "MESSAGING_CHANNEL_ID", "MESSAGE_CHANNEL", "MESSAGING_URL"]
)
def test_variables_of_others_that_are_like_ours_are_left_alone(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "sms,email")

    Configuration.read()


def test_a_second_file_beside_ours_is_not_passed_over(folder: Path) -> None:
    (folder / FILE).write_text('[routes]\nsms = "sandbox"\n', "utf-8")
    (folder / "messaging_channels.toml").write_text("[checks]\nsuppression_list = true\n", "utf-8")

    with pytest.raises(
        InvalidSetting, match=f"(?i)messaging_channels.toml is not read.*move what it holds to {FILE}"
    ):
        Configuration.read()


def test_what_a_file_that_is_named_holds_needs_no_other(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "settings.toml").write_text('[routes]\nsms = "sandbox"\n', "utf-8")
    (folder / "messaging_channels.toml").write_text("[checks]\nsuppression_list = true\n", "utf-8")
    monkeypatch.setenv("MESSAGING_CHANNELS_CONFIG", "settings.toml")

    Configuration.read()
