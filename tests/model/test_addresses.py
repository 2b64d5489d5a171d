from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_channels._model.addresses import EmailAddress, PhoneNumber, WhatsAppGroupId, WhatsAppUserId
from messaging_channels._model.errors import InvalidAddress
from messaging_channels.plugins.channels import SMS, WHATSAPP

numbers = st.from_regex(
    r"44[1-9][0-9]{6,9}|1[2-9][0-9]{9}|225[0-9]{10}|39[2-9][0-9]{5,10}|998[2-9][0-9]{8}", fullmatch=True
)
mails = st.emails()


@given(numbers)
def test_a_number_is_the_same_with_and_without_the_plus(digits: str) -> None:
    assert PhoneNumber.parse(digits) == PhoneNumber.parse(f"+{digits}")
    assert PhoneNumber.parse(PhoneNumber.parse(digits).e164).plain == digits


@given(numbers)
def test_no_printed_form_of_a_number_shows_it(digits: str) -> None:
    number = PhoneNumber.parse(digits)
    for shown in (str(number), repr(number), f"{number}", f"{number!r}", number.masked):
        assert digits not in shown


@pytest.mark.parametrize(
    "text", ["+44 7700 900123", "+44 (7700) 900-123", "+44.7700.900123", "447700900123", "+(44)7700900123"]
)
def test_separators_are_taken_out(text: str) -> None:
    assert PhoneNumber.parse(text).digits == "447700900123"


@pytest.mark.parametrize(
    "text",
    [
        "", "abc", "12345", "1234567890123456", "07700900123", "00447700900123", "+44 (0)7700 900123", "+44770090x123",
        "٤٤٧٧٠٠٩٠٠١٢٣", "447700900123\n", "tel:+447700900123",
    ],
)  # fmt: skip
def test_what_is_no_international_number_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(InvalidAddress) as caught:
        PhoneNumber.parse(text)

    assert caught.value.kind == "phone number"
    assert not text.strip() or text not in str(caught.value)


def test_a_mail_address_keeps_its_local_part_and_lowers_its_domain() -> None:
    address = EmailAddress.parse("Zoe.X+tag@EXAMPLE.com")

    assert address.addr_spec == "Zoe.X+tag@example.com"
    assert not address.needs_smtputf8


def test_an_internationalised_domain_becomes_ascii_and_the_local_part_stays() -> None:
    address = EmailAddress.parse("Zoë <ñandú@bücher.example.com>")

    assert address.addr_spec == "ñandú@xn--bcher-kva.example.com"
    assert address.display_name == "Zoë"
    assert address.needs_smtputf8


def test_addresses_are_equal_whatever_name_is_displayed() -> None:
    assert EmailAddress.parse("A <a@example.com>") == EmailAddress.parse('"B, C" <a@example.com>')


@pytest.mark.parametrize(
    "text",
    [
        "", "a", "a@", "@example.org", "a@b", "a b@example.com", "a..b@example.com", ".a@example.com",
        "a@example..com", "a@-x.example.com", "a@example.com\r\nBcc: b@example.com", "a\0@example.com",
        "\u202ea@example.com", "a@b@example.com", "<a@example.com", f"{'a' * 65}@example.com",
        "a@" + "b." * 130 + "example.com", "Name <a@example.com> NOTIFY=NEVER", "a,b@example.com",
    ],
)  # fmt: skip
def test_what_is_no_mail_address_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(InvalidAddress) as caught:
        EmailAddress.parse(text)

    assert len(text) < 5 or text not in str(caught.value)


@given(st.text())
def test_any_text_is_either_an_address_or_refused(text: str) -> None:
    for kind in (PhoneNumber, EmailAddress):
        try:
            address = kind.parse(text)
        except InvalidAddress:
            continue
        assert kind.parse(address.plain) == address


def test_addresses_survive_copying_and_pickling() -> None:
    for address in (PhoneNumber.parse("447700900123"), EmailAddress.parse("Z <z@example.com>")):
        assert pickle.loads(pickle.dumps(address)) == address == copy.deepcopy(address)


@pytest.mark.parametrize("text", ["US.13491208655302741918", "GB.ENT.118157992128", "FI.a"])
def test_a_whatsapp_user_has_an_id_instead_of_a_number(text: str) -> None:
    user = WHATSAPP.parse(text)
    assert user == WhatsAppUserId(text)
    assert user.plain == text
    for shown in (str(user), repr(user), f"{user}"):
        assert text not in shown
    assert isinstance(user, WHATSAPP.address_type)

    with pytest.raises(InvalidAddress):
        SMS.parse(text)


@pytest.mark.parametrize("text", ["US.", "us.1349", "US.13 49", "US.ENT.", f"US.{'1' * 129}", "US.1349\n"])
def test_what_is_no_id_of_a_whatsapp_user_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(InvalidAddress) as caught:
        WHATSAPP.parse(text)

    assert "1349" not in str(caught.value)


def test_the_number_of_a_whatsapp_user_is_a_number_as_on_every_channel() -> None:
    assert WHATSAPP.parse("44.7700.900123") == PhoneNumber.parse("+447700900123")
    assert isinstance(PhoneNumber("447700900123"), WHATSAPP.address_type)
    assert not isinstance(EmailAddress.parse("zoe@example.com"), WHATSAPP.address_type)


def test_a_group_is_an_address_that_can_be_written_and_parsed_again() -> None:
    group = WHATSAPP.parse("group:Y2FwaV9ncm91cDo1NTU=")
    assert group == WhatsAppGroupId("Y2FwaV9ncm91cDo1NTU=")
    assert WHATSAPP.parse(group.plain) == group
    assert "Y2Fwa" not in f"{group} {group!r}"


@pytest.mark.parametrize(
    "text", ["group:", "group: a", "group:a b", "group:\n", "group:\ud83d", "group:" + "a" * 257]
)
def test_what_is_no_group_is_refused(text: str) -> None:
    with pytest.raises(InvalidAddress):
        WHATSAPP.parse(text)


@pytest.mark.parametrize("odd", [None, 447700900123, ["+447700900123"], {}, b"+447700900123"])
def test_what_is_no_text_is_a_type_error_as_plugins_expect_of_odd_reports(odd: Any) -> None:
    with pytest.raises(TypeError):
        PhoneNumber.parse(odd)
