"""What the kit found, as Markdown to be pasted into a pull request, and as JSON."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from importlib.metadata import version

from messaging_channels.plugins.provider import PROVIDER_API_VERSION
from messaging_channels.testing.conformance import RuleResult

_ENOUGH = 2 / 3
"""Which share of the rules that could apply has to have been looked at before a check says `passed`."""
_TOO_LITTLE = (
    "",
    "Less than two thirds of the rules that apply had something to look at: give more in the fixtures.",
)
_ABSENT = (
    "it has no `",
    "it does not deduplicate",
    "it takes one message at a time",
    "it sends no HTTP requests",
    "it exchanges nothing with a vendor",
)
"""How a rule begins that cannot apply, because the provider does not claim the ability."""


def verdict(checked: Sequence[RuleResult]) -> str:
    """Return `not yet`, `incomplete` or `passed`."""
    if any(one.findings for one in checked):
        return "not yet"
    applicable = [one for one in checked if not one.skipped.startswith(_ABSENT)]
    looked_at = [one for one in applicable if not one.skipped]
    return "passed" if len(looked_at) >= _ENOUGH * len(applicable) else "incomplete"


def markdown(name: str, checked: Sequence[RuleResult]) -> str:
    """Return the report on one provider."""
    broken = [one for one in checked if one.findings]
    left_out = [one for one in checked if one.skipped]
    excused = [one for one in checked if one.excused]
    kept = len(checked) - len(broken) - len(left_out) - len(excused)
    told = verdict(checked)
    lines = [
        f"## Conformance of `{name}`: {told}",
        "",
        f"{kept} rules kept, {len(broken)} broken, {len(left_out)} without anything to look at{_and_excused(excused)}; {_versions()}.",
        *(_TOO_LITTLE if told == "incomplete" else ()),
    ]
    for one in broken:
        lines += _finding_lines(one)
    lines += _listed("", "Impossible with this vendor:", [(one, one.excused) for one in excused])
    lines += _listed(
        "</details>", "<details><summary>Not looked at</summary>", [(one, one.skipped) for one in left_out]
    )
    return "\n".join(lines) + "\n"


def _listed(end: str, head: str, rules: Sequence[tuple[RuleResult, str]]) -> list[str]:
    """Return rules with a reason each, below a line and above another; nothing without any."""
    told = [f"- {one.rule.id} {one.rule.title}: {reason}" for one, reason in rules]
    return ["", head, "", *told, *(["", end] if end else [])] if told else []


def as_json(name: str, checked: Sequence[RuleResult]) -> str:
    """Return the report as JSON: the verdict, and of every rule its result, findings and reason."""
    rules = [
        {
            "id": one.rule.id,
            "title": one.rule.title,
            "result": _result(one),
            "reason": one.skipped or one.excused,
            "findings": [
                {"evidence": finding.evidence, "details": finding.details} for finding in one.findings
            ],
        }
        for one in checked
    ]
    return json.dumps({"provider": name, "verdict": verdict(checked), "rules": rules}, indent=2) + "\n"


def _result(one: RuleResult) -> str:
    return (
        "broken" if one.findings else "not looked at" if one.skipped else "excused" if one.excused else "kept"
    )


def _finding_lines(one: RuleResult) -> list[str]:
    lines = ["", f"### {one.rule.id} {one.rule.title}", ""]
    lines += [f"- {finding.evidence}" for finding in one.findings]
    lines += ["", f"Why: {one.rule.why}", "", f"What to do: {one.rule.fix}"]
    if details := one.findings[0].details:
        lines += [
            "",
            "<details><summary>The difference, and what was sent last</summary>"
            if details.startswith("---")
            else "<details><summary>What was sent last</summary>",
            "",
            "```text",
            details,
            "```",
            "",
            "</details>",
        ]
    return lines


def _and_excused(excused: Sequence[RuleResult]) -> str:
    return f", {len(excused)} impossible with this vendor" if excused else ""


def _versions() -> str:
    return f"messaging-channels {version('messaging-channels')}, contract {PROVIDER_API_VERSION}, Python {platform.python_version()}"
