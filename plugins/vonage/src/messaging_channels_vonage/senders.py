"""Who a message comes from, as Vonage takes it: digits without a plus, a short code, or a name.

Source: https://developer.vonage.com/en/messaging/sms/guides/custom-sender-id
"""

from __future__ import annotations

import re

from messaging_channels.errors import InvalidAddress, InvalidMessage, InvalidSetting
from messaging_channels.plugins import Address, NonPhoneSender, PhoneNumber, WhatsAppUserId


def format_sender(sender: str, field: str, *, numbers_only: bool = False) -> str:
    """Return a sender as Vonage writes it; `numbers_only` for WhatsApp and MMS.

    Raises:
        InvalidMessage: it is none.
    """
    bare = sender.strip()
    number = _NUMBER.fullmatch(_SEPARATORS.sub("", bare))
    if number and not bare.isalpha():
        return number[1]
    if numbers_only:
        raise InvalidMessage("must be a number", field=field, hint="write it like 447700900000")
    if _SHORT_CODE.fullmatch(bare) or _NAME.fullmatch(bare):
        return bare
    raise InvalidMessage(
        "must be a number of 7 to 15 digits, a short code, or a name of at most 11 letters and digits",
        field=field,
        hint="write it like 447700900000, or use a shorter name",
    )


def require_sender_setting(sender: str | None, setting: str, *, numbers_only: bool = False) -> str | None:
    """Return the sender of the configuration in Vonage's form.

    Raises:
        InvalidSetting: it is none.
    """
    if sender is None:
        return None
    try:
        return format_sender(sender, setting, numbers_only=numbers_only)
    except InvalidMessage as error:
        raise InvalidSetting(
            error.problem, setting=f"vonage.{setting}", source="the provider's arguments", hint=error.hint
        ) from None


def format_agent(agent: str, field: str) -> str:
    """Return an RCS agent id as Vonage takes it.

    Raises:
        InvalidMessage: it is none.
    """
    bare = agent.strip()
    if not _AGENT.fullmatch(bare):
        raise InvalidMessage(
            "must be an agent id of letters, digits, hyphens, underscores and ampersands",
            field=field,
            hint="copy it from the dashboard",
        )
    return bare


def require_agent_setting(agent: str | None, setting: str) -> str | None:
    """Return the agent of the configuration.

    Raises:
        InvalidSetting: it is none.
    """
    try:
        return None if agent is None else format_agent(agent, setting)
    except InvalidMessage as error:
        raise InvalidSetting(
            error.problem, setting=f"vonage.{setting}", source="the provider's arguments", hint=error.hint
        ) from None


def parse_address(*told: object) -> Address | None:
    """Return whom the first of these names that is an address: a number, the id of a WhatsApp user, a short code or a name."""
    texts = [str(one) for one in told if isinstance(one, (str, int)) and str(one).strip()]
    for text in texts:
        for parse in (PhoneNumber.parse, WhatsAppUserId.parse):
            try:
                return parse(text)
            except InvalidAddress:
                continue
    return NonPhoneSender(texts[0]) if texts else None


_SEPARATORS = re.compile(r"(?<=[0-9)])[ .()-]+(?=[0-9(])|(?<=\+[0-9])\(")
_NUMBER = re.compile(r"(?:\+|00)?([1-9][0-9]{6,14})")
_AGENT = re.compile(r"[A-Za-z0-9_&-]{1,256}")
_SHORT_CODE = re.compile(r"[0-9]{3,6}")
_NAME = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9](?:[A-Za-z0-9 ._&+-]{0,9}[A-Za-z0-9.])?")
