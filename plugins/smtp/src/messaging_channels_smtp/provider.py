"""The provider: mails over kept connections, one transaction a mail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal

from messaging_channels.errors import BadInput, TransportError
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
    Finding,
    Flow,
    Reason,
    Timeouts,
    WebhookRequest,
    WebhookResult,
    ask,
    run_to_first_exchange,
)
from messaging_channels_smtp.account import (
    build_server,
    login_of,
    return_path_of,
    secret_of,
    signer_of,
    timeouts_of,
    token_source,
)
from messaging_channels_smtp.asyncio_backend import AsyncSession
from messaging_channels_smtp.diagnosis import diagnose
from messaging_channels_smtp.dkim import DkimSigner
from messaging_channels_smtp.oauth import AccessTokens, OAuthBusy, OAuthError, TokenSource
from messaging_channels_smtp.options import SmtpEmailOptions
from messaging_channels_smtp.protocol.mail import MailTransaction, TransactionResult
from messaging_channels_smtp.protocol.server import PoolLimits, SmtpTimeouts
from messaging_channels_smtp.protocol.steps import Stage
from messaging_channels_smtp.protocol.submission import Submission
from messaging_channels_smtp.responses import parse_delivery
from messaging_channels_smtp.socket_backend import Session
from messaging_channels_smtp.verp import VerpReturnPath
from messaging_channels_smtp.webhooks import SOURCE_SIZE, MailWebhooks
from messaging_channels_smtp.writing import MailWriter


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
                    "also_to",
                }
            )
        },
        max_batch_size=100,
        provider_options=frozenset({SmtpEmailOptions}),
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
        oauth_scope: str | None = None,
        oauth_token: TokenSource | None = None,
        sender: str | None = None,
        ca_file: Path | None = None,
        hostname: str | None = None,
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
            host: Name of the mail server; with TLS, the name in its certificate.
            port: Port. Default: 587 (`starttls`), 465 (`implicit`) or 25 (`none`).
            tls: `starttls` (required, not optional), `implicit`, or `none`. Certificates are always verified. With `none`, credentials go only
                to this machine.
            username: User name for AUTH PLAIN or LOGIN, or with a token.
            password: Password for AUTH PLAIN or LOGIN.
            oauth_url: Token endpoint for XOAUTH2 or OAUTHBEARER, instead of a password.
            oauth_client_id: Client ID at the token endpoint.
            oauth_client_secret: Client secret at the token endpoint; a public client has none.
            oauth_refresh_token: Refresh token. Without it, the plugin uses the client credentials grant.
            oauth_scope: Scope of the token request.
            oauth_token: an `OAuthRefreshToken` or `OAuthClientCredentials` that holds those five, or a function that returns an access token.
            sender: From address of mails that name none.
            ca_file: File with certificates to trust instead of the usual ones.
            hostname: Name in EHLO. Default: this machine's full name, or its address.
            return_path: Address for bounces. Default: the sender.
            return_path_key: Key that gives each mail a return path of its own, which authenticates its bounces.
            dkim_domain: Domain of the DKIM signature. Give all three `dkim_…` settings, or none if your server signs.
            dkim_selector: Selector under which the public DKIM key is in DNS.
            dkim_key: Private DKIM key in PEM form: RSA or Ed25519.
            dkim: a `DkimSigner` that holds those three.
            report_success: Whether to ask for reports of delivery too, where the server supports DSN.
            webhook_token: Token that a mail given to `handle_webhook()` must carry as `authorization: Bearer`.
            source_size: Bytes of a received mail that its events keep; 0 for none.
            timeout: Seconds for each step; a connection takes at most 10.
            data_timeout: Seconds for the reply to a complete mail (RFC 5321 asks for 600).
            timeouts: `SmtpTimeouts`, which holds a time for each kind of step.
            pool_size: Connections at the same time.
            messages_per_connection: Mails on one connection before it is replaced.
            keepalive_expiry: Seconds for which an idle connection is kept.
            pipeline_depth: Mails in progress on one connection, where the server supports CHUNKING and PIPELINING.
            pool: `PoolLimits`, which holds those four.

        Raises:
            InvalidSetting: a user without a secret or the reverse, credentials in clear over a network, or no readable ca_file.
            InvalidAddress: the sender or the return path is no mail address.
        """
        client = oauth_client_id, oauth_client_secret
        tokens = oauth_token or token_source(oauth_url, *client, oauth_refresh_token, oauth_scope)
        self.server = replace(
            build_server(host, port, tls, login_of(username, password, tokens), ca_file, hostname),
            notify="SUCCESS,FAILURE,DELAY" if report_success else "FAILURE,DELAY",
            timeouts=timeouts or timeouts_of(timeout, data_timeout),
            pool=pool or PoolLimits(pool_size, messages_per_connection, keepalive_expiry, pipeline_depth),
        )
        self._timeouts = _exchange_timeouts(self.server.timeouts)
        self.sender = None if sender is None else EmailAddress.parse(sender)
        self.tokens = None if tokens is None else AccessTokens(tokens)
        self._return_path = back = return_path_of(return_path, return_path_key)
        self._signer = dkim or signer_of(dkim_domain, dkim_selector, dkim_key)
        hook_token = secret_of(webhook_token, "webhook_token")
        self._webhooks = MailWebhooks(self.name, token=hook_token, return_path=back, source_size=source_size)

    @property
    def endpoints(self) -> Sequence[str]:
        """Return the address of the mail server, for `messaging-channels doctor`."""
        return (f"smtp://{self.server.host}:{self.server.port}",)

    def diagnose(self) -> Flow[Sequence[Finding]]:
        """Connect, greet, start TLS and log in. Send no mail.

        Raises:
            TransportError: The token server can't be reached.
        """
        token = None if self.tokens is None else (yield from self.tokens.current())
        server = self.server
        return (yield from ask(BlockingCall(lambda: diagnose(server, token), may_send=False)))

    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        """Send up to 100 emails on one connection; return their results in order.

        An email of several that can't be written gets the reason `Reason.INVALID`; a single one raises.

        Raises:
            BadInput: The only email can't be written.
        """
        now: float = yield CurrentTime()
        writer = MailWriter(self.sender, self._return_path, self._signer, now)
        mails: dict[int, MailTransaction] = {}
        results: dict[int, AttemptResult] = {}
        for index, envelope in enumerate(batch):
            try:
                if isinstance(envelope.message, Email) and envelope.message.attachments:
                    yield from writer.read_files(envelope.message)
                mails[index] = writer.write(envelope)
            except BadInput as refusal:
                if len(batch) == 1:
                    raise
                results[index] = AttemptResult.of(Reason.INVALID, str(refusal))
        if mails:
            results |= yield from self._send_with_token(mails)
        return [results[index] for index in range(len(batch))]

    def validate(self, envelope: Envelope) -> None:
        """Write the email as `send` does, without a connection.

        Raises:
            BadInput: The email can't be written.
        """
        run_to_first_exchange(self.send([envelope]))

    def missing_sender(self, channel: str) -> str | None:
        """Return `smtp.sender` if no sender is configured; None for other channels, or if one is."""
        return None if self.sender is not None or channel != "email" else "smtp.sender"

    def handle_webhook(self, request: WebhookRequest) -> WebhookResult:
        """Read a mail that came, raw in the body: a bounce, a complaint, or what somebody wrote. See ParsesWebhooks."""
        return self._webhooks.handle_webhook(request)

    def _send_with_token(self, mails: Mapping[int, MailTransaction]) -> Flow[dict[int, AttemptResult]]:
        """Have the mails sent; those that a stale token kept from being offered, once more with a fresh one."""
        try:
            token = None if self.tokens is None else (yield from self.tokens.current())
        except OAuthError as refusal:
            return dict.fromkeys(mails, AttemptResult.of(Reason.CREDENTIALS, str(refusal)))
        except OAuthBusy as busy:
            later = AttemptResult.of(Reason.THROTTLED, str(busy), retry_after=busy.retry_after)
            return dict.fromkeys(mails, later)
        told = yield from self._submit(mails, token)
        if self.tokens and token:
            told |= yield from self._submit_refused(mails, told, self.tokens, token)
        return {index: parse_delivery(one) for index, one in told.items()}

    def _submit_refused(
        self,
        mails: Mapping[int, MailTransaction],
        told: Mapping[int, TransactionResult],
        tokens: AccessTokens,
        token: str,
    ) -> Flow[dict[int, TransactionResult]]:
        refused = {
            index: mails[index] for index, one in told.items() if one.stage is Stage.AUTH and one.reply
        }
        fresh = (yield from _renew_token(tokens, token)) if refused else None
        return (yield from self._submit(refused, fresh)) if fresh else {}

    def _submit(
        self, mails: Mapping[int, MailTransaction], token: str | None
    ) -> Flow[dict[int, TransactionResult]]:
        told: tuple[TransactionResult, ...]
        told = yield Submission(self.server, tuple(mails.values()), token, self._timeouts)
        return dict(zip(mails, told, strict=True))


def _exchange_timeouts(own: SmtpTimeouts) -> Timeouts:
    return Timeouts(own.connect, own.data_block, max(own.data_end, own.total))


def _renew_token(tokens: AccessTokens, refused: str) -> Flow[str | None]:
    """Return another token, or None: then the refusal that there was stands."""
    try:
        return (yield from tokens.renew(refused))
    except (OAuthError, OAuthBusy, TransportError):
        return None
