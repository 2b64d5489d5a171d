"""The conformance kit: rules that every provider keeps, as a plain call that explains what it finds.

    for finding in check_provider(spec, vectors):
        print(finding)

`spec` is what the plugin registers, `vectors` say how it is configured and what the vendor answers. It needs the extra `kit`
(`pip install 'messaging-channels[kit]'`), no test framework and no network; servers are on loopback.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from messaging_channels.plugins.channels import BUILT_IN, Channel
from messaging_channels.testing.conformance import (
    failures,
    lifecycle,
    optional_abilities,
    privacy,
    requests,
    responses,
    webhooks,
)
from messaging_channels.testing.conformance._table_rules import RULES
from messaging_channels.testing.conformance.context import Case
from messaging_channels.testing.conformance.rules import Finding, NotApplicable, Rule
from messaging_channels.testing.fixtures import ConformanceFixtures, Webhook

if TYPE_CHECKING:
    from messaging_channels.plugins.provider import ProviderSpec

__all__ = [
    "CHECKS",
    "RULES",
    "Case",
    "Checked",
    "ConformanceFixtures",
    "Finding",
    "Rule",
    "Webhook",
    "check_provider",
    "check_rule",
]

CHECKS: Mapping[str, Callable[[Case], Iterator[str]]] = {
    "MC101": requests.declarations,
    "MC102": requests.declared_fields,
    "MC103": requests.undeclared_fields,
    "MC104": requests.same_request,
    "MC105": requests.our_id,
    "MC106": requests.whole_batch,
    "MC107": requests.any_text,
    "MC108": requests.every_kind,
    "MC201": responses.accepted,
    "MC202": responses.id_kept,
    "MC203": responses.answer_kept,
    "MC204": responses.any_answer,
    "MC205": responses.well_formed,
    "MC206": responses.server_faults,
    "MC207": responses.unreadable,
    "MC208": responses.documented,
    "MC209": responses.throttled,
    "MC210": failures.asked_once,
    "MC211": failures.lost,
    "MC212": failures.unreachable,
    "MC213": failures.any_order,
    "MC214": failures.incomplete,
    "MC215": responses.unheard_of,
    "MC216": failures.whole_refusal,
    "MC217": responses.same_reading,
    "MC301": webhooks.read,
    "MC302": webhooks.other_key,
    "MC303": webhooks.tampered,
    "MC304": webhooks.unproved,
    "MC305": webhooks.repeated,
    "MC306": webhooks.reordered,
    "MC307": webhooks.any_call,
    "MC308": webhooks.unknown_kind,
    "MC309": webhooks.constant_time,
    "MC310": webhooks.huge,
    "MC311": webhooks.calls_for_tests,
    "MC401": privacy.secrets_in_reprs,
    "MC402": privacy.addresses_in_reprs,
    "MC403": privacy.urls,
    "MC404": privacy.echoes,
    "MC405": privacy.logs,
    "MC406": privacy.exceptions,
    "MC501": lifecycle.idle,
    "MC502": lifecycle.cancelled,
    "MC503": lifecycle.no_socket_left,
    "MC504": lifecycle.both_colours,
    "MC505": lifecycle.side_by_side,
    "MC506": lifecycle.ends,
    "MC601": optional_abilities.look_ups,
    "MC602": optional_abilities.reports,
    "MC603": optional_abilities.limits,
}
"""How each rule is checked."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of one rule."""

    rule: Rule
    findings: tuple[Finding, ...] = ()
    skipped: str = ""
    """Why the rule had nothing to look at, where it had not."""


def check_provider(
    provider: ProviderSpec,
    vectors: ConformanceFixtures,
    *,
    channels: Sequence[Channel] = BUILT_IN,
    examples: int = 100,
) -> list[Finding]:
    """Hold a provider to every rule that applies, and return what was found: nothing is what one wants.

    `channels` are those of its messages, `examples` how many a property is tried with. The provider is built several times.
    """
    case = Case(provider, vectors, channels, examples)
    return [finding for name in CHECKS for finding in check_rule(name, case).findings]


def check_rule(name: str, case: Case) -> Checked:
    """Hold a provider to one rule, by its id."""
    rule = RULES[name]
    try:
        return Checked(rule, tuple(Finding(rule, seen) for seen in CHECKS[name](case)))
    except NotApplicable as why:
        return Checked(rule, skipped=str(why))
    except Exception as fault:  # noqa: BLE001  a provider can be wrong in ways that no rule foresees
        return Checked(
            rule, (Finding(rule, f"it could not be checked: {type(fault).__name__} in {_place(fault)}"),)
        )


def _place(fault: Exception) -> str:
    """Name the function that raised."""
    trace = fault.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return trace.tb_frame.f_code.co_qualname if trace else "the check"
