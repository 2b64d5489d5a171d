"""The provider: one form a message, and what can be asked and heard afterwards."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlencode

from messaging_channels.errors import InvalidMessage, InvalidSetting, WebhookVerificationError
from messaging_channels.messages import (
    Mms,
    Sms,
    WhatsAppAudio,
    WhatsAppDocument,
    WhatsAppImage,
    WhatsAppLocation,
    WhatsAppTemplate,
    WhatsAppText,
    WhatsAppVideo,
)
from messaging_channels.plugins import (
    AttemptResult,
    Capabilities,
    Envelope,
    Finding,
    Flow,
    HttpProvider,
    HttpRequest,
    HttpResponse,
    LookupRequest,
    Reason,
    WebhookRequest,
    WebhookResult,
    WhatsAppGroupId,
    WhatsAppUserId,
    provider_options_of,
    split_secrets,
)
from messaging_channels.policies import RateLimit
from messaging_channels_rcs import RcsFile, RcsText
from messaging_channels_twilio import endpoints, webhooks
from messaging_channels_twilio import responses as answers
from messaging_channels_twilio import webhook_auth as signatures
from messaging_channels_twilio._table_statuses import ADDRESS_FORMS
from messaging_channels_twilio.api import Page, TwilioApi
from messaging_channels_twilio.diagnosis import diagnose
from messaging_channels_twilio.message_resource import TwilioMessage, parse_json
from messaging_channels_twilio.options import TwilioOptions
from messaging_channels_twilio.raw_parameters import require_documented
from messaging_channels_twilio.requests import (
    PREFIX,
    MessageDefaults,
    Templates,
    build_parameters,
    format_recipient,
    format_sender,
)
from messaging_channels_twilio.responses import TwilioApiError
from messaging_channels_twilio.status_callbacks import message_id_in, require_callback_url
from messaging_channels_twilio.webhook_auth import SigningKey

WHATSAPP_RATE_LIMIT = RateLimit(80)
"""What one WhatsApp sender may send. Source: https://www.twilio.com/docs/whatsapp/best-practices-and-faqs"""

_CLOCK_SKEW = timedelta(seconds=5)
"""How far our clock and Twilio's may be apart, one that counts whole seconds."""
_LATEST = timedelta(minutes=2)
"""How long after our request ended a message may come about that it asked for."""
_MAX_PAGES = 5


