"""Addresses by the name of their channel, whether the channel is known here or not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from messaging_channels._model.addresses import Address
from messaging_channels._model.consent import channel_family
from messaging_channels._model.errors import InvalidAddress
from messaging_channels.plugins.channels import BUILT_IN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from messaging_channels.plugins.channels import ChannelSpec


@dataclass(frozen=True, slots=True)
class OpaqueAddress:
    """An address of a channel that is not known here, as it was written. Its repr shows none of it."""

    plain: str

    @property
    def masked(self) -> str:
        """Nothing of it."""
        return "•••"

    def __repr__(self) -> str:
        """Show nothing of it."""
        return "OpaqueAddress(•••)"


def address_on(
    channel: str, address: str | Address, channels: Mapping[str, ChannelSpec] | None = None
) -> Address:
    """Return an address of a channel by any of its spellings; as it is where the channel is none of `channels`, and none of the built-in ones.

    Raises:
        InvalidAddress: it is no address of that channel.
    """
    if not isinstance(address, str):
        if isinstance(cast("object", address), Address):  # a list, perhaps, in spite of the types
            return address
        raise InvalidAddress(
            f"a {type(address).__name__}", kind="address", hint="give one address, or its text"
        )
    known = {one.name: one for one in BUILT_IN} | dict(channels or {})
    named = known.get(channel.lower()) or known.get(
        _SAME_ADDRESSES.get(channel.lower()) or channel_family(channel)
    )
    return OpaqueAddress(address) if named is None else named.parse(address)


_SAME_ADDRESSES = {"voice": "sms"}
"""Channels that are none of ours, and whose addresses are."""
