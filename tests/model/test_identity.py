from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_channels import EmailAddress, PhoneNumber
from messaging_channels._model._table_numbers import COUNTRY_CODES, NUMBER_LENGTHS, ZERO_FIRST
from messaging_channels._model.errors import InvalidAddress
from messaging_channels._model.identity import identities, identity
from messaging_channels.plugins import WhatsAppUserId


def _rests(code: str) -> st.SearchStrategy[str]:
    """Return numbers of a country, as long as they are there."""
    least, most = NUMBER_LENGTHS.get(code, (6, 12))
    least, most = max(least, 7 - len(code)), min(most, 15 - len(code))
    rest = st.text("0123456789", min_size=least - 1, max_size=most - 1)
    return st.builds(lambda first, rest: f"{code}{first}{rest}", st.sampled_from("23456789"), rest)


numbers = st.sampled_from(COUNTRY_CODES).flatmap(_rests)


def _are_one(*spellings: str) -> bool:
    one, other = (PhoneNumber.parse(text) for text in spellings)
    return identity(one) in identities(other) or identity(other) in identities(one)


@pytest.mark.parametrize(
    "spellings",
    [
        ("+52 1 55 5555 0100", "+52 55 5555 0100"),
        ("+54 9 11 2345 6789", "+54 11 2345 6789", "+54 11 15 2345 6789", "+54 9 11 15 2345 6789"),
        ("+54 9 221 234 5678", "+54 221 234 5678", "+54 221 15 234 5678"),
        ("+54 9 2901 23 4567", "+54 2901 15 23 4567", "+54 2901 23 4567"),
        ("+55 11 98765 4321", "+55 11 8765 4321"),
        ("+55 85 9 6123 4567", "+55 85 6123 4567"),
        ("+229 01 90 01 12 34", "+229 90 01 12 34"),
        ("+225 07 07 12 34 56", "+225 07 12 34 56"),
        ("+225 05 44 12 34 56", "+225 44 12 34 56"),
        ("+225 27 20 12 34 56", "+225 20 12 34 56"),
        ("+241 06 03 12 34", "+241 6 03 12 34", "+241 66 03 12 34"),
        ("+241 07 12 34 56", "+241 77 12 34 56"),
        ("+241 01 12 34 56", "+241 11 12 34 56"),
        ("+378 0549 886377", "+39 0549 886377", "+378 886377"),
        ("+84 162 345 6789", "+84 32 345 6789"),
        ("+84 120 345 6789", "+84 70 345 6789"),
        ("+84 199 345 6789", "+84 59 345 6789"),
        ("+63 2 234 5678", "+63 2 8234 5678"),
        ("+20 10 123 4567", "+20 100 123 4567"),
        ("+230 712 3456", "+230 5712 3456"),
        ("+377 44 123 456", "+383 44 123 456"),
        ("+386 49 123 456", "+383 49 123 456"),
        ("+44 7700 900123", "44-7700-900123"),
    ],
)
def test_all_forms_of_one_number_are_one_person(spellings: tuple[str, ...]) -> None:
    for one in spellings:
        for other in spellings:
            assert _are_one(one, other), (one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("+52 1 55 5555 0100", "+52 55 5555 0101"),
        ("+84 162 345 6789", "+84 33 345 6789"),
        ("+63 2 8234 5678", "+63 2 7234 5678"),
        ("+63 917 234 5678", "+63 917 234 5679"),
        ("+230 212 3456", "+230 5212 3456"),
        ("+386 41 123 456", "+383 41 123 456"),
        ("+54 9 11 2345 6789", "+54 9 11 2345 6780"),
        ("+55 11 3765 4321", "+55 11 9 3765 4321"),  # a land line, and a mobile with its 9
        ("+55 11 98765 4321", "+55 21 98765 4321"),
        ("+225 07 07 12 34 56", "+225 05 07 12 34 56"),
        ("+229 01 90 01 12 34", "+229 01 90 01 12 35"),
        ("+241 66 03 12 34", "+241 76 03 12 34"),
        ("+39 06 1234 5678", "+39 6 1234 5678"),
        ("+1 201 555 0123", "+44 7700 900123"),
    ],
)
def test_different_numbers_stay_different_people(one: str, other: str) -> None:
    assert not _are_one(one, other)


@given(numbers)
def test_the_form_for_comparing_is_its_own_form(digits: str) -> None:
    once = identity(PhoneNumber(digits))
    assert identity(PhoneNumber(once.removeprefix("tel:"))) == once


@given(numbers)
def test_a_number_keeps_its_key_whatever_is_put_between_its_digits(digits: str) -> None:
    plain = PhoneNumber.parse(digits)
    pasted = "\u202a+" + "\u00a0".join((digits[:3], digits[3:])) + "\u202c"
    assert identity(PhoneNumber.parse(pasted)) == identity(plain)
    assert identity(PhoneNumber.parse(f"({digits[:3]}) {digits[3:]}\u2009")) == identity(plain)


