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
            InvalidSetting: there is a key without its certificate.
        """
        if self.client_key and not self.client_certificate:
            raise InvalidSetting(
                "has no certificate",
                setting="http.client_key",
                source="configuration",
                hint='add client_certificate = "..." to [http]',
            )
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
