"""The provider: WhatsApp messages by Meta's Cloud API, one a request."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from messaging_channels.errors import InvalidMessage
from messaging_channels.messages import Media, Message, OneTimePassword, WhatsAppTemplate
from messaging_channels.plugins import (
    WHATSAPP_FIELDS,
    AttemptResult,
    BlockingCall,
    Capabilities,
    CurrentTime,
    Envelope,
    Exchange,
    ExecutorPair,
    Finding,
    Flow,
    HttpRequest,
    HttpResponse,
    Reason,
    WebhookRequest,
    WebhookResult,
    WhatsAppGroupId,
    WhatsAppUserId,
    ask,
    provider_options_of,
    require_sender,
    split_secrets,
    whatsapp_content,
)
from messaging_channels.policies import RateLimit
from messaging_channels_whatsapp_cloud import normalization
from messaging_channels_whatsapp_cloud.diagnosis import diagnose
from messaging_channels_whatsapp_cloud.media import (
    DownloadedFile,
    StoredFile,
    replace_media,
    require_uploadable,
    upload_request,
)
from messaging_channels_whatsapp_cloud.options import WhatsAppOptions
from messaging_channels_whatsapp_cloud.parsing import non_empty_text, parse_json
from messaging_channels_whatsapp_cloud.raw_content import with_raw
from messaging_channels_whatsapp_cloud.responses import (
    GraphApiError,
    digest_mismatch,
    error_result,
    parse_send_response,
    require_success,
)
from messaging_channels_whatsapp_cloud.webhook_auth import answer_verification, require_signed
from messaging_channels_whatsapp_cloud.webhook_updates import NAME
from messaging_channels_whatsapp_cloud.webhooks import parse_events

if TYPE_CHECKING:
    from pathlib import Path

    from messaging_channels_whatsapp_cloud.service_windows import WindowStore

PAIR_RATE_LIMIT = RateLimit(1, per=6.0, burst=45)
"""From one business number to one person.

Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/throughput
"""


class WhatsAppCloud:
    """Meta's WhatsApp Cloud API for one account. One object serves many threads and tasks.

    Besides what every provider does, its flows mark messages as read, show that an answer is being typed, and move files; run them with a
    `messaging_channels._transport.Transport`. They send nobody anything, so each may be repeated; they raise `GraphApiError`.

    Source: https://developers.facebook.com/documentation/business-messaging/whatsapp
    """

    name: ClassVar[str] = NAME
    capabilities: ClassVar[Capabilities] = Capabilities(
        WHATSAPP_FIELDS, provider_options=frozenset({WhatsAppOptions}), uploads_media=True
    )
    executors: ClassVar[Mapping[type[Exchange[Any]], ExecutorPair]] = {}

    def __init__(
        self,
        *,
        access_token: str,
        sender: str | None = None,
        webhook_app_secrets: str | Sequence[str] = (),
        webhook_verify_token: str | None = None,
        version: str = normalization.VERSION,
        base_url: str = normalization.BASE_URL,
        messages_per_second: float = normalization.MESSAGES_PER_SECOND,
        user_agent: str = normalization.USER_AGENT,
        windows: WindowStore | None = None,
        specifications: Path | None = None,
    ) -> None:
        """Take what the app's dashboard shows.

        Args:
            access_token: Access token of a system user with the permission `whatsapp_business_messaging`.
            sender: Phone number ID (not the number) of messages that name no sender.
            webhook_app_secrets: App secrets with which Meta signs webhooks. Several are separated by commas, during a rotation.
            webhook_verify_token: Token that Meta sends in the verification request. You choose it.
            version: Version of the Graph API.
            base_url: Another URL instead of Meta's, for example of the emulator.
            messages_per_second: Messages a second of one business number: 80, or 1,000 after an upgrade, or 20 if the Business app uses the
                number too.
            user_agent: User agent of downloads.
            windows: knows when people last wrote. Without it every message is left to Meta's judgment.
            specifications: Folder of Meta's OpenAPI documents (`meta_*.json`), against which raw content is checked before sending. Needs `jsonschema`.

        Raises:
            InvalidSetting: one of them cannot work.
        """
        self._root = f"{normalization.normalize_url(base_url)}/{normalization.normalize_version(version)}"
        self._authorization = {"authorization": f"Bearer {normalization.normalize_token(access_token)}"}
        self._headers = {**self._authorization, "content-type": "application/json"}
        self._downloads = {**self._authorization, "user-agent": user_agent}
        self._webhook_app_secrets = [
            normalization.normalize_secret(secret) for secret in split_secrets(webhook_app_secrets)
        ]
        self._webhook_verify_token = webhook_verify_token
        self._sender = None if sender is None else normalization.normalize_number_id(sender)
        self._number_rate_limit = RateLimit(messages_per_second)
        self._windows = windows
        self._specifications = specifications

    def missing_sender(self, channel: str) -> str | None:
        """Return `whatsapp_cloud.sender` if no business number is configured; None if one is, and for other channels."""
        return None if self._sender is not None or channel != "whatsapp" else "whatsapp_cloud.sender"

    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        """Send one message; upload its files first."""
        (envelope,) = batch
        number_id = self._number_id(envelope.message)
        message = yield from self._choose_message(envelope, number_id)
        if message is None:
            return (AttemptResult.of(Reason.POLICY, _WINDOW_CLOSED),)
        try:
            message = yield from self._upload_media(message, number_id)
        except GraphApiError as refused:
            return (refused.result,)
        response = yield from ask(self._request(envelope, message, number_id))
        return (parse_send_response(response, by_user_id=isinstance(envelope.to, WhatsAppUserId)),)

    @property
    def endpoints(self) -> Sequence[str]:
        """Return the base URL of the Graph API, for `messaging-channels doctor`."""
        return (self._root.rpartition("/")[0],)

    def diagnose(self) -> Flow[Sequence[Finding]]:
        """Check the access token, the business number and the secrets of webhooks. Send no message.

        Raises:
            TransportError: Meta can't be reached.
        """
        return diagnose(
            self._root,
            self._authorization,
            self._sender,
            has_app_secret=bool(self._webhook_app_secrets),
            has_verify_token=self._webhook_verify_token is not None,
        )

    def validate(self, envelope: Envelope) -> None:
        """Encode the envelope as `send` does, without a request.

        Raises:
            BadInput: The Cloud API can't send this message.
        """
        number_id = self._number_id(envelope.message)
        if not envelope.message.uploads:
            self._request(envelope, envelope.message, number_id)

    def rate_limits(self, envelope: Envelope) -> Sequence[tuple[Hashable, RateLimit]]:
        """Return two rates: one of the business number, and one of the number and the person. Without a number, `send` raises the error."""
        number_id = str(getattr(envelope.message, "sender", None) or self._sender)
        return (
            ((NAME, number_id), self._number_rate_limit),
            ((NAME, number_id, envelope.to.plain), PAIR_RATE_LIMIT),
        )

    def handle_webhook(self, request: WebhookRequest) -> WebhookResult:
        """Answer Meta's verification call (GET), or verify the signature of a request and return its events.

        Raises:
            WebhookVerificationError: The token or the signature does not match.
        """
        if request.method.upper() == "GET":
            return answer_verification(request, self._webhook_verify_token)
        require_signed(request, self._webhook_app_secrets)
        payload = parse_json(request.body)
        return WebhookResult(parse_events(request.body if payload is None else payload, request.received_at))

    def mark_read(self, message_id: str, *, sender: str | None = None) -> Flow[None]:
        """Show a message, and all before it, as read; by its provider's id, within 30 days."""
        yield from self._post_status({"status": "read", "message_id": message_id}, sender)

    def show_typing(self, message_id: str, *, sender: str | None = None) -> Flow[None]:
        """Mark a message as read, and show that an answer is being typed: until it comes, for 25 seconds at most."""
        typing = {"typing_indicator": {"type": "text"}}
        yield from self._post_status({"status": "read", "message_id": message_id, **typing}, sender)

    def upload(self, file: Media, *, sender: str | None = None) -> Flow[Media]:
        """Upload a file. Return it by its id, good for any number of messages in 30 days.

        Raises:
            InvalidMessage: it holds no bytes, or more than its type may have.
        """
        require_uploadable(file)
        url = f"{self._root}/{self._normalize_sender(sender)}/media"
        response = yield from ask(upload_request(url, file, self._authorization))
        held = non_empty_text(require_success(response, "upload").get("id"))
        if held is None:
            raise error_result(response, "upload")
        return Media(id=held, content_type=file.content_type)

    def look_up_file(self, file_id: str) -> Flow[StoredFile]:
        """Ask where a file can be fetched; by an id from an upload (good for 30 days) or a webhook (7 days)."""
        response = yield from ask(self._file_request(file_id, "GET"))
        answer = require_success(response, "look-up of a file")
        url = non_empty_text(answer.get("url"))
        if url is None or not normalization.is_trusted_url(url):
            raise error_result(response, "look-up of a file")
        kind, digest = (non_empty_text(answer.get(name)) or "" for name in ("mime_type", "sha256"))
        return StoredFile(file_id, url, kind, digest)

    def download(self, file_id: str) -> Flow[DownloadedFile]:
        """Fetch a file, by an id from an upload or a webhook. Its bytes are those whose digest Meta tells."""
        held, response = yield from self._fetch_file(file_id)
        if response.status == _NOT_FOUND:  # the link was stale: another one is not
            held, response = yield from self._fetch_file(file_id)
        if not response.ok:
            raise error_result(response, "download")
        if not held.matches(response.body):
            raise digest_mismatch(response)
        return DownloadedFile(response.body, held.content_type, file_id)

    def delete_file(self, file_id: str) -> Flow[None]:
        """Delete a file that Meta holds."""
        response = yield from ask(self._file_request(file_id, "DELETE"))
        require_success(response, "deletion of a file")

    def _fetch_file(self, file_id: str) -> Flow[tuple[StoredFile, HttpResponse]]:
        held = yield from self.look_up_file(file_id)
        response = yield from ask(HttpRequest("GET", held.url, self._downloads, may_send=False))
        return held, response

    def _file_request(self, file_id: str, method: str) -> HttpRequest:
        url = f"{self._root}/{normalization.normalize_file_id(file_id)}"
        return HttpRequest(method, url, self._authorization, may_send=False)

    def _post_status(self, status: Mapping[str, Any], sender: str | None) -> Flow[None]:
        url = f"{self._root}/{self._normalize_sender(sender)}/messages"
        request = HttpRequest.post_json(
            url, {"messaging_product": "whatsapp", **status}, headers=self._headers
        )
        require_success((yield from ask(request)), "mark")

    def _choose_message(self, envelope: Envelope, number_id: str) -> Flow[Message | None]:
        """Return what may be sent: the message, or its template if the window is known to be closed; None if there is no choice left."""
        message = envelope.message
        options = provider_options_of(message, WhatsAppOptions) or WhatsAppOptions()
        windows = self._windows
        if windows is None or isinstance(message, WhatsAppTemplate) or options.when_closed == "try":
            return message
        until = yield from ask(
            BlockingCall(lambda: windows.open_until(envelope.to, number_id=number_id), may_send=False)
        )
        if until is None or (yield from ask(CurrentTime())) < until:
            return message
        return None if options.when_closed == "refuse" else options.when_closed

    def _upload_media(self, message: Message, number_id: str) -> Flow[Message]:
        """Upload each file that the message holds as bytes, once; return it with their ids."""
        for file in message.uploads:
            require_uploadable(file)
        ids: dict[Media, Media] = {}
        for file in message.uploads:
            if file not in ids:
                ids[file] = yield from self.upload(file, sender=number_id)
        return replace_media(message, ids) if ids else message

    def _request(self, envelope: Envelope, message: Message, number_id: str) -> HttpRequest:
        options = provider_options_of(envelope.message, WhatsAppOptions) or WhatsAppOptions()
        marketing = options.marketing if isinstance(message, WhatsAppTemplate) else None
        body = {**_message_body(envelope, message, options), **_content_of(message)}
        path = f"{number_id}/messages"
        if marketing is not None:
            path = f"{number_id}/marketing_messages"
            body["product_policy"] = "STRICT" if marketing.strict else "CLOUD_API_FALLBACK"
            if marketing.activity_sharing is not None:
                body["message_activity_sharing"] = marketing.activity_sharing
        return self._post(path, with_raw(body, options.raw, self._specifications))

    def _post(self, path: str, body: Mapping[str, Any]) -> HttpRequest:
        try:
            return HttpRequest.post_json(f"{self._root}/{path}", body, headers=self._headers)
        except (ValueError, UnicodeError):
            raise InvalidMessage(
                "contains an unpaired surrogate",
                field="message",
                hint="remove it, or repair the text where it was cut",
            ) from None

    def _number_id(self, message: Message) -> str:
        return normalization.normalize_number_id(require_sender(message, self._sender, provider=self.name))

    def _normalize_sender(self, sender: str | None) -> str:
        if sender is None and self._sender is None:
            raise InvalidMessage("is missing", field="sender", hint="give the id of a business number")
        return normalization.normalize_number_id(sender or self._sender or "")


