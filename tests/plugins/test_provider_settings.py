"""Settings of providers: one name in the settings and in the constructor, and one rule for several secrets."""

from __future__ import annotations

import inspect

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, SecretStr, TypeAdapter, ValidationError

from messaging_channels import Sandbox
from messaging_channels._config.plugin_manager import load_plugins
from messaging_channels.plugins import ProviderSpec, SecretList, provider_arguments, split_secrets
from messaging_channels.testing.vendor_webhooks import fixtures_of

SPECS = [spec for name, spec in load_plugins().providers.items() if name != Sandbox.name]
"""All that are installed. The sandbox is none of a vendor: its one required field is filled in by the configuration."""
SECRET = "0123456789abcdef0123456789abcdef"
SECRETS: TypeAdapter[tuple[SecretStr, ...]] = TypeAdapter(SecretList)

words = st.text(min_size=1, max_size=20).filter(lambda text: "," not in text and text == text.strip())


def _settings(spec: ProviderSpec) -> BaseModel:
    fixtures = fixtures_of(spec.name)
    assert fixtures is not None
    return spec.settings.model_validate(fixtures.settings("http://127.0.0.1:9", SECRET))


def _plain(secrets: tuple[SecretStr, ...]) -> list[str]:
    return [one.get_secret_value() for one in secrets]


def test_the_providers_of_this_project_are_installed() -> None:
    assert {spec.name for spec in SPECS} >= {"infobip", "postmark", "smtp", "twilio", "vonage", "whatsapp-cloud"}


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_every_field_of_the_settings_is_a_keyword_of_the_constructor(spec: ProviderSpec) -> None:
    parameters = inspect.signature(type(spec.build(_settings(spec)))).parameters
    keywords = {name for name, one in parameters.items() if one.kind is one.KEYWORD_ONLY}
    assert sorted(set(spec.settings.model_fields) - keywords) == []


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_a_field_that_may_be_left_out_has_one_default_in_both_places(spec: ProviderSpec) -> None:
    parameters = inspect.signature(type(spec.build(_settings(spec)))).parameters
    fields = {name: one for name, one in spec.settings.model_fields.items() if not one.is_required()}
    differing = {
        name: (field.default, parameters[name].default)
        for name, field in fields.items()
        if field.default_factory is None and field.default != parameters[name].default
    }
    assert differing == {}


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_the_constructor_takes_the_settings_as_they_are(spec: ProviderSpec) -> None:
    settings = _settings(spec)
    provider = type(spec.build(settings))
    assert isinstance(provider(**provider_arguments(settings)), provider)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_what_a_webhook_is_believed_by_is_named_for_it(spec: ProviderSpec) -> None:
    signing = ("signature", "hmac", "verify", "inbound", "app_secret")
    assert [
        name
        for name in spec.settings.model_fields
        if any(word in name for word in signing) and not name.startswith("webhook_")
    ] == []


@given(st.lists(words), st.sampled_from([",", ", ", " ,", " , ", ",,"]))
def test_secrets_in_a_text_are_separated_by_commas(secrets: list[str], comma: str) -> None:
    assert _plain(SECRETS.validate_python(comma.join(secrets))) == secrets
    assert list(split_secrets(comma.join(secrets))) == secrets


@given(st.lists(st.text(max_size=20)))
def test_secrets_in_a_list_are_taken_as_they_are(secrets: list[str]) -> None:
    assert _plain(SECRETS.validate_python(secrets)) == secrets
    assert list(split_secrets(secrets)) == secrets


@pytest.mark.parametrize("blank", ["", " ", ",", " , ,"])
def test_a_text_without_a_secret_holds_none(blank: str) -> None:
    assert SECRETS.validate_python(blank) == ()
    assert SECRETS.validate_python(SecretStr(blank)) == ()


def test_secrets_appear_in_no_repr_and_in_no_error() -> None:
    class Settings(BaseModel):
        model_config = ConfigDict(hide_input_in_errors=True)

        keys: SecretList = ()

    assert "canary" not in repr(Settings.model_validate({"keys": "canary, canary-2"}))
    with pytest.raises(ValidationError) as refused:
        Settings.model_validate({"keys": {"canary": 1}})
    assert "canary" not in str(refused.value)


def test_arguments_hold_plain_secrets_and_everything_else_as_it_is() -> None:
    class Settings(BaseModel):
        key: SecretStr
        other: SecretStr | None = None
        keys: SecretList = ()
        count: int = 3

    given_settings = Settings.model_validate({"key": "a", "keys": "b,c"})
    assert provider_arguments(given_settings) == {"key": "a", "other": None, "keys": ("b", "c"), "count": 3}
