"""The provider: mails over kept connections, one transaction a mail."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal

from messaging_channels.errors import BadInput, InvalidMessage, InvalidSetting, TransportError
from messaging_channels.messages import Email
from messaging_channels.plugins import (
    AttemptResult,
    BlockingCall,
    Capabilities,
    CurrentTime,
    EmailAddress,
    Envelope,
    Exchange,
    ExecutorPair,
    Flow,
    Reason,
    Timeouts,
    WebhookRequest,
    WebhookResult,
    ask,
    require_sender,
)
from messaging_channels_smtp.asyncio_backend import AsyncSession
from messaging_channels_smtp.dkim import DkimSigner
from messaging_channels_smtp.mime import MailDraft
from messaging_channels_smtp.oauth import AccessTokens, OAuthError, OAuthRefreshToken
from messaging_channels_smtp.protocol.mail import MailTransaction, TransactionResult
from messaging_channels_smtp.protocol.server import PoolLimits, Server, SmtpTimeouts
from messaging_channels_smtp.protocol.steps import Stage
from messaging_channels_smtp.protocol.submission import Submission
from messaging_channels_smtp.responses import parse_delivery
from messaging_channels_smtp.socket_backend import Session
from messaging_channels_smtp.verp import VerpReturnPath
from messaging_channels_smtp.webhooks import SOURCE_SIZE, MailWebhooks


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
        max_batch_size=100,
    )
    executors: ClassVar[Mapping[type[Exchange[Any]], ExecutorPair]] = {
        Submission: ExecutorPair(Session, AsyncSession)
    }

    def __init__(  # noqa: PLR0913  one keyword a setting
        self,
        *,
        host: str,
        port: int | None = None,
        tls: Literal["starttls", "implicit", "none"] = "starttls",
        username: str | None = None,
        password: str | None = None,
        oauth_url: str | None = None,
        oauth_client_id: str | None = None,
        oauth_client_secret: str | None = None,
        oauth_refresh_token: str | None = None,
        oauth_token: OAuthRefreshToken | Callable[[], str] | None = None,
        sender: str | None = None,
        ca_file: Path | None = None,
        hostname: str = "localhost",
        return_path: VerpReturnPath | EmailAddress | str | None = None,
        return_path_key: str | None = None,
        dkim_domain: str | None = None,
        dkim_selector: str | None = None,
        dkim_key: str | None = None,
        dkim: DkimSigner | None = None,
        report_success: bool = False,
        webhook_token: str | None = None,
        source_size: int = SOURCE_SIZE,
        timeout: float = 60.0,
        data_timeout: float = 600.0,
        timeouts: SmtpTimeouts | None = None,
        pool_size: int = 5,
        messages_per_connection: int = 100,
        keepalive_expiry: float = 30.0,
        pipeline_depth: int = 16,
        pool: PoolLimits | None = None,
    ) -> None:
        """Take where the server is and who we are there: the settings, by their names. An object goes before the settings that it stands for.

        Args:
            host: its name; with TLS, the one its certificate is for.
            port: that of the mode of `tls` (587, 465, 25) where it is not given.
            tls: `starttls` is required, not tried.
            username: with a password or a token.
            password: for PLAIN or LOGIN.
            oauth_url: where access tokens for XOAUTH2 or OAUTHBEARER are fetched, instead of a password,
            oauth_client_id: by this client,
            oauth_client_secret: with its secret
            oauth_refresh_token: and the token that it was given once.
            oauth_token: an `OAuthRefreshToken` that holds those four, or a function that returns an access token.
            sender: the From address of mails that name none.
            ca_file: certificates to trust instead of the usual ones.
            hostname: what we call ourselves to the server.
            return_path: where bounces go, unless a mail says otherwise. Without it, to the sender. A `VerpReturnPath` holds its key too.
            return_path_key: gives each mail a return path of its own, which proves what comes back.
            dkim_domain: with the next two, signs every mail for this domain. Leave them out where the server signs.
            dkim_selector: under which the public key stands in the DNS.
            dkim_key: PEM of an RSA or an Ed25519 key.
            dkim: a `DkimSigner` that holds those three.
            report_success: whether to ask for reports of delivery too, not only of failure and delay.
            webhook_token: what a call of `handle_webhook` has to carry as `authorization: Bearer`; see the README on bounces.
            source_size: how many octets of a received mail its events keep (default 1,048,576; 0 for none).
            timeout: seconds for each step; for a connection at most 10.
            data_timeout: seconds for the reply to a whole mail.
            timeouts: `SmtpTimeouts`, which holds a time for each kind of step.
            pool_size: connections at once.
            messages_per_connection: mails on a connection, before it is replaced.
            keepalive_expiry: seconds for which an idle connection is kept.
            pipeline_depth: mails under way at once on one connection, where the server offers CHUNKING and PIPELINING.
            pool: `PoolLimits`, which holds those four.

        Raises:
            InvalidSetting: a user without a secret or the reverse, credentials in clear over a network, or no readable ca_file.
            InvalidAddress: the sender or the return path is no mail address.
        """
        token = oauth_token or _refresh_token(
            oauth_url, oauth_client_id, oauth_client_secret, oauth_refresh_token
        )
        login = _login(username, password or None, token)
        self._server = replace(
            _build_server(host, port, tls, login, ca_file, hostname),
            notify="SUCCESS,FAILURE,DELAY" if report_success else "FAILURE,DELAY",
            timeouts=timeouts or _timeouts(timeout, data_timeout),
            pool=pool or PoolLimits(pool_size, messages_per_connection, keepalive_expiry, pipeline_depth),
        )
        self._sender = None if sender is None else EmailAddress.parse(sender)
        self._tokens = None if token is None else AccessTokens(token)
        self._return_path = _return_path(return_path, return_path_key)
        self._signer = dkim or _signer(dkim_domain, dkim_selector, dkim_key)
        self._webhooks = MailWebhooks(
            self.name,
            token=webhook_token or None,
            return_path=self._return_path,
            source_size=source_size,
        )

    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        """See Provider. A mail of several that cannot be written is refused by itself; the only one raises."""
        now = yield from ask(CurrentTime())
        drafts: dict[tuple[int, EmailAddress], MailDraft] = {}
        prepared: list[MailTransaction | AttemptResult] = []
        for envelope in batch:
            try:
                prepared.append((yield from self._build_mail(envelope, drafts, now)))
            except BadInput as refusal:
                if len(batch) == 1:
                    raise
                prepared.append(AttemptResult.of(Reason.INVALID, str(refusal)))
        letters = tuple(one for one in prepared if isinstance(one, MailTransaction))
        try:
            told = iter((yield from self._submit(letters)) if letters else ())
        except OAuthError as refusal:
            refused = AttemptResult.of(Reason.CREDENTIALS, str(refusal))
            return [refused if isinstance(one, MailTransaction) else one for one in prepared]
        return [parse_delivery(next(told)) if isinstance(one, MailTransaction) else one for one in prepared]

    def handle_webhook(self, request: WebhookRequest) -> WebhookResult:
        """Read a mail that came, raw in the body: a bounce, a complaint, or what somebody wrote. See ParsesWebhooks."""
        return self._webhooks.handle_webhook(request)

    def _build_mail(
        self, envelope: Envelope, drafts: dict[tuple[int, EmailAddress], MailDraft], now: float
    ) -> Flow[MailTransaction]:
        """Write one mail; what it has in common with others of the batch is written once."""
        mail, to = envelope.message, envelope.to
        assert isinstance(mail, Email)  # noqa: S101  for the type checkers: the capabilities name nothing else
        assert isinstance(to, EmailAddress)  # noqa: S101  likewise
        sender = self._sender_of(mail)
        draft = drafts.get((id(mail), sender))
        if draft is None:
            draft = drafts[id(mail), sender] = yield from self._build_draft(mail, sender)
        content = draft.build_for(to, message_id=envelope.id, at=_date_of_id(envelope.id, now))
        recipients = tuple(dict.fromkeys(one.addr_spec for one in (to, *mail.copies)))
        return MailTransaction(
            envelope.id, self._return_path_of(mail, sender, envelope.id), recipients, content
        )

    def _build_draft(self, mail: Email, sender: EmailAddress) -> Flow[MailDraft]:
        def drafted() -> MailDraft:
            try:
                attached = [one.read() for one in mail.attachments]
            except OSError as error:
                problem = f"an attachment cannot be read ({error.strerror or type(error).__name__})"
                raise InvalidMessage(problem, field="Email.attachments", hint="check the file") from None
            return MailDraft(mail, sender=sender, attachments=attached, signer=self._signer)

        return (yield from ask(BlockingCall(drafted, may_send=False))) if mail.attachments else drafted()

    def _return_path_of(self, mail: Email, sender: EmailAddress, message_id: str) -> str:
        """Return the envelope's sender. A robot's reply has none, so that two robots do not write to each other for ever (RFC 3834)."""
        if isinstance(mail.envelope_sender, EmailAddress):
            return mail.envelope_sender.addr_spec
        if mail.envelope_sender is not None or mail.auto_submitted == "auto-replied":
            return ""
        return self._return_path.address_for(message_id) if self._return_path else sender.addr_spec

    def _submit(self, mails: tuple[MailTransaction, ...]) -> Flow[Sequence[TransactionResult]]:
        """Have the letters sent; those that a stale token kept from being offered, once more with a fresh one."""
        if self._tokens is None:
            return (yield from ask(self._build_submission(mails, None)))
        token = yield from self._tokens.current()
        told = yield from ask(self._build_submission(mails, token))
        refused = [index for index, one in enumerate(told) if one.stage is Stage.AUTH and one.reply]
        if not refused or (fresh := (yield from _renew_token(self._tokens, token))) is None:
            return told
        again = tuple(mails[index] for index in refused)
        retold = yield from ask(self._build_submission(again, fresh))
        return _replace_results(told, refused, retold)

    def _build_submission(self, mails: tuple[MailTransaction, ...], token: str | None) -> Submission:
        patience = self._server.timeouts
        timeouts = Timeouts(patience.connect, patience.data_block, patience.data_end)
        return Submission(self._server, mails, token, timeouts)

    def _sender_of(self, mail: Email) -> EmailAddress:
        sender = mail.sender or self._sender
        return (
            sender
            if isinstance(sender, EmailAddress)
            else EmailAddress.parse(require_sender(mail, None, provider=self.name))
        )


def _renew_token(tokens: AccessTokens, refused: str) -> Flow[str | None]:
    """Return another token, or None: then the refusal that there was stands."""
    try:
        return (yield from tokens.renew(refused))
    except (OAuthError, TransportError):
        return None


def _replace_results(
    results: Sequence[TransactionResult], indexes: Sequence[int], replacements: Sequence[TransactionResult]
) -> Sequence[TransactionResult]:
    later = dict(zip(indexes, replacements, strict=True))
    return [later.get(index, one) for index, one in enumerate(results)]


def _date_of_id(message_id: str, now: float) -> float:
    """Return the time in a message id of ours, so that a repeated mail has the same Date; `now` for other ids."""
    if not _OWN_ID.fullmatch(message_id):
        return now
    written = int(message_id[:12], 16) / 1000
    return written if abs(now - written) < _LONGEST_AGE else now


def _timeouts(timeout: float, data_timeout: float) -> SmtpTimeouts:
    return SmtpTimeouts(connect=min(10.0, timeout), greeting=timeout, command=timeout, data_end=data_timeout)


def _return_path(given: VerpReturnPath | EmailAddress | str | None, key: str | None) -> VerpReturnPath | None:
    if given is None or isinstance(given, VerpReturnPath):
        return given
    address = EmailAddress.parse(given) if isinstance(given, str) else given
    return VerpReturnPath(address, key or None)


def _signer(domain: str | None, selector: str | None, key: str | None) -> DkimSigner | None:
    return None if key is None else DkimSigner(domain=domain or "", selector=selector or "", key=key)


def _refresh_token(
    url: str | None, client_id: str | None, client_secret: str | None, refresh_token: str | None
) -> OAuthRefreshToken | None:
    if url is None:
        return None
    return OAuthRefreshToken(url, client_id or "", client_secret or "", refresh_token or "")


def _login(username: str | None, password: str | None, oauth_token: object) -> tuple[str | None, str | None]:
    if password is not None and oauth_token is not None:
        raise _setting_error("there is a password and a token", "password", "give one of them")
    if (username is None) != (password is None and oauth_token is None):
        raise _setting_error("only one of username and password is given", "username", "give both or none")
    return username, password


def _build_server(
    host: str,
    port: int | None,
    tls: Literal["starttls", "implicit", "none"],
    login: tuple[str | None, str | None],
    ca_file: Path | None,
    hostname: str,
) -> Server:
    if not _HOSTNAME.fullmatch(hostname):
        raise _setting_error("it is no host name or address literal", "hostname", "use e.g. app.example.com")
    context = None if tls == "none" else _tls_context(ca_file)
    server = Server(host, port or _PORTS[tls], tls, *login, context, hostname=hostname)
    if server.username is not None and tls == "none" and not server.is_local:
        raise _setting_error(
            "credentials would cross the network in clear", "tls", "use starttls or implicit"
        )
    return server


def _tls_context(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise _setting_error(
            "the certificate file cannot be used", "ca_file", "check that it exists and is PEM"
        ) from error


def _setting_error(problem: str, setting: str, hint: str) -> InvalidSetting:
    return InvalidSetting(problem, setting=f"smtp.{setting}", source="the provider's arguments", hint=hint)


_PORTS = {"starttls": 587, "implicit": 465, "none": 25}
_HOSTNAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?|\[[0-9A-Za-z:.]{2,60}\]")
_OWN_ID = re.compile(r"[0-9a-f]{32}")
_LONGEST_AGE = 30 * 86400.0
