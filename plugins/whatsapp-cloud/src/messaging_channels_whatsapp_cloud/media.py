"""Files: up to Meta as one form of several parts, and down again by a link that lives for minutes.

Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/business-phone-numbers/media
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from hashlib import sha256
from typing import Any, TypeVar, cast

from messaging_channels.errors import InvalidMessage
from messaging_channels.messages import Media
from messaging_channels.plugins import HttpRequest
from messaging_channels_whatsapp_cloud._table_media import DOCUMENT, LIMITS

Part = TypeVar("Part")


@dataclass(frozen=True, slots=True)
class DownloadedFile:
    """A file that was downloaded."""

    content: bytes = field(repr=False)
    content_type: str
    id: str


@dataclass(frozen=True, slots=True)
class StoredFile:
    """What Meta holds under an id."""

    id: str
    url: str = field(repr=False)
    """Where it can be fetched for five minutes, with the token."""
    content_type: str
    sha256: str
    """Of its bytes, in hexadecimal or base64."""

    def matches(self, content: bytes) -> bool:
        """Whether these are its bytes; so they are if it tells no digest."""
        digest = sha256(content)
        told = self.sha256.encode()
        return not told or any(
            hmac.compare_digest(told, form)
            for form in (digest.hexdigest().encode(), base64.b64encode(digest.digest()))
        )


def require_uploadable(file: Media) -> None:
    """Refuse a file that Meta is known to refuse.

    Raises:
        InvalidMessage: it is no MIME type, or the file is too large for its type, or empty.
    """
    content = file.content or b""
    if not _MIME_TYPE.fullmatch(file.content_type):
        raise InvalidMessage(
            "is missing", field="Media.content_type", hint="give a MIME type such as image/png"
        )
    limit = LIMITS.get(file.content_type.partition(";")[0].strip(), DOCUMENT)
    if not 1 <= len(content) <= limit:
        raise InvalidMessage(
            f"has {len(content)} bytes; this type must have 1 to {limit}",
            field="Media.content",
            hint="use another file",
        )


def upload_request(url: str, file: Media, headers: Mapping[str, str]) -> HttpRequest:
    """Describe the upload of a file: a form of three parts (RFC 7578)."""
    content = file.content or b""
    boundary = sha256(content).hexdigest()
    form = b"".join(
        [
            _field(boundary, "messaging_product", "whatsapp"),
            _field(boundary, "type", file.content_type),
            _head(boundary, f'name="file"; filename="file"\r\nContent-Type: {file.content_type}'),
            content,
            f"\r\n--{boundary}--\r\n".encode(),
        ]
    )
    kind = {"content-type": f"multipart/form-data; boundary={boundary}"}
    return HttpRequest("POST", url, {**headers, **kind}, form, may_send=False)


def _field(boundary: str, name: str, value: str) -> bytes:
    return _head(boundary, f'name="{name}"') + f"{value}\r\n".encode()


def _head(boundary: str, disposition: str) -> bytes:
    return f"--{boundary}\r\nContent-Disposition: form-data; {disposition}\r\n\r\n".encode()


def replace_media(part: Part, uploaded: Mapping[Media, Media]) -> Part:
    """Return a message, or a part of one, with the files that were uploaded in place of their bytes."""
    if isinstance(part, Media):
        return cast("Part", uploaded.get(part, part))
    if isinstance(part, tuple):
        parts = cast("tuple[Any, ...]", part)
        return cast("Part", tuple(replace_media(one, uploaded) for one in parts))
    if is_dataclass(part) and not isinstance(part, type):
        changed = {one.name: replace_media(getattr(part, one.name), uploaded) for one in fields(part)}
        return replace(part, **changed)
    return part


_MIME_TYPE = re.compile(r"[A-Za-z0-9.+_-]+/[A-Za-z0-9.+_-]+(?:; ?[A-Za-z0-9-]+=[A-Za-z0-9-]+)?")
