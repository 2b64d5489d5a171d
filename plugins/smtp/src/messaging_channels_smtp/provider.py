"""The provider: mails over kept connections, one transaction a mail."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

from messaging_channels.errors import BadInput, ExchangeFailed, InvalidMessage, InvalidSetting
from messaging_channels.messages import Email
from messaging_channels.plugins import (
    Call,
    Capabilities,
    EmailAddress,
    Envelope,
    Exchange,
    Executors,
    Flow,
    Now,
    Outcome,
    Reason,
    Received,
    Timeouts,
    WebhookCall,
    ask,
    sender_of,
)
from messaging_channels_smtp.dkim import Signer
from messaging_channels_smtp.inbound import Inbound
from messaging_channels_smtp.meanings import outcome
from messaging_channels_smtp.mime import Draft
from messaging_channels_smtp.oauth import RefreshGrant, TokenRefused, Tokens
from messaging_channels_smtp.on_asyncio import AsyncSession
from messaging_channels_smtp.on_sockets import Session
from messaging_channels_smtp.protocol.letters import Delivery, Letter
from messaging_channels_smtp.protocol.server import Limits, Patience, Server
from messaging_channels_smtp.protocol.steps import Stage
from messaging_channels_smtp.protocol.submission import Submission
from messaging_channels_smtp.verp import ReturnPath


class Smtp:
    """A mail server. One object serves many threads and tasks; connections are kept by the dispatcher that sends."""

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
                    "list_id",
                    "in_reply_to",
                    "references",
                    "auto_submitted",
                    "envelope_sender",
                }
            )
        },
        batch=100,
    )
    executors: ClassVar[Mapping[type[Exchange[Any]], Executors]] = {
        Submission: Executors(Session, AsyncSession)
    }

    def __init__(  # noqa: PLR0913  one keyword a setting
        self,
        *,
        host: str,
        port: int | None = None,
        tls: Literal["starttls", "implicit", "none"] = "starttls",
        username: str | None = None,
        password: str | None = None,
        token: RefreshGrant | Callable[[], str] | None = None,
        sender: str | None = None,
        ca_file: Path | None = None,
        hostname: str = "localhost",
        return_path: ReturnPath | None = None,
        dkim: Signer | None = None,
        report_success: bool = False,
        inbound_token: str | None = None,
        patience: Patience | None = None,
        limits: Limits | None = None,
    ) -> None:
        """Take where the server is and who we are there.

        Args:
            host: its name; with TLS, the one its certificate is for.
            port: that of the mode of `tls` (587, 465, 25) where it is not given.
            tls: `starttls` is required, not tried.
            username: with a password or a token.
            password: for PLAIN or LOGIN.
            token: where access tokens for XOAUTH2 or OAUTHBEARER come from, instead of a password.
            sender: the From address of mails that name none.
            ca_file: certificates to trust instead of the usual ones.
            hostname: what we call ourselves to the server.
            return_path: where bounces go, unless a mail says otherwise. Without it, to the sender.
            dkim: signs every mail. Leave it out where the server does.
            report_success: whether to ask for reports of delivery too, not only of failure and delay.
            inbound_token: what a call of `receive` has to carry as `authorization: Bearer`; see the README on bounces.
            patience: how long to wait for what.
            limits: connections, mails on each, and how long they are kept.

        Raises:
            InvalidSetting: a user without a secret or the reverse, credentials in clear over a network, or no readable ca_file.
            InvalidAddress: the sender is no mail address.
        """
        _require_login(username, password, token)
        if not _HOSTNAME.fullmatch(hostname):
            raise _bad("it is no host name or address literal", "hostname", "use e.g. app.example.com")
        self._server = Server(
            host,
            port or _PORTS[tls],
            tls,
            username,
            password,
            None if tls == "none" else _context(ca_file),
            patience or Patience(),
            limits or Limits(),
            hostname,
            "SUCCESS,FAILURE,DELAY" if report_success else "FAILURE,DELAY",
        )
        if username is not None and tls == "none" and not self._server.is_local:
            raise _bad("credentials would cross the network in clear", "tls", "use starttls or implicit")
        self._sender = None if sender is None else EmailAddress.parse(sender)
        self._tokens = None if token is None else Tokens(token)
        self._return_path = return_path
        self._signer = dkim
        self._inbound = Inbound(self.name, token=inbound_token, return_path=return_path)

    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[Outcome]]:
        """See Provider. A mail of several that cannot be written is refused by itself; the only one raises."""
        now = yield from ask(Now())
        drafts: dict[tuple[int, EmailAddress], Draft] = {}
        prepared: list[Letter | Outcome] = []
        for envelope in batch:
            try:
                prepared.append((yield from self._letter(envelope, drafts, now)))
            except BadInput as refusal:
                if len(batch) == 1:
                    raise
                prepared.append(Outcome.of(Reason.INVALID, str(refusal)))
        letters = tuple(one for one in prepared if isinstance(one, Letter))
        try:
            told = iter((yield from self._submitted(letters)) if letters else ())
        except TokenRefused as refusal:
            refused = Outcome.of(Reason.AUTH, str(refusal))
            return [refused if isinstance(one, Letter) else one for one in prepared]
        return [outcome(next(told)) if isinstance(one, Letter) else one for one in prepared]

    def receive(self, call: WebhookCall) -> Received:
        """Read a mail that came, raw in the body: a bounce, a complaint, or what somebody wrote. See ParsesWebhooks."""
        return self._inbound.receive(call)

    def _letter(
        self, envelope: Envelope, drafts: dict[tuple[int, EmailAddress], Draft], now: float
    ) -> Flow[Letter]:
        """Write one mail; what it has in common with others of the batch is written once."""
        mail, to = envelope.message, envelope.to
        assert isinstance(mail, Email)  # noqa: S101  for the type checkers: the capabilities name nothing else
        assert isinstance(to, EmailAddress)  # noqa: S101  likewise
        sender = self._from(mail)
        draft = drafts.get((id(mail), sender))
        if draft is None:
            draft = drafts[id(mail), sender] = yield from self._draft(mail, sender)
        content = draft.addressed(to, message_id=envelope.id, at=_written_at(envelope.id, now))
        recipients = tuple(dict.fromkeys(one.addr_spec for one in (to, *mail.copies)))
        return Letter(envelope.id, self._path(mail, sender, envelope.id), recipients, content)

    def _draft(self, mail: Email, sender: EmailAddress) -> Flow[Draft]:
        def drafted() -> Draft:
            try:
                attached = [one.read() for one in mail.attachments]
            except OSError as error:
                problem = f"an attachment cannot be read ({error.strerror or type(error).__name__})"
                raise InvalidMessage(problem, field="Email.attachments", remedy="check the file") from None
            return Draft(mail, sender=sender, attached=attached, signer=self._signer)

        return (yield from ask(Call(drafted, effect=False))) if mail.attachments else drafted()

    def _path(self, mail: Email, sender: EmailAddress, message_id: str) -> str:
        """Return the envelope's sender. A robot's reply has none, so that two robots do not write to each other for ever (RFC 3834)."""
        if isinstance(mail.envelope_sender, EmailAddress):
            return mail.envelope_sender.addr_spec
        if mail.envelope_sender is not None or mail.auto_submitted == "auto-replied":
            return ""
        return self._return_path.of(message_id) if self._return_path else sender.addr_spec

    def _submitted(self, letters: tuple[Letter, ...]) -> Flow[Sequence[Delivery]]:
        """Have the letters sent; those that a stale token kept from being offered, once more with a fresh one."""
        if self._tokens is None:
            return (yield from ask(self._submission(letters, None)))
        token = yield from self._tokens.current()
        told = yield from ask(self._submission(letters, token))
        refused = [index for index, one in enumerate(told) if one.stage is Stage.AUTH and one.reply]
        if not refused or (fresh := (yield from _renewed(self._tokens, token))) is None:
            return told
        again = tuple(letters[index] for index in refused)
        retold = yield from ask(self._submission(again, fresh))
        return _replaced(told, refused, retold)

    def _submission(self, letters: tuple[Letter, ...], token: str | None) -> Submission:
        patience = self._server.patience
        timeouts = Timeouts(patience.connect, patience.block, patience.answer)
        return Submission(self._server, letters, token, timeouts)

    def _from(self, mail: Email) -> EmailAddress:
        sender = mail.sender or self._sender
        return (
            sender
            if isinstance(sender, EmailAddress)
            else EmailAddress.parse(sender_of(mail, None, provider=self.name))
        )


def _renewed(tokens: Tokens, refused: str) -> Flow[str | None]:
    """Return another token, or None: then the refusal that there was stands."""
    try:
        return (yield from tokens.renewed(refused))
    except (TokenRefused, ExchangeFailed):
        return None


def _replaced(told: Sequence[Delivery], at: Sequence[int], by: Sequence[Delivery]) -> Sequence[Delivery]:
    later = dict(zip(at, by, strict=True))
    return [later.get(index, one) for index, one in enumerate(told)]


def _written_at(message_id: str, now: float) -> float:
    """Return the time in a message id of ours, so that a repeated mail has the same Date; `now` for other ids."""
    if not _OWN_ID.fullmatch(message_id):
        return now
    written = int(message_id[:12], 16) / 1000
    return written if abs(now - written) < _LONGEST_AGE else now


def _require_login(username: str | None, password: str | None, token: object) -> None:
    if password is not None and token is not None:
        raise _bad("there is a password and a token", "password", "give one of them")
    if (username is None) != (password is None and token is None):
        raise _bad("only one of username and password is given", "username", "give both or none")


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
_HOSTNAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?|\[[0-9A-Za-z:.]{2,60}\]")
_OWN_ID = re.compile(r"[0-9a-f]{32}")
_LONGEST_AGE = 30 * 86400.0
