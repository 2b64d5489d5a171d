"""Who made a webhook call: `X-Twilio-Signature`.

Source: https://www.twilio.com/docs/usage/webhooks/webhooks-security. There is no time in the scheme, so a captured call is valid for ever: what
repeats is told by the key of its events.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qsl, urlsplit

from messaging_channels.errors import InvalidSetting
from messaging_channels.plugins import WebhookRequest

HEADER = "x-twilio-signature"
_FORM = "application/x-www-form-urlencoded"
_DEFAULT_PORTS: Mapping[str, int] = {"https": 443, "http": 80}


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
                "one is empty",
                setting="twilio.webhook_auth_tokens",
                source="the provider's arguments",
                hint="leave it out, or give the token",
            )

    def sign(self, url: str, fields: Iterable[tuple[str, str]] = ()) -> str:
        """Sign a URL, and the fields of a form beside it."""
        signed = (url + canonical_fields(fields)).encode("utf-8", "surrogatepass")
        return b64encode(hmac.digest(self.secret.encode(), signed, self.algorithm)).decode()


def canonical_fields(fields: Iterable[tuple[str, str]]) -> str:
    """Return the fields as they are signed: names in the order of their code points, the distinct values of each sorted, nothing between."""
    values: dict[str, set[str]] = {}
    for name, value in fields:
        values.setdefault(name, set()).add(value)
    return "".join(name + value for name in sorted(values) for value in sorted(values[name]))


def form_fields(request: WebhookRequest) -> list[tuple[str, str]] | None:
    """Return the fields of a form, blank ones too; None if the body is no form in UTF-8. A GET has none beside its URL."""
    if request.method.upper() == "GET":
        return None if request.body else []
    if not request.headers.get("content-type", "").strip().lower().startswith(_FORM):
        return None
    try:
        text = request.body.decode()
        return parse_qsl(text, keep_blank_values=True, errors="strict")
    except ValueError:
        return None


def is_signed(request: WebhookRequest, keys: Sequence[SigningKey]) -> bool:
    """Say whether one of the keys made the call's signature. Takes the same time for every wrong one."""
    signature = request.headers.get(HEADER, "").encode("utf-8", "surrogatepass")
    fields = form_fields(request)
    if fields is None and not _body_hash_matches(request):
        return False
    found = False
    for url in url_variants(request.url):
        for key in keys:
            found |= hmac.compare_digest(key.sign(url, fields or ()).encode(), signature)
    return found


def _body_hash_matches(request: WebhookRequest) -> bool:
    """Whether the signed URL names the body. Without it a signature says nothing of the body."""
    named = dict(parse_qsl(_query(request.url), keep_blank_values=True)).get("bodySHA256", "")
    return hmac.compare_digest(
        hashlib.sha256(request.body).hexdigest().encode(), named.encode("utf-8", "surrogatepass")
    )


def url_variants(url: str) -> list[str]:
    """Return the texts that Twilio may have signed for this URL: with the port, without it, with the scheme's own; `'` as it is, or escaped.

    Its servers are not of one mind about either. The fragment never leaves them.
    """
    whole = url.partition("#")[0]
    texts = dict.fromkeys((whole, *_ports(whole)))
    for text in list(texts):
        path, mark, query = text.partition("?")
        texts.setdefault(path + mark + query.replace("'", "%27"))
    return list(texts)


def _ports(url: str) -> tuple[str, ...]:
    scheme, slashes, rest = url.partition("://")
    authority, path = _split_authority(rest)
    userinfo, at, host = authority.rpartition("@")
    bare, colon, port = host.rpartition(":")
    if not (colon and port.isdecimal()):
        bare = host
    default = _DEFAULT_PORTS.get(scheme.lower(), 443)
    return tuple(f"{scheme}{slashes}{userinfo}{at}{name}{path}" for name in (bare, f"{bare}:{default}"))


def _split_authority(rest: str) -> tuple[str, str]:
    end = min((rest.find(mark) for mark in "/?" if mark in rest), default=len(rest))
    return rest[:end], rest[end:]


def _query(url: str) -> str:
    try:
        return urlsplit(url).query
    except ValueError:
        return ""
