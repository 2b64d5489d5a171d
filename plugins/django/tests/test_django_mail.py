"""Django's mails through the dispatcher: what arrives at a server is what Django itself would have written."""

from __future__ import annotations

from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage as StandardMessage
from email.mime.image import MIMEImage
from email.mime.text import MIMEText
from typing import Any

import django
import pytest
from django.core import mail
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.test import override_settings
from django.utils.translation import gettext_lazy
from hypothesis import given
from hypothesis import strategies as st

from messaging_channels import Dispatcher, Email, Outcome, SqliteLedger
from messaging_channels.errors import InvalidAddress, InvalidMessage, NotSent
from messaging_channels.testing import Outbox
from messaging_channels_django import use_dispatcher
from messaging_channels_django.mail import EmailBackend
from messaging_channels_django.mail_content import mails_of

smtp = pytest.importorskip("messaging_channels_smtp")
PIXEL = bytes.fromhex("89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489")


@pytest.fixture
def outbox() -> Iterator[Outbox]:
    one = Outbox()
    with use_dispatcher(one.dispatcher):
        yield one
    one.close()


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    from messaging_channels_smtp.emulator import SmtpEmulator

    with SmtpEmulator() as one:
        yield one


@pytest.fixture
def arrived(server: Any) -> Iterator[Any]:
    """What the mail server was given by the backend, as the standard library reads it."""
    provider = smtp.Smtp(host="127.0.0.1", port=server.port, tls="none", sender="shop@example.com")

    def send(*messages: EmailMessage) -> list[StandardMessage]:
        before = len(server.mails)
        assert EmailBackend().send_messages(messages) == len(messages)
        return [message_from_bytes(one.content, policy=policy.default) for one in server.mails[before:]]

    with Dispatcher([provider]) as dispatcher, use_dispatcher(dispatcher):
        yield send


def _parts(message: StandardMessage) -> list[tuple[str, str, bytes]]:
    """Return the leaves: type, file name, and what they say."""
    found = []
    for part in message.walk():
        if part.get_content_maintype() in ("multipart", "message"):
            continue
        content = part.get_payload(decode=True)
        text = part.get_content_maintype() == "text"
        plain = b"\n".join(content.splitlines()).rstrip(b"\n") if text else content
        found.append((part.get_content_type(), part.get_filename() or "", plain))
    return found


def _with_everything() -> EmailMultiAlternatives:
    message = EmailMultiAlternatives(
        "Chère maman",
        "Je t'aime très fort",
        '"Sürname, Firstname" <from@example.com>',
        ["Zoë <zoe@example.com>", "second@example.com"],
        bcc=["hidden@example.com"],
        cc=["cc@example.com"],
        reply_to=["reply@example.com", "more@example.com"],
        headers={
            "X-Order": "81",
            "In-Reply-To": "<a@example.com>",
            "References": "<b@example.com> <a@example.com>",
        },
    )
    message.attach_alternative('<p>Je t\'aime <img src="cid:pixel"></p>', "text/html")
    message.attach("note.txt", "très fort", "text/plain")
    message.attach("data.bin", b"\x00\xff\x00", "application/octet-stream")
    pixel = MIMEImage(PIXEL, "png")
    pixel.add_header("Content-ID", "<pixel>")
    pixel.add_header("Content-Disposition", "inline", filename="pixel.png")
    message.attach(pixel)
    return message


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::PendingDeprecationWarning")
def test_what_arrives_is_what_django_itself_writes(arrived: Any, server: Any) -> None:
    message = _with_everything()
    expected = message_from_bytes(message.message().as_bytes(), policy=policy.default)

    (got,) = arrived(message)

    for name in ("Subject", "From", "To", "Cc", "Reply-To", "X-Order", "In-Reply-To", "References"):
        assert got[name] == expected[name], name
    assert sorted(_parts(got)) == sorted(_parts(expected))
    assert got["Bcc"] is None
    everybody = {"zoe@example.com", "second@example.com", "cc@example.com", "hidden@example.com"}
    assert set(server.mails[-1].recipients) == everybody
    assert set(message.recipients()) == everybody - {"zoe@example.com"} | {"Zoë <zoe@example.com>"}


TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=60)


@given(subject=TEXTS, body=TEXTS, html=TEXTS, data=st.binary(max_size=40))
def test_whatever_is_written_arrives_as_djangos_own_mail_says_it(
    subject: str, body: str, html: str, data: bytes
) -> None:
    message = EmailMultiAlternatives(subject, body, "from@example.com", ["to@example.com"])
    message.attach_alternative(html, "text/html")
    message.attach("data.bin", data, "application/octet-stream")

    (sent,) = mails_of(message)

    assert (sent.email.subject, sent.email.html) == (subject, html)
    assert (sent.email.text or "") == body
    assert sent.email.attachments[0].read() == data


def test_a_body_may_be_html_alone_and_the_alternative_its_text(outbox: Outbox) -> None:
    message = EmailMultiAlternatives("s", "<p>hello</p>", "from@example.com", ["to@example.com"])
    message.content_subtype = "html"
    message.attach_alternative("hello", "text/plain")

    message.send()

    sent = outbox.only(Email)
    assert (sent.text, sent.html) == ("hello", "<p>hello</p>")


def test_an_invitation_is_an_alternative_that_calendars_read(arrived: Any) -> None:
    message = EmailMultiAlternatives("s", "come", "from@example.com", ["to@example.com"])
    message.attach_alternative("BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n", "text/calendar; method=REQUEST")

    (got,) = arrived(message)

    (calendar,) = [part for part in got.walk() if part.get_content_type() == "text/calendar"]
    assert calendar.get_param("method") == "REQUEST"


def test_other_mails_and_parts_without_names_are_attached(outbox: Outbox) -> None:
    inner = EmailMessage("inner", "text", "from@example.com", ["to@example.com"])
    message = EmailMessage("s", "t", "from@example.com", ["to@example.com"])
    message.attach("inner.eml", inner, "message/rfc822")
    message.attach(None, b"%PDF-1.4", "application/pdf")
    message.attach("text.txt", "ä")

    message.send()

    mails, pdf, text = outbox.only(Email).attachments
    assert b"Subject: inner" in mails.read()
    assert (pdf.filename, pdf.content_type) == ("attachment.pdf", "application/pdf")
    assert (text.read().decode(), text.content_type) == ("ä", "text/plain; charset=utf-8")


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::PendingDeprecationWarning")
def test_an_attachment_that_is_a_part_keeps_its_charset(outbox: Outbox) -> None:
    message = EmailMessage(
        "s", "t", "from@example.com", ["to@example.com"], attachments=[MIMEText("ä", "x", "latin-1")]
    )

    message.send()

    (attached,) = outbox.only(Email).attachments
    assert attached.media_type.name == "text/x"
    assert attached.read() == "ä".encode("latin-1")


def test_blind_copies_alone_see_nothing_of_each_other(arrived: Any, server: Any) -> None:
    before = len(server.mails)
    message = EmailMessage("s", "t", "from@example.com", bcc=["one@example.com", "two@example.com"])

    got = arrived(message)

    assert [one["To"] for one in got] == ["one@example.com", "two@example.com"]
    assert [one.recipients for one in server.mails[before:]] == [("one@example.com",), ("two@example.com",)]


def test_copies_alone_have_the_first_as_recipient(outbox: Outbox) -> None:
    EmailMessage("s", "t", "from@example.com", cc=["one@example.com", "two@example.com"]).send()

    assert [one.plain for one in outbox.only(Email, to="one@example.com").copies] == ["two@example.com"]


def test_nobody_to_send_to_is_no_mail(outbox: Outbox) -> None:
    assert EmailMessage("s", "t", "from@example.com", [""]).send() == 0
    assert EmailBackend().send_messages([EmailMessage("s", "t", "from@example.com")]) == 0
    assert len(outbox) == 0


