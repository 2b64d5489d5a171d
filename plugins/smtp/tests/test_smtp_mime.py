from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_channels.addresses import EmailAddress
from messaging_channels.errors import BadInput
from messaging_channels.messages import Attachment, Email, ListUnsubscribe
from messaging_channels_smtp.mime import build

TO, FROM = EmailAddress.parse("zoe@example.com"), EmailAddress.parse("Shop <shop@example.org>")


def _wire(mail: Email, sender: EmailAddress = FROM, to: EmailAddress = TO) -> bytes:
    attached = [one.read() for one in mail.attachments]
    return build(mail, message_id="m1", sender=sender, to=to, attached=attached, now=1795528315.0)


def _parsed(mail: Email, **addresses: Any) -> EmailMessage:
    parsed = email.message_from_bytes(_wire(mail, **addresses), policy=email.policy.default)
    assert isinstance(parsed, EmailMessage)
    return parsed


HTML = '<img src="cid:logo">'
EVERYTHING = Email(
    "Straße",
    text="Hello\r\nthere",
    html=HTML,
    cc="C <c@example.com>",
    bcc="hidden@example.com",
    reply_to="desk@example.com",
    attachments=(
        Attachment.inline(b"\x89PNG", "logo", content_type="image/png"),
        Attachment(b"%PDF", "Größe.pdf", "application/pdf"),
        Attachment(b"x" * 1000, "../../etc/passwd"),
    ),
    headers={"X-Campaign": "spring"},
    list_unsubscribe=ListUnsubscribe(url="https://example.com/" + "u" * 120, mailto="leave@example.com"),
)


def test_every_field_arrives_as_it_was_meant() -> None:
    mail = _parsed(EVERYTHING)
    assert mail["Subject"] == "Straße"
    assert mail["From"] == "Shop <shop@example.org>"
    assert (mail["To"], mail["Cc"], mail["Reply-To"]) == (
        "zoe@example.com",
        "C <c@example.com>",
        "desk@example.com",
    )
    assert mail["Message-ID"] == "<m1@example.org>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["X-Campaign"] == "spring"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert html is not None
    assert text.get_content().splitlines() == ["Hello", "there"]
    assert html.get_content().splitlines() == [HTML]
    names = [part.get_filename() for part in mail.iter_attachments()]
    assert names == ["Größe.pdf", "_.._etc_passwd"]
    assert [part.get_content_type() for part in mail.walk()] == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "multipart/related",
        "text/html",
        "image/png",
        "application/pdf",
        "application/octet-stream",
    ]


def test_a_long_unsubscribe_link_is_not_torn() -> None:
    assert b"<https://example.com/" + b"u" * 120 + b">" in _wire(EVERYTHING)


def test_blind_copies_are_in_no_header() -> None:
    assert b"hidden" not in _wire(EVERYTHING)
    assert b"bcc" not in _wire(EVERYTHING).lower()


def test_the_same_mail_is_the_same_bytes() -> None:
    assert _wire(EVERYTHING) == _wire(EVERYTHING)


HEADERS = ["Date", "Message-ID", "To", "From", "Subject", "Auto-Submitted", "X-Note", "MIME-Version"]


@given(
    subject=st.text(), note=st.text(), text=st.text(), html=st.none() | st.text(), name=st.text(max_size=80)
)
def test_whatever_is_written_arrives_and_adds_no_header(
    subject: str, note: str, text: str, html: str | None, name: str
) -> None:
    try:
        mail = Email(subject, text, html, headers={"X-Note": note})
        sender = EmailAddress("shop", "example.org", name)
        Email("s", "t", sender=f'"{name}" <shop@example.org>')
    except BadInput:
        return
    wire = _wire(mail, sender)
    head = wire.partition(b"\r\n\r\n")[0]
    names = [line.split(b":")[0].decode() for line in head.split(b"\r\n") if line[:1] not in (b" ", b"\t")]
    assert [one for one in names if not one.startswith("Content-")] == HEADERS
    assert b"\n" not in wire.replace(b"\r\n", b"")
    assert b"\r" not in wire.replace(b"\r\n", b"")
    assert max(map(len, wire.split(b"\r\n"))) <= 998
    assert wire.isascii()
    parsed = email.message_from_bytes(wire, policy=email.policy.default)
    assert isinstance(parsed, EmailMessage)
    assert str(parsed["Subject"]) == subject.encode("utf-8", "replace").decode()
    body = parsed.get_body(("plain",))
    assert body is not None
    wanted = text.encode("utf-8", "replace").decode().replace("\r\n", "\n").replace("\r", "\n")
    assert body.get_content().replace("\r\n", "\n").rstrip("\n") == wanted.rstrip("\n")


@pytest.mark.parametrize(
    "value",
    ["=?utf-8?q?a=0D=0ABcc:_x=40example.test?=", "=?utf-8?b?YQ0KQmNjOiB4?=", "a\r\nBcc: x", "a\nb", "a\0"],
)
def test_no_header_can_be_smuggled_in(value: str) -> None:
    for make in (
        lambda: Email(value, "x"),
        lambda: Email("s", "x", headers={"X-Note": value}),
        lambda: Email("s", "x", attachments=(Attachment(b"", value),)),
    ):
        with pytest.raises(BadInput):
            make()
