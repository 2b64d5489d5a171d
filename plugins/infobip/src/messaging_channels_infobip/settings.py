"""What the entry point names: the provider's settings and its registration."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict, DirectoryPath, Field, NonNegativeFloat, SecretStr

from messaging_channels.plugins import ProviderSpec, SecretList, hookimpl, provider_arguments
from messaging_channels_infobip.provider import Infobip
from messaging_channels_infobip.webhook_auth import Algorithm


class InfobipSettings(BaseModel):
    """How Infobip is configured. A webhook secret may be several, separated by commas: while it is being changed, both are taken."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    base_url: str
    api_key: SecretStr
    sender: str | None = None
    sms_sender: str | None = None
    whatsapp_sender: str | None = None
    email_sender: str | None = None
    report_url: SecretStr | None = None
    """Where the reports of each message go; it may hold a secret of its own (see `webhook_token`)."""
    webhook_username: str | None = None
    webhook_password: SecretStr | None = None
    webhook_bearer: SecretList = ()
    webhook_token: SecretList = ()
    webhook_token_parameter: str = "token"  # noqa: S105  the name of a parameter
    webhook_header: str | None = None
    webhook_header_value: SecretList = ()
    webhook_hmac_secret: SecretList = ()
    webhook_hmac_header: str = "x-hub-signature-256"
    webhook_hmac_algorithm: Algorithm = "HMAC_SHA_256"
    log_backfill_hours: float = Field(default=48.0, ge=0, le=48)
    lookup_not_found_after: NonNegativeFloat | None = None
    specifications: DirectoryPath | None = None
    """A folder of Infobip's OpenAPI documents, by which raw fields are checked before they leave."""


@hookimpl
def register_providers() -> Iterable[ProviderSpec]:
    """Infobip."""
    return (
        ProviderSpec("infobip", InfobipSettings, _build, dsn={"host": "base_url", "password": "api_key"}),
    )


def _build(settings: InfobipSettings) -> Infobip:
    return Infobip(**provider_arguments(settings))
