"""What stands in a request, read without knowing the vendor: every text and every file in it, whatever they are packed into."""

from __future__ import annotations

import binascii
import html
import json
import re
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, cast
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit
from xml.etree import ElementTree as ET

from messaging_channels.plugins.exchange import Exchange, HttpRequest

_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{8,}={0,2}")
_MIME = re.compile(rb"(?:[!-9;-~]+:[^\r\n]*\r?\n(?:[ \t][^\r\n]*\r?\n)*)+\r?\n")
_MIME_MARK = re.compile(rb"^(mime-version|content-type|message-id|from):", re.IGNORECASE | re.MULTILINE)
_ELEMENT = "xml"
_MAX_DEPTH = 30


@dataclass
class RequestContent:
    """The texts and files of some exchanges, in their order."""

    texts: list[str] = field(default_factory=list[str])
    files: list[bytes] = field(default_factory=list[bytes])
    mail: list[str] = field(default_factory=list[str])
    """Texts out of MIME, in which every line ends with LF and which may have one line end more."""
    problems: list[str] = field(default_factory=list[str])
    """Where a body is not what its content type says."""

    def position(self, needle: str) -> int | None:
        """Return the number of the first text that holds this one, in any of the forms vendors take; None if none does."""
        for form in _forms(needle):
            for number, text in enumerate(self.texts):
                if form in text:
                    return number
        lines = needle.replace("\r\n", "\n").replace("\r", "\n")
        return next((0 for text in self.mail if lines in text), None)

    def holds(self, needle: str) -> bool:
        """Whether some text holds this one whole."""
        return self.position(needle) is not None

    def holds_digits(self, digits: str) -> bool:
        """Whether some text holds this number, however it is written."""
        return any(digits in re.sub(r"[^0-9]", "", text) for text in self.texts if len(text) < _LONG) or any(
            digits in text for text in self.texts
        )

    def holds_file(self, content: bytes) -> bool:
        """Whether some file is this one."""
        return not content or any(one == content for one in self.files)


def content_of(exchanges: Sequence[Exchange[Any]]) -> RequestContent:
    """Return what stands in exchanges."""
    content = RequestContent()
    for exchange in exchanges:
        if isinstance(exchange, HttpRequest):
            _add_http(exchange, content)
        else:
            _add_value(exchange, content, 0)
    return content


def body_fields(request: HttpRequest) -> Any:  # noqa: ANN401  a tree of JSON
    """Return the body as a tree: of JSON, or of a form; the bytes themselves for anything else."""
    kind = content_type(request)
    try:
        if kind == "application/x-www-form-urlencoded":
            return parse_qsl(request.body.decode(), keep_blank_values=True)
        return json.loads(request.body)
    except (ValueError, RecursionError):
        return request.body


def content_type(request: HttpRequest) -> str:
    """Return the media type that the request names, in lower case without parameters."""
    return header(request, "content-type").partition(";")[0].strip().lower()


def header(request: HttpRequest, name: str) -> str:
    """Return a header of a request, whatever the case of its name; empty if it has none."""
    return next((value for key, value in request.headers.items() if key.lower() == name), "")


def _add_http(request: HttpRequest, content: RequestContent) -> None:
    parts = urlsplit(request.url)
    content.texts += [unquote(one) for one in parts.path.split("/") if one]
    content.texts += [text for pair in parse_qsl(parts.query, keep_blank_values=True) for text in pair]
    if request.method.upper() in ("GET", "HEAD") and request.body:
        content.problems.append(
            f"a {request.method.upper()} has a body, which no server has to read (RFC 9110)"
        )
    for name, value in request.headers.items():
        _add_header_problems(name, value, content)
        _add_text(value.partition(" ")[2] if name.lower() == "authorization" else value, content, 1)
        content.texts.append(f"{name}: {value}")
    _add_body(request, content)


def _add_header_problems(name: str, value: str, content: RequestContent) -> None:
    if re.search(r"[\r\n\0]", value):
        content.problems.append(f"the header {name!r} holds a line end, which no HTTP client sends")
    if name.lower() == "authorization" and not _is_basic(value):
        content.problems.append(
            "the credentials of Basic are not the base64 of a name, a colon and a password (RFC 7617)"
        )


