"""Where mail comes in: a Maildir, an IMAP mailbox, or a server for LMTP or SMTP. Each hands raw mails to the same reader, and marks them when they are kept."""

from __future__ import annotations

from messaging_channels_smtp.sources.handover import Handover, with_envelope
from messaging_channels_smtp.sources.imap import ImapMailbox
from messaging_channels_smtp.sources.mail_server import MailServer
from messaging_channels_smtp.sources.maildir import MaildirFolder

__all__ = ["Handover", "ImapMailbox", "MailServer", "MaildirFolder", "with_envelope"]
