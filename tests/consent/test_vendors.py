"""Vendor and channel by word by spelling by category: every cell through the vendor's plugin and its own words for a message that came in."""

from __future__ import annotations

import pytest
from trials import SHARE

from messaging_channels.consent._table_words import HELP_WORDS, OPT_IN_WORDS, OPT_OUT_WORDS
from messaging_channels.events import HelpRequested
from messaging_channels.testing import Outbox

CELLS = [
    ("telnyx", "sms"), ("telnyx", "whatsapp"), ("twilio", "sms"), ("twilio", "whatsapp"), ("twilio", "rcs"), ("vonage", "sms"), ("infobip", "sms"),
    ("infobip", "whatsapp"), ("infobip", "rcs"), ("infobip", "email"), ("infobip", "mms"), ("vonage", "whatsapp"), ("vonage", "rcs"), ("vonage", "mms"),
    ("twilio", "mms"), ("telnyx", "mms"), ("whatsapp-cloud", "whatsapp"), ("smtp", "email"), ("postmark", "email"), ("fake", "sms"),
]  # fmt: skip
every_cell = pytest.mark.parametrize(("vendor", "channel"), CELLS)
SPELLINGS = ("{}", "{}.", "\u00ab{}\u00bb", " {} \U0001f64f")
"""In the usual tests each word is tried in one of them, another one at each vendor; in `poe trials` every word in all of them at all vendors."""


def _words(table: dict[str, str]) -> list[str]:
    return sorted({word for line in table.values() for word in line.split(", ")})


def _person(channel: str, number: int) -> str:
    return f"zoe{number}@example.com" if channel == "email" else f"44770090{number:04}"


def _ours(channel: str) -> str:
    return "us@example.com" if channel == "email" else "447700900000"


@every_cell
def test_every_word_in_every_spelling_holds_at_every_vendor(vendor: str, channel: str) -> None:
    outbox = Outbox(vendor)
    consent, number = outbox.dispatcher.consent, 0
    for turn, word in enumerate(_words(OPT_OUT_WORDS), CELLS.index((vendor, channel))):
        for spelling in SPELLINGS if SHARE >= 1 else (SPELLINGS[turn % len(SPELLINGS)],):
            number += 1
            person = _person(channel, number)
            text = spelling.format(word.upper())
            call = outbox.inbound_message(
                text, sender=person, to=_ours(channel), provider=vendor, channel=channel
            )
            outbox.dispatcher.handle_webhook(vendor, call)
            narrow = word.startswith(("stop promo", "stop pub"))
            for category in ("marketing", None, "authentication", "transactional", "loyalty"):
                entry = consent.find(channel, person, category=category)
                expected = not narrow or category not in ("authentication", "transactional")
                assert (entry is not None) is expected, (text, category)
    outbox.close()


@every_cell
def test_every_word_of_opting_in_lifts_and_yes_does_not(vendor: str, channel: str) -> None:
    outbox = Outbox(vendor)
    for number, word in enumerate([*_words(OPT_IN_WORDS), "yes", "oui", "si", "sim", "ja", "ok"], 1):
        person = _person(channel, number)
        for text in ("stop", word.title()):
            call = outbox.inbound_message(
                text, sender=person, to=_ours(channel), provider=vendor, channel=channel
            )
            outbox.dispatcher.handle_webhook(vendor, call)
        lifted = outbox.dispatcher.consent.find(channel, person) is None
        assert lifted is (word in _words(OPT_IN_WORDS)), word
    outbox.close()


@every_cell
def test_help_is_told_and_changes_nothing(vendor: str, channel: str) -> None:
    outbox = Outbox(vendor)
    for number, word in enumerate(_words(HELP_WORDS), 1):
        person = _person(channel, number)
        call = outbox.inbound_message(
            f"{word}!", sender=person, to=_ours(channel), provider=vendor, channel=channel
        )
        events = outbox.dispatcher.handle_webhook(vendor, call).events
        assert isinstance(events[-1], HelpRequested), word
        assert outbox.dispatcher.consent.find(channel, person) is None
    outbox.close()
