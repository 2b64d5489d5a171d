"""Whether the providers of a route can send anything on its channel."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from messaging_channels._model.errors import InvalidSetting

if TYPE_CHECKING:
    from messaging_channels.plugins.channel_spec import ChannelSpec
    from messaging_channels.plugins.provider import Provider
    from messaging_channels.policies.routing import Route


def require_carried_channels(
    routes: Mapping[str, Route], providers: Iterable[Provider], channels: Iterable[ChannelSpec]
) -> None:
    """Refuse a route with a provider that carries no message type of the channel: every message would be refused there.

    Raises:
        InvalidSetting: there is such a route.
    """
    built, known = {one.name: one for one in providers}, {one.name: one for one in channels}
    for name, route in routes.items():
        for provider in [built[one] for one in route.providers if one in built]:
            if name in known and not _carries(provider, known[name]):
                raise _carries_nothing(provider, name, known.values())


def _carries_nothing(provider: Provider, channel: str, known: Iterable[ChannelSpec]) -> InvalidSetting:
    carried = ", ".join(one.name for one in known if _carries(provider, one))
    return InvalidSetting(
        f"names {provider.name}, which sends nothing on {channel}",
        setting=f"routes.{channel}",
        source="configuration",
        hint=f"name a provider of {channel}; {provider.name} sends {carried or 'on no channel that is installed'}",
    )


def _carries(provider: Provider, channel: ChannelSpec) -> bool:
    types = provider.capabilities.message_types
    return not channel.message_types or any(one in types for one in channel.message_types)