class Twilio(HttpProvider, TwilioApi):
    """Twilio's Messages API: SMS, MMS, WhatsApp and RCS. One object serves many threads and tasks.

    Source: https://www.twilio.com/docs/messaging/api
    """

    name: ClassVar[str] = "twilio"
    capabilities: ClassVar[Capabilities] = Capabilities(
        {
            Sms: frozenset({"sender", "validity_period"}),
            Mms: frozenset({"text", "sender"}),
            RcsText: frozenset({"sender", "validity_period", "sms_fallback"}),
            RcsFile: frozenset({"sender", "validity_period"}),
            WhatsAppText: frozenset({"sender"}),
            WhatsAppImage: frozenset({"sender", "caption"}),
            WhatsAppVideo: frozenset({"sender"}),
            WhatsAppDocument: frozenset({"sender"}),
            WhatsAppAudio: frozenset({"sender"}),
            WhatsAppLocation: frozenset({"sender", "name", "address"}),
            WhatsAppTemplate: frozenset({"sender", "parameters"}),
        },
        provider_options=frozenset({TwilioOptions}),
    )

    def __init__(  # noqa: PLR0913  one keyword a setting
        self,
        *,
        account_sid: str,
        auth_token: str | None = None,
        api_key: str | None = None,
        api_secret: str | None = None,
        sender: str | None = None,
        whatsapp_sender: str | None = None,
        rcs_sender: str | None = None,
        status_callback: str | None = None,
        webhook_auth_tokens: str | Sequence[str | SigningKey] = (),
        webhook_shared_keys: str | Sequence[str] = (),
        templates: Mapping[str, str] | Templates | None = None,
        edge: str | None = None,
        region: str | None = None,
        base_url: str | None = None,
        specifications: Path | None = None,
    ) -> None:
        """Take the account, its credentials, and what holds for messages that do not say otherwise.

        Args:
            account_sid: Account SID: `AC` and 32 hexadecimal digits.
            auth_token: Auth token of the account. Leave it out if you give `api_key` and `api_secret`.
            api_key: API key SID: `SK` and 32 hexadecimal digits.
            api_secret: Secret of the API key.
            sender: Sender of SMS and MMS: a number, a short code, a name, or a messaging service (`MG…`).
            whatsapp_sender: Sender of WhatsApp messages: a number or a messaging service.
            rcs_sender: Sender of RCS messages: id of an RCS sender, or a messaging service that has one (needed for a fallback to SMS).
            status_callback: Public URL for delivery reports. The plugin adds the message id and a signature to its query.
            webhook_auth_tokens: Further auth tokens with which Twilio may sign webhooks: the secondary token before a rotation, or the auth
                token if you send with an API key. Several are separated by commas.
            webhook_shared_keys: Keys that sign webhooks with SHA-256. Several are separated by commas.
            templates: Content SIDs (`HX…`) by `name/language`; in the TOML file.
            edge: Edge location, such as `dublin`.
            region: Region, such as `ie1`; credentials belong to one region. A region without an edge gets its default edge.
            base_url: Another URL instead of `https://api.twilio.com`, for example of the emulator.
            specifications: Folder of Twilio's OpenAPI documents (`twilio_*.json`), against which raw parameters are checked before sending. Needs
                `jsonschema`.

        Raises:
            InvalidSetting: one of them cannot work.
        """
        endpoints.require_sid(account_sid, "AC", "account_sid")
        TwilioApi.__init__(
            self,
            base_url=endpoints.base_url(base_url, edge=edge, region=region),
            account_sid=account_sid,
            authorization=endpoints.authorization(account_sid, auth_token, api_key, api_secret),
        )
        self._specifications = specifications
        self._messages_url = f"{self._base_url}{self._account}/Messages.json"
        self._webhook_auth_tokens = _signing_keys(auth_token, webhook_auth_tokens, webhook_shared_keys)
        self._callback_keys = [key.secret for key in self._webhook_auth_tokens] + (
            [api_secret] if api_secret else []
        )
        self._message_defaults = MessageDefaults(
            {
                "sms": _require_sender(sender, "sms", "sender"),
                "whatsapp": _require_sender(whatsapp_sender, "whatsapp", "whatsapp_sender"),
                "rcs": _require_sender(rcs_sender, "rcs", "rcs_sender"),
            },
            _template_keys(templates or {}),
            _require_status_callback(status_callback),
            self._callback_keys[0],
        )

    @property
    def endpoints(self) -> Sequence[str]:
        """Return the base URL of the API, for `messaging-channels doctor`."""
        return (self._base_url,)

    def diagnose(self) -> Flow[Sequence[Finding]]:
        """Check the credentials and that the sender belongs to the account. Send no message.

        Raises:
            TransportError: Twilio can't be reached.
        """
        sender = self._message_defaults.senders["sms"]
        return diagnose(f"{self._base_url}{self._account}", self._read_headers, sender)

    @property
    def has_reports(self) -> bool:
        """Whether `status_callback` is set. Without one, Twilio reports nothing, unless the messaging service has a callback."""
        return self._message_defaults.status_callback is not None

    def build_request(self, envelope: Envelope) -> HttpRequest:
        """Encode one message as a form for the Messages resource.

        Raises:
            BadInput: Twilio can't send this message.
        """
        options = provider_options_of(envelope.message, TwilioOptions)
        if options is not None and options.raw and self._specifications:
            require_documented(options.raw, self._specifications, f"{self._account}/Messages.json")
        try:
            body = urlencode(build_parameters(envelope, self._message_defaults)).encode()
        except UnicodeEncodeError:
            raise InvalidMessage(
                "contains an unpaired surrogate",
                field=type(envelope.message).__name__,
                hint="remove it, or repair the text where it was cut",
            ) from None
        return HttpRequest("POST", self._messages_url, self._write_headers, body)

    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        """Send one message. A message to a WhatsApp group gets the reason `Reason.NO_COVERAGE`: Twilio reaches no groups."""
        (envelope,) = batch
        if isinstance(envelope.to, WhatsAppGroupId):
            return (AttemptResult.of(Reason.NO_COVERAGE, "Twilio reaches no groups, nothing was sent"),)
        return (yield from super().send(batch))

    def parse_response(self, response: HttpResponse, envelope: Envelope) -> AttemptResult:
        """Return the result of a send.

        If Twilio refuses the id of a WhatsApp user, the reason is `Reason.NO_COVERAGE`: another provider may know the person by this id.
        """
        result = answers.parse_create_response(response)
        if result.reason is Reason.RECIPIENT and isinstance(envelope.to, WhatsAppUserId):
            code = answers.error_code_of(parse_json(response))
            if code in ADDRESS_FORMS:
                return AttemptResult.of(Reason.NO_COVERAGE, result.detail, raw_response=response)
        return result

    def missing_sender(self, channel: str) -> str | None:
        """Return the setting that a message without a sender lacks on this channel, such as `twilio.sender`; None if the account has a sender."""
        senders = self._message_defaults.senders
        known = "sms" if channel == "mms" else channel
        return None if senders.get(known) else f"twilio.{'' if known == 'sms' else f'{known}_'}sender"

    def rate_limits(self, envelope: Envelope) -> Sequence[tuple[Hashable, RateLimit]]:
        """Return the rate of a WhatsApp sender. WhatsApp refuses messages that come too fast.

        Text messages have no rate: Twilio queues them by sender, for hours if need be.
        """
        if envelope.channel != "whatsapp":
            return ()
        sender = getattr(envelope.message, "sender", None) or self._message_defaults.senders["whatsapp"]
        return ((("whatsapp", sender), WHATSAPP_RATE_LIMIT),)

    def handle_webhook(self, request: WebhookRequest) -> WebhookResult:
        """Verify `X-Twilio-Signature` with each configured token, and return the events of the request.

        Raises:
            WebhookVerificationError: No token matches.
        """
        if not signatures.is_signed(request, self._webhook_auth_tokens):
            raise WebhookVerificationError(
                "no configured key matches the signature"
                if self._webhook_auth_tokens
                else "no key is configured",
                provider=self.name,
                hint="check auth_token and webhook_auth_tokens, and pass the URL exactly as Twilio called it",
            )
        events = webhooks.parse_events(request, message_id_in(request.url, self._callback_keys))
        return WebhookResult(events, HttpResponse(204, {}, b""))

    def look_up(self, request: LookupRequest) -> Flow[AttemptResult | None]:
        """Return the result of an unknown message: the one message to this address, of this text and time.

        Twilio can't prove that a message does not exist, so the reason is never `Reason.NOT_FOUND`.

        Two messages of one text to one address within two minutes cannot be told apart: then, and for texts that were redacted, it says nothing.

        Where the ledger masks or hashes addresses, that of the message has to fit; and it says nothing if the account's log holds more than a thousand messages
        since, so that nobody can see whether there is a second one.
        """
        if request.provider_id is not None:
            return (yield from self._fetch_result(request.provider_id))
        has_address = request.to is not None or request.to_matches is not None
        if not has_address or request.channel not in PREFIX or isinstance(request.to, WhatsAppGroupId):
            return None
        found: dict[str, TwilioMessage] = {}
        day = datetime.fromtimestamp(request.started_at, UTC).date() - timedelta(days=1)
        for since in (day, None):  # what waits to be sent has no day yet, and a filter may pass it over
            try:
                is_complete = yield from self._collect_matches(request, since, found)
            except TwilioApiError:
                return None
            if not is_complete:
                return None
        if len(found) != 1:
            return None
        (message,) = found.values()
        return _result_of(message)

    def _fetch_result(self, sid: str) -> Flow[AttemptResult | None]:
        try:
            return _result_of((yield from self.fetch(sid)))
        except TwilioApiError:
            return None

    def _collect_matches(
        self, request: LookupRequest, since: date | None, found: dict[str, TwilioMessage]
    ) -> Flow[bool]:
        """Add what the log holds of this message; return whether enough of it was read. Without a day only the first page is: it is the latest."""
        to = None if request.to is None else format_recipient(request.channel, request.to)
        page: Page = yield from self.list_messages(to=to, since=since, page_size=200)
        for left in reversed(range(_MAX_PAGES)):
            found |= {
                one.sid: one for one in page.messages if _is_to(one, to, request) and _is_match(one, request)
            }
            if since is None or page.next_uri is None or _is_before(page, request):
                return True
            if left:
                page = yield from self.next_page(page)
        return to is not None


