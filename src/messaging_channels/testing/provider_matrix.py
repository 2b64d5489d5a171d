"""The page docs/reference/providers-matrix.md, from what the installed providers declare: `python -m messaging_channels.testing.provider_matrix`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import MISSING, fields
from typing import Any, cast, get_type_hints

from messaging_channels._config import plugin_manager as plugins
from messaging_channels.messages import Message
from messaging_channels.plugins.channels import Channel
from messaging_channels.plugins.provider import (
    OUR_FIELDS,
    ProviderSpec,
    SupportsLookup,
    SupportsRateLimits,
    SupportsReportPolling,
    SupportsWebhooks,
)
from messaging_channels.plugins.report_pages import SupportsReportCursor

_HEAD = """# Provider matrix

Generated from what the providers declare, by `python -m messaging_channels.testing.provider_matrix`. The [conformance kit](../plugin-authors/rules.md)
checks the declarations. The dispatcher refuses what a provider doesn't declare, before any request is made.

"""
ABILITIES: dict[str, Any] = {
    "Webhooks": SupportsWebhooks,
    "Polling of reports": (SupportsReportPolling, SupportsReportCursor),
    "Look-up of unknown messages": SupportsLookup,
    "Rate limits": SupportsRateLimits,
}
"""What a provider may support beside sending, by its name in tables."""


def page(specs: Iterable[ProviderSpec], channels: Sequence[Channel]) -> str:
    """Return the whole page."""
    kinds = {spec.name: provider_class(spec) for spec in sorted(specs, key=lambda spec: spec.name)}
    lines = [
        *_table(
            ("Provider", "Batch size", "Idempotent by message id", *ABILITIES),
            (_abilities_row(*item) for item in kinds.items()),
        )
    ]
    for channel in channels:
        carried = [kind for kind in channel.message_types if _is_carried(kind, kinds.values())]
        rows = (
            (f"`{kind.__name__}`", *(supported_fields(one, kind) for one in kinds.values()))
            for kind in carried
        )
        lines += ["", f"## {channel.name}", "", *_table(("Message type", *kinds), rows)] if carried else []
    return _HEAD + "\n".join(lines) + "\n\n" + _FOOT


def _is_carried(kind: type[Message], providers: Iterable[Any]) -> bool:
    return any(_supports(one, kind) for one in providers)


def provider_class(spec: ProviderSpec) -> Any:  # noqa: ANN401  a class that keeps the contract
    """Return the class of a provider, without building one.

    Raises:
        TypeError: its build function names no class as what it returns.
    """
    kind = spec.build if isinstance(spec.build, type) else get_type_hints(spec.build).get("return")
    if not hasattr(kind, "capabilities"):
        message = f"the build function of {spec.name} must have a provider class as its return type"
        raise TypeError(message)
    return kind


def _abilities_row(name: str, kind: Any) -> tuple[str, ...]:  # noqa: ANN401  a class that keeps the contract
    declared = kind.capabilities
    abilities = (_yes_or_blank(issubclass(kind, ability)) for ability in ABILITIES.values())
    return (f"`{name}`", str(declared.max_batch_size), _yes_or_blank(declared.deduplicates), *abilities)


def _yes_or_blank(able: bool) -> str:
    return "yes" if able else ""


def _supports(kind: Any, message: type[Message]) -> bool:  # noqa: ANN401  a class that keeps the contract
    return message in kind.capabilities.message_types


def supported_fields(kind: Any, message: type[Message]) -> str:  # noqa: ANN401  a class that keeps the contract
    """Return the optional fields that a provider supports: names, `all`, `none`, or nothing if the message type is not supported."""
    if not _supports(kind, message):
        return ""
    optional = {
        one.name
        for one in fields(cast("Any", message))
        if one.name not in OUR_FIELDS and not (one.default is MISSING and one.default_factory is MISSING)
    }
    supported = optional & kind.capabilities.message_types[message]
    return "all" if supported == optional else ", ".join(sorted(supported)) or "none"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{' --- |' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


_FOOT = """A cell lists the optional fields that the provider supports. An empty cell: the provider doesn't support the message type.
"""


def main() -> None:
    """Print the page for the installed plugins."""
    loaded = plugins.load_plugins()
    print(page(loaded.providers.values(), loaded.channels), end="")  # noqa: T201  a command line prints


if __name__ == "__main__":
    main()
