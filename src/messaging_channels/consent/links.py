"""Links by which a person leaves a list of mails without logging in: made and checked by us, so that nobody can make one for somebody else.

A link names the recipient by the ledger's digest, and what it is about; it holds no address, and does not expire: mails are read for years.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from messaging_channels._model.consent import channel_family, normal_category
from messaging_channels._model.errors import ConfigurationError
from messaging_channels._model.values import as_texts
from messaging_channels.messages import ListUnsubscribe
from messaging_channels.plugins.channel_addresses import address_on

if TYPE_CHECKING:
    from messaging_channels._model.addresses import Address


@dataclass(frozen=True, slots=True)
class UnsubscribeTarget:
    """The recipient and category of a link."""

    recipient: str = field(repr=False)
    """The digest of the recipient."""
    channel: str
    category: str
    """Empty for every message of the channel."""


class UnsubscribeLinks:
    """Makes and reads the links. Many threads may use an object at once.

    links = UnsubscribeLinks("https://example.com/unsubscribe", "a long secret", dispatcher.consent.recipient_key)
    Email(..., list_unsubscribe=links.header("zoe@example.com", category="newsletter"))
    """

    def __init__(
        self,
        base_url: str,
        secrets: str | Iterable[str],
        recipient_key: Callable[[Address], str],
        *,
        mailto: str | None = None,
    ) -> None:
        """Say where the application is mounted, and what links are signed with.

        Args:
            base_url: with https, without a query; a link is this, a slash and the token.
            secrets: at least 16 characters each. The first one signs, all of them are accepted, so that they can be changed.
            recipient_key: how the ledger names people: `dispatcher.consent.recipient_key`.
            mailto: an address of yours that takes the same wish by mail; the token goes into the subject.

        Raises:
            ConfigurationError: the URL is not https, or a secret is missing or short.
        """
        self._secrets = as_texts(secrets)
        if not base_url.startswith("https://") or "?" in base_url or "#" in base_url:
            problem = "base_url is no plain https URL; give the one at which the application is mounted"
            raise ConfigurationError(problem)
        if not self._secrets or any(len(one) < _MIN_SECRET for one in self._secrets):
            problem = f"the secret of UnsubscribeLinks must have at least {_MIN_SECRET} characters"
            raise ConfigurationError(problem)
        self._base_url = base_url.rstrip("/")
        self._recipient_key = recipient_key
        self._mailto = mailto

    def token(self, address: str | Address, *, category: str = "marketing", channel: str = "email") -> str:
        """Return the signed token of a recipient and a category; an empty category is about every message.

        Raises:
            InvalidAddress: it is no address of that channel.
        """
        told = {
            "r": self._recipient_key(address_on(channel, address)),
            "c": normal_category(category) or "",
            "h": channel_family(channel),
        }
        payload = _encode(json.dumps(told, separators=(",", ":")).encode())
        return f"{_VERSION}.{payload}.{_encode(_sign(self._secrets[0], payload))}"

    def url(self, address: str | Address, *, category: str = "marketing", channel: str = "email") -> str:
        """Return the link, for the text of a message too."""
        return f"{self._base_url}/{self.token(address, category=category, channel=channel)}"

    def header(self, address: str | Address, *, category: str = "marketing") -> ListUnsubscribe:
        """Return what `Email.list_unsubscribe` takes: the link for one click (RFC 8058), and the mail address, if there is one."""
        token = self.token(address, category=category)
        return ListUnsubscribe(f"{self._base_url}/{token}", self._mailto)

    def read(self, token: str) -> UnsubscribeTarget | None:
        """Return what a token is about; None if we did not make it."""
        version, _, rest = token.partition(".")
        payload, _, signature = rest.partition(".")
        given = _decode(signature)
        if version != _VERSION or given is None or len(token) > _MAX_TOKEN:
            return None
        if not any(hmac.compare_digest(_sign(secret, payload), given) for secret in self._secrets):
            return None
        told = json.loads(_decode(payload) or b"{}")
        return UnsubscribeTarget(told["r"], told["h"], told["c"])


def _sign(secret: str, payload: str) -> bytes:
    told = f"messaging-channels unsubscribe {_VERSION}.{payload}"
    return hmac.new(secret.encode(), told.encode(), hashlib.sha256).digest()[:16]


def _encode(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _decode(text: str) -> bytes | None:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None


_VERSION = "v1"
_MIN_SECRET = 16
_MAX_TOKEN = 1000
