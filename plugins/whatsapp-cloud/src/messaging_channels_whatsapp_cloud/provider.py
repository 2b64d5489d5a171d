"""The provider: WhatsApp messages by Meta's Cloud API, one a request."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from messaging_channels.errors import InvalidMessage
from messaging_channels.messages import Media, Message, WhatsAppTemplate
from messaging_channels.plugins import (
    Call,
    Capabilities,
    Envelope,
    Exchange,
    Executors,
    Flow,
    HttpRequest,
    HttpResponse,
    Now,
    Outcome,
    Reason,
    Received,
    WebhookCall,
    WhatsAppUserId,
    ask,
    extra_of,
    sender_of,
)
from messaging_channels.policies import Rate
from messaging_channels_whatsapp_cloud import settings
from messaging_channels_whatsapp_cloud.answers import CallRefused, answered, refusal, sent
from messaging_channels_whatsapp_cloud.bodies import HONOURED, content
from messaging_channels_whatsapp_cloud.files import (
    File,
    HeldFile,
    require_uploadable,
    upload_request,
    with_uploaded,
)
from messaging_channels_whatsapp_cloud.options import CloudOptions
from messaging_channels_whatsapp_cloud.proof import require_signed, verified
from messaging_channels_whatsapp_cloud.reading import parsed, text
from messaging_channels_whatsapp_cloud.reports import events
from messaging_channels_whatsapp_cloud.templates import password_in
from messaging_channels_whatsapp_cloud.updates import NAME

if TYPE_CHECKING:
    from messaging_channels_whatsapp_cloud.windows import KnowsWindows

PAIR = Rate(1, per=6.0, burst=45)
"""From one business number to one person.

Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/throughput
"""


class WhatsAppCloud:
    """Meta's WhatsApp Cloud API for one account. One object serves many threads and tasks.

    Besides what every provider does, its flows mark messages as read, show that an answer is being typed, and move files; run them with a
    `messaging_channels._transport.Transport`. They send nobody anything, so each may be repeated; they raise `CallRefused`.

    Source: https://developers.facebook.com/documentation/business-messaging/whatsapp
    """

    name: ClassVar[str] = NAME
    capabilities: ClassVar[Capabilities] = Capabilities(
        HONOURED, extras=frozenset({CloudOptions}), uploads=True
    )
    executors: ClassVar[Mapping[type[Exchange[Any]], Executors]] = {}

    def __init__(
        self,
        *,
        access_token: str,
        sender: str | None = None,
        app_secrets: Sequence[str] = (),
        verify_token: str | None = None,
        version: str = settings.VERSION,
        base_url: str = settings.BASE_URL,
        throughput: float = settings.THROUGHPUT,
        user_agent: str = settings.USER_AGENT,
        windows: KnowsWindows | None = None,
    ) -> None:
        """Take what the app's dashboard shows.

        Args:
            access_token: of a system user, with the permission `whatsapp_business_messaging`.
            sender: the id of the business number that messages come from which name none; not the number itself.
            app_secrets: any of them may have signed a webhook; two while one takes the other's place.
            verify_token: what Meta has to know in the verification call.
            version: of the Graph API, such as `v24.0`.
            base_url: another host, such as the emulator's.
            throughput: messages a second of one business number: 80, 1,000 after an upgrade, 20 if it is also used in the Business app.
            user_agent: of downloads; some clients were refused by their name.
            windows: knows when people last wrote. Without it every message is left to Meta's judgement.

        Raises:
            InvalidSetting: one of them cannot work.
        """
        self._root = f"{settings.normal_url(base_url)}/{settings.normal_version(version)}"
        self._authorization = {"authorization": f"Bearer {settings.normal_token(access_token)}"}
        self._headers = {**self._authorization, "content-type": "application/json"}
        self._downloads = {**self._authorization, "user-agent": user_agent}
        self._secrets = [settings.normal_secret(secret) for secret in app_secrets]
        self._verify_token = verify_token
        self._sender = None if sender is None else settings.normal_number_id(sender)
        self._throughput = Rate(throughput)
        self._windows = windows

    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[Outcome]]:
        """See Provider."""
        (envelope,) = batch
        number_id = self._number_id(envelope.message)
        message = yield from self._allowed(envelope, number_id)
        if message is None:
            return (Outcome.of(Reason.POLICY, _CLOSED),)
        try:
            message = yield from self._uploaded(message, number_id)
        except CallRefused as refused:
            return (refused.outcome,)
        response = yield from ask(self._request(envelope, message, number_id))
        return (sent(response),)

    def limits(self, envelope: Envelope) -> Sequence[tuple[Hashable, Rate]]:
        """See LimitsRates: one rate for the business number, one for it and the person. Without a number, `send` says what is wrong."""
        number_id = str(getattr(envelope.message, "sender", None) or self._sender)
        return (
            ((NAME, number_id), self._throughput),
            ((NAME, number_id, envelope.to.plain), PAIR),
        )

    def receive(self, call: WebhookCall) -> Received:
        """See ParsesWebhooks. A GET is the verification call; everything else has to be signed."""
        if call.method == "GET":
            return verified(call, self._verify_token)
        require_signed(call, self._secrets)
        payload = parsed(call.body)
        return Received(events(call.body if payload is None else payload, call.at))

    def mark_read(self, message_id: str, *, sender: str | None = None) -> Flow[None]:
        """Show a message, and all before it, as read; by its provider's id, within 30 days."""
        yield from self._noted({"status": "read", "message_id": message_id}, sender)

    def show_typing(self, message_id: str, *, sender: str | None = None) -> Flow[None]:
        """Mark a message as read, and show that an answer is being typed: until it comes, for 25 seconds at most."""
        typing = {"typing_indicator": {"type": "text"}}
        yield from self._noted({"status": "read", "message_id": message_id, **typing}, sender)

    def upload(self, file: Media, *, sender: str | None = None) -> Flow[Media]:
        """Upload a file. Return it by its id, good for any number of messages in 30 days.

        Raises:
            InvalidMessage: it holds no bytes, or more than its type may have.
        """
        require_uploadable(file)
        url = f"{self._root}/{self._id_of(sender)}/media"
        response = yield from ask(upload_request(url, file, self._authorization))
        held = text(answered(response, "upload").get("id"))
        if held is None:
            raise refusal(response, "upload")
        return Media(id=held, content_type=file.content_type)

    def look_up_file(self, file_id: str) -> Flow[HeldFile]:
        """Ask where a file can be fetched; by an id from an upload (good for 30 days) or a webhook (7 days)."""
        response = yield from ask(self._about(file_id, "GET"))
        answer = answered(response, "look-up of a file")
        url = text(answer.get("url"))
        if url is None or not settings.may_have_the_token(url):
            raise refusal(response, "look-up of a file")
        kind, digest = (text(answer.get(name)) or "" for name in ("mime_type", "sha256"))
        return HeldFile(file_id, url, kind, digest)

    def download(self, file_id: str) -> Flow[File]:
        """Fetch a file, by an id from an upload or a webhook. Its bytes are those whose digest Meta tells."""
        held, response = yield from self._fetched(file_id)
        if response.status == _GONE:  # the link was stale: another one is not
            held, response = yield from self._fetched(file_id)
        if not response.ok or not held.holds(response.body):
            raise refusal(response, "download")
        return File(response.body, held.content_type, file_id)

    def delete_file(self, file_id: str) -> Flow[None]:
        """Delete a file that Meta holds."""
        response = yield from ask(self._about(file_id, "DELETE"))
        answered(response, "deletion of a file")

    def _fetched(self, file_id: str) -> Flow[tuple[HeldFile, HttpResponse]]:
        held = yield from self.look_up_file(file_id)
        response = yield from ask(HttpRequest("GET", held.url, self._downloads, effect=False))
        return held, response

    def _about(self, file_id: str, method: str) -> HttpRequest:
        url = f"{self._root}/{settings.normal_file_id(file_id)}"
        return HttpRequest(method, url, self._authorization, effect=False)

    def _noted(self, note: Mapping[str, Any], sender: str | None) -> Flow[None]:
        url = f"{self._root}/{self._id_of(sender)}/messages"
        request = HttpRequest.post_json(url, {"messaging_product": "whatsapp", **note}, headers=self._headers)
        answered((yield from ask(request)), "mark")

    def _allowed(self, envelope: Envelope, number_id: str) -> Flow[Message | None]:
        """Return what may be sent: the message, or its template if the window is known to be closed; None if there is no choice left."""
        message = envelope.message
        options = extra_of(message, CloudOptions) or CloudOptions()
        windows = self._windows
        if windows is None or isinstance(message, WhatsAppTemplate) or options.when_closed == "try":
            return message
        until = yield from ask(
            Call(lambda: windows.open_until(envelope.to, number_id=number_id), effect=False)
        )
        if until is None or (yield from ask(Now())) < until:
            return message
        return None if options.when_closed == "refuse" else options.when_closed

    def _uploaded(self, message: Message, number_id: str) -> Flow[Message]:
        """Upload each file that the message holds as bytes, once; return it with their ids."""
        for file in message.uploads:
            require_uploadable(file)
        ids: dict[Media, Media] = {}
        for file in message.uploads:
            if file not in ids:
                ids[file] = yield from self.upload(file, sender=number_id)
        return with_uploaded(message, ids) if ids else message

    def _request(self, envelope: Envelope, message: Message, number_id: str) -> HttpRequest:
        options = extra_of(envelope.message, CloudOptions) or CloudOptions()
        marketing = options.marketing if isinstance(message, WhatsAppTemplate) else None
        body = {**_addressed(envelope, message, options), **_said(message)}
        if marketing is None:
            return self._post(f"{number_id}/messages", body)
        body["product_policy"] = "STRICT" if marketing.strict else "CLOUD_API_FALLBACK"
        if marketing.activity_sharing is not None:
            body["message_activity_sharing"] = marketing.activity_sharing
        return self._post(f"{number_id}/marketing_messages", body)

    def _post(self, path: str, body: Mapping[str, Any]) -> HttpRequest:
        try:
            return HttpRequest.post_json(f"{self._root}/{path}", body, headers=self._headers)
        except (ValueError, UnicodeError):
            raise InvalidMessage(
                "it holds half a character", field="message", remedy="give text that UTF-8 can write"
            ) from None

    def _number_id(self, message: Message) -> str:
        return settings.normal_number_id(sender_of(message, self._sender, provider=self.name))

    def _id_of(self, sender: str | None) -> str:
        if sender is None and self._sender is None:
            raise InvalidMessage("no sender", field="sender", remedy="give the id of a business number")
        return settings.normal_number_id(sender or self._sender or "")


