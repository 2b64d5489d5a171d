"""What goes with a mail arrives so that a mail program can use it: files, invitations, and the way to leave a list."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from regression_mail_server import sent, smtp_of

from messaging_channels import Attachment, Email, Outcome
from messaging_channels._model.errors import InvalidMessage
from messaging_channels.messages.email import ListUnsubscribe
from messaging_channels_smtp.emulator import SmtpEmulator

CALENDAR = b"BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nEND:VCALENDAR\r\n"


def _arrived(mail: Email) -> EmailMessage:
    """Send a mail, and return it as its reader has it."""
    with SmtpEmulator() as server:
        assert sent(smtp_of(server.port), [mail]) == [Outcome.ACCEPTED]
    return message_from_bytes(server.mails[0].content, policy=policy.default)


@pytest.mark.parametrize(
    ("content_type", "name", "value"),
    [
        ("text/calendar; method=REQUEST", "method", "REQUEST"),
        ("text/plain; format=flowed", "format", "flowed"),
        ('model/step; profile="a b"', "profile", "a b"),
    ],
)
def test_the_parameters_of_a_media_type_arrive(content_type: str, name: str, value: str) -> None:
    mail = Email("Visit", "text", attachments=(Attachment(CALENDAR, "a.bin", content_type),))

    read = _arrived(mail)

    parts = [(one.get_content_type(), one.get_param(name)) for one in read.walk()]
    assert (content_type.partition(";")[0], value) in parts


def test_an_invitation_is_one_of_the_alternatives_of_the_mail() -> None:
    invitation = Attachment(CALENDAR, "invite.ics", "text/calendar; method=REQUEST")

    read = _arrived(Email("Visit", "text", "<p>text</p>", attachments=(invitation,)))

    alternatives = [
        (part.get_content_type(), part.get_param("method"))
        for one in read.walk()
        if one.get_content_type() == "multipart/alternative"
        for part in one.iter_parts()
    ]
    assert ("text/calendar", "REQUEST") in alternatives


@pytest.mark.parametrize("letters", [110, 200])
def test_a_file_name_that_is_too_long_keeps_its_extension_or_is_refused(letters: int) -> None:
    file = Attachment(b"x", "a" * letters + ".pdf", "application/pdf")

    try:
        read = _arrived(Email("Hello", "text", attachments=(file,)))
        ends = [(one.get_filename() or "")[-4:] for one in read.iter_attachments()]
    except InvalidMessage:
        ends = ["refused"]

    assert ends in ([".pdf"], ["refused"])


def test_a_file_name_of_usual_length_arrives_whole() -> None:
    file = Attachment(b"x", "a" * 90 + ".pdf", "application/pdf")

    read = _arrived(Email("Hello", "text", attachments=(file,)))

    assert [one.get_filename() for one in read.iter_attachments()] == ["a" * 90 + ".pdf"]


@pytest.mark.parametrize(
    "mailto",
    [
        "leave@example.com?subject=unsubscribe",
        "leave@example.com?subject=leave%20us&body=k3v9",
        "leave@example.com",
    ],
)
def test_a_list_may_be_left_by_a_mail_with_a_subject(mailto: str) -> None:
    mail = Email("News", "text", list_unsubscribe=ListUnsubscribe(mailto=mailto))

    read = _arrived(mail)

    assert "".join(read["list-unsubscribe"].split()) == f"<mailto:{mailto}>"
