"""Who a message comes from, as Telnyx takes it: a number in E.164 form, a short code, or a name.

Sources: https://developers.telnyx.com/api-reference/messages/send-a-message and
https://support.telnyx.com/en/articles/4371498-sending-alphanumeric-sms-sender-id
"""

from __future__ import annotations

import re

from messaging_channels.errors import InvalidAddress, InvalidMessage, InvalidSetting
from messaging_channels.plugins import Address, NonPhoneSender, PhoneNumber, WhatsAppUserId


def format_sender(sender: str, field: str, *, numbers_only: bool = False) -> str:
    """Return a sender as Telnyx writes it; `numbers_only` for WhatsApp.

    Raises:
        InvalidMessage: it is none.
    """
    bare = sender.strip()
    if number := _NUMBER.fullmatch(_SEPARATORS.sub("", bare)):
        return f"+{number[1]}"
    if numbers_only:
        raise InvalidMessage("must be a number", field=field, hint="write it like +447700900000")
    if _SHORT_CODE.fullmatch(bare) or _NAME.fullmatch(bare):
        return bare
    raise InvalidMessage(
        "must be a number of 7 to 15 digits, a short code, or a name of at most 11 letters and digits",
        field=field,
        hint="write it like +447700900000, or use a shorter name",
    )


def require_sender_setting(sender: str | None, setting: str, *, numbers_only: bool = False) -> str | None:
    """Return the sender of the configuration in Telnyx's form.

    Raises:
        InvalidSetting: it is none.
    """
    if sender is None:
        return None
    try:
        return format_sender(sender, setting, numbers_only=numbers_only)
    except InvalidMessage as error:
        raise InvalidSetting(
            error.problem, setting=f"telnyx.{setting}", source="the provider's arguments", hint=error.hint
        ) from None


def is_name(sender: str) -> bool:
    """Whether a formatted sender is a name, which needs a messaging profile."""
    return not sender.removeprefix("+").isdigit()


def parse_address(*told: object) -> Address | None:
    """Return whom the first of these names that is an address: a number, the id of a WhatsApp user, a short code or a name."""
    texts = [one.strip() for one in told if isinstance(one, str) and one.strip()]
    for text in texts:
        for parse in (PhoneNumber.parse, WhatsAppUserId.parse):
            try:
                return parse(text)
            except InvalidAddress:
                continue
    return NonPhoneSender(texts[0]) if texts else None


_SEPARATORS = re.compile(r"(?<=[0-9)])[ .()-]+(?=[0-9(])|(?<=\+[0-9])\(")
_NUMBER = re.compile(r"(?:\+|00)?([1-9][0-9]{6,14})", re.ASCII)
_SHORT_CODE = re.compile(r"[0-9]{3,6}", re.ASCII)
_NAME = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9](?:[A-Za-z0-9 ]{0,9}[A-Za-z0-9])?", re.ASCII)
