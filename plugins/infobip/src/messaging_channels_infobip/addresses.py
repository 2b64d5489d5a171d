"""Addresses in reports: numbers and mail addresses, and whatever else a person or a business may be called there."""

from __future__ import annotations

from dataclasses import dataclass

from messaging_channels.errors import InvalidAddress
from messaging_channels.plugins import Address, EmailAddress, PhoneNumber, WhatsAppUserId


@dataclass(frozen=True, slots=True, repr=False)
class NamedParty:
    """A sender that is neither a number nor a mail address: such as a short code or a word."""

    name: str

    @property
    def plain(self) -> str:
        """The name in full."""
        return self.name

    @property
    def masked(self) -> str:
        """Its first character."""
        return f"{self.name[:1]}•••"

    def __str__(self) -> str:
        """Show the masked form."""
        return self.masked

    def __repr__(self) -> str:
        """Show the masked form."""
        return f"NamedParty({self.masked})"


def parse_address(value: object) -> Address | None:
    """Read whoever a report names; None for nobody. Never raises."""
    text = str(value).strip() if isinstance(value, (str, int)) else ""
    if not text:
        return None
    try:
        if "@" in text:
            return EmailAddress.parse(text)
        return WhatsAppUserId.parse(text) if "." in text else PhoneNumber.parse(text)
    except InvalidAddress:
        return NamedParty(text)
