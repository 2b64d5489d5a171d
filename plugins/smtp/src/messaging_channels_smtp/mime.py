"""The mail as it goes on the wire: 7-bit, CRLF, the same bytes for the same message id and time.

Written by hand, since the standard library's `EmailMessage` folds long tokens into encoded words that no reader of List-Unsubscribe
understands, and on some supported Pythons lets an encoded word end a header. Sources: RFC 5322 (headers), 2045 to 2047 and 2231 (MIME),
2387 (related), 8058 (one-click unsubscribe).
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from email.utils import formatdate
from urllib.parse import quote

from messaging_channels.addresses import EmailAddress
from messaging_channels.messages import Attachment, Email, ListUnsubscribe
from messaging_channels.messages.email import parsed

_LONGEST_LINE = 998
_WORD_OCTETS = 45
"""What an encoded word of 75 characters holds."""


def build(
    mail: Email,
    *,
    message_id: str,
    sender: EmailAddress,
    to: EmailAddress,
    attached: Sequence[bytes],
    now: float,
) -> bytes:
    """Return the whole mail. `attached` are the contents of its attachments, `now` is in seconds since the epoch. Bcc is not in it."""
    headers = _headers(mail, message_id, sender, to, now)
    body = _tree(mail, message_id, list(zip(mail.attachments, attached, strict=True)))
    lines = [f"{name}: {value}\r\n" for name, value in headers]
    return "".join(lines).encode("ascii") + body


def _headers(
    mail: Email, message_id: str, sender: EmailAddress, to: EmailAddress, now: float
) -> Iterator[tuple[str, str]]:
    yield "From", _mailbox(sender)
    yield "To", _mailbox(to)
    for name, addresses in (("Cc", parsed(mail.cc)), ("Reply-To", parsed(mail.reply_to))):
        if addresses:
            yield name, ",\r\n ".join(map(_mailbox, addresses))
    yield "Subject", _text(mail.subject)
    yield "Date", formatdate(now)
    yield "Message-ID", f"<{message_id}@{sender.domain}>"
    yield "Auto-Submitted", "auto-generated"
    if mail.list_unsubscribe:
        yield from _unsubscribe(mail.list_unsubscribe)
    for name, value in mail.headers.items():
        yield name, _text(value)
    yield "MIME-Version", "1.0"


def _unsubscribe(ways: ListUnsubscribe) -> Iterator[tuple[str, str]]:
    given = [ways.url, f"mailto:{EmailAddress.parse(ways.mailto).addr_spec}" if ways.mailto else None]
    yield "List-Unsubscribe", ",\r\n ".join(f"<{way}>" for way in given if way)
    if ways.url:
        yield "List-Unsubscribe-Post", "List-Unsubscribe=One-Click"


def _mailbox(address: EmailAddress) -> str:
    if not address.display_name:
        return address.addr_spec
    name = address.display_name
    if _must_encode(name):
        return f"{_encoded(name)}\r\n <{address.addr_spec}>"
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"\r\n <{address.addr_spec}>'


def _text(value: str) -> str:
    """Return an unstructured header's value; what could be misread goes into encoded words."""
    return _encoded(value) if _must_encode(value) else value


def _must_encode(value: str) -> bool:
    long = len(value) > _LONGEST_LINE - 100
    return long or not value.isascii() or "=?" in value or value != value.strip() or "\t" in value


def _encoded(value: str) -> str:
    words = (base64.b64encode(chunk.encode("utf-8", "replace")).decode() for chunk in _chunks(value))
    return "\r\n ".join(f"=?utf-8?b?{word}?=" for word in words)


def _chunks(value: str) -> Iterator[str]:
    """Split into pieces that fit an encoded word, never within a character."""
    chunk, octets = "", 0
    for character in value:
        size = len(character.encode("utf-8", "replace"))
        if octets + size > _WORD_OCTETS:
            yield chunk
            chunk, octets = "", 0
        chunk, octets = chunk + character, octets + size
    yield chunk


def _tree(mail: Email, message_id: str, files: Sequence[tuple[Attachment, bytes]]) -> bytes:
    """Return mixed(alternative(text, related(html, inline)), attachments), without the levels that are not needed."""
    html = [] if mail.html is None else [_text_part(mail.html, "html")]
    inline = [_file_part(one, data) for one, data in files if one.content_id]
    attached = [_file_part(one, data) for one, data in files if not one.content_id]
    related = _multipart("related", html + inline, message_id) if html else b""
    text = [] if mail.text is None else [_text_part(mail.text, "plain")]
    loose = [] if html else inline
    alternative = _multipart("alternative", text + ([related] if related else []), message_id)
    return _multipart("mixed", [alternative, *loose, *attached], message_id)


def _multipart(kind: str, parts: Sequence[bytes], message_id: str) -> bytes:
    if len(parts) == 1:
        return parts[0]
    boundary = "=_" + hashlib.sha256(f"{kind} {message_id}".encode()).hexdigest()[:24]
    dashed = f"--{boundary}".encode()
    opened = f'Content-Type: multipart/{kind}; boundary="{boundary}"\r\n\r\n'.encode()
    return opened + b"".join(dashed + b"\r\n" + part + b"\r\n" for part in parts) + dashed + b"--\r\n"


def _text_part(text: str, kind: str) -> bytes:
    lines = _LINE_END.sub("\r\n", text)
    if not lines.endswith("\r\n"):
        lines += "\r\n"
    headers = {"Content-Type": f"text/{kind}; charset=utf-8"}
    plain = lines.isascii() and "\0" not in lines
    if plain and max(map(len, lines.split("\r\n"))) <= _LONGEST_LINE:
        return _part(headers | {"Content-Transfer-Encoding": "7bit"}, lines.encode())
    return _part(headers | {"Content-Transfer-Encoding": "base64"}, _base64(lines.encode("utf-8", "replace")))


def _file_part(file: Attachment, data: bytes) -> bytes:
    headers = {
        "Content-Type": file.content_type,
        "Content-Transfer-Encoding": "base64",
        "Content-Disposition": f"{'inline' if file.content_id else 'attachment'}; {_filename(file.filename)}",
    }
    if file.content_id:
        headers["Content-ID"] = f"<{file.content_id}>"
    return _part(headers, _base64(data))


def _filename(name: str) -> str:
    safe = _PATH.sub("_", name)[:100]
    if safe.isascii():
        escaped = safe.replace('"', '\\"')
        return f'filename="{escaped}"'
    return f"filename*=utf-8''{quote(safe, safe='')}"


def _part(headers: Mapping[str, str], body: bytes) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode() + b"\r\n" + body


def _base64(data: bytes) -> bytes:
    return base64.encodebytes(data).replace(b"\n", b"\r\n")


_LINE_END = re.compile(r"\r\n|\r|\n")
_PATH = re.compile(r"[/\\\x00-\x1f\x7f]")
