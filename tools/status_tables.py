"""The table of docs/reference/statuses.md: every status, with the channel that has it."""

from __future__ import annotations

from collections.abc import Iterable

from markdown import table

from messaging_channels.plugins import ChannelSpec
from messaging_channels.plugins.channel_spec import status_table


def statuses(channels: Iterable[ChannelSpec]) -> str:
    """Return the whole table, with what the channels of plugins bring."""
    rows = [
        (str(one.group_id), str(one.id), f"`{one.name}`", channel, one.description)
        for channel, one in status_table(channels)
    ]
    return table(("group", "id", "name", "channels", "meaning"), rows)
