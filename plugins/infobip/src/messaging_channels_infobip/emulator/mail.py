"""What the emulator asks of a whole mail."""

from __future__ import annotations

from email import message_from_bytes
from email.policy import default
from email.utils import getaddresses


def mail_problem(content: bytes) -> str:
    """Say what keeps bytes from being a mail (RFC 5322); empty for nothing."""
    mail = message_from_bytes(content, policy=default)
    if mail.defects or not mail.keys():
        return "must be a MIME message"
    return "" if mail["From"] else "must have a From"


def recipients_of(content: bytes) -> list[str]:
    """Return whom a mail names in To, Cc and Bcc."""
    mail = message_from_bytes(content, policy=default)
    named = [str(value) for name in ("to", "cc", "bcc") for value in mail.get_all(name, [])]
    return [address for _, address in getaddresses(named) if "@" in address]
