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
    """Host of your account, such as `xyz.api.infobip.com`; https, except on loopback. Where: portal home page, API base URL."""
    api_key: SecretStr
    """API key, with or without the word `App`. `BasicAuth …`, `IBSSO …` and `BearerToken …` are passed on unchanged. Where: portal, Developer tools, API
    keys."""
    sender: str | None = None
    """Sender of messages that name none, for all channels. Without it, an SMS comes from the account's default sender."""
    sms_sender: str | None = None
    """Sender of SMS; overrides `sender`. Where: portal, Channels and numbers."""
    whatsapp_sender: str | None = None
    """Sender of WhatsApp messages; overrides `sender`. Where: portal, Channels and numbers."""
    email_sender: str | None = None
    """From address of email; overrides `sender`. Where: portal, Channels and numbers, Email domains."""
    rcs_sender: str | None = None
    """Agent that RCS messages come from; overrides `sender`. Where: portal, Channels and numbers, RCS."""
    rcs_check_capability: bool = False
    """Whether a number is asked about, once in a while, before an RCS message goes to it: one that RCS cannot reach is rejected at once."""
    report_url: SecretStr | None = None
    """URL for the delivery reports of each message. Without it, the subscription of the account decides. The URL may hold a secret, see `webhook_token`."""
    webhook_username: str | None = None
    """User name of the Basic credentials that webhook requests carry. Where: portal, Subscriptions, security profile."""
    webhook_password: SecretStr | None = None
    """Password of the Basic credentials. Where: the same security profile."""
    webhook_bearer: SecretList = ()
    """OAuth 2 tokens that your token endpoint hands out. Several are separated by commas."""
    webhook_token: SecretList = ()
    """Secrets in the query of the webhook URL. Several are separated by commas. You choose them."""
    webhook_token_parameter: str = "token"  # noqa: S105  the name of a parameter
    """Name of the query parameter that holds `webhook_token`."""
    webhook_header: str | None = None
    """Name of a header that authenticates webhook requests. Where: portal, Subscriptions, profile headers."""
    webhook_header_value: SecretList = ()
    """Accepted values of `webhook_header`. Several are separated by commas."""
    webhook_hmac_secret: SecretList = ()
    """Secrets of the HMAC over the body. Several are separated by commas. Where: portal, Subscriptions, security profile."""
    webhook_hmac_header: str = "x-hub-signature-256"
    """Header that holds the HMAC. Infobip doesn't document its name: look at a request."""
    webhook_hmac_algorithm: Algorithm = "HMAC_SHA_256"
    """Algorithm of the HMAC. Where: the same security profile."""
    log_backfill_hours: float = Field(default=48.0, ge=0, le=48)
    """Hours of logs, 0 to 48, that a new process reads when it first fetches reports."""
    lookup_not_found_after: NonNegativeFloat | None = None
    """Seconds after which a message that is missing in the log counts as never received. Default: never, because Infobip doesn't say how soon its log is
    complete."""
    specifications: DirectoryPath | None = None
    """Folder of Infobip's OpenAPI documents (`infobip_*.json`), against which raw fields are checked before sending. Needs `jsonschema`."""


@hookimpl
def register_providers() -> Iterable[ProviderSpec]:
    """Infobip."""
    return (
        ProviderSpec("infobip", InfobipSettings, _build, dsn={"host": "base_url", "password": "api_key"}),
    )


def _build(settings: InfobipSettings) -> Infobip:
    return Infobip(**provider_arguments(settings))
