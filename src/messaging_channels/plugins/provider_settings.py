"""Settings of a provider, and the one way from them to its constructor: each field is a keyword of the same name."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from pydantic import BaseModel, BeforeValidator, SecretStr

from messaging_channels.plugins.secret_values import split_secrets


def _split(value: object) -> object:
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    return split_secrets(text) if isinstance(text, str) else value


SecretList: TypeAlias = Annotated[tuple[SecretStr, ...], BeforeValidator(_split)]
"""A field that holds several secrets: a list, or one text with commas between them, as variables and DSNs give it. Give it the default `()`."""


def provider_arguments(settings: BaseModel) -> dict[str, Any]:
    """Return the fields of a provider's settings as keyword arguments of its constructor, secrets as plain text.

    With it a plugin needs no list of its fields: `Acme(**provider_arguments(settings))`.
    """
    return {name: _plain(getattr(settings, name)) for name in type(settings).model_fields}


def _plain(value: Any) -> Any:  # noqa: ANN401  whatever a field holds
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, tuple):
        return tuple(_plain(one) for one in value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return value
