"""Who wrote, where that is no address of a channel."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, repr=False)
class NonPhoneSender:
    """A sender without an E.164 number: a short code, a name, a chat id."""

    text: str

    @property
    def plain(self) -> str:
        """As it came."""
        return self.text

    @property
    def masked(self) -> str:
        """Its first character."""
        return f"{self.text[:1]}•••"

    def __str__(self) -> str:
        """Show the masked form."""
        return self.masked

    def __repr__(self) -> str:
        """Show the masked form."""
        return f"NonPhoneSender({self.masked})"
