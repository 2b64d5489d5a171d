"""Our own message id in the URL that a message's reports go to. Telnyx repeats the URL in its signed reports, so the id needs no proof of its own."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, quote, urlsplit

from messaging_channels.errors import InvalidSetting

_ID_PARAMETER = "mc_id"
_MAX_URL = 2000
_HOST = re.compile(r"[A-Za-z0-9.:\[\]-]+")


def report_url(url: str, message_id: str) -> str:
    """Return the URL with the id in its query."""
    return f"{url}{'&' if '?' in url else '?'}{_ID_PARAMETER}={quote(message_id, safe='')}"


def message_id_in(url: object) -> str:
    """Return our id out of such a URL; empty if there is none."""
    try:
        query = dict(parse_qsl(urlsplit(url).query)) if isinstance(url, str) else {}
    except ValueError:
        return ""
    return query.get(_ID_PARAMETER, "")


def require_report_url(url: str | None) -> str | None:
    """Return the URL of the setting if Telnyx could call it.

    Raises:
        InvalidSetting: it is no http or https URL, is too long, or has a fragment.
    """
    if url is None:
        return None
    try:
        host = urlsplit(url).netloc.rpartition("@")[2]
    except ValueError:
        host = ""
    plain = url.isprintable() and " " not in url and "#" not in url and len(url) <= _MAX_URL
    if not url.startswith(("https://", "http://")) or not _HOST.fullmatch(host) or not plain:
        raise InvalidSetting(
            "must be an http or https URL without a fragment",
            setting="telnyx.webhook_url",
            source="the provider's arguments",
            hint="write it like https://hooks.example.com/telnyx",
        )
    return url
