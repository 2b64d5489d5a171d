"""How the gateway is configured: `[gateway]` in the TOML file, and `MESSAGING_CHANNELS_GATEWAY_<FIELD>` for its simple fields."""

from __future__ import annotations

import re
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    SecretStr,
)

from messaging_channels import Configuration
from messaging_channels.errors import InvalidSetting
from messaging_channels.plugins import SecretList

DEFAULT_TENANT = "default"
"""Whose a key is, and what comes in, where nobody says otherwise."""
_KIB = 1024


class _SettingsModel(BaseModel):
    model_config = ConfigDict(
        extra="forbid", hide_input_in_errors=True, frozen=True, use_attribute_docstrings=True
    )


class DirectorySource(_SettingsModel):
    """The gateway's own small directory."""

    kind: Literal["directory"] = "directory"


class JsonFileSource(_SettingsModel):
    """A file `{"users": {id: …}, "identities": {id: …}}` of documents in the directory's shape. Read again when it changes."""

    kind: Literal["json"]
    path: Path


class SqlSource(_SettingsModel):
    """A table of yours. The query takes the id as its one parameter, and names its columns after channels, such as `sms` and `email`."""

    kind: Literal["sql"]
    database: SecretStr
    """`sqlite:///path`, or `postgresql://…` (needs psycopg)."""
    query: str
    """`SELECT phone AS sms, phone AS whatsapp, mail AS email FROM customer WHERE id = ?`."""


class HttpSource(_SettingsModel):
    """A service of yours that answers `GET url` with a document in the directory's shape, or 404."""

    kind: Literal["http"]
    url: str
    """With `{id}` in its place."""
    header: str = "authorization"
    secret: SecretStr = SecretStr("")
    """The header's whole value."""


class PluginsSource(_SettingsModel):
    """The resolvers that installed plugins register: asked for a `User` or a `Person`."""

    kind: Literal["plugins"]


class InfobipPeopleSource(_SettingsModel):
    """Infobip People of the tenant's account. Needs messaging-channels-infobip."""

    kind: Literal["people"]


Source: TypeAlias = Annotated[
    DirectorySource | JsonFileSource | SqlSource | HttpSource | PluginsSource | InfobipPeopleSource,
    Field(discriminator="kind"),
]


class TenantSettings(_SettingsModel):
    """One tenant."""

    account: str | None = None
    """Whose credentials write to its Persons: the name of a section `[accounts.<account>]`. Without one they cannot be written to."""
    users: Source = DirectorySource()
    persons: Source = DirectorySource()


def _split_commas(value: Any) -> Any:  # noqa: ANN401  whatever a setting holds
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


CommaSeparated: TypeAlias = Annotated[list[str], BeforeValidator(_split_commas)]


def _invalid(problem: str, setting: str, example: str) -> InvalidSetting:
    hint = f"write for example {setting} = {example}"
    return InvalidSetting(problem, setting=f"gateway.{setting}", source="configuration", hint=hint)


def _require_url(value: str) -> str:
    if not re.fullmatch(r"https?://[^\s/?#]+(/[^\s?#]*)?", value):
        raise _invalid("must be an http(s) URL", "public_url", '"https://messages.example.com"')
    return value


def _require_networks(value: list[str]) -> list[str]:
    for one in value:
        try:
            ip_network(one)
        except ValueError:
            raise _invalid(
                "must hold IP addresses or networks", "trusted_proxies", '["10.0.0.0/8"]'
            ) from None
    return value


def _require_hosts(value: list[str]) -> list[str]:
    if not all(re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[^\s/:]+):\d{1,5}", one) for one in value):
        raise _invalid("must hold host:port", "allowed_callback_hosts", '["shop.internal:8443"]')
    return value


class GatewaySettings(_SettingsModel):
    """How the gateway behaves."""

    home: Path
    """Folder of the files of the gateway. `serve` and `create_app` use `MESSAGING_CHANNELS_HOME`."""
    database: SecretStr | None = None
    """Database for keys, the directory and events: `postgresql://…` or `sqlite:/path`. Default: the ledger's PostgreSQL, else `gateway.sqlite3`."""
    public_url: Annotated[str, AfterValidator(_require_url)] | None = None
    """Public URL of the gateway, such as `https://messages.example.com`. Some providers sign the URL that they call."""
    trusted_proxies: Annotated[CommaSeparated, AfterValidator(_require_networks)] = []
    """IP addresses or networks of your proxies. Only their `x-forwarded-…` headers count."""
    allowed_callback_hosts: Annotated[CommaSeparated, AfterValidator(_require_hosts)] = []
    """`host:port` that callbacks may call although it is private, or not https on port 443. For development and internal services."""
    max_body_bytes: PositiveInt = _KIB * _KIB
    """Bytes that the body of a call may have."""
    max_webhook_bytes: PositiveInt = 256 * _KIB
    """Bytes that a webhook request of a provider may have."""
    body_timeout: PositiveFloat = 10.0
    """Seconds in which the head of a request, and its body, must arrive."""
    send_timeout: PositiveFloat = 60.0
    """Seconds that a call waits for its message. Then the call gets 504, and sending continues."""
    report_wait: PositiveFloat = 0.5
    """Seconds that the answer to a delivery report waits for its recording. If many wait, the answer waits for nothing: the report is stored already."""
    key_rate_limit: PositiveFloat = 200.0
    """Calls a second for each API key."""
    tenant_rate_limit: PositiveFloat = 500.0
    """Calls a second for each tenant."""
    rate_limit_burst: PositiveInt = 200
    """Calls that may come at once, before the rates apply."""
    lease: PositiveFloat = 120.0
    """Seconds after which a call that has not ended counts as crashed."""
    poll_interval: PositiveFloat | None = None
    """Seconds between polls of providers, for reports and for unknown outcomes. Default: 1 for the sandbox, else 30."""
    max_schedule_days: PositiveFloat = 180.0
    """Days ahead that a message may be scheduled."""
    event_retention_days: PositiveFloat = 30.0
    """Days that events are stored."""
    preview: bool | None = None
    """Whether the page /preview shows sent messages, to this machine alone. Default: if only the sandbox is configured."""
    preview_hosts: CommaSeparated = []
    """Host names under which a trusted proxy may call /preview, such as `dev.example.com`. The page has no login of its own."""
    operator_page: bool = True
    """Whether the pages for operators, /operator, exist."""
    operator_header: str | None = None
    """Header in which a trusted proxy (OIDC) names the person who logged in, such as `x-auth-request-email`: an operator of all tenants."""
    operator_users: CommaSeparated = []
    """Persons that the header may name. Default: everybody whom the proxy lets through."""
    keep_content: bool = False
    """Whether the pages for operators show the contents of the last 200 messages. The contents stay in the memory of the process."""
    unsubscribe_secrets: SecretList = ()
    """Secrets that sign the links of /unsubscribe, at least 16 characters each. During a rotation, give several. Without a secret, links don't work."""
    inbound_tenant: str = DEFAULT_TENANT
    """Tenant that receives the inbound messages of the platform's own account."""
    tenants: dict[str, TenantSettings] = Field(default_factory=dict[str, TenantSettings])
    """Settings of tenants, by name. Other tenants have the defaults."""

    @classmethod
    def read(cls, configuration: Configuration, **given: Any) -> GatewaySettings:  # noqa: ANN401  any field
        """Read the settings; what is given in code goes first, then the environment, then the file.

        Raises:
            InvalidSetting: a setting is missing or malformed.
        """
        return configuration.section("gateway", cls, **given)
