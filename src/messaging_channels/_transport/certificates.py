"""The files of certificates that the settings name, as a TLS context. Certificates are always verified."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from messaging_channels._model.errors import InvalidSetting

if TYPE_CHECKING:
    from messaging_channels._transport.settings import HttpSettings


def verifying_context(settings: HttpSettings, usual: ssl.SSLContext | None = None) -> ssl.SSLContext:
    """Return a TLS context that verifies by the settings' own authorities, or else `usual`, and shows the client certificate.

    Raises:
        InvalidSetting: names a certificate file that cannot be used.
    """
    where = "http.ca_file"
    try:
        context = usual if usual is not None else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if settings.ca_file:
            context = ssl.create_default_context(cafile=settings.ca_file)
        where = "http.client_certificate"
        if settings.client_certificate:
            certificate, key, password = settings.client_certificate
            context.load_cert_chain(certificate, key, password or "")  # without one, OpenSSL asks a terminal
    except OSError as error:  # ssl.SSLError is one
        raise InvalidSetting(
            f"names a certificate file that cannot be used ({error.strerror or type(error).__name__})",
            setting=where,
            source="configuration",
            hint="check that the file exists and is PEM, and check the key's password",
        ) from error
    return context
