"""What people write, and what is understood of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_channels import EmailAddress, PhoneNumber
from messaging_channels.consent import Intent, KeywordRule, Keywords
from messaging_channels.consent._table_words import HELP_WORDS, OPT_IN_WORDS, OPT_OUT_WORDS
from messaging_channels.consent.hearing import hear, understand
from messaging_channels.events import (
    Event,
    HelpRequested,
    InboundMedia,
    MessageReceived,
    OptedIn,
    OptedOut,
)

KEYWORDS = Keywords()
PHONE = PhoneNumber.parse("447700900123")


def _words(table: dict[str, str]) -> list[str]:
    return sorted({word for line in table.values() for word in line.split(", ")})


def _meant(text: str) -> Intent | None:
    match = KEYWORDS.match(text)
    return match.intent if match else None


def _received(text: str | None, channel: str = "sms", **more: object) -> MessageReceived:
    values: dict[str, object] = {
        "provider": "x", "occurred_at": 5.0, "event_id": "e1", "channel": channel, "provider_id": "p1", "sender": PHONE,
        "to": "447700900000", "text": text,
    }  # fmt: skip
    return MessageReceived(**{**values, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("table", "intent"),
    [(OPT_OUT_WORDS, Intent.OPT_OUT), (OPT_IN_WORDS, Intent.OPT_IN), (HELP_WORDS, Intent.HELP)],
)
def test_every_word_alone_is_certain_however_it_is_written(table: dict[str, str], intent: Intent) -> None:
    for word in _words(table):
        for spelling in (
            word, word.upper(), word.title(), f" {word}\n", f"{word}.", f"{word}!!", f"\u00ab{word}\u00bb", f'"{word}"',
            f"\u201c{word}\u201d", f"\u200b{word}\u200d\ufeff", f"\u202a{word}\u202c", f"*{word}*", f"{word} \U0001f64f",
            f"\u00a1{word}!", "".join(chr(ord(one) + 0xFEE0) if one.isalpha() else one for one in word),
            f"{word}\n\n> On Monday you wrote\n> our offers", f"{word}\n-- \nZoe",
            f"{word}\n\nSent from my phone",
        ):  # fmt: skip
            match = KEYWORDS.match(spelling)
            assert match is not None, (word, spelling)
            assert (match.intent, match.certainty) == (intent, "certain"), (word, spelling)


@pytest.mark.parametrize(
    "text",
    [
        "STOP PLEASE", "please stop", "Stop texting me", "stop it now", "stop all messages please", "Pls unsubscribe me", "STOP STOP STOP",
        "Please opt me out", "take me off your list", "remove me", "no mas por favor", "alto por favor", "arr\u00eatez s'il vous pla\u00eet",
        "bitte stopp", "nicht mehr schreiben bitte", "Keine SMS mehr", "ne plus m'envoyer de messages", "por favor parar",
        "basta messaggi per favore", "geen berichten meer", "Don't text me", "do not contact me", "s.t.o.p.",
        "I would like to opt out of these messages", "No quiero recibir mensajes",
    ],
)  # fmt: skip
def test_plain_words_are_understood_too(text: str) -> None:
    assert _meant(text) is Intent.OPT_OUT


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "...", "\U0001f64f", "Thank you", "Stop by tomorrow", "Stop by tomorrow at 5?", "stop the car at the station", "the end of the road",
        "Can you stop by?", "non-stop service", "don't stop", "please do not stop", "never stop", "the bus stop", "no", "yes", "si", "sim", "oui", "ja", "YES!",
        "cancel my order", "Please cancel my appointment on Monday", "end of day works", "quit smoking tips", "ok", "alta calidad", "no more questions",
        "help me move the sofa", "start of the show", "When do you start?", "don't unsubscribe me", "I did not opt out", "remove the old address",
        "will not remove me from the group chat", "stop" + " and go" * 200,
    ],
)  # fmt: skip
def test_what_only_holds_such_a_word_says_nothing(text: str) -> None:
    assert _meant(text) is None


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    match = KEYWORDS.match(text)
    assert match is None or len(match.word) < 60


def test_words_of_ones_own_hold_for_a_country_or_a_sender() -> None:
    mine = KEYWORDS.extended(
        KeywordRule(Intent.OPT_OUT, "Genug!", country_codes="+43"),
        KeywordRule(Intent.OPT_OUT, ["No News"], senders=["+447700900000"], category="marketing"),
    )
    assert mine.match("genug", sender="436641234567") is not None
    assert mine.match("genug", sender="447700900123") is None
    match = mine.match("no news", to="447700900000")
    assert match is not None
    assert match.category == "marketing"
    assert mine.match("no news", to="447700900001") is None
    assert mine.match("s") is None  # a text is one word, not its letters


@pytest.mark.parametrize("channel", ["sms", "mms", "rcs", "whatsapp", "email"])
def test_people_are_heard_on_every_channel(channel: str) -> None:
    heard = hear([_received("Stop.", channel)], KEYWORDS)
    assert [type(one) for one in heard] == [MessageReceived, OptedOut]
    choice = heard[1]
    assert isinstance(choice, OptedOut)
    assert (choice.channel, choice.address, choice.occurred_at) == (channel, PHONE, 5.0)
    assert [type(one) for one in hear([_received("START", channel)], KEYWORDS)][1:] == [OptedIn]
    assert [type(one) for one in hear([_received("HELP", channel)], KEYWORDS)][1:] == [HelpRequested]
    assert len(hear([_received("hello", channel)], KEYWORDS)) == 1


def test_what_the_vendor_tells_goes_before_our_reading() -> None:
    told = OptedIn(provider="x", occurred_at=5.0, channel="sms", address=PHONE, reason="keyword START")
    events: list[Event] = [_received("stop"), told]
    assert list(hear(events, KEYWORDS)) == events


def test_two_messages_of_one_second_are_two_statements() -> None:
    first, second = _received("STOP"), _received("STOP", event_id="e2", provider_id="p2")
    one, other = understand(first, KEYWORDS), understand(second, KEYWORDS)
    assert one is not None
    assert other is not None
    assert one.key != other.key
    again = understand(first, KEYWORDS)
    assert again is not None
    assert again.key == one.key


def test_a_mail_is_read_by_its_text_its_subject_or_its_html() -> None:
    mail = {"sender": EmailAddress.parse("zoe@example.com"), "kind": "mail"}
    assert isinstance(understand(_received(None, "email", subject="Unsubscribe", **mail), KEYWORDS), OptedOut)
    html = "<p>Unsubscribe</p><blockquote>Our offers</blockquote>"
    assert isinstance(understand(_received(None, "email", html=html, **mail), KEYWORDS), OptedOut)
    letter = "Unsubscribe\n\nKind regards\nZoe"
    assert isinstance(understand(_received(letter, "email", **mail), KEYWORDS), OptedOut)
    assert understand(_received("Unsubscribe", "email", **{**mail, "kind": "auto-reply"}), KEYWORDS) is None


def test_a_question_or_a_negation_turns_words_round() -> None:
    assert _meant("please stop?") is None
    assert _meant("Stop?") is Intent.OPT_OUT  # the word alone, whatever stands after it


@pytest.mark.parametrize("kind", ["reaction", "location", "order"])
def test_what_is_no_answer_in_words_is_not_read(kind: str) -> None:
    assert understand(_received("stop", "whatsapp", kind=kind), KEYWORDS) is None


def test_a_button_to_stop_promotions_is_about_marketing() -> None:
    choice = understand(_received("Stop promotions", "whatsapp", kind="button"), KEYWORDS)
    assert isinstance(choice, OptedOut)
    assert choice.category == "marketing"


@pytest.mark.parametrize(
    "text",
    ["STOP 36105", "ARRÊT 36111", "wrong number, stop", "se désinscrire", "annulla iscrizione", "Disiscriviti!", "keine Werbung mehr", "Uitschrijving"],
)  # fmt: skip
def test_a_number_beside_the_word_and_other_forms_of_it_are_opt_outs(text: str) -> None:
    found = Keywords().match(text)
    assert found is not None
    assert found.intent is Intent.OPT_OUT


@pytest.mark.parametrize(
    "text", ["cancel 48213", "bus stop 5", "stop 5", "wrong number", "end 2026", "stop 4477009001"]
)
def test_a_number_beside_another_word_is_none(text: str) -> None:
    assert Keywords().match(text) is None


@pytest.mark.parametrize("media_kind", ["image", "video", "document"])
def test_words_beneath_a_picture_are_heard(media_kind: str) -> None:
    message = _received("", kind=media_kind, media=(InboundMedia(caption="STOP"),))
    (_, said) = hear([message], Keywords())
    assert isinstance(said, OptedOut)


def test_a_choice_made_elsewhere_in_the_same_call_hides_no_message() -> None:
    """Meta may bring a preference of last week together with what the person writes now."""
    message = _received("STOP")
    chosen = OptedOut(
        provider=message.provider,
        occurred_at=message.occurred_at - 7 * 86400,
        channel="whatsapp",
        address=message.sender,
        category="marketing",
        reason="preference",
    )
    said = hear([chosen, message], Keywords())[-1]
    assert isinstance(said, OptedOut)
    assert said.category == ""