def _is_to(message: TwilioMessage, to: str | None, request: LookupRequest) -> bool:
    """Whether a message of the log went to the address that is sought, or to one that is kept alike."""
    if to is not None:
        return message.to == to
    channel, address = webhooks.parse_address(message.to)
    return channel == request.channel and request.to_matches is not None and request.to_matches(address)


def _is_before(page: Page, request: LookupRequest) -> bool:
    """Whether a page, of which the latest comes first, reaches back before the time that is sought."""
    made = [one.created_at for one in page.messages if one.created_at is not None]
    return bool(made) and min(made) < datetime.fromtimestamp(request.started_at, UTC) - _CLOCK_SKEW


def _result_of(message: TwilioMessage) -> AttemptResult:
    return AttemptResult.of(
        Reason.ACCEPTED,
        "found in the log",
        status=message.status,
        provider_id=message.sid,
        raw_response=message.raw,
    )


def _is_match(message: TwilioMessage, request: LookupRequest) -> bool:
    """Whether a message of the log is the one that is sought."""
    if message.created_at is None or not message.direction.startswith("outbound"):
        return False
    earliest = datetime.fromtimestamp(request.started_at, UTC) - _CLOCK_SKEW
    latest = datetime.fromtimestamp(request.ended_at, UTC) + _LATEST
    return (
        earliest <= message.created_at <= latest and bool(message.body) and request.text_matches(message.body)
    )


