"""What the entry point names: the provider's settings and its registration."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel, ConfigDict, SecretStr

from messaging_channels.plugins import ProviderSpec, hookimpl, provider_arguments
from messaging_channels_vonage.provider import Vonage


class VonageSettings(BaseModel):
    """How Vonage is configured."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    api_key: str
    api_secret: SecretStr
    sender: str | None = None
    webhook_signature_secret: SecretStr | None = None
    webhook_signature_method: Literal["sha256", "sha512"] = "sha256"
    base_url: str = "https://rest.nexmo.com"


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
