"""Proofs: the signature over the parameters of the SMS API, and the tokens (JWT) of the Messages API, ours and theirs.

Sources: https://developer.vonage.com/en/getting-started/concepts/signing-messages,
https://developer.vonage.com/en/getting-started/concepts/webhooks#decoding-signed-webhooks
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from typing import Any, Literal, TypeAlias, cast

from messaging_channels.errors import InvalidSetting

SignatureMethod: TypeAlias = Literal["md5hash", "md5", "sha1", "sha256", "sha512"]
"""As the dashboard offers them: the MD5 hash of the parameters and the secret, or an HMAC."""
METHODS: tuple[SignatureMethod, ...] = ("md5hash", "md5", "sha1", "sha256", "sha512")
MAX_AGE = 300.0
"""Seconds after which a signed call is a replay."""


def signature(parameters: Mapping[str, str], secret: str, method: str) -> str:
    """Return the signature over the parameters, sorted by name, as Vonage writes it: in upper case."""
    return digest(signed_text(parameters).encode("utf-8", "replace"), secret, method)


def is_signature(given: str, parameters: Mapping[str, str], secret: str, method: str) -> bool:
    """Whether this is the signature over the parameters, in small or capital letters. Half a character may have been signed as it is, or replaced."""
    text, found = signed_text(parameters), False
    told = given.upper().encode("utf-8", "replace")
    for errors in ("replace", "surrogatepass"):
        expected = digest(text.encode("utf-8", errors), secret, method)
        found |= hmac.compare_digest(told, expected.encode())
    return found


def signed_text(parameters: Mapping[str, str], *, sig: str | None = None) -> str:
    """Return the text that is signed; with a `sig` as one of the parameters where one is given."""
    rest = {name: value for name, value in parameters.items() if name != "sig"}
    named = rest if sig is None else {**rest, "sig": sig}
    return "".join(f"&{name}={named[name].translate(_UNDERSCORES)}" for name in sorted(named))


def digest(signed: bytes, secret: str, method: str) -> str:
    """Return the digest of what is signed, in capital letters."""
    if method == "md5hash":
        return hashlib.md5(signed + secret.encode()).hexdigest().upper()  # noqa: S324  the account's own choice
    return hmac.new(secret.encode(), signed, method).hexdigest().upper()


def application_token(application_id: str, private_key: str, token_id: str, now: float) -> str:
    """Return a token of the application, signed with its private key (RS256), good for 15 minutes."""
    import jwt  # noqa: PLC0415  slow to import, and needed by applications alone

    issued = int(now)
    claims = {"application_id": application_id, "iat": issued, "exp": issued + _LIFETIME, "jti": token_id}
    return jwt.encode(claims, private_key, algorithm="RS256")


def require_private_key(private_key: str) -> str:
    """Return the key in PEM form.

    Raises:
        InvalidSetting: it is none, or none of RSA.
    """
    text = private_key.replace("\\n", "\n").strip() + "\n"
    try:
        application_token("check", text, "check", 0)
    except Exception:  # noqa: BLE001  the library raises several kinds, and any of them means the same
        raise InvalidSetting(
            "must be a private key in PEM form",
            setting="vonage.private_key",
            source="the provider's arguments",
            hint="give the text of the file that you downloaded from the dashboard",
        ) from None
    return text


def verified_claims(token: str, secret: str) -> Mapping[str, Any] | None:
    """Return what a token says that the signature secret signed (HS256); None for any other."""
    head, claims, given = (*token.split("."), "", "", "")[:3]
    if token.count(".") != _DOTS or _part(head).get("alg") != "HS256":
        return None
    digest = hmac.digest(secret.encode(), f"{head}.{claims}".encode("utf-8", "replace"), "sha256")
    expected = base64.urlsafe_b64encode(digest).rstrip(b"=")
    return _part(claims) if hmac.compare_digest(expected, given.encode("utf-8", "replace")) else None


def signed_token(claims: Mapping[str, Any], secret: str) -> str:
    """Return a token as Vonage makes it for its calls (HS256)."""
    parts = [
        json.dumps(part, separators=(",", ":")).encode() for part in ({"alg": "HS256", "typ": "JWT"}, claims)
    ]
    text = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    proof = base64.urlsafe_b64encode(hmac.digest(secret.encode(), text, "sha256")).rstrip(b"=")
    return (text + b"." + proof).decode()


def _part(text: str) -> Mapping[str, Any]:
    """Return a part of a token; empty for what is none."""
    try:
        told = json.loads(base64.urlsafe_b64decode(text.encode() + b"=="))
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", told) if isinstance(told, dict) else {}


def renderings(fields: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """Yield the parameters as texts, in each of the ways in which what is no text may have been signed."""
    for write in (_as_json, str):
        yield {name: value if isinstance(value, str) else write(value) for name, value in fields.items()}
    yield {name: str(value) for name, value in fields.items() if isinstance(value, (str, int, float))}


def _as_json(value: object) -> str:
    return "" if value is None else json.dumps(value, separators=(",", ":"), ensure_ascii=False)


_LIFETIME = 900
_DOTS = 2
_UNDERSCORES = str.maketrans("&=", "__")
