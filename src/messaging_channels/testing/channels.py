"""The channels that tests know without being told: those of the built-in and of all installed plugins."""

from __future__ import annotations

from functools import cache

from messaging_channels._config import plugin_manager as plugins
from messaging_channels.plugins.channel_spec import ChannelSpec


@cache
def installed_channels() -> tuple[ChannelSpec, ...]:
    """Return them. The plugins are loaded once in a process."""
    return tuple(plugins.load_plugins().channels)
