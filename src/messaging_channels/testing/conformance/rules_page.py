"""The page docs/plugin-authors/rules.md, from the table of rules: `python -m messaging_channels.testing.conformance.rules_page`."""

from __future__ import annotations

from messaging_channels.testing.conformance import RULES

_GROUPS = {
    "MC1": "What it declares and asks for",
    "MC2": "What it makes of answers",
    "MC3": "What it makes of the vendor's calls",
    "MC4": "What it must not show",
    "MC5": "How it lives",
    "MC6": "Looking up, fetching reports, limits",
}
_HEAD = """# The rules of the conformance kit

What `messaging-channels plugin check NAME`, `check_provider` and `ProviderConformance` hold a provider to. Ids are stable, and none is used again for
something else. A rule that has nothing to look at in a provider is told as such, with
the reason. How to run them:
[Test a provider](conformance.md).

This page is made by `python -m messaging_channels.testing.conformance.rules_page`.
"""


def page() -> str:
    """Return the whole page."""
    parts = [_HEAD]
    for prefix, title in _GROUPS.items():
        parts.append(f"\n## {title}\n")
        parts += [
            f"\n### {rule.id} {rule.title}\n\n{rule.why} **Do:** {rule.fix}\n"
            for rule in RULES.values()
            if rule.id.startswith(prefix)
        ]
    return "".join(parts)


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201  a command line prints
