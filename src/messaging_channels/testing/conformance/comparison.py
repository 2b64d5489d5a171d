"""Which requests are the same: but for what a vendor wants to be new each time, such as a nonce or a signature."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias, cast
from urllib.parse import parse_qsl, urlsplit

from messaging_channels.plugins.exchange import Exchange, HttpRequest
from messaging_channels.testing.conformance.request_content import body_fields

Place: TypeAlias = "tuple[str, ...]"
"""Where in a request something stands: its part, and a name in it."""

_PROOF = re.compile(r"nonce|sign|salt|timestamp|digest|token|random|\bts\b|\bdate\b|\btime\b", re.IGNORECASE)
_IDENTITY = re.compile(r"idempot|message-?id|reference|dedup|client-?ref", re.IGNORECASE)


def parts_of(exchange: Exchange[Any]) -> dict[Place, Any]:
    """Return what of an exchange reaches the vendor, by place."""
    if not isinstance(exchange, HttpRequest):
        return {("exchange",): exchange}
    url = urlsplit(exchange.url)
    parts: dict[Place, Any] = {
        ("method",): exchange.method,
        ("url",): (url.scheme, url.netloc, url.path, url.fragment),
    }
    for name, value in exchange.headers.items():
        parts["header", name.lower()] = value
    for name, value in parse_qsl(url.query, keep_blank_values=True):
        parts["query", name] = (*parts.get(("query", name), ()), value)
    return parts | _body_parts(exchange)


def _body_parts(request: HttpRequest) -> dict[Place, Any]:
    tree = body_fields(request)
    if isinstance(tree, dict):
        return {("body", name): value for name, value in cast("dict[str, Any]", tree).items()}
    if isinstance(tree, list) and all(isinstance(one, tuple) for one in cast("list[Any]", tree)):
        parts: dict[Place, Any] = {}
        for name, value in cast("list[tuple[str, str]]", tree):
            parts["body", name] = (*parts.get(("body", name), ()), value)
        return parts
    return {("body",): tree}


def may_vary(place: Place) -> bool:
    """Whether two requests of the same message may differ there: a proof may, what identifies the message may not."""
    if place[0] == "header":
        return not _IDENTITY.search(place[1])
    return place[0] in ("query", "body") and len(place) > 1 and bool(_PROOF.search(place[1]))


def differing(one: Sequence[Exchange[Any]], other: Sequence[Exchange[Any]]) -> set[Place]:
    """Return where two runs differ; `("number",)` if one has more exchanges."""
    if len(one) != len(other):
        return {("number",)}
    places: set[Place] = set()
    for left, right in zip(one, other, strict=True):
        a, b = parts_of(left), parts_of(right)
        places |= {place for place in a.keys() | b.keys() if a.get(place) != b.get(place)}
    return places


def described(places: Iterable[Place]) -> str:
    """Return places in words."""
    return ", ".join(sorted(" ".join(place) for place in places))
