"""How a call proves to be Infobip's: each documented way, with secrets compared in constant time.

Infobip documents Basic credentials, an HMAC over the body, a Bearer token that it fetches from you, fixed headers, and client certificates; a report URL
given with a message can only carry a secret in itself. Which header carries the HMAC, and how it is written, is not documented, so both are settings.

Source: https://www.infobip.com/docs/cpaas-x/subscriptions-management
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias
from urllib.parse import parse_qs, urlsplit

from messaging_channels.plugins import WebhookRequest, split_secrets

Algorithm: TypeAlias = Literal[
    "HMAC_MD5", "HMAC_SHA_1", "HMAC_SHA_224", "HMAC_SHA_256", "HMAC_SHA_384", "HMAC_SHA_512"
]
HASH_NAMES = {
    "HMAC_MD5": "md5",
    "HMAC_SHA_1": "sha1",
    "HMAC_SHA_224": "sha224",
    "HMAC_SHA_256": "sha256",
    "HMAC_SHA_384": "sha384",
    "HMAC_SHA_512": "sha512",
}


class WebhookAuth(Protocol):
    """One way to prove a call."""

    def verify(self, request: WebhookRequest) -> bool:
        """Say whether the call proves itself in this way. Never raises."""
        ...


@dataclass(frozen=True, slots=True)
class BasicAuth:
    """User and password in `authorization: Basic`."""

    username: str
    password: str = field(repr=False)

    def verify(self, request: WebhookRequest) -> bool:
        """See WebhookAuth."""
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        expected = b64encode(f"{self.username}:{self.password}".encode()).decode()
        return _equal(given.strip(), expected) and scheme.lower() == "basic"


@dataclass(frozen=True, slots=True)
class BearerToken:
    """A token that your own token endpoint hands out, in `authorization: Bearer`."""

    tokens: Sequence[str] = field(repr=False)
    """All that are valid now."""

    def verify(self, request: WebhookRequest) -> bool:
        """See WebhookAuth."""
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        return _is_one_of(given.strip(), self.tokens) and scheme.lower() == "bearer"


@dataclass(frozen=True, slots=True)
class FixedHeader:
    """A secret in a header: one fixed in the notification profile, or what your proxy says of a client certificate that it has verified.

    The proxy must remove that header from what comes from outside.
    """

    name: str
    values: Sequence[str] = field(repr=False)

    def verify(self, request: WebhookRequest) -> bool:
        """See WebhookAuth."""
        return _is_one_of(request.headers.get(self.name.lower(), ""), self.values)


@dataclass(frozen=True, slots=True)
class UrlToken:
    """A secret in the query of the URL that Infobip was given."""

    tokens: Sequence[str] = field(repr=False)
    parameter: str = "token"

    def verify(self, request: WebhookRequest) -> bool:
        """See WebhookAuth."""
        given = parse_qs(urlsplit(request.url).query).get(self.parameter, [""])
        return len(given) == 1 and _is_one_of(given[0], self.tokens)


@dataclass(frozen=True, slots=True)
class HmacSignature:
    """A keyed hash over the raw body, in hexadecimal or base64, with or without a prefix such as `sha256=`."""

    secrets: Sequence[str] = field(repr=False)
    header: str = "x-hub-signature-256"
    algorithm: Algorithm = "HMAC_SHA_256"

    def verify(self, request: WebhookRequest) -> bool:
        """See WebhookAuth."""
        signature = _signature(request.headers.get(self.header.lower(), ""), HASH_NAMES[self.algorithm])
        expected = [
            hmac.new(secret.encode(), request.body, HASH_NAMES[self.algorithm]).digest()
            for secret in self.secrets
        ]
        return any([hmac.compare_digest(signature, one) for one in expected])  # noqa: C419  all are compared


def build_webhook_auth(
    *,
    username: str | None,
    password: str | None,
    bearer: str | Sequence[str],
    token: str | Sequence[str],
    token_parameter: str,
    header: str | None,
    header_value: str | Sequence[str],
    hmac_secret: str | Sequence[str],
    hmac_header: str,
    hmac_algorithm: Algorithm,
) -> tuple[WebhookAuth, ...]:
    """Return the ways to prove a call that the settings `webhook_…` name. Those without a secret are left out."""
    ways: list[WebhookAuth] = []
    if username and password:
        ways.append(BasicAuth(username, password))
    if secrets := split_secrets(bearer):
        ways.append(BearerToken(secrets))
    if secrets := split_secrets(token):
        ways.append(UrlToken(secrets, token_parameter))
    if header and (secrets := split_secrets(header_value)):
        ways.append(FixedHeader(header, secrets))
    if secrets := split_secrets(hmac_secret):
        ways.append(HmacSignature(secrets, hmac_header, hmac_algorithm))
    return tuple(ways)


def _signature(written: str, name: str) -> bytes:
    """Return the bytes of a signature in either spelling; nothing for what is neither."""
    text = written.strip()
    for prefix in (f"{name}=", f"{name.replace('sha', 'sha-')}="):
        if text.lower().startswith(prefix):
            text = text[len(prefix) :]
    try:
        if len(text) == 2 * hashlib.new(name, usedforsecurity=False).digest_size:
            return bytes.fromhex(text)
        return b64decode(text, validate=True)
    except (ValueError, Error):
        return b""


def _equal(presented: str, expected: str) -> bool:
    return bool(presented) and hmac.compare_digest(
        presented.encode("utf-8", "surrogatepass"), expected.encode()
    )


def _is_one_of(presented: str, expected: Sequence[str]) -> bool:
    return any([_equal(presented, one) for one in expected])  # noqa: C419  all are compared, whichever fits
