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
    abilities,
    asking,
    describing,
    discretion,
    living,
    proving,
    reading,
)
from messaging_channels.testing.conformance._table_rules import RULES
from messaging_channels.testing.conformance.case import Case
from messaging_channels.testing.conformance.findings import Finding, NotApplicable, Rule
from messaging_channels.testing.vectors import Vectors, Webhook

if TYPE_CHECKING:
    from messaging_channels.plugins.provider import ProviderSpec

__all__ = [
    "CHECKS",
    "RULES",
    "Case",
    "Checked",
    "Finding",
    "Rule",
    "Vectors",
    "Webhook",
    "check_provider",
    "check_rule",
]

CHECKS: Mapping[str, Callable[[Case], Iterator[str]]] = {
    "MC101": describing.declarations,
    "MC102": describing.declared_fields,
    "MC103": describing.undeclared_fields,
    "MC104": describing.same_request,
    "MC105": describing.our_id,
    "MC106": describing.whole_batch,
    "MC107": describing.any_text,
    "MC108": describing.every_kind,
    "MC201": reading.accepted,
    "MC202": reading.id_kept,
    "MC203": reading.answer_kept,
    "MC204": reading.any_answer,
    "MC205": reading.well_formed,
    "MC206": reading.server_faults,
    "MC207": reading.unreadable,
    "MC208": reading.documented,
    "MC209": reading.throttled,
    "MC210": asking.asked_once,
    "MC211": asking.lost,
    "MC212": asking.unreachable,
    "MC213": asking.any_order,
    "MC214": asking.incomplete,
    "MC215": reading.unheard_of,
    "MC216": asking.whole_refusal,
    "MC217": reading.same_reading,
    "MC301": proving.read,
    "MC302": proving.other_key,
    "MC303": proving.tampered,
    "MC304": proving.unproved,
    "MC305": proving.repeated,
    "MC306": proving.reordered,
    "MC307": proving.any_call,
    "MC308": proving.unknown_kind,
    "MC309": proving.constant_time,
    "MC310": proving.huge,
    "MC311": proving.calls_for_tests,
    "MC401": discretion.secrets_in_reprs,
    "MC402": discretion.addresses_in_reprs,
    "MC403": discretion.urls,
    "MC404": discretion.echoes,
    "MC405": discretion.logs,
    "MC406": discretion.exceptions,
    "MC501": living.idle,
    "MC502": living.cancelled,
    "MC503": living.no_socket_left,
    "MC504": living.both_colours,
    "MC505": living.side_by_side,
    "MC506": living.ends,
    "MC601": abilities.look_ups,
    "MC602": abilities.reports,
    "MC603": abilities.limits,
}
"""How each rule is checked."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of one rule."""

    rule: Rule
    findings: tuple[Finding, ...] = ()
    left_out: str = ""
    """Why the rule had nothing to look at, where it had not."""


def check_provider(
    provider: ProviderSpec, vectors: Vectors, *, channels: Sequence[Channel] = BUILT_IN, examples: int = 100
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
        return Checked(rule, left_out=str(why))
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
