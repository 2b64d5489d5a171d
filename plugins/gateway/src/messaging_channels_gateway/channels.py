"""The channels that the gateway serves: the built-in ones and those of installed plugins. Everything about channels in the gateway follows from this."""

from __future__ import annotations

from collections.abc import Mapping

from messaging_channels import Configuration
from messaging_channels.plugins import ChannelSpec

CHANNELS: Mapping[str, ChannelSpec] = {one.name: one for one in Configuration.installed_channels()}
"""By name."""


def title_of(spec: ChannelSpec) -> str:
    """Return a message of a channel in words."""
    return spec.title or f"a message by {spec.name}"
