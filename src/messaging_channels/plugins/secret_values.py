"""Several secrets in one setting: one rule for all providers, without pydantic, so that constructors can use it too."""

from __future__ import annotations

from collections.abc import Iterable


def split_secrets(value: str | Iterable[str]) -> tuple[str, ...]:
    """Return the secrets of a setting: those of a text, which commas separate, or those of a list, as they are.

    Blanks around a secret are no part of it, and a text of blanks and commas holds none. A secret that holds a comma itself has to be given in a list.
    """
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return tuple(value)
