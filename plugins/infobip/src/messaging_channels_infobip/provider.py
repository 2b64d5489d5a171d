"""The provider: a batch of messages of any of three channels, in as few requests as the API allows."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import groupby
from typing import Any, ClassVar

from messaging_channels.errors import ExchangeFailed, InvalidMessage
from messaging_channels.events import Event
from messaging_channels.messages import Email, Sms, WhatsAppTemplate
from messaging_channels.plugins import (
    Call,
    Capabilities,
    Envelope,
    Exchange,
    Executors,
    Flow,
    Inquiry,
    Now,
    Outcome,
    Reason,
    Received,
    WebhookCall,
    ask,
)
from messaging_channels.policies import Rate
from messaging_channels_infobip import email, logs, sms, webhooks, whatsapp
from messaging_channels_infobip._table_capabilities import CARRIES, EXTRAS, RATES
from messaging_channels_infobip.access import Access
from messaging_channels_infobip.options import LanguageCode, Transliteration
from messaging_channels_infobip.parts import Defaults, Part, Run
from messaging_channels_infobip.preview import Preview, preview
from messaging_channels_infobip.proofs import Proof
from messaging_channels_infobip.schedules import Channel, Schedules


class Infobip:
    """Infobip's HTTP API: SMS, WhatsApp and mail. One object serves many threads and tasks.

    Source: https://www.infobip.com/docs/api
    """

    name: ClassVar[str] = "infobip"
    capabilities: ClassVar[Capabilities] = Capabilities(CARRIES, batch=500, extras=EXTRAS, deduplicates=True)
    executors: ClassVar[Mapping[type[Exchange[Any]], Executors]] = {}

    def __init__(
        self,
        *,
        base_url: str,
        api_key: str,
        sender: str | None = None,
        defaults: Defaults | None = None,
        proofs: Iterable[Proof] = (),
        catch_up: timedelta = logs.REACH,
        logs_complete_after: float | None = None,
    ) -> None:
        """Take the account's host or URL, its API key, and what else it is configured with.

        Args:
            base_url: as the portal shows it.
            api_key: with or without the word `App`.
            sender: who messages come from that do not say so themselves.
            defaults: senders by channel, and where reports go; `sender` goes before its own.
            proofs: the ways in which a webhook call may prove itself; one of them is enough, and without any none is believed.
            catch_up: how far back the first calls of `fetch_reports` read the logs.
            logs_complete_after: seconds after which a message that is not in the log counts as never taken. None for never.

        Raises:
            InvalidSetting: the URL is not https, or the key is empty or no single line of ASCII.
        """
        self._access = Access.of(base_url, api_key)
        chosen = defaults or Defaults()
        self._defaults = replace(chosen, sender=sender or chosen.sender)
        self._proofs = tuple(proofs)
        self._pull = logs.Pull(self._access, catch_up=catch_up)
        self._logs_complete_after = logs_complete_after

    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[Outcome]]:
        """See Provider. Nothing leaves before every envelope could be written.

        A request that fails takes only the envelopes in it along: the others keep the outcomes that they have, or are still sent.
        """
        if _is_plain_text(batch):  # as most are
            parts = [sms.plain_part(batch, self._access, self._defaults)]
        else:
            parts = yield from self._parts(batch)
        if len(parts) == 1:  # then it is the whole batch, in its order
            (part,) = parts
            return part.read((yield part.request), part.envelopes)
        told: dict[str, Outcome] = {}
        for part in parts:
            outcomes = yield from _sent(part)
            told.update(zip((one.id for one in part.envelopes), outcomes, strict=True))
        return [told[envelope.id] for envelope in batch]

    def _parts(self, batch: Sequence[Envelope]) -> Flow[list[Part]]:
        runs, defaults = _runs(batch), self._defaults
        if any(map(_needs_clock, runs)):
            defaults = replace(defaults, now=(yield Now()))
        texts, mails, chats = _by_channel(runs)
        parts = sms.parts(texts, self._access, defaults) if texts else []
        if mails:
            parts += email.parts(mails, self._access, defaults, (yield from _files(mails)))
        if chats:
            parts += whatsapp.parts(chats, self._access, defaults)
        return parts

    def receive(self, call: WebhookCall) -> Received:
        """See ParsesWebhooks."""
        return webhooks.received(call, self._proofs)

    def fetch_reports(self) -> Flow[Sequence[Event]]:
        """See FetchesReports. Reports of SMS and mail; those of WhatsApp come by webhook only.

        Infobip gives each report once. So the first calls read the logs of the last 48 hours, which hold what a process that died may have lost.

        Raises:
            InfobipRefused: Infobip did not answer, or the key may read no reports.
        """
        return (yield from self._pull.page())

    def read_logs_again(self) -> None:
        """Have `fetch_reports` begin with the logs again: after reports that were fetched could not be kept."""
        self._pull.rewind()

    def look_up(self, inquiry: Inquiry) -> Flow[Outcome | None]:
        """See LooksUp. By our id, in the logs of SMS and mail, which reach back 48 hours."""
        return (yield from logs.look_up(self._access, inquiry, complete_after=self._logs_complete_after))

    def limits(self, envelope: Envelope) -> Sequence[tuple[Hashable, Rate]]:
        """See LimitsRates. For SMS Infobip names none."""
        rate = RATES.get(envelope.channel)
        return () if rate is None else (((self.name, envelope.channel), rate),)

    def company(self, envelope: Envelope) -> Hashable | None:
        """See KeepsCompany. SMS, templates, and mail that JSON can say share requests; anything else goes out alone."""
        message = envelope.message
        alone = isinstance(message, Email) and email.needs_mime(envelope)
        return None if alone or not isinstance(message, (Sms, Email, WhatsAppTemplate)) else envelope.channel

    def schedules(self, channel: Channel) -> Schedules:
        """Return the scheduled messages of a channel, to ask about, move and stop them."""
        return Schedules(self._access, channel)

    def preview(
        self,
        text: str,
        *,
        language: LanguageCode | None = None,
        transliteration: Transliteration | None = None,
    ) -> Flow[tuple[Preview, ...]]:
        """Ask how an SMS would look, and how many parts it would have. See `preview.preview`."""
        return preview(self._access, text, language=language, transliteration=transliteration)


def _runs(batch: Sequence[Envelope]) -> Sequence[Run]:
    """Cut a batch where the message changes: what is checked or written of a message is so once a run."""
    return [list(run) for _, run in groupby(batch, key=lambda one: id(one.message))]


def _is_plain_text(batch: Sequence[Envelope]) -> bool:
    """Say whether it is one text without options: nothing to sort, no clock to ask, nothing to gather."""
    if len(batch) != 1:
        return False
    message = batch[0].message
    return type(message) is Sms and not message.extra


def _by_channel(runs: Sequence[Run]) -> tuple[Sequence[Run], list[Envelope], list[Envelope]]:
    """Return the runs of text messages, the mails, and the WhatsApp messages."""
    texts = [run for run in runs if type(run[0].message) is Sms]
    if len(texts) == len(runs):
        return texts, [], []
    others = [one for run in runs for one in run if type(one.message) is not Sms]
    mails = [one for one in others if type(one.message) is Email]
    return texts, mails, [one for one in others if type(one.message) is not Email]


def _sent(part: Part) -> Flow[Sequence[Outcome]]:
    """Make one request of several: its failure is told of its own envelopes only."""
    try:
        response = yield part.request
    except ExchangeFailed as failure:
        return [_of_failure(failure)] * len(part.envelopes)
    return part.read(response, part.envelopes)


def _of_failure(failure: ExchangeFailed) -> Outcome:
    if not failure.may_have_been_sent:
        return Outcome.of(Reason.UNREACHABLE, str(failure))
    return Outcome.of(Reason.TIMEOUT if failure.timed_out else Reason.CONNECTION, str(failure))


def _needs_clock(run: Run) -> bool:
    """A schedule is checked against the time, and a mail as MIME holds it."""
    message = run[0].message
    extras: Sequence[object] = getattr(message, "extra", ())
    scheduled = bool(extras) and any(getattr(one, "send_at", None) for one in extras)
    return scheduled or isinstance(message, Email)


def _files(batch: Sequence[Envelope]) -> Flow[dict[int, bytes]]:
    """Read the attachments that are files.

    Raises:
        InvalidMessage: one cannot be read.
    """
    files: dict[int, bytes] = {}
    mails = [one.message for one in batch if isinstance(one.message, Email)]
    for attachment in (one for mail in mails for one in mail.attachments):
        if not isinstance(attachment.content, bytes):
            try:
                files[id(attachment)] = yield from ask(Call(attachment.read, effect=False))
            except OSError as error:
                raise InvalidMessage(
                    f"a file cannot be read ({type(error).__name__})",
                    field="Email.attachments",
                    remedy="check that it exists and may be read",
                ) from error
    return files
