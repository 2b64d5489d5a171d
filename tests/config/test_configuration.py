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


class LoftSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    base_url: str
    key: SecretStr
    wings: int = 2


class Loft(Sandbox):
    def __init__(self, settings: LoftSettings) -> None:
        super().__init__()
        self.settings = settings


def _spec(contract: int = 1) -> ProviderSpec:
    return ProviderSpec(
        "loft", LoftSettings, Loft, dsn={"host": "base_url", "password": "key"}, api_version=contract
    )


class LoftPlugin:
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
    loaded = plugins.load_plugins(only=(), extra=extra or (LoftPlugin(),))
    return Configuration(
        code or {}, variables, file or {}, "settings.toml", loaded, use_sandbox_defaults=embedded
    )


def _loft(configuration: Configuration, account: str | None = None) -> LoftSettings:
    loft = configuration.provider("loft", account)
    assert isinstance(loft, Loft)
    return loft.settings


FILE = {"providers": {"loft": {"base_url": "file", "key": "file", "wings": 4}}}


def test_code_goes_before_environment_before_dsn_before_file() -> None:
    code = {"providers": {"loft": {"base_url": "code"}}}
    settings = _loft(_configuration(code, FILE, LOFT_DSN="loft://:dsn@host?wings=6", LOFT_KEY="variable"))
    assert (settings.base_url, settings.key.get_secret_value(), settings.wings) == ("code", "variable", 6)


def test_a_dsn_is_enough() -> None:
    settings = _loft(_configuration(LOFT_DSN="loft://:s%40cret@loft.example.com?wings=3"))
    assert (settings.base_url, settings.key.get_secret_value(), settings.wings) == (
        "loft.example.com",
        "s@cret",
        3,
    )


def test_config_shows_every_source_and_no_secret() -> None:
    shown = _configuration({}, FILE, LOFT_KEY="canary").describe()
    rows = {row["name"]: row for row in shown}
    assert rows["loft.base_url"]["source"] == "file settings.toml"
    assert rows["loft.key"] == {
        "name": "loft.key",
        "value": "(secret)",
        "source": "environment variable MESSAGING_CHANNELS_LOFT_KEY",
    }
    assert "canary" not in str(shown)
    assert "canary" not in repr(_configuration({}, FILE, LOFT_KEY="canary").settings(_spec()))


def test_a_missing_setting_is_named_with_the_variable_that_sets_it() -> None:
    with pytest.raises(errors.InvalidSetting, match="MESSAGING_CHANNELS_LOFT_BASE_URL"):
        _loft(_configuration(LOFT_KEY="k"))


def test_the_dash_of_a_providers_name_is_an_underscore_in_its_variables() -> None:
    class Dashed:
        @hookimpl
        def register_providers(self) -> tuple[ProviderSpec, ...]:
            return (ProviderSpec("loft-two", LoftSettings, Loft),)

    given = {"LOFT_TWO_BASE_URL": "https://two.example"}
    with pytest.raises(errors.InvalidSetting, match="set MESSAGING_CHANNELS_LOFT_TWO_KEY"):
        _configuration(None, None, Dashed(), **given).provider("loft-two")
    loft = _configuration(None, None, Dashed(), LOFT_TWO_KEY="k", **given).provider("loft-two")
    assert isinstance(loft, Loft)
    assert loft.settings.base_url == "https://two.example"


def test_a_malformed_setting_is_named_with_its_source_and_without_any_value() -> None:
    with pytest.raises(errors.InvalidSetting) as caught:
        _loft(_configuration({}, FILE, LOFT_WINGS="canary", LOFT_KEY="secret"))
    assert "MESSAGING_CHANNELS_LOFT_WINGS" in str(caught.value)
    assert "canary" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_dsn_that_is_no_url_is_refused_without_showing_it() -> None:
    with pytest.raises(errors.InvalidSetting) as caught:
        _loft(_configuration(LOFT_DSN="loft://:canary@host:port"))
    assert "canary" not in str(caught.value)


def test_an_account_has_credentials_of_its_own_and_none_of_the_platforms() -> None:
    file = FILE | {"accounts": {"acme": {"loft": {"base_url": "acme", "key": "k"}}, "bare": {"loft": {}}}}
    assert _loft(_configuration({}, file), "acme").base_url == "acme"
    with pytest.raises(errors.InvalidSetting, match=r"accounts\.bare\.loft"):
        _loft(_configuration({}, file), "bare")


def test_routes_come_from_variables_or_the_file() -> None:
    configuration = _configuration(
        {}, {"routes": {"sms": ["loft"], "email": "loft"}}, ROUTE_SMS="sandbox, loft"
    )
    routes = configuration.routes()
    assert (routes["sms"].providers, routes["email"].providers) == (("sandbox", "loft"), ("loft",))


@pytest.mark.parametrize("route", ["", "loft,loft"])
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
    with pytest.raises(errors.UnknownProvider, match="loft, sandbox"):
        _configuration({"providers": {"pigeon": {"key": "k"}}}).dispatcher_arguments()


def test_a_plugin_of_another_contract_is_met_with_a_sentence() -> None:
    class Old:
        @hookimpl
        def register_providers(self) -> tuple[ProviderSpec, ...]:
            return (_spec(contract=99),)

    with pytest.raises(errors.PluginLoadError, match="contract 99"):
        _configuration({}, FILE, Old()).provider("loft")


def test_two_plugins_with_one_provider_name_are_both_refused() -> None:
    with pytest.raises(errors.PluginLoadError):
        _configuration({}, FILE, LoftPlugin(), LoftPlugin()).provider("loft")


def test_a_broken_plugin_is_raised_when_asked_for_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    good = types.ModuleType("good_plugin")
    good.register_providers = hookimpl(lambda: (_spec(),))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "good_plugin", good)
    points = [
        EntryPoint("loft", "good_plugin", plugins.PROJECT),
        EntryPoint("pigeon", "no_such_module", plugins.PROJECT),
    ]
    loaded = plugins.load_plugins(entries=points)
    assert loaded.provider("loft").name == "loft"
    with pytest.raises(errors.PluginLoadError, match="ModuleNotFoundError") as caught:
        loaded.provider("pigeon")
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)
    assert "pigeon" not in plugins.load_plugins(entries=points, only=["loft"]).failed


def test_a_hook_that_raises_breaks_its_own_plugin_only() -> None:
    class Clumsy:
        @hookimpl
        def register_providers(self) -> tuple[ProviderSpec, ...]:
            raise ZeroDivisionError

    loaded = plugins.load_plugins(only=(), extra=[Clumsy(), LoftPlugin()])
    assert set(loaded.providers) == {"loft", "sandbox"}
    assert [type(fault) for fault in loaded.failed.values()] == [ZeroDivisionError]


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
