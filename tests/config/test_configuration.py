from __future__ import annotations

import sys
import types
from collections.abc import Mapping
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, SecretStr

from messaging_channels import AsyncDispatcher, Dispatcher, Outcome, Sms, errors
from messaging_channels._config import plugin_manager as plugins
from messaging_channels._config.settings import Configuration
from messaging_channels._providers.sandbox import Sandbox
from messaging_channels.plugins.hooks import hookimpl
from messaging_channels.plugins.provider import ProviderSpec


class AcmeSmsSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    base_url: str
    key: SecretStr
    retries: int = 2


class AcmeSms(Sandbox):
    def __init__(self, settings: AcmeSmsSettings) -> None:
        super().__init__()
        self.settings = settings


def _spec(contract: int = 1) -> ProviderSpec:
    return ProviderSpec(
        "acme-sms",
        AcmeSmsSettings,
        AcmeSms,
        dsn={"host": "base_url", "password": "key"},
        api_version=contract,
    )


class AcmeSmsPlugin:
    @hookimpl
    def register_providers(self) -> tuple[ProviderSpec, ...]:
        return (_spec(),)


def _configuration(
    code: Mapping[str, Any] | None = None,
    file: Mapping[str, Any] | None = None,
    *extra: object,
    embedded: bool = False,
    **environment: str,
) -> Configuration:
    variables = {f"MESSAGING_CHANNELS_{name}": value for name, value in environment.items()}
    loaded = plugins.load_plugins(only=(), extra=extra or (AcmeSmsPlugin(),))
    return Configuration(
        code or {}, variables, file or {}, "settings.toml", loaded, use_sandbox_defaults=embedded
    )


def _settings(configuration: Configuration, account: str | None = None) -> AcmeSmsSettings:
    provider = configuration.provider("acme-sms", account)
    assert isinstance(provider, AcmeSms)
    return provider.settings


FILE = {"providers": {"acme-sms": {"base_url": "file", "key": "file", "retries": 4}}}


def test_code_goes_before_environment_before_dsn_before_file() -> None:
    code = {"providers": {"acme-sms": {"base_url": "code"}}}
    settings = _settings(
        _configuration(code, FILE, ACME_SMS_DSN="acme-sms://:dsn@host?retries=6", ACME_SMS_KEY="variable")
    )

    assert (settings.base_url, settings.key.get_secret_value(), settings.retries) == ("code", "variable", 6)


def test_a_dsn_is_enough() -> None:
    settings = _settings(_configuration(ACME_SMS_DSN="acme-sms://:s%40cret@acme.example.com?retries=3"))

    assert (settings.base_url, settings.key.get_secret_value(), settings.retries) == (
        "acme.example.com",
        "s@cret",
        3,
    )


def test_config_shows_every_source_and_no_secret() -> None:
    shown = _configuration({}, FILE, ACME_SMS_KEY="canary").describe()
    rows = {row["name"]: row for row in shown}

    assert rows["acme-sms.base_url"]["source"] == "file settings.toml"
    assert rows["acme-sms.key"] == {
        "name": "acme-sms.key",
        "value": "(secret)",
        "source": "environment variable MESSAGING_CHANNELS_ACME_SMS_KEY",
    }
    assert "canary" not in str(shown)
    assert "canary" not in repr(_configuration({}, FILE, ACME_SMS_KEY="canary").settings(_spec()))


def test_a_missing_setting_is_named_with_the_variable_that_sets_it() -> None:
    with pytest.raises(errors.InvalidSetting, match="MESSAGING_CHANNELS_ACME_SMS_BASE_URL"):
        _settings(_configuration(ACME_SMS_KEY="k"))


def test_the_dash_of_a_providers_name_is_an_underscore_in_its_variables() -> None:
    class Dashed:
        @hookimpl
        def register_providers(self) -> tuple[ProviderSpec, ...]:
            return (ProviderSpec("acme-two", AcmeSmsSettings, AcmeSms),)

    given = {"ACME_TWO_BASE_URL": "https://two.example"}
    with pytest.raises(errors.InvalidSetting, match=r"[Ss]et MESSAGING_CHANNELS_ACME_TWO_KEY"):
        _configuration(None, None, Dashed(), **given).provider("acme-two")
    provider = _configuration(None, None, Dashed(), ACME_TWO_KEY="k", **given).provider("acme-two")

    assert isinstance(provider, AcmeSms)
    assert provider.settings.base_url == "https://two.example"


def test_a_malformed_setting_is_named_with_its_source_and_without_any_value() -> None:
    with pytest.raises(errors.InvalidSetting) as caught:
        _settings(_configuration({}, FILE, ACME_SMS_RETRIES="canary", ACME_SMS_KEY="secret"))

    assert "MESSAGING_CHANNELS_ACME_SMS_RETRIES" in str(caught.value)
    assert "canary" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_dsn_that_is_no_url_is_refused_without_showing_it() -> None:
    with pytest.raises(errors.InvalidSetting) as caught:
        _settings(_configuration(ACME_SMS_DSN="acme-sms://:canary@host:port"))

    assert "canary" not in str(caught.value)


def test_an_account_has_credentials_of_its_own_and_none_of_the_platforms() -> None:
    file = FILE | {
        "accounts": {"acme": {"acme-sms": {"base_url": "acme", "key": "k"}}, "bare": {"acme-sms": {}}}
    }
    assert _settings(_configuration({}, file), "acme").base_url == "acme"

    with pytest.raises(errors.InvalidSetting, match=r"accounts\.bare\.acme-sms"):
        _settings(_configuration({}, file), "bare")


