"""What the entry point names: the provider's settings and its registration."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel, ConfigDict, SecretStr

from messaging_channels.plugins import ProviderSpec, hookimpl, provider_arguments
from messaging_channels_vonage.provider import Vonage
from messaging_channels_vonage.signing import SignatureMethod


class VonageSettings(BaseModel):
    """How Vonage is configured. See `Vonage` for what each means."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    api_key: str
    """Key of the account. Where: Dashboard, API settings."""
    api_secret: SecretStr | None = None
    """Secret of the account. Not needed if requests are signed, or if an application authenticates them. Where: Dashboard, API settings."""
    sender: str | None = None
    """Sender of SMS: a number, a short code, or a name of at most 11 letters and digits. Where: Dashboard, Numbers, Your numbers."""
    whatsapp_sender: str | None = None
    """WhatsApp number of the business. Where: Dashboard, External accounts."""
    mms_sender: str | None = None
    """Number that sends MMS; without it, `sender`. Where: Dashboard, Numbers, Your numbers."""
    rcs_sender: str | None = None
    """Agent that sends RCS messages. Where: Dashboard, Channels, RCS."""
    sms_api: Literal["sms", "messages"] = "sms"
    """API that sends SMS. All other messages use the Messages API. Where: Dashboard, API settings, Default SMS setting."""
    application_id: str | None = None
    """Application with the capability Messages. Without it, the Messages API is called with key and secret. Where: Dashboard, Applications."""
    private_key: SecretStr | None = None
    """Private key of the application, in PEM form. Where: downloaded once when you create the application."""
    sign_requests: bool = False
    """Whether requests to the SMS API are signed with the signature secret. Where: Dashboard, API settings."""
    webhook_signature_secret: SecretStr | None = None
    """Secret with which Vonage signs webhooks. Without it, the plugin refuses every webhook request. Where: Dashboard, API settings, Signed webhooks."""
    webhook_signature_method: SignatureMethod = "sha256"
    """Signature method of the SMS API: `md5hash`, or an HMAC. Where: Dashboard, API settings, Signed webhooks."""
    base_url: str | None = None
    """Another host: the emulator, or a region of the Messages API."""


def _build(settings: VonageSettings) -> Vonage:
    return Vonage(**provider_arguments(settings))


SPEC = ProviderSpec(
    "vonage",
    VonageSettings,
    _build,
    dsn={"username": "api_key", "password": "api_secret", "host": "base_url"},
)


@hookimpl
def register_providers() -> Iterable[ProviderSpec]:
    """Vonage."""
    return (SPEC,)
