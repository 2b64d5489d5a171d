"""What a plugin keeps of a person in a place of its own: told and forgotten with what the ledger keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from messaging_channels._model.addresses import Address
    from messaging_channels.plugins.exchange import Flow


@runtime_checkable
class SupportsErasure(Protocol):
    """An optional ability of providers and pre-send checks that keep something of a person in a file or database of their own.

    `Dispatcher.queue.export_recipient` and `erase_recipient` call it, after the ledger's own part.
    """

    def export_recipient(self, to: Address) -> Flow[Sequence[Mapping[str, Any]]]:
        """Return all that is kept of a person, as JSON can hold it. See `spellings` for the other forms of the address."""
        ...

    def erase_recipient(self, to: Address) -> Flow[int]:
        """Forget the person, and return how many things that were. Called again, it finds nothing."""
        ...


class PersonalDataStore(Protocol):
    """What a program beside the dispatcher keeps of people, such as the gateway, for `messaging-channels ledger export` and `erase`.

    A distribution names a function in the entry-point group `messaging_channels.personal_data`. It takes a `Configuration`, and returns one of these, or
    None where nothing is kept. It must create nothing.
    """

    def export(self, addresses: Sequence[str], message_ids: Sequence[str]) -> Mapping[str, Any]:
        """Return all that is kept of the person with one of these addresses, and of these messages, as JSON can hold it."""
        ...

    def erase(self, addresses: Sequence[str], message_ids: Sequence[str]) -> Mapping[str, int]:
        """Forget it, and return how many things of each kind that were."""
        ...

    def close(self) -> None:
        """Close what was opened."""
        ...
