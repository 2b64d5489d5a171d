"""What the kit found, as Markdown to be pasted into a pull request."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib.metadata import version

from messaging_channels.plugins.provider import PROVIDER_API_VERSION
from messaging_channels.testing.conformance import RuleResult


def markdown(name: str, checked: Sequence[RuleResult]) -> str:
    """Return the report on one provider."""
    broken = [one for one in checked if one.findings]
    left_out = [one for one in checked if one.skipped]
    kept = len(checked) - len(broken) - len(left_out)
    lines = [
        f"## Conformance of `{name}`: {'not yet' if broken else 'passed'}",
        "",
        f"{kept} rules kept, {len(broken)} broken, {len(left_out)} without anything to look at; {_versions()}.",
    ]
    for one in broken:
        lines += ["", f"### {one.rule.id} {one.rule.title}", ""]
        lines += [f"- {finding.evidence}" for finding in one.findings]
        lines += ["", f"Why: {one.rule.why}", "", f"What to do: {one.rule.fix}"]
    if left_out:
        lines += ["", "<details><summary>Left out</summary>", ""]
        lines += [f"- {one.rule.id} {one.rule.title}: {one.skipped}" for one in left_out]
        lines += ["", "</details>"]
    return "\n".join(lines) + "\n"


def _versions() -> str:
    return f"messaging-channels {version('messaging-channels')}, contract {PROVIDER_API_VERSION}, Python {platform.python_version()}"
