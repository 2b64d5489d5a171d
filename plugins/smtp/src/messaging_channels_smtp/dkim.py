"""DKIM signatures (RFC 6376; ed25519 by RFC 8463), over `cryptography`: the extra `dkim`. Leave it to the server where it signs."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from messaging_channels.errors import InvalidSetting

if TYPE_CHECKING:
    from types import ModuleType

SignHeaders = Callable[[bytes, float], bytes]

SIGNED = (
    "from",
    "to",
    "cc",
    "reply-to",
    "subject",
    "date",
    "message-id",
    "in-reply-to",
    "references",
    "list-id",
    "list-unsubscribe",
    "list-unsubscribe-post",
    "auto-submitted",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
)
"""The headers that are signed where they are there. From is signed once more than it is there, so that none can be added."""


class DkimSigner:
    """Signs mails for one domain. Its key appears in no repr."""

    def __init__(self, *, domain: str, selector: str, key: str) -> None:
        """Take the key, PEM of an RSA or an Ed25519 one. The public half has to stand in the DNS at `<selector>._domainkey.<domain>`.

        Raises:
            InvalidSetting: `cryptography` is missing, the key cannot be used, or one of the names is malformed.
        """
        for setting, name in (("domain", domain), ("selector", selector)):
            if not _NAME.fullmatch(name):
                raise _setting_error(
                    "must be a domain name", setting, "write it in ASCII, such as example.com"
                )
        self._domain, self._selector = domain, selector
        self._algorithm, self._signed = _load_signer(key)

    def __repr__(self) -> str:
        """Show the names only."""
        return f"DkimSigner({self._selector}._domainkey.{self._domain})"

    def signer_for(self, body: bytes) -> SignHeaders:
        """Return what signs mails of this body: the body is hashed once for all of them."""
        digest = base64.b64encode(hashlib.sha256(relaxed_body(body)).digest()).decode()

        def sign(head: bytes, at: float) -> bytes:
            headers = relaxed_headers(head)
            names = [name for name, _ in headers if name in SIGNED]
            listed = ":\r\n ".join(_lines([*names, "from"]))
            fields = (
                f"v=1; a={self._algorithm}; c=relaxed/relaxed; d={self._domain}; s={self._selector};\r\n"
                f" t={int(at)}; h={listed};\r\n bh={digest};\r\n b="
            )
            own = relaxed_headers(f"DKIM-Signature: {fields}\r\n".encode())[0][1].removesuffix(b"\r\n")
            signed = b"".join(line for name, line in headers if name in SIGNED) + own
            return f"DKIM-Signature: {fields}{_fold_signature(self._signed(signed))}\r\n".encode()

        return sign


def relaxed_headers(head: bytes) -> list[tuple[str, bytes]]:
    """Return each header's name and canonical line, in their order from the top."""
    lines = _FOLD.sub(b" ", head).split(b"\r\n")
    named = (line.partition(b":") for line in lines if line)
    return [
        (
            name.strip().lower().decode(),
            b"%s:%s\r\n" % (name.strip().lower(), _SPACE.sub(b" ", value).strip()),
        )
        for name, _, value in named
    ]


def relaxed_body(body: bytes) -> bytes:
    """Return the canonical body."""
    lines = _TRAILING.sub(b"\r\n", _SPACE.sub(b" ", body)).rstrip(b"\r\n")
    return lines + b"\r\n" if lines else b""


def _load_signer(key: str) -> tuple[str, Callable[[bytes], bytes]]:
    """Return the algorithm and the function that signs, without keeping the key anywhere it could be printed."""
    hashes, padding, private = _load_key(key)
    kind = type(private).__name__
    if "Ed25519" in kind:
        return "ed25519-sha256", lambda data: private.sign(hashlib.sha256(data).digest())
    if "RSA" in kind:
        return "rsa-sha256", lambda data: private.sign(data, padding.PKCS1v15(), hashes.SHA256())
    raise _setting_error("must be an RSA or Ed25519 key", "key", "create one with openssl genpkey")


def _load_key(key: str) -> tuple[ModuleType, ModuleType, Any]:
    try:
        from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415  an extra
        from cryptography.hazmat.primitives.asymmetric import padding  # noqa: PLC0415  likewise
    except ImportError as missing:
        raise _setting_error(
            "needs the package cryptography", "key", "install it: pip install 'messaging-channels-smtp[dkim]'"
        ) from missing
    try:
        return hashes, padding, serialization.load_pem_private_key(key.encode(), None)
    except (ValueError, TypeError):
        raise _setting_error(
            "must be a private key in PEM form without a password", "key", "check the file"
        ) from None


def _lines(names: Sequence[str]) -> list[str]:
    """Join names into lines that need no folding."""
    return [":".join(names[start : start + _NAMES_A_LINE]) for start in range(0, len(names), _NAMES_A_LINE)]


def _fold_signature(signature: bytes) -> str:
    text = base64.b64encode(signature).decode()
    return "\r\n ".join(text[start : start + _COLUMNS] for start in range(0, len(text), _COLUMNS))


def _setting_error(problem: str, setting: str, hint: str) -> InvalidSetting:
    return InvalidSetting(problem, setting=f"smtp.dkim_{setting}", source="the signer", hint=hint)


_NAMES_A_LINE, _COLUMNS = 4, 70
_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,250}[A-Za-z0-9])?")
_FOLD = re.compile(rb"\r\n(?=[ \t])")
_SPACE = re.compile(rb"[ \t]+")
_TRAILING = re.compile(rb"[ \t]+\r\n")
