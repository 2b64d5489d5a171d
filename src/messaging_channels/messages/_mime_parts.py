"""The body of a mail: its parts, 7-bit, with lines ended by CRLF. Sources: RFC 2045 and 2046 (MIME), 2387 (related), 6047 (invitations)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from messaging_channels._model.errors import InvalidMessage
from messaging_channels.messages._media_types import MediaType
from messaging_channels.messages._mime_headers import ascii_fallback, block, parameter, without_invisible

if TYPE_CHECKING:
    from messaging_channels.messages.email import Attachment, Email


def build_body(mail: Email, attachments: Sequence[bytes]) -> bytes:
    """Return mixed(alternative(text, related(html, inline), invitation), attachments), without the levels that are not needed.

    Begins with the headers of the outermost part. The same mail gives the same octets.
    """
    html = [] if mail.html is None else [text_part(mail.html, "html")]
    text = [] if mail.text is None else [text_part(mail.text, "plain")]
    if not mail.attachments:
        return multipart("alternative", text + html)
    files = _Files(mail, attachments)
    related = [multipart("related", html + files.inline)] if html else []
    loose = [] if html else files.inline
    body = multipart("alternative", text + related + files.invitation)
    return multipart("mixed", [body, *loose, *files.outside])


class _Files:
    """The parts for the files of a mail, by where they belong."""

    def __init__(self, mail: Email, attachments: Sequence[bytes]) -> None:
        """Write them; of several invitations the first is one, the others are files."""
        self.inline: list[bytes] = []
        self.invitation: list[bytes] = []
        self.outside: list[bytes] = []
        for file, data in zip(mail.attachments, attachments, strict=True):
            if file.content_id:
                self.inline.append(file_part(file, data))
            elif file.media_type.invitation and not self.invitation:
                self.invitation.append(invitation_part(file, data))
            else:
                self.outside.append(file_part(file, data))


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
    media_type = file.media_type
    plain = _require_plain(data) if media_type.composite else None
    name = file_name(file.filename)
    fields = [
        ("Content-Type", _content_type(media_type, name)),
        ("Content-Transfer-Encoding", "base64" if plain is None else "7bit"),
        (
            "Content-Disposition",
            ("inline" if file.content_id else "attachment") + parameter("filename", name),
        ),
    ]
    if file.content_id:
        fields.append(("Content-ID", f"<{file.content_id}>"))
    return block(fields) + b"\r\n" + (base64_lines(data) if plain is None else plain)


def invitation_part(file: Attachment, data: bytes) -> bytes:
    """Return an alternative that is a calendar's message: in base64, so that its lines stay as they were folded."""
    name, parameters = file.media_type
    media_type = MediaType(name, {"charset": "utf-8", **parameters, "name": file_name(file.filename)})
    fields = [("Content-Type", _content_type(media_type, "")), ("Content-Transfer-Encoding", "base64")]
    return block(fields) + b"\r\n" + base64_lines(data)


def file_name(given: str) -> str:
    """Return the name for a file: no path, no hidden file, no longer than file systems allow; the extension stays."""
    name = _SEPARATORS.sub("_", without_invisible(given)).strip(" .") or "attachment"
    extension = _EXTENSION.search(name)
    ending = extension[0] if extension else ""
    room = _NAME_OCTETS - len(ending.encode("utf-8", "replace"))
    stem = name[: len(name) - len(ending)].encode("utf-8", "replace")
    return (stem[:room].decode("utf-8", "ignore") if len(stem) > room else stem.decode()) + ending


def _content_type(media_type: MediaType, name: str) -> str:
    """Write a media type; a name that is not ASCII once more, for readers that know no RFC 2231."""
    further = {} if name.isascii() or "name" in media_type.parameters else {"name": ascii_fallback(name)}
    given = {**media_type.parameters, **further}
    return media_type.name + "".join(parameter(key, value) for key, value in given.items())


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
    start, end = 0, len(data)
    while end - start >= _LONGEST_LINE:
        found = data.rfind(b"\n", start, start + _LONGEST_LINE)
        if found < 0:
            return False
        start = found + 1
    return True


def _require_plain(data: bytes) -> bytes:
    text = normalize_lines(data.decode("ascii", "replace"))
    body = text.encode("utf-8")
    if not text.isascii() or "\0" in text or not _lines_fit(body):
        raise InvalidMessage(
            "is a mail that is not ASCII or has lines over 998 characters",
            field="Attachment.content",
            hint="attach it as application/octet-stream",
        )
    return body


_NAME_OCTETS = 255
_LONGEST_LINE = 1000
"""Octets, the CRLF included."""
_ASCII = bytes(range(128))
_LINE_END = re.compile(r"\r\n|\r|\n")
_SEPARATORS = re.compile(r"[/\\\x00-\x1f\x7f-\x9f\u2028\u2029]")
_EXTENSION = re.compile(r"(?:\.tar)?\.[^.\s]{1,16}$", re.IGNORECASE)
