"""What the emulated account has for mail beside its messages: domains, addresses of servers and their pools, templates, suppressed addresses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]
SuppressionKey: TypeAlias = "tuple[str, str, str]"
"""Domain that sends, address, and type."""


@dataclass(slots=True)
class MailAccount:
    """One account's set-up for mail. It has the domain example.com, verified, and two addresses of servers from the start."""

    domains: dict[str, Json] = field(default_factory=dict[str, Json])
    ips: dict[str, Json] = field(
        default_factory=lambda: {
            f"ip-{number}": {"id": f"ip-{number}", "ip": ip, "ipAddresses": [ip]}
            for number, ip in enumerate(("192.0.2.10", "192.0.2.11"), 1)
        }
    )
    pools: dict[str, Json] = field(default_factory=dict[str, Json])
    pool_ips: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """By the id of the pool."""
    domain_pools: dict[int, dict[str, int]] = field(default_factory=dict[int, dict[str, int]])
    """Pools by the id of the domain, each with its priority."""
    templates: dict[int, Json] = field(default_factory=dict[int, Json])
    suppressions: dict[SuppressionKey, Json] = field(default_factory=dict[SuppressionKey, Json])
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def next_number(self) -> int:
        """Return a number that nothing has yet."""
        return next(self._numbers)

    def is_suppressed(self, sender: str, address: str) -> bool:
        """Whether mail from this sender's domain to that address is held back."""
        domain = sender.rpartition("@")[2].rstrip("> ").lower()
        return any(key[:2] == (domain, address.lower()) for key in self.suppressions)
