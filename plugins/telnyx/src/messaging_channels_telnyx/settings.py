"""What the entry point names: the provider's settings and its registration."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict, SecretStr

from messaging_channels.plugins import ProviderSpec, SecretList, hookimpl, provider_arguments
from messaging_channels_telnyx.provider import Telnyx


class TelnyxSettings(BaseModel):
    """How Telnyx is configured. See `Telnyx` for what each means."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    api_key: SecretStr
    """Key of the API, version 2. Where: Mission Control Portal, Account settings, Keys and credentials."""
    sender: str | None = None
    """Sender of SMS and MMS: a number, a short code, or a name of at most 11 letters and digits. Where: Mission Control Portal, Numbers, My numbers."""
    whatsapp_sender: str | None = None
    """WhatsApp number of the business; without it, `sender`. Where: Mission Control Portal, Messaging, WhatsApp."""
    messaging_profile_id: str | None = None
    """Messaging profile that sends. Needed for senders that are names. Where: Mission Control Portal, Messaging."""
    webhook_public_key: SecretList | None = None
    """Public key of the account, which verifies webhooks; several are separated by commas. Without it, the plugin refuses every webhook request.
    Where: Mission Control Portal, Account settings, Keys and credentials, Public key."""
    webhook_url: str | None = None
    """URL that receives the reports, for each message. The plugin adds our message id to it. Without it, Telnyx uses the URL of the messaging profile."""
    base_url: str | None = None
    """Another host: the emulator."""


def _build(settings: TelnyxSettings) -> Telnyx:
    return Telnyx(**provider_arguments(settings))


SPEC = ProviderSpec("telnyx", TelnyxSettings, _build, dsn={"password": "api_key", "host": "base_url"})


@hookimpl
def register_providers() -> Iterable[ProviderSpec]:
    """Telnyx."""
    return (SPEC,)
