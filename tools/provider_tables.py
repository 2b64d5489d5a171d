"""The generated tables of the provider pages: features, settings, options, error codes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from functools import lru_cache
from typing import Any

from markdown import field_texts, table, type_name
from pydantic import SecretStr
from pydantic_core import PydanticUndefined
from vendor_codes import CODES

from messaging_channels.plugins import Channel, ProviderSpec
from messaging_channels.testing import load_plugins, provider_matrix

PROVIDERS = ("infobip", "postmark", "sandbox", "smtp", "telnyx", "twilio", "vonage", "whatsapp-cloud")
_CHANNELS = ("rcs",)
"""Plugins that bring a channel and no provider."""


@lru_cache
def _plugins() -> Any:  # noqa: ANN401  the manager's type is private
    return load_plugins(only=(*PROVIDERS, *_CHANNELS), extra=[])


def specs() -> Mapping[str, ProviderSpec]:
    """Return the specs of the providers in this repository, by name."""
    return {name: _plugins().providers[name] for name in PROVIDERS}


def channels() -> Sequence[Channel]:
    """Return all channels."""
    return _plugins().channels


def parts() -> dict[str, dict[str, Callable[[], str]]]:
    """Return the generated parts of each page."""
    return {name: _parts_of(spec) for name, spec in specs().items()}


def _parts_of(spec: ProviderSpec) -> dict[str, Callable[[], str]]:
    found: dict[str, Callable[[], str]] = {
        "features": lambda: features(spec),
        "settings": lambda: settings(spec),
    }
    if options_of(spec):
        found["options"] = lambda: options(spec)
    if spec.name in CODES:
        found["errors"] = CODES[spec.name]
    return found


def features(spec: ProviderSpec) -> str:
    """Return what a provider declares."""
    kind = provider_matrix.provider_class(spec)
    declared = kind.capabilities
    abilities = {
        "Messages in one request": str(declared.max_batch_size),
        "Idempotent by message id": _yes(declared.deduplicates),
        "Uploads files": _yes(declared.uploads_media),
        **{words: _yes(issubclass(kind, ability)) for words, ability in provider_matrix.ABILITIES.items()},
    }
    rows = [
        (channel.name, f"`{message.__name__}`", provider_matrix.supported_fields(kind, message))
        for channel in channels()
        for message in channel.message_types
        if message in declared.message_types
    ]
    return f"{table(('Feature', ''), abilities.items())}\n{table(('Channel', 'Message type', 'Optional fields'), rows)}"


def _yes(able: bool) -> str:
    return "yes" if able else "no"


def settings(spec: ProviderSpec) -> str:
    """Return the settings with variables, types, defaults and places."""
    prefix = f"MESSAGING_CHANNELS_{spec.name.upper().replace('-', '_')}_"
    head = f"Variables begin with `{prefix}`; `{prefix}DSN` holds several settings in one URL.\n"
    return f"{head}\n{table(_SETTINGS_HEAD, setting_rows(spec.settings, ''))}"


_SETTINGS_HEAD = ("Setting", "Variable", "Type", "Default", "Secret", "Meaning", "Where to find it")


def setting_rows(model: type[Any], prefix: str) -> Iterator[Sequence[str]]:
    """Return a row for each field of a settings model."""
    texts = field_texts(model)
    for name, field in model.model_fields.items():
        meaning, _, where = texts.get(name, "").partition(" Where: ")
        secret = "SecretStr" in str(field.annotation) or "SecretStr" in str(field.metadata)
        where = where[:1].upper() + where[1:]
        kind = "text" if secret else type_name(field.annotation)
        if "tuple[" in str(field.annotation) and secret:
            kind = "texts, separated by commas"
        yield (
            f"`{name}`",
            f"`{prefix}{name.upper()}`",
            kind,
            _default(field),
            "yes" if secret else "",
            meaning,
            where,
        )


def _default(field: Any) -> str:  # noqa: ANN401  pydantic's FieldInfo
    if field.is_required():
        return "required"
    value = field.default_factory() if field.default_factory else field.default
    if value is None or value in ((), [], {}) or value is PydanticUndefined:
        return "none"
    if isinstance(value, SecretStr):
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def options_of(spec: ProviderSpec) -> Sequence[type[Any]]:
    """Return the options classes that a provider declares, the shared ones first."""
    declared = provider_matrix.provider_class(spec).capabilities.provider_options
    return sorted(declared, key=lambda kind: kind.__name__)


def options(spec: ProviderSpec) -> str:
    """Return a table for each options class."""
    return "\n".join(_options_table(kind) for kind in options_of(spec))


def _options_table(kind: type[Any]) -> str:
    texts = field_texts(kind)
    doc = " ".join((kind.__doc__ or "").split())
    rows = [
        (
            f"`{field.name}`",
            type_name(_annotation(kind, field.name, field.type)),
            texts.get(field.name, _words(field.name)),
        )
        for field in fields(kind)
    ]
    return f"### {kind.__name__}\n\n{doc}\n\n{table(('Field', 'Type', 'Meaning'), rows)}"


def _annotation(kind: type[Any], name: str, written: Any) -> Any:  # noqa: ANN401  whatever annotates a field
    return written if isinstance(written, str) else getattr(kind, "__annotations__", {}).get(name, written)


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize() + "."


def documented_fields(page: str) -> Iterable[str]:
    """Return the settings that a page names in its generated table."""
    part = re.search(r"<!-- generated: settings -->(.*?)<!-- end -->", page, re.DOTALL)
    return re.findall(r"^\| `(\w+)` \| `[A-Z_]+` \|", part[1], re.MULTILINE) if part else ()