def _message_body(envelope: Envelope, message: Message, options: WhatsAppOptions) -> dict[str, Any]:
    reply_to = getattr(message, "reply_to", None)
    return {
        "messaging_product": "whatsapp",
        "recipient_type": "group" if isinstance(envelope.to, WhatsAppGroupId) else "individual",
        **_recipient(envelope, message),
        **({"context": {"message_id": reply_to}} if reply_to else {}),
        "biz_opaque_callback_data": envelope.id,
        **({"recipient_identity_key_hash": options.identity_key_hash} if options.identity_key_hash else {}),
    }


def _recipient(envelope: Envelope, message: Message) -> dict[str, str]:
    """Name the person or group. A number goes with its plus: without it Meta would put the business's own country code before it."""
    if isinstance(envelope.to, WhatsAppGroupId):
        return {"to": envelope.to.id}
    if not isinstance(envelope.to, WhatsAppUserId):
        return {"to": f"+{envelope.to.plain}"}
    buttons = message.buttons if isinstance(message, WhatsAppTemplate) else ()
    if any(isinstance(one, OneTimePassword) for one in buttons):
        raise InvalidMessage(
            "contain a one-time password, which needs a phone number as recipient",
            field="WhatsAppTemplate.buttons",
            hint="send it to the person's number",
        )
    return {"recipient": envelope.to.plain}


def _content_of(message: Message) -> dict[str, Any]:
    kind, described = whatsapp_content(message)
    return {"type": kind, kind: described}


_WINDOW_CLOSED = (
    "the person's 24-hour window is known to be closed, nothing was sent: send a template, or choose by"
    " WhatsAppOptions(when_closed=...)"
)
_NOT_FOUND = 404
