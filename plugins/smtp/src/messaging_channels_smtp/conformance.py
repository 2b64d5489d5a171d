"""What the conformance kit has to know: how the provider is configured, and what a mail server says."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from email.utils import formatdate
from urllib.parse import urlsplit

from messaging_channels.events import MessageReceived
from messaging_channels.plugins import Reason, WebhookRequest
from messaging_channels.testing import ConformanceFixtures, InboundText, Webhook
from messaging_channels_smtp.emulator.server import SmtpEmulator
from messaging_channels_smtp.protocol.mail import TransactionResult
from messaging_channels_smtp.protocol.replies import Reply
from messaging_channels_smtp.protocol.steps import Stage
from messaging_channels_smtp.protocol.submission import Submission


def _told(delivery: TransactionResult) -> Callable[[Submission], tuple[TransactionResult, ...]]:
    return lambda submission: (delivery,) * len(submission.mails)


def _mail(sender: str, to: str, text: str) -> bytes:
    return _inbound_message(InboundText(sender, to, text, 1, _WRITTEN_AT))


def _inbound_message(one: InboundText) -> bytes:
    head = (
        f"From: {one.sender}\r\nTo: {one.to}\r\nSubject: Yes\r\nMessage-ID: <in-{one.number}@example.com>\r\n"
    )
    dated = f"Date: {formatdate(one.at)}\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
    return f"{head}{dated}\r\n{one.text}\r\n".encode()


_WRITTEN_AT = 1_789_999_920.0
"""21 September 2026, 14:12 UTC."""


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
    error_responses=(
        (_told(TransactionResult(Stage.RCPT, Reply(550, "5.1.1 No such user"))), Reason.RECIPIENT),
        (_told(TransactionResult(Stage.MAIL, Reply(451, "4.7.1 Greylisted, try again"))), Reason.THROTTLED),
        (_told(TransactionResult(Stage.CONTENT, None, "reset", committed=True)), Reason.CONNECTION),
    ),
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
    webhooks=(Webhook(_mail("zoe@example.com", "desk@example.org", "Hello"), (MessageReceived,)),),
    inbound_body=_mail,
    inbound_message=_inbound_message,
    signature_covers_body=False,
)
