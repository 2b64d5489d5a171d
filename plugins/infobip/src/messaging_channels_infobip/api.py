"""Where an account's API is, and the key to it.

Source: https://www.infobip.com/docs/essentials/api-essentials/api-authentication
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import urlencode, urlsplit

from messaging_channels.errors import InvalidSetting
from messaging_channels.plugins import HttpRequest


@dataclass(frozen=True, slots=True)
class InfobipApi:
    """Makes requests to one account. Its repr shows neither host nor key."""

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)

    @classmethod
    def from_credentials(cls, base_url: str, api_key: str) -> InfobipApi:
        """Take the account's host or URL, and its API key in any form the portal shows.

        Raises:
            InvalidSetting: the URL is not https, or the key is empty or no single line of ASCII.
        """
        headers = {
            "authorization": _authorization(api_key),
            "content-type": "application/json",
            "accept": "application/json",
        }
        return cls(_normalize_url(base_url), headers)

    def post(self, path: str, payload: object, *, may_send: bool = True) -> HttpRequest:
        """Describe a POST of JSON. Say `may_send=False` for what can send nothing."""
        request = HttpRequest.post_json(self.url + path, payload, headers=self.headers)
        return (
            request
            if may_send
            else HttpRequest("POST", request.url, request.headers, request.body, may_send=False)
        )

    def get(self, path: str, query: Mapping[str, str | int | None]) -> HttpRequest:
        """Describe a GET. What is None is left out; addresses do not belong into a query."""
        return HttpRequest("GET", self._url(path, query), self.headers, may_send=False)

    def put(self, path: str, query: Mapping[str, str | int | None], payload: object) -> HttpRequest:
        """Describe a PUT of JSON that can send nothing."""
        body = HttpRequest.post_json(self.url, payload, headers=self.headers).body
        return HttpRequest("PUT", self._url(path, query), self.headers, body, may_send=False)

    def _url(self, path: str, query: Mapping[str, str | int | None]) -> str:
        given = urlencode({name: value for name, value in query.items() if value is not None})
        return f"{self.url}{path}?{given}" if given else self.url + path


def _normalize_url(base_url: str) -> str:
    try:
        parts = urlsplit(_pasted_url(base_url))
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        host, parts = "", urlsplit("")
    host = host if _HOST.fullmatch(host) or ":" in host else ""
    secure = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
    if not secure or not host or parts.username or parts.query or parts.fragment:
        raise InvalidSetting(
            "must be an https URL, or the name, of a host",
            setting="infobip.base_url",
            source="the provider's arguments",
            hint="copy it from the portal, such as xyz.api.infobip.com",
        )
    return f"{parts.scheme}://{parts.netloc.lower().rstrip(':')}{_API_PATH.sub('', parts.path).rstrip('/')}"


def _pasted_url(text: str) -> str:
    """Return what was pasted as a URL: without quotes and brackets around it, and with a scheme."""
    bare = text.strip().strip("\"'`<>").strip()
    scheme = _SCHEME.match(bare)
    if scheme is None and _OTHER_SCHEME.match(bare):
        return bare
    if scheme is None:
        return f"https://{bare.removeprefix('//')}"
    return f"{scheme[1].lower()}://{bare[scheme.end() :]}"


def is_loopback(host: str) -> bool:
    """Say whether a host is this machine itself."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _authorization(api_key: str) -> str:
    key = api_key.strip()
    scheme, _, rest = key.partition(" ")
    if scheme not in _SCHEMES:
        scheme, rest = "App", key
    if not rest.strip() or not key.isascii() or not key.isprintable():
        raise InvalidSetting(
            "must be one line of ASCII, and not empty",
            setting="infobip.api_key",
            source="the provider's arguments",
            hint="copy it from the portal",
        )
    return f"{scheme} {rest.strip()}"


_SCHEME = re.compile(r"(https?):/{0,2}(?![\d/]*$)(?!/)", re.IGNORECASE)
_OTHER_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:/", re.IGNORECASE)
_HOST = re.compile(
    r"(?!https?$)(?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?\.)*[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.?", re.IGNORECASE
)
_API_PATH = re.compile(r"/+(?:sms|email|whatsapp|messages-api|people|platform|omni)/\d+(?:/.*)?$")
"""What belongs to a call, and not to the account's address."""
_SCHEMES = frozenset({"App", "Basic", "IBSSO", "Bearer"})
