"""What the entry point names: the provider's settings and its registration."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict, SecretStr

from messaging_channels.plugins import ProviderSpec, hookimpl, provider_arguments
from messaging_channels_postmark.provider import Postmark


class PostmarkSettings(BaseModel):
    """How Postmark is configured. See `Postmark` for what each means."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    server_token: SecretStr
    """Token of the server. `POSTMARK_API_TEST` has mails checked and not delivered. Where: Servers, your server, API Tokens."""
    sender: str | None = None
    """From address of mails that name none, with a display name if needed. Where: Sender Signatures."""
    message_stream: str | None = None
    """Id of the stream for mails that name none. Default: Postmark's own, `outbound`. Where: Servers, your server, Message Streams."""
    webhook_username: str | None = None
    """User name of the HTTP basic authentication of webhooks. Where: your server, your stream, Webhooks, Basic auth credentials."""
    webhook_password: SecretStr | None = None
    """Password of it. Without both, the plugin refuses every webhook request. Where: the same."""
    marketing_streams: tuple[str, ...] = ("broadcast",)
    """Streams whose unsubscribes are about mails of the category `marketing` alone. An unsubscribe of another stream is about every mail."""
    base_url: str | None = None
    """Another host: the emulator."""


def _build(settings: PostmarkSettings) -> Postmark:
    return Postmark(**provider_arguments(settings))


SPEC = ProviderSpec(
    "postmark", PostmarkSettings, _build, dsn={"password": "server_token", "host": "base_url"}
)


@hookimpl
def register_providers() -> Iterable[ProviderSpec]:
    """Postmark."""
    return (SPEC,)
