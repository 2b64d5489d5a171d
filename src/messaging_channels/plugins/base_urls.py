"""Base URLs of vendors' APIs, as people paste them into settings."""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from messaging_channels.errors import InvalidSetting


def require_base_url(given: str | None, *, provider: str, default: str, setting: str = "base_url") -> str:
    """Return the URL below which an API is called: scheme, host and path, without a slash at its end.

    White space around the URL is removed, and a missing scheme is added. Only loopback addresses do without TLS, since credentials are sent there.

    Args:
        given: The setting; None or blank for the default.
        provider: Name of the provider, which stands before the name of the setting in errors.
        default: Base URL of the vendor.
        setting: Name of the setting.

    Raises:
        InvalidSetting: it names no host, or has a user, a query or a fragment. The error does not show it.
    """
    text = (given or "").strip() or default
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        well = parts.port != 0 and _is_usable(parts)
    except ValueError:
        well, parts = False, urlsplit(default)
    if not well:
        raise InvalidSetting(
            "must be the https URL of a host",
            setting=f"{provider}.{setting}",
            source="the provider's arguments",
            hint=f"leave it out, or set {default}",
        )
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path.rstrip('/')}"


def _is_usable(parts: SplitResult) -> bool:
    host = parts.hostname or ""
    is_secure = parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))
    has_more = (
        parts.username is not None or bool(parts.query or parts.fragment) or re.search(r"\s", parts.path)
    )
    return is_secure and not has_more and bool(_HOST.fullmatch(host) or _is_address(host))


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (_is_address(host) and ip_address(host).is_loopback)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9])?", re.ASCII)
