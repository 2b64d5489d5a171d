"""What the suites of the ledger share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from messaging_channels.plugins.ledger import Operation

Do: TypeAlias = Callable[[Operation[Any]], Any]
"""Does one operation and returns its reply."""
