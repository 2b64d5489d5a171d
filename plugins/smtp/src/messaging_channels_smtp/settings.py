"""What the entry point names: the provider's settings and its registration."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveInt,
    SecretStr,
    field_validator,
)

from messaging_channels import EmailAddress
from messaging_channels.errors import InvalidArgument
from messaging_channels.plugins import ProviderSpec, hookimpl, provider_arguments
from messaging_channels_smtp.provider import Smtp
from messaging_channels_smtp.webhooks import SOURCE_SIZE


class SmtpSettings(BaseModel):
    """How the mail server is reached, and how mails look. See `Smtp` for what each means."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    host: str = Field(pattern=r"^[^\s/@]+$")
    """Name of the mail server; with TLS, the name in its certificate."""
    port: int | None = Field(default=None, ge=1, le=65535)
    """Port. Default: 587 (`starttls`), 465 (`implicit`) or 25 (`none`)."""
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    """`starttls` (required, not optional), `implicit`, or `none`. Certificates are always verified. With `none`, credentials go only to this machine."""
    username: str | None = None
    """User name for AUTH PLAIN or LOGIN, or with a token."""
    password: SecretStr | None = None
    """Password for AUTH PLAIN or LOGIN."""
    oauth_url: str | None = None
    """Token endpoint for XOAUTH2 or OAUTHBEARER, instead of a password."""
    oauth_client_id: SecretStr | None = None
    """Client ID at the token endpoint."""
    oauth_client_secret: SecretStr | None = None
    """Client secret at the token endpoint; a public client has none."""
    oauth_refresh_token: SecretStr | None = None
    """Refresh token. Without it, the plugin uses the client credentials grant."""
    oauth_scope: str | None = None
    """Scope of the token request."""
    sender: str | None = None
    """From address of mails that name none."""
    ca_file: Path | None = None
    """File with certificates to trust instead of the usual ones."""
    hostname: str | None = None
    """Name in EHLO. Default: this machine's full name, or its address."""
    return_path: str | None = None
    """Address for bounces. Default: the sender."""
    return_path_key: SecretStr | None = None
    """Key that gives each mail a return path of its own, which authenticates its bounces."""
    dkim_domain: str | None = None
    """Domain of the DKIM signature. Give all three `dkim_…` settings, or none if your server signs."""
    dkim_selector: str | None = None
    """Selector under which the public DKIM key is in DNS."""
    dkim_key: SecretStr | None = None
    """Private DKIM key in PEM form: RSA or Ed25519."""
    report_success: bool = False
    """Whether to ask for reports of delivery too, where the server supports DSN."""
    webhook_token: SecretStr | None = None
    """Token that a mail given to `handle_webhook()` must carry as `authorization: Bearer`."""
    source_size: NonNegativeInt = SOURCE_SIZE
    """Bytes of a received mail that its events keep; 0 for none."""
    timeout: float = Field(default=60.0, gt=0, le=3600)
    """Seconds for each step; a connection takes at most 10."""
    data_timeout: float = Field(default=600.0, gt=0, le=7200)
    """Seconds for the reply to a complete mail (RFC 5321 asks for 600)."""
    pool_size: PositiveInt = 5
    """Connections at the same time."""
    messages_per_connection: PositiveInt = 100
    """Mails on one connection before it is replaced."""
    keepalive_expiry: float = Field(default=30.0, gt=0, le=3600)
    """Seconds for which an idle connection is kept."""
    pipeline_depth: PositiveInt = 16
    """Mails in progress on one connection, where the server supports CHUNKING and PIPELINING."""

    @field_validator("host")
    @classmethod
    def _check_host(cls, value: str) -> str:
        name, colon, port = value.rpartition(":")
        if colon and port.isdigit() and ":" not in name.strip("[]"):
            raise InvalidArgument(
                f"must be a name without a port: write port = {port}",
                argument="host",
                hint="leave the port out",
            )
        return value

    @field_validator("sender", "return_path")
    @classmethod
    def _check_address(cls, value: str | None) -> str | None:
        if value is not None:
            EmailAddress.parse(value)
        return value


@hookimpl
def register_providers() -> Iterable[ProviderSpec]:
    """SMTP."""
    parts = {name: name for name in ("host", "port", "username", "password")}
    return (ProviderSpec("smtp", SmtpSettings, _build, dsn=parts),)


def _build(settings: SmtpSettings) -> Smtp:
    return Smtp(**provider_arguments(settings))


IMAP_VARIABLE = "IMAP_PASSWORD"
"""The variable (behind `MESSAGING_CHANNELS_`) from which `messaging-channels mail watch` reads the password of a mailbox."""
VARIABLES = frozenset({IMAP_VARIABLE})
"""What the commands of this distribution read beside the settings of the provider."""
