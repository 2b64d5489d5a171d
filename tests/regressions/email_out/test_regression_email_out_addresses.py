"""What is an address, and what is none: a mail goes to the address that was meant, or is refused before it leaves."""

from __future__ import annotations

from email import message_from_bytes, policy

import pytest
from regression_mail_server import sent, smtp_of

from messaging_channels import Email, EmailAddress, Outcome
from messaging_channels._model.errors import InvalidAddress
from messaging_channels_smtp.emulator import SmtpEmulator


def _domain(octets: int) -> str:
    """Return a domain of so many octets, each label of which is short enough."""
    labels = ".".join(["a" * 63] * 3)
    return f"{labels}.{'b' * (octets - len(labels) - 5)}.com"


@pytest.mark.parametrize("octets", [255, 256])
def test_an_address_of_more_than_254_octets_is_refused(octets: int) -> None:
    address = f"me@{_domain(octets - 3)}"

    with pytest.raises(InvalidAddress):
        EmailAddress.parse(address)


def test_an_address_of_254_octets_is_one() -> None:
    address = f"me@{_domain(251)}"

    assert EmailAddress.parse(address).addr_spec == address


@pytest.mark.parametrize(
    "given",
    [
        "zoe@example.com ",
        "\tzoe@example.com",
        "zoe@example.com\u200b",
        " zoe@example.com\n",
        "\u00a0zoe@example.com\ufeff",
    ],
    ids=["blank", "tab", "zero-width-space", "line-break", "no-break-space"],
)
def test_white_space_around_a_pasted_address_is_no_part_of_it(given: str) -> None:
    with SmtpEmulator() as server:
        told = sent(smtp_of(server.port), to=given)

    assert told == [Outcome.ACCEPTED]
    assert server.mails[0].recipients == ("zoe@example.com",)


@pytest.mark.parametrize(
    "address",
    [
        "राम@मोहन.ईन्फो",
        "संपर्क@डाटामेल.भारत",
        "用户@例子.example",
    ],
    ids=["hindi-1", "hindi-2", "chinese"],
)
def test_a_local_part_of_any_script_is_sent_to_as_it_is_written(address: str) -> None:
    with SmtpEmulator() as server:
        told = sent(smtp_of(server.port), to=address)

    assert told == [Outcome.ACCEPTED]
    assert server.mails[0].recipients[0].partition("@")[0] == address.partition("@")[0]


@pytest.mark.parametrize("name", ["رضا\u200cیی", "Zoë"], ids=["zero-width-non-joiner", "umlaut"])
def test_a_name_arrives_with_the_joiners_of_its_spelling(name: str) -> None:
    with SmtpEmulator() as server:
        told = sent(
            smtp_of(server.port),
            [Email("Hello", "text", sender=f"{name} <shop@example.org>")],
            to=f"{name} <zoe@example.com>",
        )

    assert told == [Outcome.ACCEPTED]
    read = message_from_bytes(server.mails[0].content, policy=policy.default)
    assert [read[field].addresses[0].display_name for field in ("from", "to")] == [name, name]
