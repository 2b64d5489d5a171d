"""The provider: mails in batches of up to 500, and the webhooks.

Source: https://postmarkapp.com/developer/api/email-api#send-batch-emails
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar
from urllib.parse import urlsplit

from messaging_channels.errors import InvalidAddress, InvalidMessage, InvalidSetting, TransportError
from messaging_channels.messages import Email
from messaging_channels.plugins import (
    AttemptResult,
    Capabilities,
    EmailAddress,
    Envelope,
    Exchange,
    ExecutorPair,
    Flow,
    HttpRequest,
    Reason,
    WebhookRequest,
    WebhookResult,
    ask,
    read_attachments,
    require_sender,
    run_to_first_exchange,
)
from messaging_channels_postmark.options import PostmarkEmailOptions, require_stream
from messaging_channels_postmark.requests import build_mail, mail_of, split_batch
from messaging_channels_postmark.responses import parse_response
from messaging_channels_postmark.webhook_auth import BasicAuth
from messaging_channels_postmark.webhooks import parse_event

_API = "https://api.postmarkapp.com"
_LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "::1")
_FIELDS = frozenset(
    {
        "text",
        "html",
        "sender",
        "cc",
        "bcc",
        "reply_to",
        "also_to",
        "attachments",
        "headers",
        "list_unsubscribe",
        "list_id",
        "in_reply_to",
        "references",
        "auto_submitted",
    }
)


class Postmark:
    """Postmark for one server. One object serves many threads and tasks."""

    name: ClassVar[str] = "postmark"
    capabilities: ClassVar[Capabilities] = Capabilities(
        {Email: _FIELDS}, max_batch_size=500, provider_options=frozenset({PostmarkEmailOptions})
    )
    executors: ClassVar[Mapping[type[Exchange[Any]], ExecutorPair]] = {}

    def __init__(
        self,
        *,
        server_token: str,
        sender: str | None = None,
        message_stream: str | None = None,
        webhook_username: str | None = None,
        webhook_password: str | None = None,
        marketing_streams: Iterable[str] = ("broadcast",),
        base_url: str | None = None,
    ) -> None:
        """Take the server, who mails come from that name no sender, and what proves webhook calls.

        Args:
            server_token: Token of the server. `POSTMARK_API_TEST` has mails checked and not delivered.
            sender: From address of mails that name none, with a display name if needed.
            message_stream: Id of the stream for mails that name none. Default: Postmark's own, `outbound`.
            webhook_username: User name of the HTTP basic authentication of webhooks.
            webhook_password: Password of it. Without both, the plugin refuses every webhook request.
            marketing_streams: Streams whose unsubscribes are about mails of the category `marketing` alone.
            base_url: Another host: the emulator.

        Raises:
            InvalidSetting: one of them cannot work.
        """
        token = server_token.strip()
        if not (token and token.isascii() and token.isprintable()):
            raise _invalid(
                "server_token", "is empty or no token", "copy it from the API Tokens of the server"
            )
        self._headers = {
            "accept": "application/json",
            "content-type": "application/json",
            "x-postmark-server-token": token,
        }
        self._url = f"{_base_url(base_url)}/email/batch"
        self._sender = _sender_setting(sender)
        self._stream = _stream_setting(message_stream)
        self._webhook_auth = BasicAuth(webhook_username, webhook_password)
        self._marketing_streams = tuple(marketing_streams)

    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        """Send up to 500 emails in one request; more than 50 MB together take several. A request that fails affects only its own emails."""
        mails: list[Mapping[str, Any]] = []
        for envelope in batch:
            mail = yield from read_attachments(mail_of(envelope))
            mails.append(build_mail(replace(envelope, message=mail), self._sender_of(envelope), self._stream))
        slices = [*split_batch(mails)]
        if len(slices) == 1:
            response = yield from ask(HttpRequest.post_json(self._url, mails, headers=self._headers))
            return parse_response(response, batch)
        results: list[AttemptResult] = []
        for part in slices:
            results += yield from self._send_part(mails[part], batch[part])
        return results

    def validate(self, envelope: Envelope) -> None:
        """Encode the envelope as `send` does, without a request.

        Raises:
            BadInput: Postmark can't send this email.
        """
        run_to_first_exchange(self.send([envelope]))

    def missing_sender(self, channel: str) -> str | None:
        """Return `postmark.sender` if no sender is configured; None for other channels, or if one is."""
        return None if self._sender is not None or channel != "email" else "postmark.sender"

    def handle_webhook(self, request: WebhookRequest) -> WebhookResult:
        """Verify a request by its basic authentication, and return its event. Postmark signs no bodies.

        Raises:
            WebhookVerificationError: The credentials are missing or wrong.
        """
        self._webhook_auth.require(request)
        return WebhookResult((parse_event(request, self._marketing_streams),))

    def _send_part(
        self, mails: Sequence[Mapping[str, Any]], batch: Sequence[Envelope]
    ) -> Flow[Sequence[AttemptResult]]:
        try:
            response = yield from ask(HttpRequest.post_json(self._url, mails, headers=self._headers))
        except TransportError as error:
            return [_result_of_failure(error)] * len(batch)
        return parse_response(response, batch)

    def _sender_of(self, envelope: Envelope) -> EmailAddress:
        """Return the message's sender, or the account's.

        Raises:
            InvalidMessage: there is neither.
        """
        own = mail_of(envelope).sender
        if isinstance(own, EmailAddress):
            return own
        if own is None and self._sender is not None:
            return self._sender
        return EmailAddress.parse(require_sender(envelope.message, None, provider=self.name))


def _result_of_failure(failure: TransportError) -> AttemptResult:
    if not failure.may_have_been_sent:
        return AttemptResult.of(Reason.UNREACHABLE, str(failure))
    return AttemptResult.of(Reason.TIMEOUT if failure.timed_out else Reason.CONNECTION, str(failure))


def _base_url(given: str | None) -> str:
    url = given or _API
    parts = urlsplit(url if "://" in url else f"https://{url}")
    if not parts.hostname or not (parts.scheme == "https" or parts.hostname in _LOOPBACK_HOSTS):
        raise _invalid("base_url", "must be the https URL of a host", "leave it out")
    return parts.geturl().rstrip("/")


def _sender_setting(sender: str | None) -> EmailAddress | None:
    try:
        return None if sender is None else EmailAddress.parse(sender)
    except InvalidAddress as error:
        raise _invalid(
            "sender", "must be an email address", "write it like Shop <shop@example.com>"
        ) from error


def _stream_setting(stream: str | None) -> str | None:
    try:
        if stream is not None:
            require_stream(stream)
    except InvalidMessage as error:
        raise _invalid(
            "message_stream", "must be the id of a message stream", "copy the Stream ID from Postmark"
        ) from error
    return stream


def _invalid(setting: str, problem: str, hint: str) -> InvalidSetting:
    return InvalidSetting(
        problem, setting=f"postmark.{setting}", source="the provider's arguments", hint=hint
    )
