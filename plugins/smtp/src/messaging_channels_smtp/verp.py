"""Return addresses that say which mail came back, and prove it (VERP): `bounces+<our id>-<proof>@example.com`."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass, field

from messaging_channels.plugins import EmailAddress

_SIGNATURE_DIGITS = 12
_ENCODABLE_ID = re.compile(r"[a-z0-9]{1,40}")
_LOCAL_OCTETS = 64


@dataclass(frozen=True, slots=True)
class VerpReturnPath:
    """Where mail comes back to. With a key, each mail has an address of its own, and a bounce without a proof is not believed."""

    address: EmailAddress
    key: str | None = field(default=None, repr=False)

    def address_for(self, message_id: str) -> str:
        """Return the address for one mail. An id of other than small letters and digits gets the common one."""
        if not self.key or not _ENCODABLE_ID.fullmatch(message_id):
            return self.address.addr_spec
        local = f"{self.address.local}+{message_id}-{self._signature(message_id)}"
        return f"{local}@{self.address.domain}" if len(local) <= _LOCAL_OCTETS else self.address.addr_spec

    def message_id_in(self, address: str) -> str | None:
        """Return the id of the mail that this address was made for, or None if it was not made by us."""
        local, _, domain = address.lower().rpartition("@")
        prefix, _, token = local.rpartition("+")
        own, _, proof = token.rpartition("-")
        ours = prefix == self.address.local.lower() and domain == self.address.domain
        if not (
            ours and own and self.key and hmac.compare_digest(proof.encode(), self._signature(own).encode())
        ):
            return None
        return own

    def _signature(self, message_id: str) -> str:
        key = (self.key or "").encode()
        return hmac.new(key, message_id.encode(), hashlib.sha256).hexdigest()[:_SIGNATURE_DIGITS]
