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
        raise _verification_error("its URL is none", "forward the URL as it came") from None
    mode, told, challenge = (
        query.get(f"hub.{name}", [""])[0] for name in ("mode", "verify_token", "challenge")
    )
    if verify_token is None:
        raise _verification_error("no verify token is configured", "set it, and give Meta the same")
    if mode != "subscribe" or not hmac.compare_digest(_encoded(told), _encoded(verify_token)):
        raise _verification_error(
            "it does not know the verify token", "give Meta the token that is configured here"
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
        raise _verification_error("no app secret is configured", "set it, as the app's dashboard shows it")
    told = _SIGNATURE.fullmatch(request.headers.get("x-hub-signature-256", ""))
    if told is None:
        raise _verification_error(
            "X-Hub-Signature-256 is missing or malformed", "forward the header as it came"
        )
    digests = [hmac.new(secret, request.body, hashlib.sha256).hexdigest() for secret in app_secrets]
    if not sum(hmac.compare_digest(told[1], digest) for digest in digests):
        raise _verification_error(
            "the signature is not that of these bytes",
            "check the app secret, and hand over the body as it came, unparsed",
        )


def _verification_error(problem: str, hint: str) -> WebhookVerificationError:
    return WebhookVerificationError(problem, provider=_NAME, hint=hint)


_SIGNATURE = re.compile(r"sha256=([0-9a-f]{64})")
