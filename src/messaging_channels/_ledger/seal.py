"""What waits is kept sealed where addresses are not kept in the plain: with Fernet (AES-128-CBC and HMAC-SHA-256), under the first of several keys.

The seal protects from whoever has the database or a copy of it, and not the keys; not from whoever can read the memory or the key file of a process that sends.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from messaging_channels._model.errors import InvalidSetting

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

_PREFIX = "sealed:"
"""Before what was sealed: nothing else that is kept begins so."""


class SealBroken(InvalidSetting):
    """What was sealed cannot be opened with these keys, or was changed."""

    def __init__(
        self, problem: str, hint: str = "give the key that sealed it beside the others: it waits until then"
    ) -> None:
        """Say why."""
        super().__init__(problem, setting="ledger_keys", source="the ledger", hint=hint)


@dataclass(slots=True)
class Seal:
    """Seals and opens texts. Safe in threads."""

    secrets: Sequence[bytes] = field(repr=False)
    """The first one seals, all of them open: put a new one in front, and leave the others out once nothing waits that they sealed."""
    is_required: bool = False
    """Whether a text that cannot be sealed is refused, in place of being left as it is."""
    _fernet: MultiFernet | None = field(default=None, repr=False)

    def seal(self, text: str) -> str:
        """Return a text sealed; as it is where there is no key, or `cryptography` is not installed, and say so once in the log.

        Raises:
            InvalidSetting: it cannot be sealed, and has to be.
        """
        if self.is_required:
            self.require_key()
        fernet = self._keys()
        if fernet is None:
            return text
        return _PREFIX + fernet.encrypt(text.encode(errors="surrogatepass")).decode()

    def open(self, text: str) -> str:
        """Return what was sealed; a text that was not, as it is.

        Raises:
            SealBroken: none of the keys opens it, it was changed, or `cryptography` is not installed.
        """
        if not is_sealed(text):
            return text
        fernet = self._keys()
        if fernet is None:
            raise SealBroken(
                "queued messages are sealed, and their key is not configured or cryptography is not installed",
                "run pip install 'messaging-channels[seal]', and give the keys that sealed it",
            )
        from cryptography.fernet import InvalidToken  # noqa: PLC0415  an extra

        try:
            return fernet.decrypt(text.removeprefix(_PREFIX)).decode(errors="surrogatepass")
        except InvalidToken:
            message = "queued messages were sealed with a key that is not here"
            raise SealBroken(message) from None

    def require_key(self) -> None:
        """Raise InvalidSetting unless texts can be sealed."""
        if not self.secrets:
            raise InvalidSetting(
                "is not set, so the contents of queued messages would be stored in plain text",
                setting="ledger_keys",
                source="the ledger",
                hint=f"add the line MESSAGING_CHANNELS_LEDGER_KEYS=<what this prints: {_MAKE_KEY}>, or pass keys=[...] to"
                ' PostgresLedger; or keep everything in the plain: addresses="plain"',
            )
        if self._keys() is None:
            raise InvalidSetting(
                "cannot seal queued messages: cryptography is not installed",
                setting="ledger_keys",
                source="the ledger",
                hint="run pip install 'messaging-channels[seal]'",
            )

    def _keys(self) -> MultiFernet | None:
        if self._fernet is None:
            if not self.secrets:
                _warn_once(
                    "what waits is not sealed: set MESSAGING_CHANNELS_LEDGER_KEYS, or pass keys= to the ledger"
                )
                return None
            try:
                from cryptography.fernet import Fernet, MultiFernet  # noqa: PLC0415  an extra
            except ImportError:
                _warn_once("what waits is not sealed: pip install 'messaging-channels[seal]'")
                return None
            self._fernet = MultiFernet([Fernet(_key_of(secret)) for secret in self.secrets])
        return self._fernet


def is_sealed(text: str) -> bool:
    """Whether a text was sealed."""
    return text.startswith(_PREFIX)


def _key_of(secret: bytes) -> bytes:
    """Return a key of Fernet's form, made of a secret of any length."""
    return base64.urlsafe_b64encode(hmac.new(secret, b"messaging-channels payload", hashlib.sha256).digest())


def _warn_once(text: str) -> None:
    if text not in _warned:
        _warned.add(text)
        _log.warning(text)


_MAKE_KEY = "python -c 'import secrets; print(secrets.token_hex(32))'"
_warned: set[str] = set()
_log = logging.getLogger("messaging_channels")
