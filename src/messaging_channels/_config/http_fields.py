"""How `[http]` is written: flat, where the transport's own settings are nested."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from messaging_channels._model.errors import InvalidSetting
from messaging_channels._transport.settings import ClientCertificate, HttpSettings
from messaging_channels.plugins.exchange import Timeouts


@dataclass(slots=True)
class HttpFields:
    """The keys of `[http]`; see `HttpSettings`. Times in seconds."""

    connect_timeout: float = 10.0
    """Seconds for connecting and for TLS."""
    write_timeout: float = 30.0
    """Seconds for writing the request."""
    read_timeout: float = 30.0
    """Seconds for the complete response."""
    total_timeout: float | None = None
    """Seconds for the whole exchange. Default: the longest of the three."""
    proxy: str | None = None
    """Proxy: `http://user:password@host:port`. Proxy variables of the environment are ignored."""
    ca_file: Path | None = None
    """File with certificates to trust instead of the usual ones (PEM)."""
    client_certificate: Path | None = None
    """Certificate of this machine (PEM)."""
    client_key: Path | None = None
    """Key of the certificate (PEM)."""
    client_key_password: str | None = None
    """Password of the key."""
    keepalive_expiry: float = 5.0
    """Seconds that an idle connection is kept."""
    client: Literal["auto", "httpx", "pyreqwest"] = "auto"
    """`auto`, `httpx` or `pyreqwest`. `auto` uses pyreqwest if it is installed and the other settings allow it."""

    def settings(self) -> HttpSettings:
        """Return them as the transport takes them.

        Raises:
            InvalidSetting: there is a key without its certificate, or a password without its key.
        """
        self._require("client_key", "client_certificate", "has no certificate")
        self._require("client_key_password", "client_certificate", "has no key")
        return HttpSettings(
            timeouts=Timeouts(
                self.connect_timeout, self.write_timeout, self.read_timeout, self.total_timeout
            ),
            proxy=self.proxy,
            ca_file=self.ca_file,
            client_certificate=ClientCertificate(
                self.client_certificate, self.client_key, self.client_key_password
            )
            if self.client_certificate
            else None,
            keepalive_expiry=self.keepalive_expiry,
            client=self.client,
        )

    def _require(self, name: str, other: str, problem: str) -> None:
        if getattr(self, name) and not getattr(self, other):
            raise InvalidSetting(
                problem,
                setting=f"http.{name}",
                source="configuration",
                hint=f'add {other} = "..." to [http]',
            )
