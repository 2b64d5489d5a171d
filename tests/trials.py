"""How large the trials are: storms, kills and races run a tenth by default and in CI, and at full size with `poe trials`."""

from __future__ import annotations

import os

SHARE = float(os.environ.get("MESSAGING_CHANNELS_TRIALS_SHARE", "0.1"))
"""Of the full size: 1 is all of it."""


def scaled(full: int, least: int = 1) -> int:
    """What this run does of `full`, and never below `least`, from which on the trial can show anything."""
    return max(least, round(full * SHARE))
