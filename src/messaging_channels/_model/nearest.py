"""The known name that a misspelt one most likely stands for."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(name: str, known: Iterable[str], *, least: float = 0.66) -> str | None:
    """Return the known name that is most like `name`; None where none is like it, by a ratio of at least `least` (0 to 1).

    Case, hyphens and underscores do not matter.
    """
    from difflib import SequenceMatcher  # noqa: PLC0415  needed only where something is wrong

    asked = _plain(name)
    best, found = 0.0, None
    for one in sorted(set(known)):
        plain = _plain(one)
        likeness = SequenceMatcher(None, asked, plain).ratio()
        if min(len(asked), len(plain)) >= _SHORTEST_PART and (asked in plain or plain in asked):
            likeness = max(likeness, _PART)
        if likeness > best:
            best, found = likeness, one
    return found if best >= least else None


def did_you_mean(name: str, known: Iterable[str], form: str = "{}") -> str:
    """Return what to do about an unknown name: the nearest known one, or all of them."""
    names = sorted(set(known))
    near = nearest(name, names)
    if near is not None:
        return f"did you mean {form.format(near)}?"
    shown = ", ".join(names[:_MOST_SHOWN]) + (", ..." if len(names) > _MOST_SHOWN else "")
    return f"known here: {shown}" if names else "leave it out"


def _plain(name: str) -> str:
    return name.lower().replace("-", "_")


_PART = 0.66
"""How like a name is taken to be to one that holds it."""
_SHORTEST_PART = 4
_MOST_SHOWN = 15
