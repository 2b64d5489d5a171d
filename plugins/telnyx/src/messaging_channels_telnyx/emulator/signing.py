"""Telnyx's side of the signature: keys made of a text, and signed calls. The provider does not use it."""

from __future__ import annotations

import base64
from functools import cache
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


@cache
def private_key_of(secret: str) -> Ed25519PrivateKey:
    """Return the key that signs for this text."""
    return Ed25519PrivateKey.from_private_bytes(sha256(secret.encode()).digest())


def public_key_of(secret: str) -> str:
    """Return its public key in base64, as Telnyx's portal shows it."""
    return base64.b64encode(private_key_of(secret).public_key().public_bytes_raw()).decode()


def signed_headers(body: bytes, secret: str, at: float) -> dict[str, str]:
    """Return the headers of a call with this body at this time, in seconds since the epoch."""
    time = str(int(at))
    signature = private_key_of(secret).sign(f"{time}|".encode() + body)
    return {
        "content-type": "application/json",
        "telnyx-timestamp": time,
        "telnyx-signature-ed25519": base64.b64encode(signature).decode(),
    }
