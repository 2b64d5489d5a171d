"""One person under several spellings of one address."""

from __future__ import annotations

import pytest
from regression_consent import PERSON, guarded, vetoed

from messaging_channels import Email, EmailAddress, PhoneNumber, Sms, WhatsAppText
from messaging_channels._model.errors import BadInput
from messaging_channels._model.events import OptedOut
from messaging_channels.policies.checks import SuppressionList

JOSE_COMPOSED, JOSE_DECOMPOSED = "jos\u00e9@example.com", "jose\u0301@example.com"


def _veto_of_mail(opted_out: str, written: str) -> bool:
    choices = SuppressionList()
    address = EmailAddress.parse(opted_out)
    choices.event_received(
        OptedOut(provider="smtp", occurred_at=1.0, channel="email", address=address, reason="complaint")
    )
    with guarded(choices) as dispatcher:
        return vetoed(dispatcher, Email("News", "text"), written)


def _veto_of_whatsapp(opted_out: str, written: str) -> bool:
    choices = SuppressionList()
    address = PhoneNumber.parse(opted_out)
    stop = OptedOut(
        provider="whatsapp-cloud", occurred_at=1.0, channel="whatsapp", address=address, reason="keyword STOP"
    )
    choices.event_received(stop)
    with guarded(choices) as dispatcher:
        return vetoed(dispatcher, WhatsAppText("News"), f"+{written}")


@pytest.mark.parametrize(
    "line",
    [
        "+44 7700 900123",
        "+447700900123",
        "+44-7700-900123",
        "447700900123",
    ],
)
def test_a_number_put_on_the_list_by_hand_is_vetoed_or_refused_and_never_kept_in_vain(line: str) -> None:
    choices = SuppressionList()

    try:
        choices.add("sms", line)
    except BadInput:
        taken = False
    else:
        taken = True

    with guarded(choices) as dispatcher:
        assert not taken or vetoed(dispatcher, Sms("News"), f"+{PERSON}")


@pytest.mark.parametrize(
    ("opted_out", "written"),
    [(JOSE_COMPOSED, JOSE_DECOMPOSED), (JOSE_DECOMPOSED, JOSE_COMPOSED)],
    ids=["composed first", "decomposed first"],
)
def test_an_accent_composed_in_two_ways_is_one_mailbox(opted_out: str, written: str) -> None:
    assert _veto_of_mail(opted_out, written)


def test_a_mailbox_without_the_accent_is_another_one() -> None:
    assert not _veto_of_mail(JOSE_COMPOSED, "jose@example.com")


@pytest.mark.parametrize(
    ("opted_out", "written"),
    [
        ("5215555550100", "525555550100"),
        ("525555550100", "5215555550100"),
        ("5215555550100", "5215555550100"),
    ],
)
def test_a_mexican_mobile_number_with_and_without_the_one_is_one_person(opted_out: str, written: str) -> None:
    assert _veto_of_whatsapp(opted_out, written)


@pytest.mark.parametrize(
    ("opted_out", "written"), [("5215555550100", "525555550101"), ("525555550100", "523333330100")]
)
def test_another_mexican_number_is_another_person(opted_out: str, written: str) -> None:
    assert not _veto_of_whatsapp(opted_out, written)


@pytest.mark.parametrize(
    "pasted",
    [
        "\u202a+44 7700 900123\u202c",
        "\u2066+44 7700 900123\u2069",
        "\u200e+447700900123",
        "+44\u00a07700\u00a0900123",
        "+44\u202f7700\u202f900123",
        "+44 7700\u2011900123",
    ],
    ids=ascii,
)
def test_a_number_pasted_with_invisible_signs_is_read(pasted: str) -> None:
    assert PhoneNumber.parse(pasted).plain == PERSON


@pytest.mark.parametrize("written", ["+4407700900123", "+44 07700 900123", "+49 0 1555 5550100"])
def test_a_trunk_zero_after_the_country_code_is_refused_or_left_out(written: str) -> None:
    right = written.replace(" ", "").replace("+440", "44").replace("+490", "49")

    try:
        read = PhoneNumber.parse(written).plain
    except BadInput:
        read = "refused"

    assert read in {"refused", right}
