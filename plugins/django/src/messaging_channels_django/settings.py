"""The setting `MESSAGING_CHANNELS` of a Django project: a dictionary. What is not in it comes from the environment and the TOML file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

SETTING = "MESSAGING_CHANNELS"
MODES = ("send", "enqueue")


@dataclass(frozen=True, slots=True)
class MailSettings:
    """How the mail backend hands mails over, unless its own options say otherwise: `MESSAGING_CHANNELS["MAIL"]`."""

    mode: str = "send"
    """`send` within the call, or `enqueue` for the worker."""
    category: str | None = None
    """What mails are for, such as `transactional`; see `Message.category`."""
    priority: str = "normal"
    """Of mails that are enqueued: `high`, `normal` or `low`."""


@dataclass(frozen=True, slots=True)
class DjangoSettings:
    """The values of `MESSAGING_CHANNELS`, by the names of the keys in small letters."""

    config: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)
    """The configuration in the shape of `messaging-channels.toml`; goes before the environment and the file."""
    sandbox: bool = False
    """Whether the sandbox sends where no provider is configured, for development; the ledger is then a file in `MESSAGING_CHANNELS_HOME`."""
    ledger_database: str | None = None
    """The alias in `DATABASES` of the database that holds the ledger: SQLite, or PostgreSQL by psycopg 3."""
    public_url: str = ""
    """What the webhook addresses begin with, as providers call them: `https://shop.example.com`. Empty for what Django makes of the request."""
    resolvers: tuple[str, ...] = ()
    """Dotted paths of recipient resolvers, or of functions that make them; asked before those of plugins."""
    checks: tuple[str, ...] = ()
    """Dotted paths of pre-send checks, likewise."""
    notifiers: tuple[str, ...] = ()
    """Dotted paths of notifiers, likewise: they have workers on other machines look at once."""
    mail: MailSettings = field(default_factory=MailSettings)


def read_settings() -> DjangoSettings:
    """Return the values of the project's settings.

    Raises:
        ImproperlyConfigured: a key is unknown, or its value is of another type.
    """
    given = dict(getattr(django_settings, SETTING, {}))
    known = {name.upper(): name for name in DjangoSettings.__dataclass_fields__}
    if unknown := set(given) - set(known):
        raise ImproperlyConfigured(
            f"{SETTING} has no key {min(unknown)!r}; its keys are {', '.join(sorted(known))}"
        )
    values = {known[key]: value for key, value in given.items()}
    for name in ("resolvers", "checks", "notifiers"):
        values[name] = _require_paths(name, values.get(name, ()))
    values["mail"] = _read_mail(values.get("mail", {}))
    return DjangoSettings(**values)


def import_parts(paths: tuple[str, ...]) -> list[Any]:
    """Return the objects that dotted paths name; of classes and functions, what they make.

    Raises:
        ImproperlyConfigured: there is no such object.
    """
    return [_import_part(path) for path in paths]


def _import_part(path: str) -> Any:  # noqa: ANN401  whatever the project made
    try:
        found: object = import_string(path)
    except ImportError as error:
        raise ImproperlyConfigured(f"{SETTING} names {path!r}, which cannot be imported: {error}") from error
    is_factory = isinstance(found, type) or type(found).__name__ == "function"
    return cast("Callable[[], object]", found)() if is_factory else found


def _require_paths(name: str, given: object) -> tuple[str, ...]:
    paths: tuple[object, ...] = tuple(cast("list[object]", given)) if isinstance(given, (list, tuple)) else ()
    if isinstance(given, str) or not all(isinstance(path, str) for path in paths):
        raise ImproperlyConfigured(f"{SETTING}[{name.upper()!r}] must be a list of dotted paths")
    return cast("tuple[str, ...]", paths)


def _read_mail(given: Mapping[str, Any]) -> MailSettings:
    try:
        mail = MailSettings(**given)
    except TypeError as error:
        known = ", ".join(sorted(MailSettings.__dataclass_fields__))
        raise ImproperlyConfigured(f"{SETTING}['MAIL'] has keys other than {known}") from error
    if mail.mode not in MODES:
        raise ImproperlyConfigured(
            f"{SETTING}['MAIL']['mode'] is {mail.mode!r}, not one of {', '.join(MODES)}"
        )
    return mail
