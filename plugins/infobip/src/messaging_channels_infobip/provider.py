"""The provider: a batch of messages of any of its channels, in as few requests as the API allows."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import groupby
from pathlib import Path
from typing import Any, ClassVar

from messaging_channels.errors import InvalidSetting, TransportError
from messaging_channels.events import Event
from messaging_channels.messages import Email, Sms, WhatsAppTemplate
from messaging_channels.plugins import (
    AttemptResult,
    Capabilities,
    CurrentTime,
    Envelope,
    Exchange,
    ExecutorPair,
    FailureReason,
    Finding,
    Flow,
    LookupRequest,
    Reason,
    WebhookRequest,
    WebhookResult,
    failure_fields,
    read_attachments,
    run_to_first_exchange,
)
from messaging_channels.policies import RateLimit
from messaging_channels_infobip import logs, webhooks
from messaging_channels_infobip._table_capabilities import CARRIES, EXTRAS, RATES
from messaging_channels_infobip.api import InfobipApi
from messaging_channels_infobip.diagnosis import diagnose
from messaging_channels_infobip.email import requests as email
from messaging_channels_infobip.options import LanguageCode, Transliteration
from messaging_channels_infobip.raw_fields import RawCheck
from messaging_channels_infobip.rcs import requests as rcs
from messaging_channels_infobip.rcs.lookups import RcsLookups
from messaging_channels_infobip.request_parts import AccountDefaults, RequestPart, Run, group_by_key
from messaging_channels_infobip.schedules import Channel, SchedulesClient
from messaging_channels_infobip.sms import requests as sms
from messaging_channels_infobip.sms.preview import SmsPreview, preview_sms
from messaging_channels_infobip.webhook_auth import Algorithm, WebhookAuth, build_webhook_auth
from messaging_channels_infobip.whatsapp import requests as whatsapp
from messaging_channels_rcs import RcsCapability, RcsMessage


class Infobip:
    """Infobip's HTTP API: SMS, WhatsApp, RCS and mail. One object serves many threads and tasks.

    Source: https://www.infobip.com/docs/api
    """

    name: ClassVar[str] = "infobip"
    capabilities: ClassVar[Capabilities] = Capabilities(
        CARRIES, max_batch_size=500, provider_options=EXTRAS, deduplicates=True
    )
    executors: ClassVar[Mapping[type[Exchange[Any]], ExecutorPair]] = {}

    def __init__(  # noqa: PLR0913  one keyword a setting
        self,
        *,
        base_url: str,
        api_key: str,
        sender: str | None = None,
        sms_sender: str | None = None,
        whatsapp_sender: str | None = None,
        email_sender: str | None = None,
        rcs_sender: str | None = None,
        rcs_check_capability: bool = False,
        report_url: str | None = None,
        webhook_username: str | None = None,
        webhook_password: str | None = None,
        webhook_bearer: str | Sequence[str] = (),
        webhook_token: str | Sequence[str] = (),
        webhook_token_parameter: str = "token",  # noqa: S107  the name of a parameter
        webhook_header: str | None = None,
        webhook_header_value: str | Sequence[str] = (),
        webhook_hmac_secret: str | Sequence[str] = (),
        webhook_hmac_header: str = "x-hub-signature-256",
        webhook_hmac_algorithm: Algorithm = "HMAC_SHA_256",
        webhook_auth: Iterable[WebhookAuth] = (),
        log_backfill_hours: float = 48.0,
        lookup_not_found_after: float | None = None,
        specifications: Path | None = None,
    ) -> None:
        """Take the account's host or URL, its API key, and what else it is configured with: the settings, by their names.

        A webhook secret may be several, as a list or as a text with commas between, while it is being changed.

        Args:
            base_url: Host of your account, such as `xyz.api.infobip.com`; https, except on loopback.
            api_key: API key, with or without the word `App`. `BasicAuth …`, `IBSSO …` and `BearerToken …` are passed on unchanged.
            sender: Sender of messages that name none, for all channels. Without it, an SMS comes from the account's default sender.
            sms_sender: Sender of SMS; overrides `sender`.
            whatsapp_sender: Sender of WhatsApp messages; overrides `sender`.
            email_sender: From address of email; overrides `sender`.
            rcs_sender: Agent that RCS messages come from; overrides `sender`.
            rcs_check_capability: Whether a number is asked about, once in a while, before an RCS message goes to it: one that RCS cannot reach is rejected
                at once, and the next step of a fallback follows.
            report_url: URL for the delivery reports of each message. Without it, the subscription of the account decides. The URL may hold a
                secret, see `webhook_token`.
            webhook_username: User name of the Basic credentials that webhook requests carry.
            webhook_password: Password of the Basic credentials.
            webhook_bearer: OAuth 2 tokens that your token endpoint hands out. Several are separated by commas.
            webhook_token: Secrets in the query of the webhook URL. Several are separated by commas. You choose them.
            webhook_token_parameter: Name of the query parameter that holds `webhook_token`.
            webhook_header: Name of a header that authenticates webhook requests.
            webhook_header_value: Accepted values of `webhook_header`. Several are separated by commas.
            webhook_hmac_secret: Secrets of the HMAC over the body. Several are separated by commas.
            webhook_hmac_header: Header that holds the HMAC. Infobip doesn't document its name: look at a request.
            webhook_hmac_algorithm: Algorithm of the HMAC.
            webhook_auth: further ways in which a call may prove itself. One of all is enough, and without any no call is believed.
            log_backfill_hours: Hours of logs, 0 to 48, that a new process reads when it first fetches reports.
            lookup_not_found_after: Seconds after which a message that is missing in the log counts as never received. Default: never, because
                Infobip doesn't say how soon its log is complete.
            specifications: Folder of Infobip's OpenAPI documents (`infobip_*.json`), against which raw fields are checked before sending. Needs
                `jsonschema`.

        Raises:
            InvalidSetting: the URL is not https, or the key is empty or no single line of ASCII.
        """
        self._raw_check, self._lookup_not_found_after = RawCheck(specifications), lookup_not_found_after
        self._api = InfobipApi.from_credentials(base_url, api_key)
        self._defaults = AccountDefaults(
            sender, sms_sender, whatsapp_sender, email_sender, rcs_sender, report_url or None
        )
        built = build_webhook_auth(
            username=webhook_username,
            password=webhook_password,
            bearer=webhook_bearer,
            token=webhook_token,
            token_parameter=webhook_token_parameter,
            header=webhook_header,
            header_value=webhook_header_value,
            hmac_secret=webhook_hmac_secret,
            hmac_header=webhook_hmac_header,
            hmac_algorithm=webhook_hmac_algorithm,
        )
        self._webhook_auth = (*built, *webhook_auth)
        self._report_reader = logs.ReportReader(
            self._api, backfill=timedelta(hours=log_backfill_hours), rcs_sender=rcs_sender
        )
        self.rcs = RcsLookups(self._api, before_sending=rcs_check_capability)

    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        """Send the envelopes in as few requests as possible; return their results in order. No request is made before every envelope is encoded.

        A request that fails takes only the envelopes in it along: the others keep the outcomes that they have, or are still sent.
        """
        told: dict[str, AttemptResult] = {}
        if _is_plain_text(batch):  # as most are
            parts = [sms.build_plain_part(batch, self._api, self._defaults)]
        else:
            told, parts = yield from self._prepare(batch)
        if len(parts) == 1 and not told:  # then it is the whole batch, in its order
            (part,) = parts
            return part.read((yield part.request), part.envelopes)
        for part in parts:
            outcomes = yield from _send_part(part)
            told.update(zip((one.id for one in part.envelopes), outcomes, strict=True))
        return [told[envelope.id] for envelope in batch]

    def validate(self, envelope: Envelope) -> None:
        """Encode the envelope as `send` does, without a request.

        Raises:
            BadInput: Infobip can't send this message.
        """
        run_to_first_exchange(self.send([envelope]))

    def _prepare(self, batch: Sequence[Envelope]) -> Flow[tuple[dict[str, AttemptResult], list[RequestPart]]]:
        """Return the results of those that cannot be reached, by their ids, and the requests for the others."""
        told = (yield from self._not_capable(batch)) if self.rcs.before_sending else {}
        capable = [one for one in batch if one.id not in told] if told else batch
        return told, ((yield from self._request_parts(capable)) if capable else [])

    def _not_capable(self, batch: Sequence[Envelope]) -> Flow[dict[str, AttemptResult]]:
        """Return the results of those messages whose numbers cannot be reached by RCS now; where Infobip cannot tell, there are none."""
        found: dict[str, AttemptResult] = {}
        chats = [one for one in batch if isinstance(one.message, RcsMessage)]
        for sender, group in group_by_key([(self._defaults.resolve_sender(one), one) for one in chats]):
            try:
                told = yield from self.rcs.capabilities([one.to.plain for one in group], sender)
            except (TransportError, InvalidSetting):  # such as a key without the right to ask
                continue
            for one in group:
                if told.get(one.to) is RcsCapability.NOT_CAPABLE:
                    found[one.id] = not_capable_result()
        return found

    def _request_parts(self, batch: Sequence[Envelope]) -> Flow[list[RequestPart]]:
        runs, defaults = _split_into_runs(batch), self._defaults
        if any(map(_needs_clock, runs)):
            defaults = replace(defaults, now=(yield CurrentTime()))
        texts, mails, chats, rich = _split_by_channel(runs)
        parts = sms.build_parts(texts, self._api, defaults) if texts else []
        if mails:
            parts += email.build_parts((yield from _with_files(mails)), self._api, defaults)
        if chats:
            parts += whatsapp.build_parts(chats, self._api, defaults)
        if rich:
            parts += rcs.build_parts(rich, self._api, defaults)
        for part in parts:
            self._raw_check.require_documented(part)
        return parts

    @property
    def endpoints(self) -> Sequence[str]:
        """Return the base URL of the account, for `messaging-channels doctor`."""
        return (self._api.url,)

    def diagnose(self) -> Flow[Sequence[Finding]]:
        """Check the API key, its scope for SMS and that webhooks are authenticated. Send no message.

        Raises:
            TransportError: Infobip can't be reached.
        """
        return diagnose(self._api, has_webhook_auth=bool(self._webhook_auth))

    def handle_webhook(self, request: WebhookRequest) -> WebhookResult:
        """Verify a request of Infobip with the configured authentication, and return its events.

        Raises:
            WebhookVerificationError: No configured method matches, or none is configured.
        """
        heard = webhooks.handle_webhook(request, self._webhook_auth)
        for event in heard.events:
            self.rcs.notice(event)
        return heard

    def fetch_reports(self) -> Flow[Sequence[Event]]:
        """Return a page of new delivery reports of SMS and email, and of RCS where `rcs_sender` is set. Reports of WhatsApp arrive as webhooks only.

        Infobip gives each report once. So the first calls read the logs of the last 48 hours, which hold what a process that died may have lost.

        Raises:
            InfobipApiError: Infobip did not answer, or the key may read no reports.
        """
        return (yield from self._report_reader.next_page())

    def replay_logs(self) -> None:
        """Have `fetch_reports` begin with the logs again: after reports that were fetched could not be kept."""
        self._report_reader.rewind()

    def look_up(self, request: LookupRequest) -> Flow[AttemptResult | None]:
        """Return the result of a message by our id, from the logs of SMS, email and RCS. The logs reach back 48 hours."""
        return (yield from logs.look_up(self._api, request, not_found_after=self._lookup_not_found_after))

    def missing_sender(self, channel: str) -> str | None:
        """Return the setting that a message without a sender lacks on this channel, such as `infobip.whatsapp_sender`; None if the account has a sender."""
        own = {
            "sms": "the account's default",
            "whatsapp": self._defaults.whatsapp_sender,
            "email": self._defaults.email_sender,
            "rcs": self._defaults.rcs_sender,
        }
        return None if own.get(channel) or self._defaults.sender else f"infobip.{channel}_sender"

    def rate_limits(self, envelope: Envelope) -> Sequence[tuple[Hashable, RateLimit]]:
        """Return Infobip's documented rate for the channel, one for the whole account. SMS has none."""
        rate = RATES.get(envelope.channel)
        return () if rate is None else (((self.name, envelope.channel), rate),)

    def batch_key(self, envelope: Envelope) -> Hashable | None:
        """Return the channel for messages that may share a request: SMS, templates, RCS and email as JSON; None for a message that needs its own request."""
        message = envelope.message
        alone = isinstance(message, Email) and email.needs_mime(envelope)
        shared = isinstance(message, (Sms, Email, WhatsAppTemplate, RcsMessage))
        return None if alone or not shared else envelope.channel

    def schedules(self, channel: Channel) -> SchedulesClient:
        """Return the scheduled messages of a channel, to ask about, move and stop them."""
        return SchedulesClient(self._api, channel)

    def preview(
        self,
        text: str,
        *,
        language: LanguageCode | None = None,
        transliteration: Transliteration | None = None,
    ) -> Flow[tuple[SmsPreview, ...]]:
        """Ask how an SMS would look, and how many parts it would have. See `preview.preview`."""
        return preview_sms(self._api, text, language=language, transliteration=transliteration)


