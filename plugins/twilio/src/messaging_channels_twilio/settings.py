"""What the entry point names: the provider's settings and its registration."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from messaging_channels.errors import InvalidSetting
from messaging_channels.plugins import ProviderSpec, hookimpl
from messaging_channels_twilio.provider import Twilio
from messaging_channels_twilio.webhook_auth import SigningKey


def _split_commas(value: object) -> object:
    """Take a list, or words with commas between, as the environment gives them."""
    return [word.strip() for word in value.split(",") if word.strip()] if isinstance(value, str) else value


Secrets = Annotated[tuple[SecretStr, ...], BeforeValidator(_split_commas)]


class TwilioSettings(BaseModel):
    """How Twilio is configured. See `Twilio` for what each means."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    account_sid: str
    auth_token: SecretStr | None = None
    api_key: str | None = None
    api_secret: SecretStr | None = None
    sender: str | None = None
    whatsapp_sender: str | None = None
    status_callback: str | None = None
    webhook_auth_tokens: Secrets = ()
    """Further tokens that Twilio may sign with."""
    webhook_shared_keys: Secrets = ()
    """Keys made for webhooks alone, which sign with SHA-256."""
    templates: dict[str, str] = Field(default_factory=dict)
    """Content SIDs by `name/language`."""
    edge: str | None = None
    region: str | None = None
    base_url: str | None = None


@hookimpl
def register_providers() -> Iterable[ProviderSpec]:
    """Twilio."""
    dsn = {"username": "account_sid", "password": "auth_token", "host": "base_url"}
    return (ProviderSpec("twilio", TwilioSettings, _build, dsn=dsn),)


def _build(settings: TwilioSettings) -> Twilio:
    keys = [key.get_secret_value() for key in settings.webhook_auth_tokens]
    shared = [SigningKey(key.get_secret_value(), "sha256") for key in settings.webhook_shared_keys]
    return Twilio(
        account_sid=settings.account_sid,
        auth_token=_secret_value(settings.auth_token),
        api_key=settings.api_key,
        api_secret=_secret_value(settings.api_secret),
        sender=settings.sender,
        whatsapp_sender=settings.whatsapp_sender,
        status_callback=settings.status_callback,
        webhook_auth_tokens=[*keys, *shared],
        templates={_template_key(name): sid for name, sid in settings.templates.items()},
        edge=settings.edge,
        region=settings.region,
        base_url=settings.base_url,
    )


def _secret_value(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()


def _template_key(named: str) -> tuple[str, str]:
    name, slash, language = named.rpartition("/")
    if not (slash and name and language):
        raise InvalidSetting(
            "one has no language",
            setting="twilio.templates",
            source="the provider's settings",
            hint="name them as order_ready/en",
        )
    return name, language
