"""The provider: one form a message, and what can be asked and heard afterwards."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import ClassVar
from urllib.parse import urlencode

from messaging_channels.errors import InvalidMessage, InvalidSetting, WebhookRefused
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
    Capabilities,
    Envelope,
    Flow,
    HttpProvider,
    HttpRequest,
    HttpResponse,
    Inquiry,
    Outcome,
    Reason,
    Received,
    WebhookCall,
)
from messaging_channels.policies import Rate
from messaging_channels_twilio import answers, hosts, signatures, webhooks
from messaging_channels_twilio.answers import TwilioRefused
from messaging_channels_twilio.api import Page, TwilioApi
from messaging_channels_twilio.callbacks import message_id_of, require_callback
from messaging_channels_twilio.options import TwilioOptions
from messaging_channels_twilio.parameters import PREFIX, Account, Templates, parameters
from messaging_channels_twilio.resource import TwilioMessage
from messaging_channels_twilio.signatures import SigningKey

WHATSAPP_RATE = Rate(80)
"""What one WhatsApp sender may send. Source: https://www.twilio.com/docs/whatsapp/best-practices-and-faqs"""

_SLACK = timedelta(minutes=2)
_MOST_PAGES = 5


class Twilio(HttpProvider, TwilioApi):
    """Twilio's Messages API: SMS, MMS and WhatsApp. One object serves many threads and tasks.

    Source: https://www.twilio.com/docs/messaging/api
    """

    name: ClassVar[str] = "twilio"
    capabilities: ClassVar[Capabilities] = Capabilities(
        {
            Sms: frozenset({"sender", "validity_period"}),
            Mms: frozenset({"text", "sender"}),
            WhatsAppText: frozenset({"sender"}),
            WhatsAppImage: frozenset({"sender", "caption"}),
            WhatsAppVideo: frozenset({"sender"}),
            WhatsAppDocument: frozenset({"sender"}),
            WhatsAppAudio: frozenset({"sender"}),
            WhatsAppLocation: frozenset({"sender", "name", "address"}),
            WhatsAppTemplate: frozenset({"sender", "body"}),
        },
        extras=frozenset({TwilioOptions}),
    )

    def __init__(
        self,
        *,
        account_sid: str,
        auth_token: str | None = None,
        api_key: str | None = None,
        api_secret: str | None = None,
        sender: str | None = None,
        whatsapp_sender: str | None = None,
        status_callback: str | None = None,
        webhook_keys: Sequence[str | SigningKey] = (),
        templates: Templates | None = None,
        edge: str | None = None,
        region: str | None = None,
        base_url: str | None = None,
    ) -> None:
        """Take the account, its credentials, and what holds for messages that do not say otherwise.

        Args:
            account_sid: AC and 32 hexadecimal digits.
            auth_token: the account's token; or else
            api_key: SK and 32 hexadecimal digits, with
            api_secret: its secret.
            sender: of SMS and MMS: a number, a short code, a name, or a messaging service (MG…).
            whatsapp_sender: of WhatsApp messages: a number, or a messaging service.
            status_callback: the public URL for delivery reports. Our message id and a code are added to its query.
            webhook_keys: what Twilio may sign its calls with besides `auth_token`: the next token before it is promoted, or the token where only
                an API key is given above.
            templates: content SIDs (HX…) by name and language.
            edge: such as `dublin`.
            region: such as `ie1`. Credentials are of one region.
            base_url: instead of https://api.twilio.com, for an emulator.

        Raises:
            InvalidSetting: one of them cannot work.
        """
        hosts.require_sid(account_sid, "AC", "account_sid")
        TwilioApi.__init__(
            self,
            base_url=hosts.base_url(base_url, edge=edge, region=region),
            account_sid=account_sid,
            authorization=hosts.authorization(account_sid, auth_token, api_key, api_secret),
        )
        self._messages_url = f"{self._base_url}{self._account}/Messages.json"
        self._keys = _keys(auth_token, webhook_keys)
        self._callback_keys = [key.secret for key in self._keys] + ([api_secret] if api_secret else [])
        self._settings = Account(
            {"sms": sender, "whatsapp": whatsapp_sender},
            templates or {},
            _callback(status_callback),
            self._callback_keys[0],
        )

    def encode(self, envelope: Envelope) -> HttpRequest:
        """See HttpProvider."""
        try:
            body = urlencode(parameters(envelope, self._settings)).encode()
        except UnicodeEncodeError:
            raise InvalidMessage(
                "it holds half a character (a lone surrogate)",
                field=type(envelope.message).__name__,
                remedy="repair the text where it was cut",
            ) from None
        return HttpRequest("POST", self._messages_url, self._write_headers, body)

    def decode(self, response: HttpResponse, envelope: Envelope) -> Outcome:  # noqa: ARG002  the answer says all
        """See HttpProvider."""
        return answers.outcome(response)

    def limits(self, envelope: Envelope) -> Sequence[tuple[Hashable, Rate]]:
        """See LimitsRates. Text messages have none: Twilio queues them by sender, for hours if need be; WhatsApp refuses what comes too fast."""
        if envelope.channel != "whatsapp":
            return ()
        sender = getattr(envelope.message, "sender", None) or self._settings.senders["whatsapp"]
        return ((("whatsapp", sender), WHATSAPP_RATE),)

    def receive(self, call: WebhookCall) -> Received:
        """See ParsesWebhooks."""
        if not signatures.proves(call, self._keys):
            raise WebhookRefused(
                "no key of ours signed it" if self._keys else "there is no key to check it with",
                provider=self.name,
                remedy="give auth_token or webhook_keys, and the URL exactly as Twilio was given it",
            )
        events = webhooks.events(call, message_id_of(call.url, self._callback_keys))
        return Received(events, HttpResponse(204, {}, b""))

    def look_up(self, inquiry: Inquiry) -> Flow[Outcome | None]:
        """See LooksUp: the one message to that address, of that text and time. Twilio proves no absence, so it never says so.

        Two messages of one text to one address within two minutes cannot be told apart: then, and for texts that were redacted, it says nothing.
        """
        if inquiry.to is None or inquiry.channel not in PREFIX:
            return None
        found: dict[str, TwilioMessage] = {}
        day = datetime.fromtimestamp(inquiry.started, UTC).date() - timedelta(days=1)
        for since in (day, None):  # what waits to be sent has no day yet, and a filter may pass it over
            try:
                yield from self._gathered(inquiry, since, found)
            except TwilioRefused:
                return None
        if len(found) != 1:
            return None
        (message,) = found.values()
        return Outcome.of(
            Reason.ACCEPTED,
            "found in the log",
            status=message.status,
            provider_id=message.sid,
            native=message.native,
        )

    def _gathered(self, inquiry: Inquiry, since: date | None, found: dict[str, TwilioMessage]) -> Flow[None]:
        """Add what the log holds of this message. Without a day only the first page is read: it is the latest."""
        assert inquiry.to is not None  # noqa: S101  for the type checkers: look_up has seen to it
        to = f"{PREFIX[inquiry.channel]}+{inquiry.to.plain}"
        page: Page = yield from self.list_messages(to=to, since=since, page_size=200)
        for left in reversed(range(_MOST_PAGES)):
            found |= {one.sid: one for one in page.messages if one.to == to and _is_it(one, inquiry)}
            if since is None or page.next_uri is None or not left:
                return
            page = yield from self.next_page(page)


def _is_it(message: TwilioMessage, inquiry: Inquiry) -> bool:
    """Whether a message of the log is the one that is sought."""
    if message.created is None or not message.direction.startswith("outbound"):
        return False
    earliest = datetime.fromtimestamp(inquiry.started, UTC) - _SLACK
    latest = datetime.fromtimestamp(inquiry.ended, UTC) + _SLACK
    return earliest <= message.created <= latest and bool(message.body) and inquiry.matches(message.body)


def _keys(auth_token: str | None, others: Sequence[str | SigningKey]) -> list[SigningKey]:
    given = [*([auth_token] if auth_token else []), *others]
    return [key if isinstance(key, SigningKey) else SigningKey(key) for key in given]


def _callback(url: str | None) -> str | None:
    try:
        return None if url is None else require_callback(url, "status_callback")
    except InvalidMessage as error:
        raise InvalidSetting(
            error.problem,
            setting="twilio.status_callback",
            source="the provider's arguments",
            remedy=error.remedy,
        ) from None
