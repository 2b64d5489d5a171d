"""Our own message id in the URL of a status callback: Twilio keeps none for us, and signs whatever URL it was given.

A message authentication code beside it shows that the id was written by us: an account's callbacks may also come from messages that others sent.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Sequence
from urllib.parse import parse_qsl, quote, urlsplit

from messaging_channels.errors import InvalidMessage

ID_PARAMETER, MAC_PARAMETER = "mc_id", "mc_mac"
"""The names in the query."""
STEP = "-rcs"
"""What stands behind our id in the query of a message that Twilio may send by SMS after RCS, so that the failure of RCS is not read as the end."""

_PURPOSE = b"messaging-channels/twilio/status-callback\0"
_OVERRIDES = "rc=3&rp=all"
"""Without it Twilio calls a second time only if it could not connect. Source: https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides"""
_HOST = re.compile(r"[A-Za-z0-9.:\[\]-]+")


def callback_url(url: str, message_id: str, key: str) -> str:
    """Return the URL with the id and its code in the query, and three repetitions on any failure unless it asks for something else."""
    base, _, fragment = url.partition("#")
    mark = "&" if "?" in base else "?"
    query = f"{ID_PARAMETER}={quote(message_id, safe='')}&{MAC_PARAMETER}={mac_of(message_id, key)}"
    return f"{base}{mark}{query}#{fragment or _OVERRIDES}"


def message_id_in(url: str, keys: Sequence[str]) -> str:
    """Return our id out of the URL of a call; empty if there is none, or if none of the keys wrote it."""
    try:
        query = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
    except ValueError:
        return ""
    message_id, given = query.get(ID_PARAMETER, ""), query.get(MAC_PARAMETER, "").encode("utf-8", "replace")
    written = [hmac.compare_digest(mac_of(message_id, key).encode(), given) for key in keys]
    return message_id if message_id and any(written) else ""


def mac_of(message_id: str, key: str) -> str:
    """Return the code for an id: 128 bits of HMAC-SHA-256, as hexadecimal digits."""
    signed = _PURPOSE + message_id.encode("utf-8", "replace")
    return hmac.digest(key.encode(), signed, "sha256").hex()[:32]


def require_callback_url(url: str, field: str) -> str:
    """Return the URL if Twilio could call it: http or https, and a host without an underscore (error 21609).

    Raises:
        InvalidMessage: it could not.
    """
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        host = ""
    if not url.startswith(("https://", "http://")) or not _HOST.fullmatch(host) or not url.isprintable():
        raise InvalidMessage(
            "must be an http or https URL with a valid host",
            field=field,
            hint="write it like https://hooks.example.com/twilio",
        )
    return url