def _is_basic(authorization: str) -> bool:
    """Whether a header has another scheme than Basic, or its form."""
    scheme, _, given = authorization.partition(" ")
    if scheme.lower() != "basic":
        return True
    try:
        return b":" in b64decode(given, validate=True)
    except (ValueError, binascii.Error):
        return False


def _add_body(request: HttpRequest, content: RequestContent) -> None:
    kind, body = content_type(request), request.body
    if not body:
        return
    if not kind:
        content.problems.append("it has a body and no content-type")
    readers = {"application/x-www-form-urlencoded": _add_form}
    reader = readers.get(kind) or (
        _add_json
        if kind == "application/json" or kind.endswith("+json")
        else _add_multipart
        if kind.startswith("multipart/")
        else _add_xml
        if kind.endswith(("/xml", "+xml"))
        else _add_other
    )
    reader(request, content)


def _add_json(request: HttpRequest, content: RequestContent) -> None:
    try:
        tree = json.loads(_decode(request, content))
    except (ValueError, RecursionError):
        content.problems.append("the content type says JSON, and the body is none")
        _add_bytes(request.body, content, 1)
        return
    _add_value(tree, content, 1)


def _add_form(request: HttpRequest, content: RequestContent) -> None:
    text = _decode(request, content)
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=True, errors="strict")
    except ValueError:
        content.problems.append("the content type says a form, and the body is none in UTF-8")
        pairs = parse_qsl(text, keep_blank_values=True)
    for name, value in pairs:
        content.texts.append(name)
        _add_text(value, content, 1)


def _add_xml(request: HttpRequest, content: RequestContent) -> None:
    try:
        root = ET.fromstring(request.body)  # noqa: S314  what the provider under examination wrote
    except ET.ParseError:
        content.problems.append("the content type says XML, and the body is none")
        _add_bytes(request.body, content, 1)
        return
    for one in root.iter():
        content.texts += [text for text in (one.text, one.tail) if text]
        content.texts += one.attrib.values()


def _add_multipart(request: HttpRequest, content: RequestContent) -> None:
    head = f"MIME-Version: 1.0\r\nContent-Type: {header(request, 'content-type')}\r\n\r\n".encode(
        "latin-1", "replace"
    )
    parsed = message_from_bytes(head + request.body, policy=policy.HTTP)
    if not parsed.is_multipart():
        content.problems.append("the content type says multipart, and the body has no parts")
    for part in parsed.walk():
        if part.is_multipart():
            continue
        held = part.get_payload(decode=True)
        content.texts += [f"{name}: {value}" for name, value in part.items()]
        if isinstance(held, bytes):
            _add_bytes(held, content, 1)


def _add_other(request: HttpRequest, content: RequestContent) -> None:
    if content_type(request).startswith("text/"):
        _add_text(_decode(request, content), content, 1)
        if isinstance(body_fields(request), (dict, list)):
            content.problems.append(f"the body is JSON, and the content type says {content_type(request)}")
    _add_bytes(request.body, content, 1)


def _decode(request: HttpRequest, content: RequestContent) -> str:
    """Decode the body as its content type says, UTF-8 unless it names a charset."""
    named = re.search(r'charset="?([\w-]+)', header(request, "content-type"))
    charset = named[1] if named else "utf-8"
    try:
        return request.body.decode(charset)
    except (UnicodeDecodeError, LookupError):
        content.problems.append(f"the body is no {charset}")
        return request.body.decode("latin-1")


def _add_value(value: Any, content: RequestContent, depth: int) -> None:  # noqa: ANN401  whatever a request holds
    if depth > _MAX_DEPTH or value is None:
        return
    if isinstance(value, str):
        _add_text(value, content, depth)
    elif isinstance(value, (bytes, bytearray)):
        _add_bytes(bytes(value), content, depth)
    elif isinstance(value, (Mapping, list, tuple, set, frozenset)):
        _add_collection(value, content, depth + 1)
    elif is_dataclass(value) or hasattr(value, "__dict__") or _slots(value):
        for one in _parts(cast("object", value)):
            _add_value(one, content, depth + 1)
    else:
        content.texts.append(str(value))