def _addressed(envelope: Envelope, message: Message, options: CloudOptions) -> dict[str, Any]:
    reply_to = getattr(message, "reply_to", None)
    return {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        **_recipient(envelope, message),
        **({"context": {"message_id": reply_to}} if reply_to else {}),
        "biz_opaque_callback_data": envelope.id,
        **({"recipient_identity_key_hash": options.identity_key_hash} if options.identity_key_hash else {}),
    }


def _recipient(envelope: Envelope, message: Message) -> dict[str, str]:
    """Name the person. A number goes with its plus: without it Meta would put the business's own country code before it."""
    if not isinstance(envelope.to, WhatsAppUserId):
        return {"to": f"+{envelope.to.plain}"}
    if isinstance(message, WhatsAppTemplate) and password_in(message) is not None:
        raise InvalidMessage(
            "a one-time password goes to a number only",
            field="WhatsAppTemplate.buttons",
            remedy="send it to the person's number",
        )
    return {"recipient": envelope.to.plain}


def _said(message: Message) -> dict[str, Any]:
    kind, described = content(message)
    return {"type": kind, kind: described}


_CLOSED = (
    "the person's 24-hour window is known to be closed, nothing was sent: send a template, or choose by"
    " CloudOptions(when_closed=...)"
)
_GONE = 404
