"""Media types with their parameters (RFC 2045 section 5.1), and the type that a file's name stands for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from messaging_channels._model.errors import InvalidMessage


class MediaType(NamedTuple):
    """A media type, taken apart."""

    name: str
    """Such as `text/calendar`, in lower case."""
    parameters: Mapping[str, str]
    """By name in lower case, without quotes."""

    @property
    def invitation(self) -> bool:
        """Whether it is a calendar's message to its reader, such as a request or a cancellation (RFC 6047 section 2.4)."""
        return self.name == "text/calendar" and bool(self.parameters.get("method"))

    @property
    def composite(self) -> bool:
        """Whether it holds mails or parts, and so may not be encoded (RFC 2045 section 6.4)."""
        return self.name.startswith(("message/", "multipart/"))


def parse_media_type(text: str, field: str) -> MediaType:
    """Read `type/subtype; name=value; name="value"`.

    Raises:
        InvalidMessage: it is no media type, or a parameter is malformed or given twice.
    """
    name, _, rest = text.partition(";")
    name = name.strip(" \t")
    if not _NAME.fullmatch(name):
        raise InvalidMessage("must be a media type", field=field, hint="write it like image/png")
    return MediaType(name.lower(), _parameters(rest, field))


def guess_media_type(filename: str) -> str:
    """Return the type that a file's name stands for; `application/octet-stream` where it says nothing."""
    import mimetypes  # noqa: PLC0415  rarely needed

    ending = filename.lower().rpartition(".")[2]
    if ending in _TYPES:
        return _TYPES[ending]
    guessed, encoding = mimetypes.MimeTypes().guess_type(f"a.{ending}")  # not what this machine's files say
    if guessed is None or encoding is not None or parse_media_type(guessed, "").composite:
        return UNKNOWN
    return guessed


def _parameters(rest: str, field: str) -> Mapping[str, str]:
    found: dict[str, str] = {}
    at = 0
    while at < len(rest) and rest[at:].strip(" \t;"):
        match = _PARAMETER.match(rest, at)
        if match is None or match[1].lower() in found:
            raise InvalidMessage(
                "has a media type parameter that is malformed or repeated",
                field=field,
                hint='write name=value, with quotes around a value with spaces: text/plain; title="a b"',
            )
        found[match[1].lower()] = match[2] if match[3] is None else _ESCAPED.sub(r"\1", match[3])
        at = match.end()
    return found


UNKNOWN = "application/octet-stream"
_TOKEN = r"[A-Za-z0-9!#$%&'*+.^_`{|}~-]+"  # noqa: S105  a token of RFC 2045
_NAME = re.compile(r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+")
_PARAMETER = re.compile(
    rf'[ \t;]*({_TOKEN})[ \t]*=[ \t]*(?:({_TOKEN})|"((?:[^"\\\x00-\x1f\x7f]|\\[^\x00-\x1f\x7f])*)")[ \t]*(?=;|$)'
)
_ESCAPED = re.compile(r"\\(.)")
_OFFICE = "application/vnd.openxmlformats-officedocument"
_TYPES = {
    "7z": "application/x-7z-compressed",
    "bz2": "application/x-bzip2",
    "csv": "text/csv",
    "docx": f"{_OFFICE}.wordprocessingml.document",
    "gz": "application/gzip",
    "heic": "image/heic",
    "ics": "text/calendar",
    "jpg": "image/jpeg",
    "md": "text/markdown",
    "ods": "application/vnd.oasis.opendocument.spreadsheet",
    "odt": "application/vnd.oasis.opendocument.text",
    "pkpass": "application/vnd.apple.pkpass",
    "pptx": f"{_OFFICE}.presentationml.presentation",
    "rtf": "application/rtf",
    "svg": "image/svg+xml",
    "vcf": "text/vcard",
    "webp": "image/webp",
    "xlsx": f"{_OFFICE}.spreadsheetml.sheet",
    "xml": "application/xml",
    "zip": "application/zip",
}
"""What the standard library does not know in every supported version, or knows under another name."""
