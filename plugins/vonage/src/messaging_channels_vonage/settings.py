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
    api_secret: SecretStr | None = None
    sender: str | None = None
    whatsapp_sender: str | None = None
    mms_sender: str | None = None
    sms_api: Literal["sms", "messages"] = "sms"
    application_id: str | None = None
    private_key: SecretStr | None = None
    sign_requests: bool = False
    webhook_signature_secret: SecretStr | None = None
    webhook_signature_method: SignatureMethod = "sha256"
    base_url: str | None = None


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
