"""The provider: one transaction a mail."""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

from messaging_channels.addresses import EmailAddress
from messaging_channels.errors import InvalidMessage, InvalidSetting
from messaging_channels.exchange import Call, Exchange, Executors, Flow, Now, ask
from messaging_channels.messages import Email
from messaging_channels.outcomes import Outcome
from messaging_channels.provider import Capabilities, Envelope, sender_of
from messaging_channels_smtp.mime import build
from messaging_channels_smtp.replies import outcome
from messaging_channels_smtp.session import AsyncSession, Server, Session, Transaction


class Smtp:
    """A mail server. One object serves many threads and tasks; each mail has a connection of its own."""

    name: ClassVar[str] = "smtp"
    capabilities: ClassVar[Capabilities] = Capabilities(
        {
            Email: frozenset(
                {
                    "text",
                    "html",
                    "sender",
                    "cc",
                    "bcc",
                    "reply_to",
                    "attachments",
                    "headers",
                    "list_unsubscribe",
                }
            )
        }
    )
    executors: ClassVar[Mapping[type[Exchange[Any]], Executors]] = {
        Transaction: Executors(Session, AsyncSession)
    }

    def __init__(
        self,
        *,
        host: str,
        port: int | None = None,
        tls: Literal["starttls", "implicit", "none"] = "starttls",
        username: str | None = None,
        password: str | None = None,
        sender: str | None = None,
        ca_file: Path | None = None,
        timeout: float = 30.0,
        answer_timeout: float = 600.0,
    ) -> None:
        """Take where the server is and who we are there. Time-outs are in seconds.

        Raises:
            InvalidSetting: a user without a password or the reverse, credentials in clear over a network, or no readable ca_file.
            InvalidAddress: the sender is no mail address.
        """
        if (username is None) != (password is None):
            raise _bad("only one of username and password is given", "username", "give both or none")
        self._server = Server(
            host, port or _PORTS[tls], tls, username, password, _context(ca_file), timeout, answer_timeout
        )
        if username is not None and tls == "none" and not self._server.is_local:
            raise _bad("credentials would cross the network in clear", "tls", "use starttls or implicit")
        self._sender = None if sender is None else EmailAddress.parse(sender)

    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[Outcome]]:
        """See Provider."""
        (envelope,) = batch
        mail = envelope.message
        assert isinstance(mail, Email)  # noqa: S101  for the type checkers: the capabilities name nothing else
        assert isinstance(envelope.to, EmailAddress)  # noqa: S101  likewise
        sender = self._from(mail)
        recipients = tuple(dict.fromkeys((envelope.to, *mail.copies)))
        _require_ascii(sender, *recipients)
        now = yield from ask(Now())
        attached = yield from ask(Call(lambda: [one.read() for one in mail.attachments], effect=False))
        content = build(
            mail, message_id=envelope.id, sender=sender, to=envelope.to, attached=attached, now=now
        )
        transaction = Transaction(
            self._server, sender.addr_spec, tuple(one.addr_spec for one in recipients), content
        )
        result = yield from ask(transaction)
        return (outcome(result),)

    def _from(self, mail: Email) -> EmailAddress:
        sender = mail.sender or self._sender
        return (
            sender
            if isinstance(sender, EmailAddress)
            else EmailAddress.parse(sender_of(mail, None, provider=self.name))
        )


def _require_ascii(*addresses: EmailAddress) -> None:
    if any(address.needs_smtputf8 for address in addresses):
        raise InvalidMessage(
            "an address has non-ASCII characters before the @",
            field="Email",
            remedy="this provider does not speak SMTPUTF8 yet: use another address",
        )


def _context(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise _bad(
            "the certificate file cannot be used", "ca_file", "check that it exists and is PEM"
        ) from error


def _bad(problem: str, setting: str, remedy: str) -> InvalidSetting:
    return InvalidSetting(
        problem, setting=f"smtp.{setting}", source="the provider's arguments", remedy=remedy
    )


_PORTS = {"starttls": 587, "implicit": 465, "none": 25}
