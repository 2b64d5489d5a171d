"""Senders of SMS as vendors write them: numbers with or without a plus, short codes, names; and who wrote, as vendors tell it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from messaging_channels._model.addresses import Address, PhoneNumber, WhatsAppUserId
from messaging_channels._model.senders import NonPhoneSender
from messaging_channels.errors import InvalidAddress, InvalidMessage, InvalidSetting


@dataclass(frozen=True, slots=True)
class SenderFormat:
    """How one provider writes the senders of its messages."""

    provider: str
    """Name of the provider, which stands before the name of a setting in errors."""
    prefix: str = "+"
    """Text before the digits of a number: a plus, or nothing."""
    name_pattern: re.Pattern[str] = field(
        default=re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9](?:[A-Za-z0-9 ]{0,9}[A-Za-z0-9])?")
    )
    """Pattern of names: at most 11 letters, digits and spaces, with at least one letter."""

    def format(self, sender: str, name: str, *, numbers_only: bool = False) -> str:
        """Return a sender as the provider writes it: a number in any usual spelling, a short code of 3 to 6 digits, or a name.

        Args:
            sender: The sender as the application gave it.
            name: Field or setting that holds it, for the error.
            numbers_only: Whether short codes and names are refused, as for WhatsApp.

        Raises:
            InvalidMessage: it is none.
        """
        bare = sender.strip()
        if digits := _digits(bare):
            return self.prefix + digits
        example = f"write it like {self.prefix}447700900000"
        if numbers_only:
            raise InvalidMessage("must be a number", field=name, hint=example)
        if _SHORT_CODE.fullmatch(bare) or self.name_pattern.fullmatch(bare):
            return bare
        raise InvalidMessage(
            "must be a number of 7 to 15 digits, a short code, or a name of at most 11 letters and digits",
            field=name,
            hint=f"{example}, or use a shorter name",
        )

    def require_setting(self, sender: str | None, setting: str, *, numbers_only: bool = False) -> str | None:
        """Return a sender of the configuration as the provider writes it; None if there is none.

        Raises:
            InvalidSetting: it is none.
        """
        if sender is None:
            return None
        try:
            return self.format(sender, setting, numbers_only=numbers_only)
        except InvalidMessage as error:
            raise InvalidSetting(
                error.problem,
                setting=f"{self.provider}.{setting}",
                source="the provider's arguments",
                hint=error.hint,
            ) from None


def parse_sender(*values: object) -> Address | None:
    """Return who wrote: the first of a vendor's values that is a number or the id of a WhatsApp user, else the first that is a text as a `NonPhoneSender`.

    None if no value is a text or an integer.
    """
    texts = [str(one).strip() for one in values if isinstance(one, (str, int)) and not isinstance(one, bool)]
    for text in texts:
        for parse in (PhoneNumber.parse, WhatsAppUserId.parse):
            try:
                return parse(text)
            except InvalidAddress:
                continue
    return next((NonPhoneSender(one) for one in texts if one), None)


def _digits(text: str) -> str | None:
    """Return the digits of a number, of one without an assigned country code too: senders need not be numbers that can be called."""
    try:
        return PhoneNumber.parse(re.sub(r"^00(?=[1-9])", "+", text)).plain
    except InvalidAddress:
        return text if _DIGITS.fullmatch(text) else None


_DIGITS = re.compile(r"[1-9][0-9]{6,14}", re.ASCII)
_SHORT_CODE = re.compile(r"[0-9]{3,6}", re.ASCII)