def _split_into_runs(batch: Sequence[Envelope]) -> Sequence[Run]:
    """Cut a batch where the message changes: what is checked or written of a message is so once a run."""
    return [list(run) for _, run in groupby(batch, key=lambda one: id(one.message))]


def _is_plain_text(batch: Sequence[Envelope]) -> bool:
    """Say whether it is one text without options: nothing to sort, no clock to ask, nothing to gather."""
    if len(batch) != 1:
        return False
    message = batch[0].message
    return type(message) is Sms and not message.provider_options


def _split_by_channel(
    runs: Sequence[Run],
) -> tuple[Sequence[Run], list[Envelope], list[Envelope], list[Envelope]]:
    """Return the runs of text messages, the mails, the WhatsApp messages, and the RCS messages."""
    texts = [run for run in runs if type(run[0].message) is Sms]
    if len(texts) == len(runs):
        return texts, [], [], []
    others = [one for run in runs for one in run if type(one.message) is not Sms]
    mails = [one for one in others if type(one.message) is Email]
    rich = [one for one in others if isinstance(one.message, RcsMessage)]
    chats = [one for one in others if not isinstance(one.message, (Email, RcsMessage))]
    return texts, mails, chats, rich


def not_capable_result() -> AttemptResult:
    """Return the end of a message that was not sent, since its number cannot be reached by RCS now."""
    return AttemptResult.of(
        Reason.RECIPIENT,
        "its number cannot be reached by RCS now",
        **failure_fields(FailureReason.NOT_ON_CHANNEL, vendor_code="UNREACHABLE"),
    )


