"""What to do about a section, a key or a variable that is not known: where it belongs, or which one is meant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from messaging_channels._config.known_settings import variable_for
from messaging_channels._config.other_words import (
    command_meant_by,
    hint_of_key,
    key_meant_by,
    section_meant_by,
    variable_meant_by,
)
from messaging_channels._model.errors import PUBLISHED
from messaging_channels._model.nearest import did_you_mean, nearest

if TYPE_CHECKING:
    from messaging_channels._config.known_settings import KnownSettings


def hint_for_key(known: KnownSettings, path: tuple[str, ...], siblings: Sequence[str]) -> str:
    """Return what to do about a key: the nearest one; where a level is missing, with that level."""
    owner = next(
        (one for one in known.plugins.providers.values() if path[-1] in one.settings.model_fields), None
    )
    if path[0] == "providers" and len(path) == _SECTION_AND_PROVIDER:
        return f"write it in the table of its provider, such as [providers.{owner.name if owner else 'NAME'}]"
    if path[0] == "accounts" and len(path) == _ACCOUNT_AND_PROVIDER and owner is not None:
        if path[1] in siblings:
            return f"write [accounts.ACCOUNT.{path[1]}], or [providers.{path[1]}] for your own account"
        return f"write it in the table of a provider, such as [accounts.{path[1]}.{owner.name}]"
    if path[0] == "recipients" and len(path) == _SECTION_AND_PROVIDER and path[1] in known.channels:
        return "write it in [recipients.user] or [recipients.person]"
    return hint_of_key(path[-1], siblings)


def hint_for_variable(known: KnownSettings, rest: str) -> str:
    if (section := _section_without_variables(known, rest)) is not None:
        return f"write it in [{section}] of messaging-channels.toml: no variable stands for it"
    if rest in ("ROUTE", "ROUTES"):
        return f"did you mean {known.prefix}ROUTE_<CHANNEL>, such as {known.prefix}ROUTE_SMS?"
    if (command := command_meant_by(rest.partition("_")[0])) is not None:
        return f"see the options of messaging-channels {command}: no variable stands for it"
    near = _variable_meant_by(known, rest)
    return (
        f"did you mean {known.prefix}{near}?"
        if near
        else "messaging-channels config --variables lists all names"
    )


def _variable_meant_by(known: KnownSettings, rest: str) -> str | None:
    """Return the variable, without the prefix, that is most likely meant: of the section that it names, by another word, or the nearest."""
    channel = rest.removesuffix("_ROUTE")
    if channel.lower() in known.channels:
        return variable_for("route", channel)
    if (meant := variable_meant_by(rest)) is not None:
        return meant
    if (named := _section_named_by(known, rest)) is not None:
        section, key = named
        keys = known.keys_by_section[section]
        found = key_meant_by(key, keys) or nearest(key, keys)
        return None if found is None else variable_for(section, found)
    near = nearest(rest, known.variables)
    return near if near is not None and _is_of_section(rest, near) else None


def _section_named_by(known: KnownSettings, rest: str) -> tuple[str, str] | None:
    """Return the section with whose name, or the first word of it, a variable begins, and what follows in lower case."""
    for section in known.keys_by_section:
        begin = variable_for(section, "")
        for one in (begin, f"{begin.partition('_')[0]}_"):
            if rest.startswith(one):
                return section, rest.removeprefix(one).lower()
    return None


def _section_without_variables(known: KnownSettings, rest: str) -> str | None:
    """Return the section of the file that a variable is meant for, where no variable stands for what is in it; None for another one."""
    first = rest.partition("_")[0].lower()
    named = next((one for one in _FILE_ONLY if _is_nearly(rest.lower(), one)), None)
    if named is not None or first in known.sections or first in known.keys_by_section:
        return named
    checks = known.schema["properties"]["checks"]["properties"]
    key = rest.lower()
    return "checks" if key in checks or key_meant_by(key, checks) or nearest(key, checks) else None


def _is_nearly(rest: str, section: str) -> bool:
    """Whether a variable begins with the name of a section, in the singular or the plural."""
    return any(rest == one or rest.startswith(f"{one}_") for one in (section, section.removesuffix("s")))


def _is_of_section(rest: str, near: str) -> bool:
    """Whether a name is likely meant for the section of another one: `MAILGUN_API_KEY` is not `TELNYX_API_KEY`."""
    parts = rest.partition("_")[0], near.partition("_")[0]
    return near.endswith(rest) or rest.endswith(near) or nearest(parts[0], [parts[1]]) is not None


def hint_for_section(known: KnownSettings, name: str, siblings: Sequence[str]) -> str:
    """Return what to do about a section or a key at the top: where it belongs, or the nearest one."""
    for place in (_place_of_name(known, name), _section_near(name, siblings), _place_of_key(known, name)):
        if place is not None:
            return place
    return did_you_mean(name, siblings, "[{}]")


def _place_of_name(known: KnownSettings, name: str) -> str | None:
    if name in PUBLISHED or name in known.providers:
        return f"did you mean [providers.{name}]?"
    if name in known.channels:
        return f"write {name} = ... in [routes], or [routes.{name}]"
    if name == "tool" or name.replace("_", "-") == "messaging-channels":
        return "in this file a section has no tool in its name, such as [routes]"
    if name == "gateway":
        return "run pip install messaging-channels-gateway"
    command = command_meant_by(name)
    return command and f"see the options of messaging-channels {command}: no section stands for it"


def _section_near(name: str, siblings: Sequence[str]) -> str | None:
    meant = section_meant_by(name)
    if nearest(name, siblings) is None and meant in siblings:
        return f"did you mean [{meant}]?"
    return None if nearest(name, siblings) is None else did_you_mean(name, siblings, "[{}]")


def _place_of_key(known: KnownSettings, name: str) -> str | None:
    """Return in which section a key belongs that stands at the top."""
    tables = {one: inner.get("properties", {}) for one, inner in known.schema["properties"].items()}
    section = next((one for one, keys in tables.items() if name in keys), None)
    if section is not None:
        return f"write it in [{section}]"
    owner = next((one for one in known.plugins.providers.values() if name in one.settings.model_fields), None)
    return (
        None if owner is None else f"write it in the table of its provider, such as [providers.{owner.name}]"
    )


_SECTION_AND_PROVIDER = 2
_ACCOUNT_AND_PROVIDER = 3
_FILE_ONLY = ("checks", "rate_limits", "accounts", "recipients")
"""Sections whose settings have no variables."""