def test_a_project_that_has_not_said_who_sends_sends_as_its_account(outbox: Outbox) -> None:
    mail.send_mail("s", "t", None, ["to@example.com"])
    mail.send_mail("s", "t", gettext_lazy("from@example.com"), [gettext_lazy("to@example.com")])

    first, second = outbox.all(Email)
    assert first.sender is None
    assert second.sender is not None


def test_the_header_from_is_who_writes_and_the_sender_gets_the_bounces(outbox: Outbox) -> None:
    EmailMessage(
        "s",
        "t",
        "bounce@example.com",
        ["to@example.com"],
        headers={
            "From": "from@example.com",
            "To": "to@example.com",
            "Reply-To": "a@example.com, b@example.com",
        },
    ).send()

    sent = outbox.only(Email)
    assert (sent.sender.plain, sent.envelope_sender.plain) == ("from@example.com", "bounce@example.com")  # type: ignore[union-attr]
    assert len(sent.reply_to) == 2  # type: ignore[arg-type]


def test_headers_of_lists_and_robots_have_fields_of_their_own(outbox: Outbox) -> None:
    EmailMessage(
        "s",
        "t",
        "from@example.com",
        ["to@example.com"],
        headers={
            "List-Unsubscribe": "<https://example.com/u/1>, <mailto:leave@example.com?subject=x>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            "List-Id": "Offers <offers.example.com>",
            "Auto-Submitted": "auto-replied",
        },
    ).send()

    sent = outbox.only(Email)
    assert sent.list_unsubscribe is not None
    assert sent.list_unsubscribe.uris == ("https://example.com/u/1", "mailto:leave@example.com?subject=x")
    assert (sent.list_id, sent.auto_submitted) == ("offers.example.com", "auto-replied")


@pytest.mark.parametrize(
    "changes",
    [
        {"headers": {"To": "list@example.com"}},
        {"headers": {"Cc": "else@example.com"}},
        {"headers": {"Message-ID": "<own@example.com>"}},
        {"headers": {"List-Unsubscribe": "<https://example.com/u/1>"}},
        {"alternatives": [("<amp>", "text/x-amp-html")]},
        {"alternatives": [("<p>1</p>", "text/html"), ("<p>2</p>", "text/html")]},
        {"to": ["no address"]},
        {"from_email": "tester"},
    ],
    ids=str,
)
def test_what_cannot_be_said_is_refused_also_silently(outbox: Outbox, changes: dict[str, Any]) -> None:
    message = EmailMultiAlternatives(
        **{"subject": "s", "body": "t", "from_email": "from@example.com", "to": ["to@example.com"], **changes}
    )

    with pytest.raises((InvalidMessage, InvalidAddress)):
        EmailBackend(fail_silently=True).send_messages([message])
    assert len(outbox) == 0


@pytest.mark.parametrize("name", ["subject", "from_email", "to", "headers"])
def test_a_line_break_in_a_header_is_djangos_own_error(outbox: Outbox, name: str) -> None:
    from django.core.mail.message import BadHeaderError

    wrong: dict[str, Any] = {
        "subject": "s\nBcc: x@example.com",
        "from_email": "a\r\nb@example.com",
        "to": ["a\nb@example.com"],
        "headers": {"X-A": "1\r\n2"},
    }
    arguments = {"subject": "s", "body": "t", "from_email": "from@example.com", "to": ["to@example.com"]}

    with pytest.raises(BadHeaderError):
        EmailMessage(**{**arguments, name: wrong[name]}).send()
    assert len(outbox) == 0


def test_blind_copies_are_no_header(outbox: Outbox) -> None:
    with pytest.raises(ValueError, match="bcc="):
        EmailMessage(
            "s", "t", "from@example.com", ["to@example.com"], headers={"Bcc": "x@example.com"}
        ).send()
    assert len(outbox) == 0


def test_what_was_not_sent_is_told_unless_silently() -> None:
    outbox = Outbox(routes={})
    backend, silent = EmailBackend(), EmailBackend(fail_silently=True)
    mails = [EmailMessage("s", "t", "from@example.com", [f"{number}@example.com"]) for number in range(3)]
    with use_dispatcher(outbox.dispatcher):
        outbox.provider("fake").refuse_connection(times=9)
        with pytest.raises(NotSent):
            backend.send_messages(mails)
        assert silent.send_messages(mails[:1]) == 0
    outbox.close()
    assert backend.receipts == []