def _send_part(part: RequestPart) -> Flow[Sequence[AttemptResult]]:
    """Make one request of several: its failure is told of its own envelopes only."""
    try:
        response = yield part.request
    except TransportError as failure:
        return [_result_of_failure(failure)] * len(part.envelopes)
    return part.read(response, part.envelopes)


def _result_of_failure(failure: TransportError) -> AttemptResult:
    if not failure.may_have_been_sent:
        return AttemptResult.of(Reason.UNREACHABLE, str(failure))
    return AttemptResult.of(Reason.TIMEOUT if failure.timed_out else Reason.CONNECTION, str(failure))


def _needs_clock(run: Run) -> bool:
    """A schedule is checked against the time, and a mail as MIME holds it."""
    message = run[0].message
    extras: Sequence[object] = getattr(message, "provider_options", ())
    scheduled = bool(extras) and any(getattr(one, "send_at", None) for one in extras)
    return scheduled or isinstance(message, Email)


def _with_files(mails: Sequence[Envelope]) -> Flow[list[Envelope]]:
    """Return the mails with the bytes of their attachments.

    Raises:
        InvalidMessage: one cannot be read.
    """
    held: list[Envelope] = []
    for one in mails:
        held.append(replace(one, message=(yield from read_attachments(one.message))))  # noqa: PERF401  no comprehension may yield
    return held
