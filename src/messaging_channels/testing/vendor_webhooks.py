"""The calls that a vendor makes to us, built and signed as the vendor does, to be posted at one's own application.

infobip = VendorWebhooks("infobip", secret="the one that the application is configured with")
call = infobip.delivered(message_id="01a0…")
client.post("/hooks/infobip", content=call.body, headers=call.headers)
"""

from __future__ import annotations

from typing import Any

from messaging_channels._config.installed import installed
from messaging_channels.plugins.webhooks import WebhookRequest
from messaging_channels.testing.canaries import SECRET
from messaging_channels.testing.clock import START
from messaging_channels.testing.fixtures import ConformanceFixtures, InboundText, sign_at

ENTRY_POINT_GROUP = "messaging_channels.fixtures"
"""The entry points by which plugins name their fixtures, under their providers' names."""


class VendorWebhooks:
    """Creates webhook requests of one vendor, signed as the vendor signs them."""

    def __init__(self, provider: str | ConformanceFixtures, *, secret: str = SECRET) -> None:
        """Take the fixtures of an installed plugin by its provider's name, and what the vendor proves its calls with.

        Raises:
            LookupError: no plugin names fixtures for that provider.
        """
        found = fixtures_of(provider) if isinstance(provider, str) else provider
        if found is None:
            message = f"no installed plugin has fixtures for {provider!r}: see the entry points of group {ENTRY_POINT_GROUP}"
            raise LookupError(message)
        self._fixtures = found
        self._secret = secret

    def delivery_report(
        self, message_id: str, *, provider_id: str | None = None, received_at: float = START
    ) -> WebhookRequest:
        """Return the call that reports a message as delivered, by our id and the vendor's; `at` is when it comes.

        Raises:
            LookupError: the fixtures do not say how such a call looks.
        """
        return self._signed_request("delivered_body", received_at, message_id, provider_id or message_id)

    def inbound_message(
        self,
        text: str,
        *,
        sender: str,
        to: str,
        received_at: float = START,
        number: int = 1,
        channel: str = "",
    ) -> WebhookRequest:
        """Return the call that brings what a person wrote. Addresses in plain form: digits without a plus, or a mail address.

        Messages of one test have different `number`s, and so different ids.

        Raises:
            LookupError: the fixtures do not say how such a call looks.
        """
        made = self._fixtures.inbound_message
        if made is None or self._fixtures.inbound_body is None:
            return self._signed_request("inbound_body", received_at, sender, to, text)
        return self._signed(made(InboundText(sender, to, text, number, received_at, channel)), received_at)

    def _signed_request(self, name: str, received_at: float, *arguments: str) -> WebhookRequest:
        body: Any = getattr(self._fixtures, name)
        if body is None or self._fixtures.sign_webhook is None:
            raise _lacking(name)
        return self._signed(body(*arguments), received_at)

    def _signed(self, body: bytes, received_at: float) -> WebhookRequest:
        if self._fixtures.sign_webhook is None:
            raise _lacking("sign_webhook")
        return sign_at(self._fixtures, body, self._secret, received_at)


def _lacking(name: str) -> LookupError:
    return LookupError(f"the fixtures have no `{name}`: the plugin must say what such a request looks like")


def fixtures_of(name: str) -> ConformanceFixtures | None:
    """Return the fixtures that an installed plugin names for its provider; None if there are none."""
    known = [entry for entry in installed(ENTRY_POINT_GROUP) if entry.name == name]
    return known[0].load() if known else None
