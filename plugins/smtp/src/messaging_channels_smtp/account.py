"""What the settings stand for: the server, how one logs in there, where bounces go, and who signs."""

from __future__ import annotations

import re
import ssl
from pathlib import Path
from typing import Literal

from messaging_channels.errors import InvalidSetting
from messaging_channels.plugins import EmailAddress
from messaging_channels_smtp.dkim import DkimSigner
from messaging_channels_smtp.oauth import OAuthClientCredentials, OAuthRefreshToken, TokenSource
from messaging_channels_smtp.protocol.server import Server, SmtpTimeouts
from messaging_channels_smtp.verp import VerpReturnPath


def secret_of(value: str | None, setting: str) -> str | None:
    """Return a secret or a name as it was given, and None for an empty one.

    Raises:
        InvalidSetting: it begins or ends with white space, as what was read from a file does, or holds a control character.
    """
    if value is not None and (value != value.strip() or _CONTROL.search(value)):
        raise setting_error(
            "begins or ends with white space, or contains a control character", setting, "remove it"
        )
    return value or None


def token_source(
    url: str | None,
    client_id: str | None,
    client_secret: str | None,
    refresh_token: str | None,
    scope: str | None,
) -> TokenSource | None:
    """Return how tokens are fetched: with the refresh token, or without one by client credentials. None without a URL.

    Raises:
        InvalidSetting: one of them is missing, or has white space around it.
    """
    client_id, client_secret = (
        secret_of(client_id, "oauth_client_id"),
        secret_of(client_secret, "oauth_client_secret"),
    )
    refresh_token = secret_of(refresh_token, "oauth_refresh_token")
    if url is None:
        return None
    if client_id is None:
        raise setting_error("is missing", "oauth_client_id", "give the id of your application")
    if refresh_token is not None:
        return OAuthRefreshToken(url, client_id, client_secret, refresh_token, scope)
    if client_secret is None:
        raise setting_error(
            "and oauth_client_secret are both missing", "oauth_refresh_token", "give one or both"
        )
    return OAuthClientCredentials(url, client_id, client_secret, scope)


def return_path_of(
    given: VerpReturnPath | EmailAddress | str | None, key: str | None
) -> VerpReturnPath | None:
    """Return where bounces go. Raises InvalidAddress or InvalidSetting."""
    if given is None or isinstance(given, VerpReturnPath):
        return given
    address = EmailAddress.parse(given) if isinstance(given, str) else given
    return VerpReturnPath(address, secret_of(key, "return_path_key"))


def signer_of(domain: str | None, selector: str | None, key: str | None) -> DkimSigner | None:
    """Return who signs; None without a key. Raises InvalidSetting."""
    return None if key is None else DkimSigner(domain=domain or "", selector=selector or "", key=key)


def timeouts_of(timeout: float, data_timeout: float) -> SmtpTimeouts:
    """Return the seconds for each kind of step."""
    return SmtpTimeouts(connect=min(10.0, timeout), greeting=timeout, command=timeout, data_end=data_timeout)


def login_of(
    username: str | None, password: str | None, tokens: TokenSource | None
) -> tuple[str | None, str | None]:
    """Return the user and the password.

    Raises:
        InvalidSetting: only one of user and secret is given, or there are two secrets, or one has white space around it.
    """
    username, password = secret_of(username, "username"), secret_of(password, "password")
    if password is not None and tokens is not None:
        raise setting_error("and a token are both given", "password", "give one of them")
    if (username is None) != (password is None and tokens is None):
        raise setting_error("and password must be given together", "username", "give both or none")
    return username, password


def build_server(
    host: str,
    port: int | None,
    tls: Literal["starttls", "implicit", "none"],
    login: tuple[str | None, str | None],
    ca_file: Path | None,
    hostname: str | None,
) -> Server:
    """Return the server.

    Raises:
        InvalidSetting: our own name is none, credentials would go in clear over a network, or there is no readable ca_file.
    """
    if hostname is not None and not _HOSTNAME.fullmatch(hostname):
        raise setting_error(
            "must be a host name or an address literal", "hostname", "write it like app.example.com"
        )
    context = None if tls == "none" else _tls_context(ca_file)
    server = Server(host, port or _PORTS[tls], tls, *login, context, hostname=hostname)
    if server.username is not None and tls == "none" and not server.is_local:
        raise setting_error(
            "must not be none for a remote host: credentials would be sent in clear text",
            "tls",
            "use starttls or implicit",
        )
    return server


def setting_error(problem: str, setting: str, hint: str) -> InvalidSetting:
    """Return the error for one of the provider's arguments."""
    return InvalidSetting(problem, setting=f"smtp.{setting}", source="the provider's arguments", hint=hint)


def _tls_context(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise setting_error("cannot be used", "ca_file", "check that the file exists and is PEM") from error


_PORTS = {"starttls": 587, "implicit": 465, "none": 25}
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_HOSTNAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?|\[[0-9A-Za-z:.]{2,60}\]")
