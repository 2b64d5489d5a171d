"""Contact cards on WhatsApp: people and businesses with everything an address book holds of them."""

from __future__ import annotations

from dataclasses import dataclass, field

from messaging_channels.messages._base import Message, ProviderOptions, require, require_count

_MAX_CARDS = 257


@dataclass(frozen=True, slots=True)
class ContactPhone:
    """A number in an address book."""

    phone: str = field(repr=False)
    kind: str = ""
    """Such as `CELL`, `MAIN`, `IPHONE`, `HOME`, `WORK`."""
    whatsapp_id: str | None = field(default=None, repr=False)
    """The digits under which WhatsApp knows the person. Without it the card invites the person instead of opening a chat."""

    def __post_init__(self) -> None:
        """Check that there is a number."""
        require(self.phone, "ContactPhone.phone")


@dataclass(frozen=True, slots=True)
class ContactEmail:
    """A mail address in an address book."""

    email: str = field(repr=False)
    kind: str = ""
    """Such as `HOME` or `WORK`."""

    def __post_init__(self) -> None:
        """Check that there is an address."""
        require(self.email, "ContactEmail.email")


@dataclass(frozen=True, slots=True)
class ContactUrl:
    """A page in an address book."""

    url: str = field(repr=False)
    kind: str = ""
    """Such as `HOME` or `WORK`."""

    def __post_init__(self) -> None:
        """Check that there is a page."""
        require(self.url, "ContactUrl.url")


@dataclass(frozen=True, slots=True, kw_only=True)
class PostalAddress:
    """Where a person lives or works."""

    street: str = field(default="", repr=False)
    city: str = field(default="", repr=False)
    state: str = field(default="", repr=False)
    zip: str = field(default="", repr=False)
    country: str = field(default="", repr=False)
    country_code: str = ""
    """Two letters (ISO 3166)."""
    kind: str = ""
    """Such as `HOME` or `WORK`."""

    def __post_init__(self) -> None:
        """Check that it says where."""
        parts = (self.street, self.city, self.state, self.zip, self.country, self.country_code)
        require(next((part for part in parts if part), ""), "PostalAddress")


@dataclass(frozen=True, slots=True)
class ContactCard:
    """A person or business in an address book. Numbers, mail addresses and pages may be given as plain text."""

    first_name: str = field(repr=False)
    last_name: str | None = field(default=None, repr=False)
    phones: tuple[str | ContactPhone, ...] = field(default=(), repr=False)
    emails: tuple[str | ContactEmail, ...] = field(default=(), repr=False)
    urls: tuple[str | ContactUrl, ...] = field(default=(), repr=False)
    company: str | None = field(default=None, repr=False)
    title: str | None = field(default=None, repr=False)
    birthday: str | None = field(default=None, repr=False)
    """As YYYY-MM-DD."""
    addresses: tuple[PostalAddress, ...] = field(default=(), repr=False)
    department: str | None = field(default=None, repr=False)
    middle_name: str | None = field(default=None, repr=False)
    prefix: str | None = field(default=None, repr=False)
    """Before the name, such as `Dr`."""
    suffix: str | None = field(default=None, repr=False)
    """Behind the name, such as `Jr`."""
    full_name: str | None = field(default=None, repr=False)
    """The whole name as it is shown. None for its parts in a row."""

    def __post_init__(self) -> None:
        """Check that it has a name."""
        require(self.formatted_name, "ContactCard.first_name")

    @property
    def formatted_name(self) -> str:
        """The name as it is shown."""
        parts = (self.prefix, self.first_name, self.middle_name, self.last_name, self.suffix)
        return self.full_name or " ".join(part for part in parts if part)

    @property
    def all_phones(self) -> tuple[ContactPhone, ...]:
        """The numbers, each with its kind."""
        return tuple(ContactPhone(one) if isinstance(one, str) else one for one in self.phones)

    @property
    def all_emails(self) -> tuple[ContactEmail, ...]:
        """The mail addresses, each with its kind."""
        return tuple(ContactEmail(one) if isinstance(one, str) else one for one in self.emails)

    @property
    def all_urls(self) -> tuple[ContactUrl, ...]:
        """The pages, each with its kind."""
        return tuple(ContactUrl(one) if isinstance(one, str) else one for one in self.urls)


@dataclass(frozen=True, slots=True)
class WhatsAppContacts(Message):
    """Contact cards, at least one."""

    contacts: tuple[ContactCard, ...]
    sender: str | None = None
    reply_to: str | None = None
    provider_options: tuple[ProviderOptions, ...] = ()
    category: str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        """Check that there is one."""
        require_count(len(self.contacts), "WhatsAppContacts.contacts", at_least=1, at_most=_MAX_CARDS)
