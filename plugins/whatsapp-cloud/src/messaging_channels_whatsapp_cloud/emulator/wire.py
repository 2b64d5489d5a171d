"""The forms in which the emulator speaks: errors, uploads, signed webhooks."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from typing import Any

from messaging_channels.plugins import HttpRequest, HttpResponse
from messaging_channels.testing import json_response
from messaging_channels_whatsapp_cloud.errors import graph_error_of


def error_response(code: int, details: str = "") -> HttpResponse:
    """Answer with an error, as Graph writes it."""
    said: dict[str, Any] = {
        "message": f"(#{code}) {error_title(code)}",
        "type": "OAuthException",
        "code": code,
        "fbtrace_id": "Az8or2yhqkZfEZ",
    }
    if details:
        said["error_data"] = {"messaging_product": "whatsapp", "details": details}
    return json_response({"error": said}, status=_STATUSES.get(code, 400))


def error_title(code: int) -> str:
    """Return Meta's name for an error."""
    refusal = graph_error_of(code)
    return "Unknown" if refusal is None else refusal.name


def signed_webhook(url: str, payload: Mapping[str, Any], secret: str) -> HttpRequest:
    """Describe a signed call. The body is written as Meta writes it, escapes and all: who parses and rewrites it breaks the signature."""
    body = json.dumps(payload, separators=(",", ":")).replace("/", "\\/").replace("@", "\\u0040").encode()
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {"content-type": "application/json", "x-hub-signature-256": f"sha256={signature}"}
    return HttpRequest("POST", url, headers, body)


def parse_form(content_type: str, body: bytes) -> dict[str, tuple[str, bytes]]:
    """Read a form of several parts (RFC 7578): the MIME type and the bytes of each, by name."""
    told = _BOUNDARY.search(content_type)
    if told is None:
        return {}
    parts = (b"\r\n" + body).split(b"\r\n--" + told[1].encode())[1:-1]
    read: dict[str, tuple[str, bytes]] = {}
    for part in parts:
        head, _, content = part.partition(b"\r\n\r\n")
        name, kind = _NAME.search(head), _TYPE.search(head)
        if name:
            read[name[1].decode()] = (kind[1].decode().strip() if kind else "", content)
    return read


_BOUNDARY = re.compile(r'boundary="?([^";]+)')
_NAME = re.compile(rb'[; ]name="([^"]*)"')
_TYPE = re.compile(rb"(?i)content-type:([^\r\n]*)")
_STATUSES = {
    0: 401, 1: 400, 2: 503, 3: 500, 10: 403, 190: 401, 200: 403, 368: 403, 130497: 403, 131000: 500, 131005: 403,
    131016: 500, 131031: 403, 131045: 500, 131057: 500, 132001: 404, 134102: 500,
}  # fmt: skip
"""The statuses of HTTP that go with the codes, where it is not 400."""