@pytest.mark.parametrize(
    "pasted",
    [
        "\u202d+44 7700 900123\u202c", "\ufeff+447700900123", "+44\u20117700\u2013900\u2014123", "+44\u22127700900123",
        "[+44] 7700 900123", "(+44)7700/900123", "\uff0b44 \uff17\uff17\uff10\uff10 900123", "\u00a0+447700900123\u00a0",
        "+44\u200b7700\u00ad900123", "+44\u30007700\u3000900123", "+44\uff087700\uff09900123", " 447700900123 ",
    ],
)  # fmt: skip
def test_a_pasted_number_is_read(pasted: str) -> None:
    assert PhoneNumber.parse(pasted).plain == "447700900123"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("+4407700900123", "dialled inside the country"),
        ("+49 0 1555 5550100", "dialled inside the country"),
        ("+33 (0)6 39 98 12 34", "(0)"),
        ("+33 [0] 6 39 98 12 34", "(0)"),
        ("+36 06 20 123 4567", "dialled inside the country"),
        ("+52 044 55 5555 0100", "dialled inside the country"),
        ("+1 023 555 0123", "dialled inside the country"),
        ("+999 7700 900123", "not assigned"),
        ("+210 7700 900123", "not assigned"),
        ("+0 7700 900123", "country code"),
        ("00 44 7700 900123", "country code"),
        ("-447700900123", "characters"),
        ("+44 7700 900123 ext 5", "characters"),
        ("+44 7700 900123;+44 7700 900124", "characters"),
        ("+44 7700 9oo123", "characters"),
        ("+44\t7700900123", "characters"),
    ],
)
def test_what_no_network_could_route_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(InvalidAddress) as caught:
        PhoneNumber.parse(text)
    assert why in caught.value.problem


@pytest.mark.parametrize("code", sorted(ZERO_FIRST))
def test_a_zero_that_belongs_to_the_number_stays(code: str) -> None:
    rest = "061234567890"[: NUMBER_LENGTHS.get(code, (9, 9))[1]]
    assert PhoneNumber.parse(f"+{code} {rest}").plain == f"{code}{rest}"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("+1 201 555 01234", "11 digits after the country code 1, where numbers have 10"),
        ("+1 555 0123", "7 digits after the country code 1, where numbers have 10"),
        ("+44 7700 900123 4", "11 digits after the country code 44, where numbers have 7 to 10"),
        ("+33 6 39 98 12 3", "8 digits after the country code 33, where numbers have 9"),
        ("4520123456789", "11 digits after the country code 45, where numbers have 8"),
    ],
)
def test_a_number_longer_or_shorter_than_any_of_its_plan_is_refused(text: str, why: str) -> None:
    with pytest.raises(InvalidAddress) as caught:
        PhoneNumber.parse(text)
    assert why in caught.value.problem


@pytest.mark.parametrize(
    ("text", "region", "digits"),
    [
        ("07700 900123", "GB", "447700900123"),
        ("(07700) 900-123", "gb", "447700900123"),
        ("+44 7700 900123", "US", "447700900123"),
        ("06 39 98 12 34", "FR", "33639981234"),
        ("06 1234 5678", "IT", "390612345678"),
        ("011 15 2345-6789", "AR", "5491123456789"),
        ("00 44 7700 900123", "DE", "447700900123"),
    ],
)
def test_a_national_number_is_read_with_its_region(text: str, region: str, digits: str) -> None:
    pytest.importorskip("phonenumbers")
    assert PhoneNumber.parse(text, region=region).plain == digits


@pytest.mark.parametrize(
    ("text", "region"), [("12345", "US"), ("1-800-FLOWERS", "US"), ("07700 900123", "XX"), ("", "GB")]
)
def test_what_is_no_number_of_the_region_is_refused(text: str, region: str) -> None:
    pytest.importorskip("phonenumbers")
    with pytest.raises(InvalidAddress):
        PhoneNumber.parse(text, region=region)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("jose\u0301@example.com", "jos\u00e9@example.com"),
        ("Zoe@EXAMPLE.com", "zoe@example.com"),
        ("zoe@example.com.", "zoe@example.com"),
        ("zoe@B\u00fccher.example", "zoe@xn--bcher-kva.example"),
        ("zoe@bu\u0308cher.example", "zoe@XN--BCHER-KVA.example"),
        ("zoe@\uff42\u00fccher\u3002example", "zoe@b\u00fccher.example"),
        ("Zoe <zoe@example.com>", "zoe@example.com"),
    ],
)
def test_all_forms_of_one_mail_address_are_one_person(one: str, other: str) -> None:
    assert identity(EmailAddress.parse(one)) == identity(EmailAddress.parse(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("zoe+a@example.com", "zoe@example.com"),
        ("z.oe@example.com", "zoe@example.com"),
        ("zoe@stra\u00dfe.example", "zoe@strasse.example"),
    ],
)
def test_mail_addresses_that_some_hosts_tell_apart_stay_apart(one: str, other: str) -> None:
    assert identity(EmailAddress.parse(one)) != identity(EmailAddress.parse(other))


def test_kinds_of_addresses_are_never_mistaken_for_each_other() -> None:
    assert identity(WhatsAppUserId("US.447700900123")) != identity(PhoneNumber("447700900123"))
