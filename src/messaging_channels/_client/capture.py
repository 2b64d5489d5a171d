"""Where a test's outbox takes the place of `from_config`: an application that makes its own dispatcher needs no injection to be tested."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from messaging_channels._config.settings import Configuration

hook: Callable[[Configuration, list[Any], list[Any]], dict[str, Any]] | None = None
"""Given the configuration, the resolvers and the checks, returns the arguments of the dispatcher. None outside of tests."""
