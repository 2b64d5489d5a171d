"""What every HTTP client does with an answer that it read: the size limit, content codings, and the date of its arrival."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from email.utils import formatdate

import pydantic_core

from messaging_channels._model.errors import Phase, TransportError
from messaging_channels.plugins.exchange import HttpResponse

MAX_BODY_BYTES = 16 * 1024 * 1024
"""An answer may be as long, before and after its content coding is undone."""
READER = pydantic_core.from_json
"""What reads most answers. It is imported with this module, so before a request leaves: a module that cannot be read any more loses no answer."""
_MAX_CODINGS = 3
_FIRST_REDIRECT = 300


def require_size(length: int) -> None:
    """Refuse an answer that is too long.

    Raises:
        TransportError: it has more bytes than an answer may have.
    """
    if length > MAX_BODY_BYTES:
        raise TransportError(f"the response is longer than {MAX_BODY_BYTES} bytes", phase=Phase.READ)


def require_declared_size(text: str | bytes | None) -> None:
    """Refuse an answer whose `content-length` says that it is too long, before it is read.

    Raises:
        TransportError: it has more bytes than an answer may have.
    """
    if text is not None and len(text) > _DIGITS_OF_A_SMALL_BODY:
        with suppress(ValueError):  # the parser of the client judges what is no number
            require_size(int(text[:_MAX_DIGITS]))


def finish_response(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    get_header: Callable[[str], str | None],
    now: Callable[[], float],
) -> HttpResponse:
    """Return the answer with its content codings undone, and with a `date` where its time to come back needs one.

    Args:
        status: of HTTP.
        headers: by names in lower case.
        body: as it came.
        get_header: looks one header up, at less cost than `headers`.
        now: tells the seconds since the epoch, UTC. RFC 9110, section 6.6.1, has a recipient add the date of arrival.
    """
    coding = get_header("content-encoding")
    if coding is not None and body:
        decoded = decode_body(body, coding)
        if decoded is not None:
            body, headers = decoded, {name: headers[name] for name in headers if name != "content-encoding"}
    if (
        status >= _FIRST_REDIRECT
        and get_header("retry-after") is not None
        and not _is_readable_date(get_header("date"))
    ):
        headers = {**headers, "date": formatdate(now(), usegmt=True)}
    return HttpResponse(status, headers, body)


def _is_readable_date(text: str | None) -> bool:
    from email.utils import parsedate_to_datetime  # noqa: PLC0415  of a module that is loaded

    try:
        return text is not None and bool(parsedate_to_datetime(text))
    except ValueError:
        return False


def decode_body(body: bytes, coding: str) -> bytes | None:
    """Undo gzip and deflate, which servers use although nobody asked; None if the coding is another one, or what came is broken.

    Raises:
        TransportError: what comes out is longer than an answer may be.
    """
    codings = [one.strip().lower() for one in coding.split(",") if one.strip()]
    if len(codings) > _MAX_CODINGS:
        return None
    for one in reversed(codings):
        decode = _DECODERS.get(one)
        decoded = None if decode is None else decode(body)
        if decoded is None:
            return None
        body = decoded
    return body


def _gunzip(body: bytes) -> bytes | None:
    """Undo gzip, of one member or several (RFC 1952)."""
    parts: list[bytes] = []
    length = 0
    while body:
        member = zlib.decompressobj(zlib.MAX_WBITS | 16)
        part = _inflate(member, body, length)
        if part is None:
            return None
        parts.append(part)
        length += len(part)
        body = member.unused_data.lstrip(b"\0")
    return b"".join(parts)


def _undo_deflate(body: bytes) -> bytes | None:
    """Undo deflate in its zlib frame, or without one as some servers write it."""
    framed = _inflate(zlib.decompressobj(), body, 0)
    return _inflate(zlib.decompressobj(-zlib.MAX_WBITS), body, 0) if framed is None else framed


def _inflate(stream: zlib._Decompress, body: bytes, before: int) -> bytes | None:  # pyright: ignore[reportPrivateUsage]  typeshed's only name for it
    try:
        data = stream.decompress(body, MAX_BODY_BYTES - before + 1)
    except zlib.error:
        return None
    require_size(before + len(data))
    return data if stream.eof else None


_DECODERS: Mapping[str, Callable[[bytes], bytes | None]] = {
    "gzip": _gunzip,
    "x-gzip": _gunzip,
    "deflate": _undo_deflate,
    "identity": lambda body: body,
}
_DIGITS_OF_A_SMALL_BODY = 7
_MAX_DIGITS = 20
