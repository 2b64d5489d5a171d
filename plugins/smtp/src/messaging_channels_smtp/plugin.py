"""What the entry point names: the provider's settings and its registration."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, PositiveFloat, PositiveInt, SecretStr

from messaging_channels.plugins import EmailAddress, ProviderSpec, hookimpl
from messaging_channels_smtp.dkim import Signer
from messaging_channels_smtp.oauth import RefreshGrant
from messaging_channels_smtp.protocol.server import Limits, Patience
from messaging_channels_smtp.provider import Smtp
from messaging_channels_smtp.verp import ReturnPath


class SmtpSettings(BaseModel):
    """How the mail server is reached, and how mails look."""

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
    sender: str | None = None
    ca_file: Path | None = None
    hostname: str = "localhost"
    return_path: str | None = None
    return_path_key: SecretStr | None = None
    dkim_domain: str | None = None
    dkim_selector: str | None = None
    dkim_key: SecretStr | None = None
    report_success: bool = False
    inbound_token: SecretStr | None = None
    timeout: PositiveFloat = 60.0
    answer_timeout: PositiveFloat = 600.0
    connections: PositiveInt = 5
    messages_per_connection: PositiveInt = 100
    max_idle: PositiveFloat = 30.0
    window: PositiveInt = 16


@hookimpl
def register_providers() -> Iterable[ProviderSpec]:
    """SMTP."""
    parts = {name: name for name in ("host", "port", "username", "password")}
    return (ProviderSpec("smtp", SmtpSettings, _build, dsn=parts),)


def _build(settings: SmtpSettings) -> Smtp:
    return Smtp(
        host=settings.host,
        port=settings.port,
        tls=settings.tls,
        username=settings.username,
        password=_revealed(settings.password) or None,
        token=_grant(settings),
        sender=settings.sender,
        ca_file=settings.ca_file,
        hostname=settings.hostname,
        return_path=_return_path(settings),
        dkim=_signer(settings),
        report_success=settings.report_success,
        inbound_token=_revealed(settings.inbound_token) or None,
        patience=Patience(
            connect=min(10.0, settings.timeout),
            greeting=settings.timeout,
            command=settings.timeout,
            answer=settings.answer_timeout,
        ),
        limits=Limits(
            settings.connections, settings.messages_per_connection, settings.max_idle, settings.window
        ),
    )


def _grant(settings: SmtpSettings) -> RefreshGrant | None:
    if settings.oauth_url is None:
        return None
    return RefreshGrant(
        settings.oauth_url,
        _revealed(settings.oauth_client_id),
        _revealed(settings.oauth_client_secret),
        _revealed(settings.oauth_refresh_token),
    )


def _return_path(settings: SmtpSettings) -> ReturnPath | None:
    if settings.return_path is None:
        return None
    return ReturnPath(EmailAddress.parse(settings.return_path), _revealed(settings.return_path_key) or None)


def _signer(settings: SmtpSettings) -> Signer | None:
    if settings.dkim_key is None:
        return None
    domain, selector = settings.dkim_domain or "", settings.dkim_selector or ""
    return Signer(domain=domain, selector=selector, key=_revealed(settings.dkim_key))


def _revealed(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret else ""
