"""The calls that a vendor makes to us, built and signed as the vendor does, to be posted at one's own application.

infobip = VendorWebhooks("infobip", secret="the one that the application is configured with")
call = infobip.delivered(message_id="01a0…")
client.post("/hooks/infobip", content=call.body, headers=call.headers)
"""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import entry_points
from typing import Any

from messaging_channels.plugins.webhooks import WebhookRequest
from messaging_channels.testing.canaries import SECRET
from messaging_channels.testing.clock import START
from messaging_channels.testing.fixtures import ConformanceFixtures

GROUP = "messaging_channels.vectors"
"""The entry points by which plugins name their vectors, under their providers' names."""


class VendorWebhooks:
    """What one vendor tells us, in its own words."""

    def __init__(self, provider: str | ConformanceFixtures, *, secret: str = SECRET) -> None:
        """Take the vectors of an installed plugin by its provider's name, and what the vendor proves its calls with.

        Raises:
            LookupError: no plugin names vectors for that provider.
        """
        found = vectors_of(provider) if isinstance(provider, str) else provider
        if found is None:
            message = (
                f"no installed plugin names vectors for {provider!r}: see the entry points of group {GROUP}"
            )
            raise LookupError(message)
        self._vectors = found
        self._secret = secret

    def delivered(
        self, message_id: str, *, provider_id: str | None = None, at: float = START
    ) -> WebhookRequest:
        """Return the call that reports a message as delivered, by our id and the vendor's; `at` is when it comes.

        Raises:
            LookupError: the vectors do not say how such a call looks.
        """
        return self._signed("delivered_body", at, message_id, provider_id or message_id)

    def received(self, text: str, *, sender: str, to: str, at: float = START) -> WebhookRequest:
        """Return the call that brings what a person wrote. Addresses in plain form: digits without a plus, or a mail address.

        Raises:
            LookupError: the vectors do not say how such a call looks.
        """
        return self._signed("inbound_body", at, sender, to, text)

    def _signed(self, name: str, at: float, *words: str) -> WebhookRequest:
        body: Any = getattr(self._vectors, name)
        if body is None or self._vectors.sign_webhook is None:
            message = f"the vectors give no `{name}`: the plugin has to say how such a call looks"
            raise LookupError(message)
        return replace(self._vectors.sign_webhook(body(*words), self._secret), received_at=at)


def vectors_of(name: str) -> ConformanceFixtures | None:
    """Return the vectors that an installed plugin names for its provider; None if there are none."""
    known = [entry for entry in entry_points(group=GROUP) if entry.name == name]
    return known[0].load() if known else None