def _signing_keys(
    auth_token: str | None, others: str | Sequence[str | SigningKey], shared: str | Sequence[str]
) -> list[SigningKey]:
    further = split_secrets(others) if isinstance(others, str) else others
    given = [*([auth_token] if auth_token else []), *further]
    keys = [key if isinstance(key, SigningKey) else SigningKey(key) for key in given]
    return [*keys, *(SigningKey(key, "sha256") for key in split_secrets(shared))]


def _template_keys(templates: Mapping[str, str] | Templates) -> Templates:
    return {_template_key(key) if isinstance(key, str) else key: sid for key, sid in templates.items()}


def _template_key(given: str) -> tuple[str, str]:
    name, slash, language = given.rpartition("/")
    if not (slash and name and language):
        raise InvalidSetting(
            "must name each template with its language",
            setting="twilio.templates",
            source="the provider's settings",
            hint="write the names like order_ready/en",
        )
    return name, language


def _require_sender(sender: str | None, channel: str, setting: str) -> str | None:
    """Return the sender if it has a form that the channel takes."""
    try:
        if sender is not None and not endpoints.is_sid(sender, "MG"):
            format_sender(sender, channel, "Twilio")
    except InvalidMessage as error:
        raise InvalidSetting(
            error.problem,
            setting=f"twilio.{setting}",
            source="the provider's arguments",
            hint=error.hint,
        ) from None
    return sender


def _require_status_callback(url: str | None) -> str | None:
    try:
        return None if url is None else require_callback_url(url, "status_callback")
    except InvalidMessage as error:
        raise InvalidSetting(
            error.problem,
            setting="twilio.status_callback",
            source="the provider's arguments",
            hint=error.hint,
        ) from None
