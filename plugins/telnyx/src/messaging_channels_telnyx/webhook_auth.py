"""Who made a webhook call: an Ed25519 signature over the time and the body, in `telnyx-signature-ed25519` and `telnyx-timestamp`.

Source: https://developers.telnyx.com/development/api-fundamentals/webhooks/receiving-webhooks, and `webhooks.unwrap` of Telnyx's own client.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

from messaging_channels.errors import InvalidSetting, WebhookVerificationError
from messaging_channels.plugins import WebhookRequest, ed25519_matches, is_recent, split_secrets

SIGNATURE_HEADER, TIME_HEADER = "telnyx-signature-ed25519", "telnyx-timestamp"
_KEY_SIZE = 32
_MAX_AGE = 300.0
"""Seconds; Telnyx's own client has the same."""
_MAX_DIGITS = 12


def parse_public_keys(value: str | Sequence[str]) -> Sequence[bytes]:
    """Return the public keys of the setting: base64 of 32 bytes each, separated by commas or in a list.

    Raises:
        InvalidSetting: it holds none, or one of another form.
    """
    keys = [_decode(one) for one in split_secrets(value)]
    if not keys or any(len(key) != _KEY_SIZE for key in keys):
        raise InvalidSetting(
            "must be 32 bytes in base64",
            setting="telnyx.webhook_public_key",
            source="the provider's arguments",
            hint="copy the public key from the portal",
        )
    return keys


def require_signed(request: WebhookRequest, keys: Sequence[bytes]) -> None:
    """Return if Telnyx made the call, within five minutes.

    Raises:
        WebhookVerificationError: no key is configured, a header is missing, the call is too old, or no key made the signature.
    """
    if not keys:
        raise _error("no public key is configured", "set webhook_public_key")
    at, given = request.headers.get(TIME_HEADER, ""), request.headers.get(SIGNATURE_HEADER, "")
    if not at or not given:
        raise _error("the request is not signed", "pass the headers unmodified")
    signed = at.encode("utf-8", "surrogatepass") + b"|" + request.body
    signature = _decode(given)
    if not any(ed25519_matches(key, signed, signature) for key in keys):
        raise _error(
            "the signature does not match", "check webhook_public_key, and pass the body as it arrived"
        )
    seconds = at if at.isascii() and at.isdigit() and len(at) < _MAX_DIGITS else ""
    if not is_recent(seconds, request.received_at, max_age=_MAX_AGE):
        raise _error("the call is older than five minutes", "check the clock of this machine")


def _decode(text: str) -> bytes:
    """Return the bytes of a base64 text; none for anything else."""
    try:
        return base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _error(problem: str, hint: str) -> WebhookVerificationError:
    return WebhookVerificationError(problem, provider="telnyx", hint=hint)
