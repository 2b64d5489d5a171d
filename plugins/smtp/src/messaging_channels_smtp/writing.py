"""Envelopes as transactions: what is written of a mail before a server is asked anything."""

from __future__ import annotations

import re

from messaging_channels.errors import InvalidMessage
from messaging_channels.messages import Email, MailDraft, MailSigner
from messaging_channels.plugins import (
    BlockingCall,
    EmailAddress,
    Envelope,
    Flow,
    ask,
    provider_options_of,
    require_sender,
)
from messaging_channels_smtp.options import SmtpEmailOptions
from messaging_channels_smtp.protocol.mail import MailTransaction
from messaging_channels_smtp.verp import VerpReturnPath


class MailWriter:
    """Writes the mails of one batch; what several have in common is written once."""

    def __init__(
        self,
        sender: EmailAddress | None,
        return_path: VerpReturnPath | None,
        signer: MailSigner | None,
        now: float,
    ) -> None:
        """Take the account's own; `now` is in seconds since the epoch."""
        self._sender, self._return_path, self._signer, self._now = sender, return_path, signer, now
        self._drafts: dict[int, MailDraft] = {}
        """By the identity of the content, which the batch keeps alive."""

    def read_files(self, mail: Email) -> Flow[None]:
        """Write what the mails of one content have in common, with its files. For mails with attachments; `write` does it for others.

        Raises:
            BadInput: it cannot be sent as it is.
        """
        sender = self._sender_of(mail)
        if id(mail) in self._drafts:
            return

        def drafted() -> MailDraft:
            try:
                attached = [one.read() for one in mail.attachments]
            except OSError as error:
                problem = f"has a file that cannot be read ({error.strerror or type(error).__name__})"
                raise InvalidMessage(problem, field="Email.attachments", hint="check the file") from None
            return MailDraft(mail, sender=sender, attachments=attached, signer=self._signer)

        is_small = all(
            isinstance(one.content, bytes) and len(one.content) < _LARGE for one in mail.attachments
        )
        self._drafts[id(mail)] = (
            drafted() if is_small else (yield from ask(BlockingCall(drafted, may_send=False)))
        )

    def write(self, envelope: Envelope) -> MailTransaction:
        """Write one mail.

        Raises:
            BadInput: it cannot be sent as it is.
        """
        mail, to = envelope.message, envelope.to
        assert isinstance(mail, Email)  # noqa: S101  for the type checkers: the capabilities name nothing else
        assert isinstance(to, EmailAddress)  # noqa: S101  likewise
        sender = self._sender_of(mail)
        draft = self._drafts.get(id(mail))
        if draft is None:
            draft = MailDraft(mail, sender=sender, attachments=(), signer=self._signer)
            self._drafts[id(mail)] = draft
        given = provider_options_of(mail, SmtpEmailOptions) if mail.provider_options else None
        options = given or _DEFAULT_OPTIONS
        copies = mail.copies if mail.also_to or mail.cc or mail.bcc else ()
        return MailTransaction(
            envelope.id,
            self._return_path_of(mail, sender, envelope.id),
            tuple(dict.fromkeys(one.addr_spec for one in (to, *copies))) if copies else (to.addr_spec,),
            draft.build_for(to, message_id=envelope.id, at=_date_of_id(envelope.id, self._now)),
            options.notify_parameter,
            options.ret_parameter,
        )

    def _return_path_of(self, mail: Email, sender: EmailAddress, message_id: str) -> str:
        """Return the envelope's sender. A robot's reply has none, so that two robots do not write to each other for ever (RFC 3834)."""
        if isinstance(mail.envelope_sender, EmailAddress):
            return mail.envelope_sender.addr_spec
        if mail.envelope_sender is not None or mail.auto_submitted == "auto-replied":
            return ""
        return self._return_path.address_for(message_id) if self._return_path else sender.addr_spec

    def _sender_of(self, mail: Email) -> EmailAddress:
        sender = mail.sender or self._sender
        if isinstance(sender, EmailAddress):
            return sender
        return EmailAddress.parse(require_sender(mail, None, provider=SmtpEmailOptions.provider))


def _date_of_id(message_id: str, now: float) -> float:
    """Return the time in a message id of ours, so that a repeated mail has the same Date; `now` for other ids."""
    if not _OWN_ID.fullmatch(message_id):
        return now
    written = int(message_id[:12], 16) / 1000
    return written if abs(now - written) < _LONGEST_AGE else now


_LARGE = 64 * 1024
"""Bytes of a file from which on it is written outside of the event loop."""
_DEFAULT_OPTIONS = SmtpEmailOptions()
_OWN_ID = re.compile(r"[0-9a-f]{32}")
_LONGEST_AGE = 30 * 86400.0
