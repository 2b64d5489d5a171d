"""What the entry point names: the provider's settings and its registration."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, PositiveFloat, PositiveInt, SecretStr

from messaging_channels.plugins import EmailAddress, ProviderSpec, hookimpl
from messaging_channels_smtp.dkim import DkimSigner
from messaging_channels_smtp.oauth import OAuthRefreshToken
from messaging_channels_smtp.protocol.server import PoolLimits, SmtpTimeouts
from messaging_channels_smtp.provider import Smtp
from messaging_channels_smtp.verp import VerpReturnPath


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
    webhook_token: SecretStr | None = None
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
    return Smtp(
        host=settings.host,
        port=settings.port,
        tls=settings.tls,
        username=settings.username,
        password=_secret_value(settings.password) or None,
        oauth_token=_refresh_token(settings),
        sender=settings.sender,
        ca_file=settings.ca_file,
        hostname=settings.hostname,
        return_path=_return_path(settings),
        dkim=_signer(settings),
        report_success=settings.report_success,
        webhook_token=_secret_value(settings.webhook_token) or None,
        timeouts=SmtpTimeouts(
            connect=min(10.0, settings.timeout),
            greeting=settings.timeout,
            command=settings.timeout,
            data_end=settings.data_timeout,
        ),
        pool=PoolLimits(
            settings.pool_size,
            settings.messages_per_connection,
            settings.keepalive_expiry,
            settings.pipeline_depth,
        ),
    )


def _refresh_token(settings: SmtpSettings) -> OAuthRefreshToken | None:
    if settings.oauth_url is None:
        return None
    return OAuthRefreshToken(
        settings.oauth_url,
        _secret_value(settings.oauth_client_id),
        _secret_value(settings.oauth_client_secret),
        _secret_value(settings.oauth_refresh_token),
    )


def _return_path(settings: SmtpSettings) -> VerpReturnPath | None:
    if settings.return_path is None:
        return None
    return VerpReturnPath(
        EmailAddress.parse(settings.return_path), _secret_value(settings.return_path_key) or None
    )


def _signer(settings: SmtpSettings) -> DkimSigner | None:
    if settings.dkim_key is None:
        return None
    domain, selector = settings.dkim_domain or "", settings.dkim_selector or ""
    return DkimSigner(domain=domain, selector=selector, key=_secret_value(settings.dkim_key))


def _secret_value(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret else ""
