"""What the entry point names: the provider's settings and its registration."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, PositiveFloat, SecretStr

from messaging_channels.plugins import hookimpl
from messaging_channels.provider import ProviderSpec
from messaging_channels_smtp.provider import Smtp


class SmtpSettings(BaseModel):
    """How the mail server is reached."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    host: str
    port: int | None = None
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    username: str | None = None
    password: SecretStr | None = None
    sender: str | None = None
    ca_file: Path | None = None
    timeout: PositiveFloat = 30.0
    answer_timeout: PositiveFloat = 600.0


@hookimpl
def register_providers() -> Iterable[ProviderSpec]:
    """SMTP."""
    parts = {name: name for name in ("host", "port", "username", "password")}
    return (ProviderSpec("smtp", SmtpSettings, _build, dsn=parts),)


def _build(settings: SmtpSettings) -> Smtp:
    password = settings.password.get_secret_value() if settings.password else None
    return Smtp(**{**settings.model_dump(), "password": password})
