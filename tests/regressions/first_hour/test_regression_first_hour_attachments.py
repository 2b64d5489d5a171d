"""The first mail with an attachment, as it arrives at a mail server on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from loopback import Peer, Server

from messaging_channels import Attachment, Dispatcher, Email
from messaging_channels._model.errors import BadInput, InvalidMessage
from messaging_channels_smtp import Smtp


class Mailbox:
    """Takes every mail, and keeps it."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []

    def __call__(self, peer: Peer) -> None:
        lines = peer.connection.makefile("rb")
        peer.answer(b"220 mail.example.com ESMTP\r\n")
        while line := lines.readline():
            match line[:4].upper():
                case b"EHLO":
                    peer.answer(b"250-mail.example.com\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n")
                case b"DATA":
                    peer.answer(b"354 go on\r\n")
                    mail = b"".join(iter(lines.readline, b".\r\n"))
                    self.mails.append(message_from_bytes(mail, policy=policy.default))
                    peer.answer(b"250 2.0.0 taken\r\n")
                case b"QUIT":
                    peer.answer(b"221 bye\r\n")
                    return
                case _:
                    peer.answer(b"250 2.1.0 fine\r\n")


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def dispatcher(mailbox: Mailbox) -> Iterator[Dispatcher]:
    with (
        Server(mailbox) as server,
        Dispatcher(
            [Smtp(host="127.0.0.1", port=server.port, tls="none", sender="shop@example.com")]
        ) as dispatcher,
    ):
        yield dispatcher


@pytest.mark.parametrize("content", ["invoice.pdf", None, 7], ids=repr)
def test_an_attachment_without_bytes_or_a_path_is_the_callers_mistake_and_said_to_be(
    content: object, dispatcher: Dispatcher, mailbox: Mailbox
) -> None:
    try:
        attachment = Attachment(content, "invoice.pdf")  # type: ignore[arg-type]
        dispatcher.send(Email("Hi", "text", attachments=[attachment]), to="zoe@example.com")
    except (BadInput, TypeError, FileNotFoundError) as refusal:
        told = str(refusal)
    else:
        told = ""

    assert told
    assert mailbox.mails == []


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("invoice.pdf", "application/pdf"),
        ("photo.png", "image/png"),
        ("list.csv", "text/csv"),
        ("PHOTO.JPG", "image/jpeg"),
        ("nothing-known", "application/octet-stream"),
    ],
)
def test_an_attachment_without_a_type_is_what_its_name_says(
    name: str, right: str, dispatcher: Dispatcher, mailbox: Mailbox
) -> None:
    mail = Email("Hi", "text", attachments=[Attachment(b"some bytes", name)])

    dispatcher.send(mail, to="zoe@example.com")

    (part,) = mailbox.mails[-1].iter_attachments()
    assert (part.get_filename(), part.get_content_type()) == (name, right)


def test_a_type_that_is_given_stands(dispatcher: Dispatcher, mailbox: Mailbox) -> None:
    attachment = Attachment(b"some bytes", "invoice.pdf", "application/x-shop")

    dispatcher.send(Email("Hi", "text", attachments=[attachment]), to="zoe@example.com")

    (part,) = mailbox.mails[-1].iter_attachments()
    assert part.get_content_type() == "application/x-shop"


@pytest.mark.parametrize(
    "attachments",
    [
        b"%PDF-1.7",
        None,
        {"bill.pdf": b"x"},
        Attachment(b"x", "bill.pdf"),
        ["bill.pdf"],
        [Attachment(b"x", "bill.pdf"), Path("bill.pdf")],
        [("bill.pdf", b"x")],
    ],
)
def test_what_is_no_list_of_attachments_is_refused_where_it_is_given(attachments: Any) -> None:
    with pytest.raises(InvalidMessage, match=r"Email\.attachments"):
        Email("Bill", "text", attachments=attachments)