def _add_collection(value: Any, content: RequestContent, depth: int) -> None:  # noqa: ANN401  a mapping or a sequence
    if isinstance(value, Mapping):
        for name, one in cast("Mapping[Any, Any]", value).items():
            content.texts.append(f"{name}: {one}" if isinstance(one, str) else str(name))
            _add_value(one, content, depth)
        return
    for one in value:
        _add_named(one, content)
        _add_value(one, content, depth)


def _add_named(value: Any, content: RequestContent) -> None:  # noqa: ANN401  an element of a sequence
    """Take `{"Name": …, "Value": …}` for a header, as some vendors write them."""
    if isinstance(value, Mapping):
        pair = [str(part) for part in cast("Mapping[str, Any]", value).values()]
        if len(pair) == _PAIR:
            content.texts.append(": ".join(pair))


def _parts(value: Any) -> Iterator[Any]:  # noqa: ANN401  an object of a plugin's own
    if is_dataclass(value):
        yield from (getattr(value, one.name) for one in fields(value))
        return
    if isinstance(value, (int, float, type)) or callable(value):
        if isinstance(value, (int, float)):
            yield str(value)
        return
    held: dict[str, Any] = getattr(value, "__dict__", {})
    yield from held.values()
    yield from (getattr(value, name, None) for name in _slots(value))


def _slots(value: object) -> tuple[str, ...]:
    return tuple(getattr(type(value), "__slots__", ()))


def _add_text(text: str, content: RequestContent, depth: int) -> None:
    """Take a text, behind what it holds where it is JSON: there its parts are in their order, and not escaped."""
    if depth <= _MAX_DEPTH:
        _add_packed(text, content, depth)
    content.texts.append(text)


def _add_packed(text: str, content: RequestContent, depth: int) -> None:
    if _MIME_MARK.search(text[:_HEAD].encode("utf-8", "surrogatepass")) and _MIME.match(
        text.encode("utf-8", "surrogatepass")
    ):
        _add_mail(text.encode("utf-8", "surrogatepass"), content, depth)
    elif text[:1] in ("{", "["):
        try:
            tree = json.loads(text)
        except (ValueError, RecursionError):
            return
        _add_value(tree, content, depth + 1)
    elif _BASE64.fullmatch(joined := "".join(text.split())):
        try:
            held = b64decode(
                joined.replace("-", "+").replace("_", "/") + "=" * (-len(joined) % 4), validate=True
            )
        except (ValueError, binascii.Error):
            return
        _add_bytes(held, content, depth + 1)


def _add_bytes(held: bytes, content: RequestContent, depth: int) -> None:
    content.files.append(held)
    if _MIME.match(held) and _MIME_MARK.search(held):
        _add_mail(held, content, depth)
        return
    try:
        text = held.decode()
    except UnicodeDecodeError:
        return
    if depth <= _MAX_DEPTH:
        _add_text(text, content, depth + 1)


def _add_mail(held: bytes, content: RequestContent, depth: int) -> None:
    parsed = message_from_bytes(held, policy=policy.default)
    for part in parsed.walk():
        content.texts += [f"{name}: {value}" for name, value in part.items()]
        if part.is_multipart():
            continue
        payload = part.get_payload(decode=True)
        if isinstance(payload, bytes):
            content.files.append(payload)
            _add_mail_text(part, content)
    if depth == 0:
        content.files.append(held)


def _add_mail_text(part: EmailMessage, content: RequestContent) -> None:
    if part.get_content_maintype() != "text":
        return
    try:
        content.mail.append(str(part.get_content()).replace("\r\n", "\n"))
    except (LookupError, UnicodeError):
        content.problems.append("a part of the mail is not in the charset it names")


def _forms(text: str) -> list[str]:
    """Return a text as it is, and in the forms in which vendors want texts."""
    wide = text.encode("utf-16-be", "surrogatepass").hex()
    return [
        text,
        html.escape(text),
        html.escape(text, quote=False),
        text.replace("\\", "\\\\").replace('"', '\\"'),
        quote(text, safe="", errors="replace"),
        quote_plus(text, errors="replace"),
        wide,
        wide.upper(),
    ]


_LONG, _PAIR, _HEAD = 400, 2, 4000
