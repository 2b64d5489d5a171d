"""Who made a webhook call: the token of the verification call, and the signature of all others.

Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/create-webhook-endpoint
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from urllib.parse import parse_qs, urlsplit

from messaging_channels.errors import WebhookRefused
from messaging_channels.plugins import HttpResponse, Received, WebhookCall

_NAME = "whatsapp-cloud"


def verified(call: WebhookCall, token: str | None) -> Received:
    """Answer the call by which Meta checks the address: with its challenge, if it knows our token.

    Raises:
        WebhookRefused: it does not.
    """
    query = parse_qs(urlsplit(call.url).query, keep_blank_values=True)
    mode, told, challenge = (
        query.get(f"hub.{name}", [""])[0] for name in ("mode", "verify_token", "challenge")
    )
    if token is None:
        raise _refused("no verify token is configured", "set it, and give Meta the same")
    if mode != "subscribe" or not hmac.compare_digest(told.encode(), token.encode()):
        raise _refused("it does not know the verify token", "give Meta the token that is configured here")
    return Received((), HttpResponse(200, {"content-type": "text/plain"}, challenge.encode()))


def require_signed(call: WebhookCall, secrets: Sequence[bytes]) -> None:
    """Let a call pass whose raw body one of the app secrets signed. It takes as long whichever did, and however many differ.

    Raises:
        WebhookRefused: none did.
    """
    if not secrets:
        raise _refused("no app secret is configured", "set it, as the app's dashboard shows it")
    told = _SIGNATURE.fullmatch(call.headers.get("x-hub-signature-256", ""))
    if told is None:
        raise _refused("X-Hub-Signature-256 is missing or malformed", "forward the header as it came")
    digests = [hmac.new(secret, call.body, hashlib.sha256).hexdigest() for secret in secrets]
    if not sum(hmac.compare_digest(told[1], digest) for digest in digests):
        raise _refused(
            "the signature is not that of these bytes",
            "check the app secret, and hand over the body as it came, unparsed",
        )


def _refused(problem: str, remedy: str) -> WebhookRefused:
    return WebhookRefused(problem, provider=_NAME, remedy=remedy)


_SIGNATURE = re.compile(r"sha256=([0-9a-f]{64})")
