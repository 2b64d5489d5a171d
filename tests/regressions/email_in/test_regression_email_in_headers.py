"""Headers are read as mail programs write them: in UTF-8, in encoded words, and wrong."""

from __future__ import annotations

import pytest
from regression_mail_in import heard, mail_of, messages, only_message


def test_headers_in_utf8_are_read_as_they_are() -> None:
    mail = "From: Zoë <zoe@example.com>\nTo: shop@example.org\nSubject: Grüße aus Köln\n\nhi\n"

    message = only_message(heard(mail.encode()))

    assert (message.subject, message.name) == ("Grüße aus Köln", "Zoë")


@pytest.mark.parametrize(
    ("sender", "name"),
    [
        ("=?utf-8?Q?Doe=2C_Zo=C3=AB?= <zoe@example.com>", "Doe, Zoë"),
        ("=?utf-8?B?RG9lLCBab8Or?= <zoe@example.com>", "Doe, Zoë"),
        ("=?utf-8?Q?Zo=C3=AB_Doe?= <zoe@example.com>", "Zoë Doe"),
        ('"Doe, Zoe" <zoe@example.com>', "Doe, Zoe"),
    ],
)
def test_a_comma_in_an_encoded_name_is_a_part_of_the_name(sender: str, name: str) -> None:
    message = only_message(heard(mail_of(sender, "hi")))

    assert (message.name, message.sender.plain) == (name, "zoe@example.com")


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('attachment; filename="=?utf-8?Q?Pr=C3=BCfung.pdf?="', "Prüfung.pdf"),
        ('attachment; filename="=?utf-8?B?UHLDvGZ1bmcucGRm?="', "Prüfung.pdf"),
        ("attachment; filename*=utf-8''Pr%C3%BCfung.pdf", "Prüfung.pdf"),
        ('attachment; filename="plain.pdf"', "plain.pdf"),
    ],
)
def test_a_file_name_in_an_encoded_word_is_decoded(disposition: str, name: str) -> None:
    mail = (
        "From: zoe@example.com\nTo: shop@example.org\nSubject: x\nMIME-Version: 1.0\n"
        "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\nhi\n"
        f"--b\nContent-Type: application/pdf\nContent-Disposition: {disposition}\n"
        "Content-Transfer-Encoding: base64\n\nAAAA\n--b--\n"
    )

    message = only_message(heard(mail))

    assert [file.filename for file in message.media] == [name]


@pytest.mark.parametrize(
    "subject",
    [
        "=?utf-é?q?hi?=",
        "=?no-such-charset?q?hi?=",
        "=?utf-8?b?!?=",
    ],
)
def test_a_subject_in_a_charset_that_is_none_does_not_keep_the_text_back(subject: str) -> None:
    mail = mail_of("anna@customer.example", "Hello there", subject=subject, path="anna@customer.example")

    found = messages(heard(mail.encode()))

    assert [(one.text or "").strip() for one in found] == ["Hello there"]
