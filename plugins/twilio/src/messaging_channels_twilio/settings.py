"""What the entry point names: the provider's settings and its registration."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from messaging_channels.plugins import ProviderSpec, SecretList, hookimpl, provider_arguments
from messaging_channels_twilio.provider import Twilio


class TwilioSettings(BaseModel):
    """How Twilio is configured. See `Twilio` for what each means."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    account_sid: str
    """Account SID: `AC` and 32 hexadecimal digits. Where: Console home page, Account Info."""
    auth_token: SecretStr | None = None
    """Auth token of the account. Leave it out if you give `api_key` and `api_secret`. Where: Console home page, Account Info."""
    api_key: str | None = None
    """API key SID: `SK` and 32 hexadecimal digits. Where: Console, Account, API keys and tokens."""
    api_secret: SecretStr | None = None
    """Secret of the API key. Where: shown once when you create the key."""
    sender: str | None = None
    """Sender of SMS and MMS: a number, a short code, a name, or a messaging service (`MG…`). Where: Console, Phone Numbers, or Messaging, Services."""
    whatsapp_sender: str | None = None
    """Sender of WhatsApp messages: a number or a messaging service. Where: Console, Messaging, Senders, WhatsApp senders."""
    rcs_sender: str | None = None
    """Sender of RCS messages: id of an RCS sender, or a messaging service that has one (needed for a fallback to SMS). Where: Console, Messaging, Senders,
    RCS senders."""
    status_callback: str | None = None
    """Public URL for delivery reports. The plugin adds the message id and a signature to its query."""
    webhook_auth_tokens: SecretList = ()
    """Further auth tokens with which Twilio may sign webhooks: the secondary token before a rotation, or the auth token if you send with an API key.
    Several are separated by commas. Where: Console, Account, API keys and tokens."""
    webhook_shared_keys: SecretList = ()
    """Keys that sign webhooks with SHA-256. Several are separated by commas. Where: Console, Account, API keys and tokens."""
    templates: dict[str, str] = Field(default_factory=dict)
    """Content SIDs (`HX…`) by `name/language`; in the TOML file. Where: Console, Messaging, Content Template Builder."""
    edge: str | None = None
    """Edge location, such as `dublin`. Where: https://www.twilio.com/docs/global-infrastructure/edge-locations."""
    region: str | None = None
    """Region, such as `ie1`; credentials belong to one region. A region without an edge gets its default edge. Where: Console, top right, region
    selector."""
    base_url: str | None = None
    """Another URL instead of `https://api.twilio.com`, for example of the emulator."""
    specifications: Path | None = None
    """Folder of Twilio's OpenAPI documents (`twilio_*.json`), against which raw parameters are checked before sending. Needs `jsonschema`."""


@hookimpl
def register_providers() -> Iterable[ProviderSpec]:
    """Twilio."""
    dsn = {"username": "account_sid", "password": "auth_token", "host": "base_url"}
    return (ProviderSpec("twilio", TwilioSettings, _build, dsn=dsn),)


def _build(settings: TwilioSettings) -> Twilio:
    return Twilio(**provider_arguments(settings))
