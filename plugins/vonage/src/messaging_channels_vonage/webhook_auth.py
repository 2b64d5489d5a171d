"""Who made a call: the signature among the parameters of the SMS API's calls, or the token of the Messages API's."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

from messaging_channels.errors import WebhookVerificationError
from messaging_channels.plugins import WebhookRequest
from messaging_channels_vonage.signing import MAX_AGE, is_signature, renderings, verified_claims

_NAME = "vonage"


def has_token(request: WebhookRequest) -> bool:
    """Whether it carries a token, as the calls of the Messages API do."""
    return request.headers.get("authorization", "").strip().lower().startswith("bearer")


def require_token(request: WebhookRequest, secret: str) -> None:
    """Let a call of the Messages API pass whose token the secret signed, over this body and within the last five minutes.

    Raises:
        WebhookVerificationError: it is another, or of another body, or too old.
    """
    claims = verified_claims(
        request.headers.get("authorization", "").strip()[len("bearer") :].strip(), secret
    )
    if claims is None:
        raise verification_error("the token is not signed with the secret", "compare it with the dashboard's")
    told = str(claims.get("payload_hash", "")).lower().encode("utf-8", "replace")
    if not hmac.compare_digest(hashlib.sha256(request.body).hexdigest().encode(), told):
        raise verification_error(
            "the token does not match this body", "pass the body unmodified, before any parsing"
        )
    require_recent(claims.get("iat"), request.received_at)
    expires = _seconds(claims.get("exp"))
    if expires is not None and request.received_at > expires:
        raise verification_error("the token has expired", "check the clock of this machine")


def require_signed(request: WebhookRequest, secret: str, method: str) -> dict[str, str]:
    """Return the parameters of a call of the SMS API, by GET or POST, as a form or as JSON, that the secret signed within the last five minutes.

    Raises:
        WebhookVerificationError: they are not signed so.
    """
    found: dict[str, str] | None = None
    for told in renderings(parse_parameters(request)):
        if is_signature(told.get("sig", ""), told, secret, method) and found is None:
            found = told
    if found is None:
        raise verification_error(
            "the signature does not match", "compare the signature secret and method with the dashboard's"
        )
    require_recent(found.get("timestamp"), request.received_at)
    return {name: value.encode("utf-8", "replace").decode() for name, value in found.items()}


def require_recent(told: object, received_at: float) -> None:
    """Refuse a call that was signed more than five minutes before it came. One that tells no time is let pass.

    Raises:
        WebhookVerificationError: it is a replay.
    """
    signed_at = _seconds(told)
    if signed_at is not None and received_at - signed_at > MAX_AGE:
        raise verification_error(
            "the signature is older than five minutes", "check the clock of this machine"
        )


def verification_error(problem: str, hint: str) -> WebhookVerificationError:
    """Return the error of a call that nothing proves."""
    return WebhookVerificationError(problem, provider=_NAME, hint=hint)


def parse_parameters(request: WebhookRequest) -> Mapping[str, Any]:
    """Return what was sent: the query of a GET, or a body of JSON or of a form."""
    if request.method.upper() == "GET":
        return _form(_query(request.url))
    try:
        parsed = json.loads(request.body)
    except (ValueError, RecursionError):
        return _form(request.body.decode("utf-8", "replace"))
    return cast("dict[str, Any]", parsed) if isinstance(parsed, dict) else {}


def _form(text: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(text, keep_blank_values=True, errors="surrogatepass"))
    except ValueError:
        return dict(parse_qsl(text, keep_blank_values=True, errors="replace"))


def _query(url: str) -> str:
    try:
        return urlsplit(url).query
    except ValueError:
        return ""


def _seconds(value: object) -> float | None:
    try:
        return float(value) if isinstance(value, (str, int, float)) else None
    except (ValueError, OverflowError):
        return None
