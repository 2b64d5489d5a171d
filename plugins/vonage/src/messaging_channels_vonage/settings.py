"""What the entry point names: the provider's settings and its registration."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel, ConfigDict, SecretStr

from messaging_channels.plugins import ProviderSpec, hookimpl
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
    secret = settings.webhook_signature_secret
    return Vonage(
        api_key=settings.api_key,
        api_secret=settings.api_secret.get_secret_value(),
        sender=settings.sender,
        webhook_signature_secret=None if secret is None else secret.get_secret_value(),
        webhook_signature_method=settings.webhook_signature_method,
        base_url=settings.base_url,
    )


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
