"""How HTTP requests are made."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from messaging_channels.plugins.exchange import Timeouts


class ClientCertificate(NamedTuple):
    """A certificate by which this machine proves who it is (PEM files)."""

    certificate: Path
    key: Path | None = None
    password: str | None = None

    def __repr__(self) -> str:
        """Show the file only."""
        return f"ClientCertificate({self.certificate})"


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """How HTTP requests are made."""

    timeouts: Timeouts = field(default_factory=Timeouts)
    """Seconds for connecting, writing, reading, and the whole exchange."""
    proxy: str | None = field(default=None, repr=False)
    """`http://user:password@host:port`. Default: no proxy; the library ignores proxy variables of the environment."""
    ca_file: Path | None = None
    """File with certificates to trust instead of the usual ones (PEM)."""
    client_certificate: ClientCertificate | None = None
    """Certificate of this machine (PEM)."""
    keepalive_expiry: float = 5.0
    """Seconds that an idle connection is kept. Keep it shorter than the servers' time: a stale connection makes an outcome unknown."""
    client: Literal["auto", "httpx", "pyreqwest"] = "auto"
    """`auto` uses pyreqwest (extra `fast`) if it is installed and the other settings allow it."""
