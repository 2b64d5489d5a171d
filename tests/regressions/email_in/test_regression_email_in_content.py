"""What a mail holds arrives whole: every text in its order, and what has no file name or comes as a mail of its own."""

from __future__ import annotations

import base64

import pytest
from regression_mail_in import PICTURE, TEXT, heard, mail_of, messages, mixed, only_message

from messaging_channels._model.events import MessageReceived


def _everything(message: MessageReceived) -> str:
    """Return texts and files in one string."""
    files = [
        f"{file.content_type} {(file.content or b'').decode('utf-8', 'replace')}" for file in message.media
    ]
    return "\n".join([message.text or "", message.html or "", *files])


def test_words_after_a_picture_follow_those_before_it() -> None:
    mail = mixed(TEXT.format("before it"), PICTURE, TEXT.format("after it"))

    message = only_message(heard(mail))

    text = message.text or ""
    assert "before it" in text
    assert "after it" in text
    assert text.index("before it") < text.index("after it")
    assert [file.filename for file in message.media] == ["p.png"]


def test_a_forwarded_mail_is_kept_with_its_subject_and_words() -> None:
    forwarded = (
        "Content-Type: message/rfc822\n\nFrom: ann@example.com\nTo: zoe@example.com\nSubject: inner subject\n"
        "MIME-Version: 1.0\nContent-Type: text/plain\n\ninner words\n"
    )

    message = only_message(heard(mixed(TEXT.format("see attached"), forwarded)))

    assert "see attached" in _everything(message)
    assert "inner subject" in _everything(message)
    assert "inner words" in _everything(message)


def test_an_answer_to_an_invitation_is_kept_with_its_media_type() -> None:
    answer = (
        "Content-Type: text/calendar; method=REPLY; charset=utf-8\n\n"
        "BEGIN:VCALENDAR\nMETHOD:REPLY\nUID:k3v9@example.org\nEND:VCALENDAR\n"
    )

    message = only_message(heard(mixed(TEXT.format("accepted"), answer)))

    assert "accepted" in _everything(message)
    assert "text/calendar" in _everything(message)
    assert "UID:k3v9@example.org" in _everything(message)


@pytest.mark.parametrize(
    ("label", "codec", "words"),
    [
        ("iso-8859-8-i", "iso-8859-8", "שלום עולם"),
        ("windows-874", "cp874", "สวัสดี"),
        ("cp-850", "cp850", "Grüße"),
        ("windows-1252", "cp1252", "Grüße"),
        ("koi8-r", "koi8-r", "привет"),
    ],
)
def test_a_text_is_read_by_the_label_that_mail_programs_give_its_charset(
    label: str, codec: str, words: str
) -> None:
    body = base64.b64encode(words.encode(codec)).decode()
    mail = (
        "From: zoe@example.com\nTo: shop@example.org\nSubject: x\nMIME-Version: 1.0\n"
        f"Content-Type: text/plain; charset={label}\nContent-Transfer-Encoding: base64\n\n{body}\n"
    )

    message = only_message(heard(mail))

    assert (message.text or "").strip() == words


@pytest.mark.parametrize(
    "sender",
    [
        '"zoe..doe"@carrier.example',
        "zoe.@carrier.example",
        "root@localhost",
        "Alice <alice@corp-mail>",
        "zoe@carrier.example",
    ],
)
def test_a_mail_from_an_address_out_of_the_ordinary_is_a_message(sender: str) -> None:
    mail = mail_of(sender, "please call me", subject="help", path="zoe@example.com")

    found = messages(heard(mail))

    assert [(one.subject, (one.text or "").strip()) for one in found] == [("help", "please call me")]
    assert found[0].sender.plain in sender
