"""Verification of webhooks: `X-Twilio-Signature`.

Source: https://www.twilio.com/docs/usage/webhooks/webhooks-security. There is no time in the scheme, so a captured call is valid for ever: what
repeats is told by the key of its events.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qsl, urlsplit

from messaging_channels.errors import InvalidSetting
from messaging_channels.plugins import WebhookRequest
from messaging_channels_twilio.url_variants import url_variants

HEADER = "x-twilio-signature"
_MAX_REWRITTEN = 100_000
"""Characters of a form beyond which its URL is checked as it came alone: every text of it costs another pass over the form."""
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A secret that Twilio signs with: the account's auth token, or (`sha256`) a key that was made for webhooks alone."""

    secret: str = field(repr=False)
    algorithm: Literal["sha1", "sha256"] = "sha1"

    def __post_init__(self) -> None:
        """Refuse the empty secret: anybody could sign with it.

        Raises:
            InvalidSetting: it is empty.
        """
        if not self.secret.strip():
            raise InvalidSetting(
                "contains an empty token",
                setting="twilio.webhook_auth_tokens",
                source="the provider's arguments",
                hint="remove it",
            )

    def sign(self, url: str, fields: Iterable[tuple[str, str]] = ()) -> str:
        """Sign a URL, and the fields of a form beside it."""
        return self.sign_text(url + canonical_fields(fields))

    def sign_text(self, text: str) -> str:
        """Sign a URL with what follows it already behind it."""
        signed = text.encode("utf-8", "surrogatepass")
        return b64encode(hmac.digest(self.secret.encode(), signed, self.algorithm)).decode()


def canonical_fields(fields: Iterable[tuple[str, str]]) -> str:
    """Return the fields as they are signed: names in the order of their code points, the distinct values of each sorted, nothing between."""
    values: dict[str, set[str]] = {}
    for name, value in fields:
        values.setdefault(name, set()).add(value)
    return "".join(name + value for name in sorted(values) for value in sorted(values[name]))


def form_fields(request: WebhookRequest) -> list[tuple[str, str]] | None:
    """Return the fields of a form, blank ones too; None if the body is no form in UTF-8. A GET has none beside its URL. Half a character stays one."""
    if request.method.upper() == "GET":
        return None if request.body else []
    if not request.headers.get("content-type", "").strip().lower().startswith(_FORM):
        return None
    try:
        text = request.body.decode("utf-8", "surrogatepass")
        return parse_qsl(text, keep_blank_values=True, errors="surrogatepass")
    except ValueError:
        return None


def is_signed(request: WebhookRequest, keys: Sequence[SigningKey]) -> bool:
    """Say whether one of the keys made the call's signature. Takes the same time for every wrong one."""
    signature = request.headers.get(HEADER, "").encode("utf-8", "surrogatepass")
    fields = form_fields(request)
    if fields is None and not _body_hash_matches(request):
        return False
    found, signed = False, canonical_fields(fields or ())
    for url in url_variants(request.url, rewrite=_is_short(signed)):
        for key in keys:
            found |= hmac.compare_digest(key.sign_text(url + signed).encode(), signature)
    return found


def _is_short(signed: str) -> bool:
    return len(signed) <= _MAX_REWRITTEN


def _body_hash_matches(request: WebhookRequest) -> bool:
    """Whether the signed URL names the body. Without it a signature says nothing of the body."""
    named = dict(parse_qsl(_query(request.url), keep_blank_values=True)).get("bodySHA256", "")
    return hmac.compare_digest(
        hashlib.sha256(request.body).hexdigest().encode(), named.encode("utf-8", "surrogatepass")
    )


def _query(url: str) -> str:
    try:
        return urlsplit(url).query
    except ValueError:
        return ""
