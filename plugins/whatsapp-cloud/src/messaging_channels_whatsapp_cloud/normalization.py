"""Normal forms of the settings and values of the provider. Errors contain no value."""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

from messaging_channels.errors import InvalidMessage, InvalidSetting
from messaging_channels.plugins import require_base_url

BASE_URL = "https://graph.facebook.com"
VERSION = "v24.0"
"""Usable until 18 February 2028: https://developers.facebook.com/docs/graph-api/changelog"""
MESSAGES_PER_SECOND = 80.0
USER_AGENT = "messaging-channels/0.1"


def collapse_whitespace(value: str) -> str:
    """Collapse white space, so that a text may fill a gap of a template."""
    return " ".join(value.split())


def normalize_url(base_url: str) -> str:
    """Return the root of the API.

    Raises:
        InvalidSetting: must be the https URL of a host. Loopback may do without TLS.
    """
    return require_base_url(base_url, provider="whatsapp-cloud", default=BASE_URL)


def is_trusted_url(url: str) -> bool:
    """Whether the access token may be sent there: over TLS, or within this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host)))


def normalize_version(version: str) -> str:
    """Return the version with its `v`.

    Raises:
        InvalidSetting: it is none.
    """
    told = _VERSION.fullmatch(version.strip())
    if told is None:
        raise _setting_error("version", "must be a version of the Graph API", f"write it like {VERSION}")
    return f"v{told[1]}"


def normalize_token(token: str) -> str:
    """Return the token without the word before it.

    Raises:
        InvalidSetting: must be one line of ASCII, and not empty.
    """
    bare = token.strip().removeprefix("Bearer ").strip()
    if not bare or not bare.isascii() or not bare.isprintable():
        raise _setting_error(
            "access_token", "must be one line of ASCII, and not empty", "copy it from the dashboard"
        )
    return bare


def normalize_secret(secret: str) -> bytes:
    """Return an app secret as the key of signatures.

    Raises:
        InvalidSetting: it is empty: anybody could sign with it.
    """
    if not secret.strip():
        raise _setting_error("webhook_app_secrets", "contains an empty secret", "copy it from the dashboard")
    return secret.strip().encode()


def normalize_number_id(sender: str) -> str:
    """Return the id of a business number.

    Raises:
        InvalidMessage: it is no id; a number with its plus is none.
    """
    if not _NUMBER_ID.fullmatch(sender):
        raise InvalidMessage(
            "must be the id of a business number",
            field="sender",
            hint="copy the phone number ID from the dashboard",
        )
    return sender


def normalize_file_id(file_id: str) -> str:
    """Return the id of a file, fit for a path.

    Raises:
        InvalidMessage: it is none.
    """
    if not _FILE_ID.fullmatch(file_id):
        raise InvalidMessage(
            "must be the id of a file", field="file_id", hint="use the id from upload() or from the webhook"
        )
    return file_id


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _setting_error(name: str, problem: str, hint: str) -> InvalidSetting:
    return InvalidSetting(
        problem, setting=f"whatsapp-cloud.{name}", source="the provider's arguments", hint=hint
    )


_VERSION = re.compile(r"v?([0-9]{2,3}\.[0-9])")
_NUMBER_ID = re.compile(r"[0-9]{1,32}")
_FILE_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
