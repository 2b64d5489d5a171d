"""Where Twilio is reached, and who we are there.

Sources: https://www.twilio.com/docs/global-infrastructure/using-the-twilio-rest-api-in-a-non-us-region,
https://www.twilio.com/docs/iam/api-keys
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

from messaging_channels.errors import InvalidSetting
from messaging_channels.plugins import require_base_url

NATURAL_EDGES: Mapping[str, str] = {"us1": "ashburn", "ie1": "dublin", "au1": "sydney"}
"""The edge beside each region. A host with a region and no edge is no longer served (since 2026-04-28)."""

_API = "https://api.twilio.com"
_DOMAIN = "twilio.com"
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_MOST_LABELS = 5


def base_url(custom_url: str | None, *, edge: str | None = None, region: str | None = None) -> str:
    """Return the URL of the API, without a slash at its end: `{product}.{edge}.{region}.twilio.com`, or a host of somebody else's as it came.

    An edge without a region means `us1`; a region without an edge gets the natural one.

    Raises:
        InvalidSetting: it is no https URL of an API host, or edge and region cannot be put into it.
    """
    parts = urlsplit(require_base_url(custom_url, provider="twilio", default=_API))
    host = parts.hostname or ""
    if host != _DOMAIN and not host.endswith(f".{_DOMAIN}"):
        if edge or region:
            raise _setting_error(
                "base_url",
                "must be a host of twilio.com if edge or region is set",
                "leave out edge and region",
            )
        return parts.geturl()
    if host in (_DOMAIN, f"www.{_DOMAIN}") or host.count(".") >= _MOST_LABELS:
        raise _setting_error("base_url", "is not the host of the API", f"leave it out, or give {_API}")
    return parts._replace(netloc=_host(host, edge, region)).geturl()


def _host(host: str, edge: str | None, region: str | None) -> str:
    product, *between, _, _ = host.split(".")
    named_edge, named_region = (None, *between)[-2:] if between else (None, None)
    region = region or named_region
    edge = edge or named_edge or (region and _natural_edge(region))
    if not edge:
        return host
    for name, label in (("edge", edge), ("region", region or "us1")):
        if not _LABEL.fullmatch(label):
            raise _setting_error(name, "must be a label of a host name", "write it like dublin or ie1")
    return ".".join((product, edge, region or "us1", _DOMAIN))


def _natural_edge(region: str) -> str:
    if region not in NATURAL_EDGES:
        raise _setting_error(
            "region", "needs an edge, and no default edge is known for this region", "set edge"
        )
    return NATURAL_EDGES[region]


def product_url(url: str, product: str) -> str:
    """Return the URL of another product beside the API's: `content` for templates. Hosts that are not Twilio's serve all of them."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if not host.endswith(f".{_DOMAIN}"):
        return url
    return parts._replace(netloc=f"{product}.{host.partition('.')[2]}").geturl()


def authorization(account_sid: str, auth_token: str | None, api_key: str | None, secret: str | None) -> str:
    """Return the value of the header: an API key where there is one, else the account's token.

    Raises:
        InvalidSetting: neither is whole, or one holds what no credential does.
    """
    if bool(api_key) != bool(secret):
        raise _setting_error("api_secret", "and api_key must be given together", "set both")
    name, secret_name, user, password = (
        ("api_key", "api_secret", api_key, secret)
        if api_key and secret
        else ("account_sid", "auth_token", account_sid, auth_token)
    )
    if not password:
        raise _setting_error("auth_token", "and api_key are both missing", "set one of them")
    if name == "api_key":
        require_sid(user or "", "SK", "api_key")
    if not (password.isascii() and password.isprintable()) or " " in password:
        raise _setting_error(secret_name, "must be one word of ASCII", "copy it from the console")
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


def require_sid(value: str, prefix: str, setting: str) -> str:
    """Return the SID: two letters and 32 hexadecimal digits.

    Raises:
        InvalidSetting: it is none of that kind.
    """
    if not is_sid(value, prefix):
        raise _setting_error(
            setting, f"must be a SID: {prefix} and 32 hexadecimal digits", "copy it from the console"
        )
    return value


def is_sid(value: str, prefix: str) -> bool:
    """Say whether it has the shape of a SID of that kind."""
    return re.fullmatch(prefix + "[0-9a-fA-F]{32}", value) is not None


def is_trusted_url(url: str) -> bool:
    """Whether it is fetched over TLS, or from this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host)))


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _setting_error(setting: str, problem: str, hint: str) -> InvalidSetting:
    return InvalidSetting(problem, setting=f"twilio.{setting}", source="the provider's arguments", hint=hint)
