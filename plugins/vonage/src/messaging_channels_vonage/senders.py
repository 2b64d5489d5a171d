"""Who a message comes from, as Vonage takes it: digits without a plus, a short code, a name, or an RCS agent.

Source: https://developer.vonage.com/en/messaging/sms/guides/custom-sender-id
"""

from __future__ import annotations

import re

from messaging_channels.errors import InvalidMessage, InvalidSetting
from messaging_channels.plugins import SenderFormat

SENDERS = SenderFormat(
    "vonage", "", re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9](?:[A-Za-z0-9 ._&+-]{0,9}[A-Za-z0-9.])?")
)


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


_AGENT = re.compile(r"[A-Za-z0-9_&-]{1,256}")
