"""Signatures as Standard Webhooks has them, so that any of its libraries verifies ours.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping

_PREFIX = "whsec_"
_TOLERANCE = 300


def new_secret() -> str:
    """Make a secret: `whsec_` and 32 random bytes in Base64."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def sign(secrets_: Iterable[str], message_id: str, at: int, body: bytes) -> dict[str, str]:
    """Return the headers that sign a body, with every secret that is in force."""
    signatures = " ".join(f"v1,{_signature(secret, message_id, str(at), body)}" for secret in secrets_)
    return {"webhook-id": message_id, "webhook-timestamp": str(at), "webhook-signature": signatures}


def is_verified(secret: str, headers: Mapping[str, str], body: bytes, *, now: float) -> bool:
    """Say whether the headers sign the body, not more than five minutes from now. For receivers, and for tests."""
    message_id, at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not (at.isascii() and at.isdecimal()) or abs(now - int(at)) > _TOLERANCE:
        return False
    wanted = _signature(secret, message_id, at, body)
    given = [
        one.partition(",")[2] for one in headers.get("webhook-signature", "").split() if one.startswith("v1,")
    ]
    return any([hmac.compare_digest(wanted.encode(), one.encode()) for one in given])  # noqa: C419  all are compared


def _signature(secret: str, message_id: str, at: str, body: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    content = f"{message_id}.{at}.".encode() + body
    return base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
