"""How vendors prove their calls: HMAC over whatever they sign, Ed25519, JSON Web Tokens, and whether a call is recent. Every comparison is in constant time."""

from __future__ import annotations

import hmac
from base64 import b64encode, urlsafe_b64decode
from collections.abc import Iterable
from typing import Any, Literal

from messaging_channels.plugins.webhook_values import json_object, timestamp

_PARTS = 3
_DIGESTS = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}


def hmac_matches(
    keys: Iterable[str | bytes],
    signed: bytes,
    given: str,
    *,
    digest: str = "sha256",
    encoding: Literal["hex", "base64"] = "hex",
) -> bool:
    """Whether a signature is the HMAC of the signed data with one of the keys. An empty key never matches.

    `signed` is what the vendor signs: the raw body, `f"{time}.".encode() + body`, or the URL with the form fields in the vendor's order.
    """
    fits = False
    for key in keys:
        secret = key.encode() if isinstance(key, str) else key
        if not secret:
            continue
        value = hmac.new(secret, signed, digest).digest()
        expected = value.hex() if encoding == "hex" else b64encode(value).decode()
        shown = given.lower() if encoding == "hex" else given
        fits |= hmac.compare_digest(shown.encode("utf-8", "replace"), expected.encode())
    return fits


def ed25519_matches(public_key: bytes, signed: bytes, signature: bytes) -> bool:
    """Whether an Ed25519 signature matches. Needs the package `cryptography`. A key or signature of another length never matches."""
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415  an optional package
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415

    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, signed)
    except (InvalidSignature, ValueError):
        return False
    return True


def is_recent(at: str | float, received_at: float, *, max_age: float = 300.0) -> bool:
    """Whether a signed time is within so many seconds of the arrival, before or after; a time that cannot be read is not."""
    told = timestamp(at)
    return told is not None and abs(received_at - told) <= max_age


def jwt_claims(token: str, keys: Iterable[str | bytes], *, received_at: float) -> dict[str, Any] | None:
    """Return the claims of a JSON Web Token (RFC 7519) with an HMAC; None if it does not fit, has ended, or is not yet good.

    Only HS256, HS384 and HS512 are taken: `none` and other algorithms never are.
    """
    parts = token.split(".")
    if len(parts) != _PARTS:
        return None
    digest = _DIGESTS.get(str(json_object(_decode(parts[0])).get("alg")))
    signature = b64encode(_decode(parts[2])).decode()
    signed = f"{parts[0]}.{parts[1]}".encode("utf-8", "replace")
    if digest is None or not hmac_matches(keys, signed, signature, digest=digest, encoding="base64"):
        return None
    claims = json_object(_decode(parts[1]))
    ends, begins = timestamp(claims.get("exp")), timestamp(claims.get("nbf"))
    if (ends is not None and received_at >= ends) or (begins is not None and received_at < begins):
        return None
    return claims


def _decode(part: str) -> bytes:
    try:
        return urlsafe_b64decode(part.encode("ascii") + b"=" * (-len(part) % 4))
    except ValueError:
        return b""
