"""The body of a mail: its parts, 7-bit, with lines ended by CRLF. Sources: RFC 2045 and 2046 (MIME), 2387 (related)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence

from messaging_channels.errors import InvalidMessage
from messaging_channels.messages import Attachment, Email
from messaging_channels_smtp.mime_headers import ascii_fallback, block, parameter


def build_body(mail: Email, attachments: Sequence[bytes]) -> bytes:
    """Return mixed(alternative(text, related(html, inline)), attachments), without the levels that are not needed.

    Begins with the headers of the outermost part. The same mail gives the same octets.
    """
    files = list(zip(mail.attachments, attachments, strict=True))
    html = [] if mail.html is None else [text_part(mail.html, "html")]
    inline = [file_part(one, data) for one, data in files if one.content_id]
    outside = [file_part(one, data) for one, data in files if not one.content_id]
    related = [multipart("related", html + inline)] if html else []
    text = [] if mail.text is None else [text_part(mail.text, "plain")]
    loose = [] if html else inline
    return multipart("mixed", [multipart("alternative", text + related), *loose, *outside])


def multipart(kind: str, parts: Sequence[bytes]) -> bytes:
    """Join parts; one alone stays as it is."""
    if len(parts) == 1:
        return parts[0]
    digest = hashlib.sha256(kind.encode())
    for part in parts:
        digest.update(part)
    boundary = b"=_" + digest.hexdigest()[:24].encode()
    nature = b'; type="text/html"' if kind == "related" else b""
    opened = b'Content-Type: multipart/%s; boundary="%s"%s\r\n\r\n' % (kind.encode(), boundary, nature)
    between = b"--" + boundary + b"\r\n"
    return opened + between + (b"\r\n" + between).join(parts) + b"\r\n--" + boundary + b"--\r\n"


def text_part(text: str, kind: str) -> bytes:
    """Return a part of text in the encoding that costs least: as it is, quoted-printable or base64."""
    lines = normalize_lines(text)
    data = lines.encode("utf-8", "replace")
    kept = f"Content-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: ".encode()
    if lines.isascii() and "\0" not in lines and _lines_fit(data):
        return kept + b"7bit\r\n\r\n" + data
    foreign = len(data.translate(None, _ASCII))
    if foreign * 6 <= len(data):
        return kept + b"quoted-printable\r\n\r\n" + quoted_printable(data)
    return kept + b"base64\r\n\r\n" + base64_lines(data)


def file_part(file: Attachment, data: bytes) -> bytes:
    """Return a part for a file.

    Raises:
        InvalidMessage: it is a mail or a multipart that cannot be sent as it is; encoding it is forbidden.
    """
    encoding, body = "base64", b""
    if file.content_type.lower().startswith(("message/", "multipart/")):
        encoding, body = "7bit", _is_plain(data)
    name = _UNSAFE.sub("_", _INVISIBLE.sub("", file.filename))[:_LONGEST_NAME].strip(" .") or "attachment"
    place = "inline" if file.content_id else "attachment"
    fields = [
        (
            "Content-Type",
            file.content_type + ("" if name.isascii() else parameter("name", ascii_fallback(name))),
        ),
        ("Content-Transfer-Encoding", encoding),
        ("Content-Disposition", place + parameter("filename", name)),
    ]
    if file.content_id:
        fields.append(("Content-ID", f"<{file.content_id}>"))
    return block(fields) + b"\r\n" + (body or base64_lines(data))


def normalize_lines(text: str) -> str:
    """Return the text with every line, the last one too, ended by CRLF."""
    lines = _LINE_END.sub("\r\n", text) if "\r" in text else text.replace("\n", "\r\n")
    return lines if lines.endswith("\r\n") else lines + "\r\n"


def quoted_printable(data: bytes) -> bytes:
    """Return quoted-printable. A trailing CR alone cannot occur: the data is normal."""
    return binascii.b2a_qp(data, istext=True)


def base64_lines(data: bytes) -> bytes:
    """Return base64 in lines of 76."""
    return base64.encodebytes(data).replace(b"\n", b"\r\n")


def _lines_fit(data: bytes) -> bool:
    """Whether every line is as short as SMTP asks for (RFC 5321 section 4.5.3.1.6)."""
    return max(map(len, data.split(b"\n"))) < _LONGEST_LINE


def _is_plain(data: bytes) -> bytes:
    text = normalize_lines(data.decode("ascii", "replace"))
    body = text.encode("utf-8")
    if not text.isascii() or "\0" in text or not _lines_fit(body):
        raise InvalidMessage(
            "a mail inside a mail has to be ASCII with lines of at most 998 characters",
            field="Attachment.content",
            hint="attach it as application/octet-stream",
        )
    return body


_LONGEST_NAME = 100
_LONGEST_LINE = 1000
"""Octets, the CRLF included."""
_ASCII = bytes(range(128))
_LINE_END = re.compile(r"\r\n|\r|\n")
_UNSAFE = re.compile(r'[/\\\x00-\x1f\x7f-\x9f\u2028\u2029:*?"<>|]')
_INVISIBLE = re.compile(r"[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
