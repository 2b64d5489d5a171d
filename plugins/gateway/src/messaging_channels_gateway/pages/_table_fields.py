"""The fields of a User and of an Identity with its Person, as the pages show them: those of the system before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from messaging_channels.plugins import ChannelSpec
from messaging_channels_gateway.channels import CHANNELS


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a form."""

    name: str
    """The path, with dots."""
    label: str
    note: str = ""
    kind: Literal["text", "json", "switch", "time"] = "text"
    is_ours: bool = False
    """The directory itself says so: it cannot be written."""
    is_listed: bool = False

    @property
    def steps(self) -> tuple[str | int, ...]:
        """The path in the document."""
        return tuple(int(step) if step.isdecimal() else step for step in self.name.split("."))


_OURS = (
    Field("created_at", "Created at", kind="time", is_ours=True),
    Field("owner", "Owner", "the key, or `proxy`, that wrote it last", is_ours=True),
    Field("deleted", "Deleted", kind="switch", is_ours=True),
    Field("deleted_at", "Deleted at", kind="time", is_ours=True),
    Field("error", "Error", is_ours=True),
)


def _addresses() -> Iterator[Field]:
    """Return a field for the address on each channel, those of plugins included; channels with the same address share one."""
    by_path: dict[str, list[ChannelSpec]] = {}
    for channel in CHANNELS.values():
        if path := channel.path("user"):
            steps = path.replace("[", ".").replace("]", "")
            by_path.setdefault(steps, []).append(channel)
    for path, channels in by_path.items():
        example = next((one.example for one in channels if one.example), "")
        label = f"Address ({', '.join(one.name for one in channels)})"
        yield Field(path, label, f"such as {example}" if example else "", is_listed=True)


FIELDS: Mapping[str, Sequence[Field]] = {
    "user": (
        Field("username", "User name", is_listed=True),
        Field("identity", "Identity", "id of the User's Identity", is_listed=True),
        Field("scopes", "Scopes", "commas between: own, realm"),
        Field("roles", "Roles", "commas between: user, manage, admin"),
        *_addresses(),
        Field("active", "Active", "a User who is not is not written to", "switch", is_listed=True),
        Field("data", "Data", "an object of JSON", "json"),
        *_OURS,
    ),
    "identity": (
        Field("type", "Type", "neutral, person or company", is_listed=True),
        Field("country", "Country", "two letters of ISO 3166, such as HR"),
        Field("currency", "Currency", "three letters of ISO 4217, such as EUR"),
        Field("alias", "Alias", "such as a phone number"),
        Field("company", "Company", "id at Infobip People"),
        Field("person.firstName", "First name", is_listed=True),
        Field("person.lastName", "Last name", is_listed=True),
        Field("person.address", "Address"),
        Field("person.city", "City"),
        Field("person.country", "Country of the Person"),
        Field("person.birthDate", "Birth date", "such as 1990-05-01"),
        Field("person.contactInformation.phone.0.number", "Phone number", "for SMS and WhatsApp", is_listed=True),
        Field("person.contactInformation.email.0.address", "Mail address", is_listed=True),
        Field("person.customAttributes", "Custom attributes", "an object of JSON", "json"),
        Field("data", "Data", "an object of JSON", "json"),
        *_OURS,
    ),
}  # fmt: skip
