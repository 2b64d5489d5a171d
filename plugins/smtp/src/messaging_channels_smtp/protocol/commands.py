"""Commands as octets. Sources: RFC 5321 section 4.1, 1870 (SIZE), 3461 (DSN), 6531 (SMTPUTF8), 4954 and 7628 (AUTH)."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from messaging_channels_smtp.protocol.mail import MailTransaction
    from messaging_channels_smtp.protocol.server import ServerCapabilities

RSET = b"RSET\r\n"
DATA = b"DATA\r\n"
STARTTLS = b"STARTTLS\r\n"
QUIT = b"QUIT\r\n"
END = b".\r\n"


def ehlo(name: str) -> bytes:
    """Greet, with extensions."""
    return f"EHLO {name}\r\n".encode("ascii")


def helo(name: str) -> bytes:
    """Greet a server that knows no extensions."""
    return f"HELO {name}\r\n".encode("ascii")


def mail(mail_transaction: MailTransaction, capabilities: ServerCapabilities) -> bytes:
    """Begin a transaction."""
    parameters = ""
    if capabilities.size is not None:
        parameters += f" SIZE={len(mail_transaction.content)}"
    if mail_transaction.needs_utf8:
        parameters += " BODY=8BITMIME SMTPUTF8"
    if capabilities.dsn:
        parameters += f" RET={mail_transaction.returned}{_envid(mail_transaction.id)}"
    return f"MAIL FROM:<{mail_transaction.sender}>{parameters}\r\n".encode()


def _envid(own: str) -> str:
    encoded = xtext(own)
    return f" ENVID={encoded}" if 0 < len(encoded) <= _LONGEST_ENVID else ""


def rcpt(address: str, capabilities: ServerCapabilities, notify: str | None = None) -> bytes:
    """Name a recipient. Where reports can be asked for, failure and delay are, about the address as it was given."""
    parameters = ""
    if capabilities.dsn:
        kind = "rfc822" if address.isascii() else "utf-8"
        parameters = f" NOTIFY={notify or capabilities.notify} ORCPT={kind};{xtext(address) if kind == 'rfc822' else unitext(address)}"
    return f"RCPT TO:<{address}>{parameters}\r\n".encode()


def bdat(octets: int) -> bytes:
    """Announce the whole content (RFC 3030)."""
    return b"BDAT %d LAST\r\n" % octets


def dot_stuff(content: bytes) -> bytes:
    """Return the content as DATA takes it, with its end: a dot that begins a line is doubled."""
    if b"\r\n." in content or content.startswith(b"."):
        content = _LEADING_DOT.sub(b"..", content)
    return content + END


def plain(username: str, password: str) -> bytes:
    """Log in by PLAIN (RFC 4616)."""
    return b"AUTH PLAIN " + encode_base64(f"\0{username}\0{password}")


def xoauth2(username: str, token: str) -> bytes:
    """Log in by XOAUTH2 (https://developers.google.com/workspace/gmail/imap/xoauth2-protocol)."""
    return b"AUTH XOAUTH2 " + encode_base64(f"user={username}\1auth=Bearer {token}\1\1")


def oauthbearer(username: str, token: str) -> bytes:
    """Log in by OAUTHBEARER (RFC 7628)."""
    return b"AUTH OAUTHBEARER " + encode_base64(f"n,a={username},\1auth=Bearer {token}\1\1")


def encode_base64(text: str) -> bytes:
    """Return one base64 line of an AUTH exchange."""
    return base64.b64encode(text.encode()) + b"\r\n"


def xtext(text: str) -> str:
    """Encode a parameter's value (RFC 3461 section 4)."""
    return _NOT_XTEXT.sub(lambda found: "".join(f"+{octet:02X}" for octet in found[0].encode()), text)


def unitext(address: str) -> str:
    r"""Encode an internationalized address for ORCPT, as \x{HEX} (RFC 6533 section 3)."""
    return _NOT_XTEXT.sub(lambda found: "".join(f"\\x{{{ord(one):X}}}" for one in found[0]), address)


_LONGEST_ENVID = 100
_LEADING_DOT = re.compile(rb"^\.", re.MULTILINE)
_NOT_XTEXT = re.compile(r"[^!-*,-<>-~]+")
