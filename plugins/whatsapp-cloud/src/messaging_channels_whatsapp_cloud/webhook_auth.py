"""Who made a webhook call: the token of the verification call, and the signature of all others.

Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/create-webhook-endpoint
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from urllib.parse import parse_qs, urlsplit

from messaging_channels.errors import WebhookVerificationError
from messaging_channels.plugins import HttpResponse, WebhookRequest, WebhookResult

_NAME = "whatsapp-cloud"


def answer_verification(request: WebhookRequest, verify_token: str | None) -> WebhookResult:
    """Answer the call by which Meta checks the address: with its challenge, if it knows our token.

    Raises:
        WebhookVerificationError: it does not.
    """
    try:
        query = parse_qs(urlsplit(request.url).query, keep_blank_values=True)
    except ValueError:
        raise _verification_error("the URL is invalid", "pass the URL unmodified") from None
    mode, told, challenge = (
        query.get(f"hub.{name}", [""])[0] for name in ("mode", "verify_token", "challenge")
    )
    if verify_token is None:
        raise _verification_error(
            "no verify token is configured", "set webhook_verify_token, and enter the same token at Meta"
        )
    if mode != "subscribe" or not hmac.compare_digest(_encoded(told), _encoded(verify_token)):
        raise _verification_error(
            "the verify token is wrong", "enter the configured webhook_verify_token at Meta"
        )
    return WebhookResult((), HttpResponse(200, {"content-type": "text/plain"}, _encoded(challenge)))


def _encoded(text: str) -> bytes:
    """Return the bytes of any text, also of half a character, which UTF-8 cannot write otherwise."""
    return text.encode("utf-8", "surrogatepass")


def require_signed(request: WebhookRequest, app_secrets: Sequence[bytes]) -> None:
    """Let a call pass whose raw body one of the app secrets signed. It takes as long whichever did, and however many differ.

    Raises:
        WebhookVerificationError: none did.
    """
    if not app_secrets:
        raise _verification_error(
            "no app secret is configured", "set webhook_app_secrets: copy the app secret from the dashboard"
        )
    told = _SIGNATURE.fullmatch(request.headers.get("x-hub-signature-256", ""))
    if told is None:
        raise _verification_error(
            "X-Hub-Signature-256 is missing or malformed", "pass all headers unmodified"
        )
    digests = [hmac.new(secret, request.body, hashlib.sha256).hexdigest() for secret in app_secrets]
    if not sum(hmac.compare_digest(told[1], digest) for digest in digests):
        raise _verification_error(
            "the signature does not match the body",
            "check webhook_app_secrets, and pass the body unmodified, before any parsing",
        )


def _verification_error(problem: str, hint: str) -> WebhookVerificationError:
    return WebhookVerificationError(problem, provider=_NAME, hint=hint)


_SIGNATURE = re.compile(r"sha256=([0-9a-f]{64})")
