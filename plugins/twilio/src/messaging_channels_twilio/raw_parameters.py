"""Parameters that go to Twilio as the caller wrote them, held to its OpenAPI documents where these are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from messaging_channels.errors import InvalidMessage


def require_documented(raw: Mapping[str, Any], specifications: Path, path: str) -> None:
    """Refuse raw parameters that the documents in that folder do not allow. Without a document of the call all pass: Twilio checks them, too.

    Raises:
        InvalidMessage: naming the parameters, never what they hold.
    """
    from messaging_channels.testing import OpenApiChecks  # noqa: PLC0415  rarely needed, and slow to import

    checks = OpenApiChecks.read(specifications, "twilio_*.json")
    given = {name: list(value) if isinstance(value, tuple) else value for name, value in raw.items()}
    problems = checks.form_problems(
        "POST", path, {name: one for name, one in given.items() if one is not None}
    )
    if problems:
        names = ", ".join(dict.fromkeys(name for name, _ in problems))
        raise InvalidMessage(
            f"does not fit Twilio's OpenAPI documents at {names}",
            field="TwilioOptions.raw",
            hint="compare it with the documents of this call",
        )