def test_a_mail_that_may_have_been_sent_counts_as_sent(outbox: Outbox) -> None:
    outbox.provider("fake").drop_response()
    backend = EmailBackend()

    assert backend.send_messages([EmailMessage("s", "t", "from@example.com", ["to@example.com"])]) == 1
    assert [getattr(one, "outcome", None) for one in backend.receipts] == [Outcome.UNKNOWN]


def test_a_key_among_the_headers_is_sent_once(outbox: Outbox) -> None:
    message = EmailMessage(
        "s", "t", "from@example.com", ["to@example.com"], headers={"Idempotency-Key": "reset-81"}
    )

    assert message.send() == 1
    assert message.send() == 1
    assert len(outbox) == 1
    assert "Idempotency-Key" not in outbox.only(Email).headers


def test_the_mode_enqueue_leaves_it_to_the_worker(outbox: Outbox) -> None:
    with override_settings(MESSAGING_CHANNELS={"MAIL": {"mode": "enqueue", "category": "transactional"}}):
        assert mail.send_mail("s", "t", "from@example.com", ["to@example.com"]) == 1
        assert (
            EmailBackend(mode="send").send_messages(
                [EmailMessage("s", "t", "from@example.com", ["now@example.com"])]
            )
            == 1
        )

    assert [one.to.plain for one in outbox.sent] == ["now@example.com"]
    from messaging_channels import Worker

    assert Worker(outbox.dispatcher).drain() == 1
    assert outbox.only(Email, to="to@example.com").category == "transactional"
    with pytest.raises(ImproperlyConfigured, match="later"):
        EmailBackend(mode="later")


def test_django_knows_the_backend_by_its_settings(outbox: Outbox) -> None:
    from messaging_channels_django.testing import mail_settings

    with override_settings(**mail_settings()):
        assert mail.send_mail("s", "t", "from@example.com", ["to@example.com"], html_message="<p>t</p>") == 1
        assert (
            mail.send_mass_mail([("s", "t", "from@example.com", [f"{n}@example.com"]) for n in range(2)]) == 2
        )
    assert len(outbox) == 3


if django.VERSION >= (6, 1):  # MAILERS came with it

    def test_options_of_mailers_go_before_the_settings(outbox: Outbox) -> None:
        from django.core.mail import InvalidMailer, mailers

        backend = "messaging_channels_django.mail.EmailBackend"
        given = {
            "default": {"BACKEND": backend},
            "news": {"BACKEND": backend, "OPTIONS": {"category": "marketing"}},
        }
        with override_settings(MAILERS=given | {"typo": {"BACKEND": backend, "OPTIONS": {"mod": "send"}}}):
            assert EmailMessage("s", "t", "from@example.com", ["to@example.com"]).send(using="news") == 1
            with pytest.raises(InvalidMailer, match="mod"):
                mailers["typo"]
        assert outbox.only(Email).category == "marketing"


def test_a_mail_in_a_transaction_of_the_ledgers_sqlite_is_refused_at_once(sqlite_alias: str) -> None:
    from django.db import transaction

    settings = {"LEDGER_DATABASE": sqlite_alias, "SANDBOX": True}
    message = EmailMessage("s", "t", "from@example.com", ["to@example.com"])
    with override_settings(MESSAGING_CHANNELS=settings):
        with transaction.atomic(using=sqlite_alias), pytest.raises(InvalidMessage, match="enqueue"):
            message.send()
        assert message.send() == 1


def test_ledgers_that_are_given_are_used(tmp_path: Any) -> None:
    outbox = Outbox(ledger=SqliteLedger(tmp_path / "ledger.sqlite3", owned=True))
    with use_dispatcher(outbox.dispatcher):
        assert EmailMessage("s", "t", "from@example.com", ["to@example.com"]).send() == 1
    assert len(outbox.dispatcher.list_messages()) == 1
    outbox.close()
