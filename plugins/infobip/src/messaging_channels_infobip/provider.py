"""The provider: one request for a batch of text messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from typing import Any, ClassVar
from urllib.parse import urlsplit

from messaging_channels.errors import InvalidMessage, InvalidSetting
from messaging_channels.exchange import Exchange, Executors, Flow, HttpRequest, ask
from messaging_channels.messages import Sms
from messaging_channels.outcomes import Outcome
from messaging_channels.provider import Capabilities, Envelope, sender_of
from messaging_channels_infobip.answers import outcomes

_LONGEST_VALIDITY = 48 * 3600


class Infobip:
    """Infobip's HTTP API. One object serves many threads and tasks.

    Source: https://www.infobip.com/docs/api
    """

    name: ClassVar[str] = "infobip"
    capabilities: ClassVar[Capabilities] = Capabilities(
        {Sms: frozenset({"sender", "validity_period", "flash"})}, batch=500
    )
    executors: ClassVar[Mapping[type[Exchange[Any]], Executors]] = {}

    def __init__(self, *, base_url: str, api_key: str, sender: str | None = None) -> None:
        """Take the account's host or URL, its API key, and the sender of messages that name none.

        Raises:
            InvalidSetting: the URL is not https, or the key is empty or no single line of ASCII.
        """
        self._sms_url = f"{_normal_url(base_url)}/sms/3/messages"
        self._headers = {
            "authorization": f"App {_normal_key(api_key)}",
            "content-type": "application/json",
            "accept": "application/json",
        }
        self._sender = sender

    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[Outcome]]:
        """See Provider."""
        request = HttpRequest.post_json(
            self._sms_url, {"messages": [self._sms(one) for one in batch]}, headers=self._headers
        )
        response = yield from ask(request)
        return outcomes(response, batch)

    def _sms(self, envelope: Envelope) -> dict[str, Any]:
        message = envelope.message
        assert isinstance(message, Sms)  # noqa: S101  for the type checkers: the capabilities name nothing else
        described: dict[str, Any] = {
            "sender": sender_of(message, self._sender, provider=self.name),
            "destinations": [{"to": envelope.to.plain, "messageId": envelope.id}],
            "content": {"text": message.text},
        }
        if options := _options(message):
            described["options"] = options
        return described


def _options(message: Sms) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if message.flash:
        options["flash"] = True
    if message.validity_period is not None:
        seconds = int(message.validity_period.total_seconds())
        if not 1 <= seconds <= _LONGEST_VALIDITY:
            raise InvalidMessage(
                "Infobip takes 1 second to 48 hours", field="Sms.validity_period", remedy="choose one within"
            )
        options["validityPeriod"] = {"amount": seconds, "timeUnit": "SECONDS"}
    return options


def _normal_url(base_url: str) -> str:
    url = base_url.strip().rstrip("/")
    parts = urlsplit(url if "://" in url else f"https://{url}")
    secure = parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname or ""))
    if not secure or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise InvalidSetting(
            "it is no https URL of a host",
            setting="infobip.base_url",
            source="the provider's arguments",
            remedy="copy it from the portal: xyz.api.infobip.com",
        )
    return parts.geturl()


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _normal_key(api_key: str) -> str:
    key = api_key.strip().removeprefix("App ").strip()
    if not key or not key.isascii() or not key.isprintable():
        raise InvalidSetting(
            "it is empty, or no single line of ASCII",
            setting="infobip.api_key",
            source="the provider's arguments",
            remedy="copy it from the portal",
        )
    return key