def test_routes_come_from_variables_or_the_file() -> None:
    configuration = _configuration(
        {}, {"routes": {"sms": ["acme-sms"], "email": "acme-sms"}}, ROUTE_SMS="sandbox, acme-sms"
    )
    routes = configuration.routes()

    assert (routes["sms"].providers, routes["email"].providers) == (("sandbox", "acme-sms"), ("acme-sms",))


@pytest.mark.parametrize("route", ["", "acme-sms,acme-sms"])
def test_a_route_of_nobody_or_of_one_twice_is_refused(route: str) -> None:
    with pytest.raises(errors.InvalidSetting, match=r"routes\.sms"):
        _configuration(ROUTE_SMS=route).routes()


def test_only_the_embedded_default_falls_back_to_the_sandbox() -> None:
    assert _configuration().routes() == {}
    assert _configuration(embedded=True).routes()["sms"].providers == ("sandbox",)
    assert _configuration({}, FILE, embedded=True).routes() == {}


def test_a_configured_dispatcher_sends(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "messaging-channels.toml").write_text(
        '[routes]\nsms = ["sandbox"]\n[http]\nread_timeout = 3\n'
    )
    with Dispatcher.from_config() as dispatcher:
        assert dispatcher.send(Sms("hello"), to="+447700900123").outcome is Outcome.ACCEPTED

    assert AsyncDispatcher.from_config({"routes": {"sms": "sandbox"}})


def test_a_service_without_configuration_is_told_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    with (
        Dispatcher.from_config() as dispatcher,
        pytest.raises(errors.NoRoute, match="MESSAGING_CHANNELS_ROUTE_SMS"),
    ):
        dispatcher.send(Sms("hello"), to="+447700900123")


@pytest.mark.parametrize("content", [None, "[routes\n"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "settings.toml"
    if content:
        file.write_text(content)

    with pytest.raises(errors.InvalidSetting, match=r"settings\.toml"):
        Configuration.read(environment={"MESSAGING_CHANNELS_CONFIG": str(file)})


def test_http_settings_are_read_and_checked() -> None:
    http = _configuration(
        {}, {"http": {"keepalive_expiry": 2}}, HTTP_READ_TIMEOUT="7", HTTP_CLIENT_CERTIFICATE="c.pem"
    ).http()
    assert (http.timeouts.read, http.keepalive_expiry) == (7.0, 2.0)
    assert "c.pem" in repr(http)

    with pytest.raises(errors.InvalidSetting, match="read_timeout"):
        _configuration(HTTP_READ_TIMEOUT="soon").http()


def test_a_provider_that_no_plugin_supplies_is_unknown() -> None:
    with pytest.raises(errors.UnknownProvider, match="acme-sms, sandbox"):
        _configuration({"providers": {"missing-sms": {"key": "k"}}}).dispatcher_arguments()


def test_a_plugin_of_another_contract_is_met_with_a_sentence() -> None:
    class Old:
        @hookimpl
        def register_providers(self) -> tuple[ProviderSpec, ...]:
            return (_spec(contract=99),)

    with pytest.raises(errors.PluginLoadError, match="contract 99"):
        _configuration({}, FILE, Old()).provider("acme-sms")


def test_two_plugins_with_one_provider_name_are_both_refused() -> None:
    with pytest.raises(errors.PluginLoadError):
        _configuration({}, FILE, AcmeSmsPlugin(), AcmeSmsPlugin()).provider("acme-sms")


def test_a_broken_plugin_is_raised_when_asked_for_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    good = types.ModuleType("good_plugin")
    good.register_providers = hookimpl(lambda: (_spec(),))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "good_plugin", good)
    points = [
        EntryPoint("acme-sms", "good_plugin", plugins.PROJECT),
        EntryPoint("missing-sms", "no_such_module", plugins.PROJECT),
    ]
    loaded = plugins.load_plugins(entries=points)
    assert loaded.provider("acme-sms").name == "acme-sms"
    with pytest.raises(errors.PluginLoadError, match="ModuleNotFoundError") as caught:
        loaded.provider("missing-sms")

    assert isinstance(caught.value.__cause__, ModuleNotFoundError)
    assert "missing-sms" not in plugins.load_plugins(entries=points, only=["acme-sms"]).failed


def test_a_hook_that_raises_breaks_its_own_plugin_only() -> None:
    class Clumsy:
        @hookimpl
        def register_providers(self) -> tuple[ProviderSpec, ...]:
            raise ZeroDivisionError

    loaded = plugins.load_plugins(only=(), extra=[Clumsy(), AcmeSmsPlugin()])

    assert set(loaded.providers) == {"acme-sms", "sandbox"}
    assert [type(failure.error) for failure in loaded.failed.values()] == [ZeroDivisionError]


def test_plugins_hear_of_attempts_and_events_and_their_faults_change_nothing() -> None:
    heard: list[object] = []

    class Listener:
        @hookimpl
        def attempt_finished(self, attempt: object) -> None:
            heard.append(attempt)
            raise ZeroDivisionError

        @hookimpl
        def event_received(self, event: object) -> None:
            heard.append(event)

    loaded = plugins.load_plugins(only=(), extra=[Listener()])
    with Dispatcher([Sandbox()], observer=loaded) as dispatcher:
        receipt = dispatcher.send(Sms("hello"), to="+447700900123")
        assert heard == [receipt.attempts[0], *dispatcher.fetch_reports()]
