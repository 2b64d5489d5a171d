"""How much of an address a ledger keeps."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, ClassVar, cast

from messaging_channels._ledger.seal import Seal
from messaging_channels._model.errors import InvalidSetting

DIGEST_MARK, KEY_ID_LENGTH = "k", 9
"""How a digest begins that names its key: no hexadecimal digit, and then decimal ones, which every database sorts alike."""
_MODES = ("plain", "masked", "hashed", "none")


class AddressPrivacy:
    """Keeps addresses `plain`, `masked` (the default), `hashed` (HMAC-SHA-256 under the secret `pepper`), or `none` of them.

    Only plain ones let a provider be asked by recipient about a message whose outcome is unknown.
    """

    _must_seal: ClassVar[bool] = False
    """Whether nothing is kept unsealed that has to be sealed, come what may."""

    def __init__(self, addresses: str = "masked", pepper: bytes = b"", keys: Sequence[bytes] = ()) -> None:
        """Choose how.

        Raises:
            ValueError: it is none of these words, or hashing lacks its pepper.
            InvalidSetting: the pepper or a key is not bytes, or a key is empty.
        """
        _require_bytes(pepper, keys)
        if addresses not in _MODES or (addresses == "hashed" and not pepper):
            message = f"addresses is one of {', '.join(_MODES)}; hashed needs a pepper"
            raise ValueError(message)
        self._addresses = addresses
        self._pepper = pepper
        self._seal_keys = tuple(keys)
        self._seal: Seal | None = None
        self._named_keys: tuple[tuple[str, bytes], ...] = ()

    def stored_address(self, plain: str, masked: str) -> str:
        """Return an address as it is kept."""
        if self._addresses == "hashed":
            return _hmac(self._pepper, plain.encode())
        return {"plain": plain, "masked": masked}.get(self._addresses, "")

    def recipient_key(self, identity: str) -> str:
        """Return the digest of a person's identity: HMAC-SHA-256 under the pepper, if there is one, else SHA-256."""
        if self._pepper:
            return _hmac(self._pepper, identity.encode(errors="surrogatepass"))
        return hashlib.sha256(identity.encode(errors="surrogatepass")).hexdigest()

    def recipient_digests(self, plain: str) -> tuple[str, ...]:
        """Return the secret digests by which a recipient is found whose address is not kept as it is: the one that is written first, then those under
        keys that were used before. None where addresses are kept in the plain, or where there is no secret.

        A digest begins with the id of its key, so that a key that was exchanged is noticed; those of earlier versions had none.
        """
        if self._addresses == "plain":
            return ()
        text = f"recipient\x1f{plain.lower()}".encode(errors="surrogatepass")
        made = [(key_id, _hmac(key, text)[:32]) for key_id, key in self._named_keys or self._name_keys()]
        return (*(f"{key_id}{digest}" for key_id, digest in made), *(digest for _, digest in made))

    @property
    def digest_key_ids(self) -> tuple[str, ...]:
        """The ids of the keys by which recipients are found."""
        keys = () if self._addresses == "plain" else self._named_keys or self._name_keys()
        return tuple(key_id for key_id, _ in keys)

    def keyed_digests(self, text: str) -> tuple[str, ...]:
        """Return the digest of a text under the ledger's secret, then those under its other keys. The first one is written, all are looked for.

        It is plain SHA-256 only where the ledger has no secret, or keeps addresses in the plain anyway.
        """
        given = text.encode(errors="surrogatepass")
        keys = () if self._addresses == "plain" else (*self._digest_keys(), *reversed(self._seal_keys))
        found = [_hmac(key, b"digest\x1f" + given)[:32] for key in keys]
        return tuple(dict.fromkeys(found)) or (hashlib.sha256(given).hexdigest()[:32],)

    def require_seal(self) -> None:
        """Refuse to keep what waits more openly than addresses are kept.

        Raises:
            InvalidSetting: there is no key for the seal, or what seals is not installed.
        """
        if self._must_seal and self.seal is not None:
            self.seal.require_key()

    @property
    def seal(self) -> Seal | None:
        """What seals messages that wait; None where addresses are kept in the plain."""
        if self._addresses == "plain":
            return None
        if self._seal is None:
            self._seal = Seal(self._secrets_of_seal(), is_required=self._must_seal)
        return self._seal

    @property
    def opening_seal(self) -> Seal:
        """What opens messages that were sealed, whatever is done with new ones."""
        return self.seal or Seal(self._secrets_of_seal())

    def _secrets_of_seal(self) -> tuple[bytes, ...]:
        return (*self._seal_keys, self._pepper) if self._pepper else self._seal_keys

    def _name_keys(self) -> tuple[tuple[str, bytes], ...]:
        """Return the keys of digests with their ids, once: they stay as long as the ledger."""
        self._named_keys = tuple((_key_id(key), key) for key in self._digest_keys())
        return self._named_keys

    def _digest_keys(self) -> tuple[bytes, ...]:
        return (self._pepper,) if self._pepper else ()

    @property
    def tells_people_apart(self) -> bool:
        """Whether the stored address alone is of one person."""
        return self._addresses in ("plain", "hashed")

    @property
    def has_plain_addresses(self) -> bool:
        """Whether an address can be read from a record."""
        return self._addresses == "plain"


def _hmac(key: bytes, text: bytes) -> str:
    """Return the HMAC-SHA-256 of a text. What is made of the key alone is made once; and no other thread runs meanwhile, as it does in `hmac.digest`."""
    made = _keyed(key).copy()
    made.update(text)
    return made.hexdigest()


@lru_cache(maxsize=16)
def _keyed(key: bytes) -> hmac.HMAC:
    return hmac.new(key, digestmod=hashlib.sha256)


def _key_id(key: bytes) -> str:
    """Return what a digest begins with that was made with a key: it tells keys apart, and nothing of them."""
    told = int(_hmac(key, b"messaging-channels key id"), 16)
    return f"{DIGEST_MARK}{told % 10 ** (KEY_ID_LENGTH - 1):0{KEY_ID_LENGTH - 1}}"


def _require_bytes(pepper: Any, keys: Any) -> None:  # noqa: ANN401  whatever a caller gives
    if isinstance(keys, (str, bytes, bytearray)) or not isinstance(keys, Sequence):
        raise _type_error("keys", f"must be a list of bytes, got {type(keys).__name__}")
    if not isinstance(pepper, (bytes, bytearray)):
        raise _type_error("pepper", f"must be bytes, got {type(pepper).__name__}")
    for one in cast("Sequence[Any]", keys):
        if not isinstance(one, (bytes, bytearray)) or not one:
            what = "an empty one" if isinstance(one, (bytes, bytearray)) else type(one).__name__
            raise _type_error("keys", f"must be a list of bytes, none of them empty, got {what}")


def _type_error(name: str, problem: str) -> InvalidSetting:
    return InvalidSetting(
        problem,
        setting=f"ledger_{name}",
        source="code",
        hint="give the octets of a secret, such as secret.encode()",
    )
