"""Fields and contents that go to Infobip as the caller wrote them, held to its OpenAPI documents where these are."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlsplit

from messaging_channels.errors import InvalidMessage
from messaging_channels.messages import Message, WhatsAppInteractive
from messaging_channels_infobip.options import InfobipOptions
from messaging_channels_infobip.request_parts import RequestPart


class RawCheck:
    """Checks requests with something raw in them. Without documents it lets all pass: Infobip checks them, too."""

    def __init__(self, specifications: Path | None) -> None:
        """Check by the documents of that folder. They are read when they are first needed."""
        self._folder = specifications

    def require_documented(self, part: RequestPart) -> None:
        """Refuse a request that the documents do not allow.

        Raises:
            InvalidMessage: naming the place, never what stands there.
        """
        if self._folder is None:
            return
        raw = next((one.message for one in part.envelopes if _is_raw(one.message)), None)
        if raw is None:
            return
        from messaging_channels.testing import OpenApiChecks  # noqa: PLC0415  rarely needed, and slow to import

        checks = OpenApiChecks.read(self._folder, "infobip_*.json")
        path = urlsplit(part.request.url).path
        found = checks.request_problems("POST", path, json.loads(part.request.body))
        if found or not checks.knows("POST", path):
            where = ", ".join(dict.fromkeys(place for place, _ in found[:5])) or path
            raise InvalidMessage(
                f"does not fit Infobip's OpenAPI documents at {where}",
                field=f"{type(raw).__name__}.raw",
                hint="compare it with the documents of this call",
            )


def _is_raw(message: Message) -> bool:
    if isinstance(message, WhatsAppInteractive):
        return True
    extras: tuple[object, ...] = getattr(message, "provider_options", ())
    return any(isinstance(one, InfobipOptions) and one.raw is not None for one in extras)
