"""What the conformance kit has to know: how the provider is configured, and what a mail server says."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.headerregistry import Address
from email.message import EmailMessage, MIMEPart
from typing import cast
from urllib.parse import urlsplit

from messaging_channels.messages import Attachment, Email, ListUnsubscribe
from messaging_channels.plugins import EmailAddress, Reason, WebhookRequest
from messaging_channels.testing import ConformanceFixtures, InboundText, ReadMessage
from messaging_channels_smtp.emulator.server import SmtpEmulator
from messaging_channels_smtp.protocol.mail import MailTransaction, TransactionResult
from messaging_channels_smtp.protocol.replies import Reply
from messaging_channels_smtp.protocol.steps import Stage
from messaging_channels_smtp.protocol.submission import Submission
from messaging_channels_smtp.webhook_samples import WEBHOOKS, WRITTEN_AT, inbound


def _told(delivery: TransactionResult) -> Callable[[Submission], tuple[TransactionResult, ...]]:
    return lambda submission: (delivery,) * len(submission.mails)


def _reads_request(submission: Submission) -> list[ReadMessage]:
    """Read the mails as the standard library's parser does."""
    return [_read_mail(one) for one in submission.mails]


def _read_mail(mail: MailTransaction) -> ReadMessage:
    told = message_from_bytes(mail.content, policy=policy.SMTP)
    to, *also_to = _addresses(told, "To")
    shown = [one.plain for one in (to, *also_to, *_addresses(told, "Cc"))]
    html = told.get_body(("html",))
    text = told.get_body(("plain",))
    leave = [way.strip(" <>") for way in str(told.get("List-Unsubscribe", "")).split(",") if way]
    message = Email(  # type: ignore[misc]  # more unions than mypy tries
        str(told["Subject"]),
        text=_words(text) or "",
        html=_words(html),
        sender=_addresses(told, "From")[0],
        cc=_addresses(told, "Cc"),
        bcc=tuple(one for one in mail.recipients if one not in shown),
        reply_to=_addresses(told, "Reply-To"),
        attachments=_files(told),
        headers={name: str(value) for name, value in told.items() if name.lower().startswith("x-")},
        list_unsubscribe=ListUnsubscribe(
            url=next((one for one in leave if one.startswith("https:")), None),
            mailto=next((one.removeprefix("mailto:") for one in leave if one.startswith("mailto:")), None),
        )
        if leave
        else None,
        list_id=str(told["List-Id"]).strip("<>") if "List-Id" in told else None,
        in_reply_to=_text(told, "In-Reply-To"),
        references=tuple(str(told.get("References", "")).split()),
        auto_submitted=_text(told, "Auto-Submitted"),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        envelope_sender=mail.sender if mail.sender != _addresses(told, "From")[0].plain else None,
        also_to=tuple(also_to),
    )
    return ReadMessage(to=to.plain, message=message, reference=mail.id)


def _addresses(mail: EmailMessage, name: str) -> tuple[EmailAddress, ...]:
    found: tuple[Address, ...] = mail[name].addresses if name in mail else ()
    return tuple(
        EmailAddress(_utf8(one.username), _utf8(one.domain), _utf8(one.display_name)) for one in found
    )


def _text(mail: EmailMessage, name: str) -> str | None:
    return str(mail[name]) if name in mail else None


def _utf8(text: str) -> str:
    """Read what the parser took for octets of no charset: a header of RFC 6532 is UTF-8."""
    return text.encode("utf-8", "surrogateescape").decode()


def _words(part: MIMEPart | None) -> str | None:
    return None if part is None else cast("str", part.get_content())


def _files(mail: EmailMessage) -> tuple[Attachment, ...]:
    return tuple(
        Attachment(
            cast("bytes", part.get_payload(decode=True)),
            part.get_filename() or "",
            part.get_content_type(),
            str(part["Content-ID"]).strip("<>") if "Content-ID" in part else None,
        )
        for part in mail.walk()
        if part.get_content_disposition() in ("attachment", "inline")
    )


@contextmanager
def _server() -> Generator[str]:
    with SmtpEmulator() as server:
        yield f"smtp://127.0.0.1:{server.port}"


FIXTURES = ConformanceFixtures(
    settings=lambda url, secret: {
        "host": urlsplit(url).hostname,
        "port": urlsplit(url).port,
        "tls": "none",
        "sender": "shop@example.org",
        "webhook_token": secret,
    },
    success_response=_told(TransactionResult(Stage.CONTENT, Reply(250, "2.0.0 Ok: queued as 4B2F1C0"))),
    reads_request=_reads_request,
    error_responses=(
        (_told(TransactionResult(Stage.RCPT, Reply(550, "5.1.1 No such user"))), Reason.RECIPIENT),
        (_told(TransactionResult(Stage.MAIL, Reply(451, "4.7.1 Greylisted, try again"))), Reason.THROTTLED),
        (_told(TransactionResult(Stage.CONTENT, None, "reset", committed=True)), Reason.CONNECTION),
    ),
    faults={
        "throttle": _told(TransactionResult(Stage.MAIL, Reply(451, "4.7.1 Too many messages, slow down"))),
        "fail": _told(TransactionResult(Stage.CONTENT, Reply(554, "5.3.0 Local error"))),
        "drop_response": _told(
            TransactionResult(Stage.CONTENT, None, "the connection was reset", committed=True)
        ),
        "time_out": _told(
            TransactionResult(Stage.CONTENT, None, "no answer in time", timed_out=True, committed=True)
        ),
        "refuse_connection": _told(TransactionResult(Stage.CONNECT, None, "the connection was refused")),
    },
    malformed_replies=tuple(
        (TransactionResult(stage, reply, "", timed, committed),)
        for stage in Stage
        for reply in (
            None,
            Reply(250),
            Reply(299, "?"),
            Reply(354, ""),
            Reply(421, "4.3.2 closing"),
            Reply(599, "\x00"),
            Reply(550, "5.999.999 x" * 99),
        )
        for timed in (False, True)
        for committed in (False, True)
    ),
    server=_server,
    sign_webhook=lambda body, secret: WebhookRequest(body, {"authorization": f"Bearer {secret}"}),
    webhooks=WEBHOOKS,
    inbound_body=lambda sender, to, text: inbound(InboundText(sender, to, text, 1, WRITTEN_AT)),
    inbound_message=inbound,
    signature_covers_body=False,
)
