"""What goes to Meta as the caller wrote it, held to its OpenAPI documents where these are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from messaging_channels.errors import InvalidMessage
from messaging_channels.plugins import merge_raw

_PATH = "/v24.0/1/messages"
"""Any version and number: the documents have both as parameters."""


def with_raw(
    body: Mapping[str, Any], raw: Mapping[str, Any] | None, specifications: Path | None
) -> dict[str, Any]:
    """Return a request with the raw members in it. A type of its own replaces the content.

    Raises:
        InvalidMessage: the documents in that folder do not allow it, naming the place, never what stands there.
    """
    if not raw:
        return dict(body)
    kind = body["type"]
    base = (
        body if raw.get("type", kind) == kind else {name: one for name, one in body.items() if name != kind}
    )
    merged = merge_raw(base, raw)
    if specifications is not None:
        _require_documented(merged, body, specifications)
    return merged


def _require_documented(merged: dict[str, Any], plain: Mapping[str, Any], specifications: Path) -> None:
    """Refuse what the raw members make wrong; of what the plugin writes itself, Meta is the judge."""
    from messaging_channels.testing import OpenApiChecks  # noqa: PLC0415  rarely needed, and slow to import

    checks = OpenApiChecks.read(specifications, "meta_*.json")
    known = set(checks.request_problems("POST", _PATH, dict(plain)))
    found = [one for one in checks.request_problems("POST", _PATH, merged) if one not in known]
    if found:
        where = ", ".join(dict.fromkeys(place or "the request" for place, _ in found[:5]))
        raise InvalidMessage(
            f"does not fit Meta's OpenAPI documents at {where}",
            field="WhatsAppOptions.raw",
            hint="compare it with the documents of this call",
        )
