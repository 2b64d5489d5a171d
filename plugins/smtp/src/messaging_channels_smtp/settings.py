"""What the entry point names: the provider's settings and its registration."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, NonNegativeInt, PositiveFloat, PositiveInt, SecretStr

from messaging_channels.plugins import ProviderSpec, hookimpl, provider_arguments
from messaging_channels_smtp.provider import Smtp
from messaging_channels_smtp.webhooks import SOURCE_SIZE


class SmtpSettings(BaseModel):
    """How the mail server is reached, and how mails look. See `Smtp` for what each means."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    host: str
    port: int | None = None
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    username: str | None = None
    password: SecretStr | None = None
    oauth_url: str | None = None
    oauth_client_id: SecretStr | None = None
    oauth_client_secret: SecretStr | None = None
    oauth_refresh_token: SecretStr | None = None
    oauth_scope: str | None = None
    sender: str | None = None
    ca_file: Path | None = None
    hostname: str | None = None
    return_path: str | None = None
    return_path_key: SecretStr | None = None
    dkim_domain: str | None = None
    dkim_selector: str | None = None
    dkim_key: SecretStr | None = None
    report_success: bool = False
    webhook_token: SecretStr | None = None
    source_size: NonNegativeInt = SOURCE_SIZE
    timeout: PositiveFloat = 60.0
    data_timeout: PositiveFloat = 600.0
    pool_size: PositiveInt = 5
    messages_per_connection: PositiveInt = 100
    keepalive_expiry: PositiveFloat = 30.0
    pipeline_depth: PositiveInt = 16


@hookimpl
def register_providers() -> Iterable[ProviderSpec]:
    """SMTP."""
    parts = {name: name for name in ("host", "port", "username", "password")}
    return (ProviderSpec("smtp", SmtpSettings, _build, dsn=parts),)


def _build(settings: SmtpSettings) -> Smtp:
    return Smtp(**provider_arguments(settings))
