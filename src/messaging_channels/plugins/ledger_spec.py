"""How a ledger plugin says what it supplies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

if TYPE_CHECKING:
    from messaging_channels.plugins.ledger import Ledger


class LedgerSettings(BaseModel):
    """How the ledger is configured."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)

    url: SecretStr
    """URL whose scheme selects the ledger: `sqlite:///var/lib/shop/ledger.sqlite3`, `postgresql://user:secret@host/database`."""
    addresses: Literal["plain", "masked", "hashed", "none"] = "masked"
    """How recipients are stored: `plain`, `masked`, `hashed` or `none`."""
    pepper: SecretStr = SecretStr("")
    """Secret for the hashes of addresses. Needed with `hashed`."""
    shared_limits: bool = False
    """Whether rate limits, circuit breakers and the velocity limit hold across all processes that use the ledger."""
    keys: SecretStr = SecretStr("")
    """Secrets that seal messages that wait, separated by commas. The first one seals, all of them open. PostgreSQL needs them, or a pepper."""
    timeout: float = Field(default=30.0, gt=0, allow_inf_nan=False)
    """Seconds that an operation of the ledger may take, the wait for other processes included. `send(timeout=)` shortens it."""
    pool_size: int = Field(default=10, ge=1)
    """PostgreSQL: the most connections of a process for lists, statistics and maintenance. Sending and reports have up to five of their own besides."""
    pool_timeout: float = Field(default=10.0, gt=0, le=3600)
    """PostgreSQL: seconds that a call waits for a connection, or for a server that is away."""

    @property
    def seal_keys(self) -> tuple[bytes, ...]:
        """The secrets, each by itself."""
        return tuple(one.strip().encode() for one in self.keys.get_secret_value().split(",") if one.strip())


@dataclass(frozen=True, slots=True)
class LedgerSpec:
    """Describes a ledger of a plugin: the result of `register_ledgers`."""

    scheme: str
    """Of the URL, such as `postgresql`."""
    factory: Callable[[LedgerSettings], Ledger]
