"""The conformance kit: rules that every provider keeps, as a plain call that explains what it finds.

    for finding in check_provider(spec, fixtures):
        print(finding)

`spec` is what the plugin registers, `fixtures` say how it is configured and what the vendor answers. It needs the extra `kit`
(`pip install 'messaging-channels[kit]'`), no test framework and no network; servers are on loopback.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from messaging_channels.plugins.channel_spec import Channel
from messaging_channels.testing.conformance import (
    accounts,
    failures,
    fidelity,
    lifecycle,
    optional_abilities,
    privacy,
    reading,
    requests,
    response_meaning,
    responses,
    webhook_meaning,
    webhook_secrets,
    webhook_unheard,
    webhooks,
)
from messaging_channels.testing.conformance._table_rules import RULES
from messaging_channels.testing.conformance.context import ConformanceContext
from messaging_channels.testing.conformance.differences import diff_of
from messaging_channels.testing.conformance.rules import NEVER_TWICE, Finding, NotApplicable, Rule
from messaging_channels.testing.fixtures import ConformanceFixtures, Webhook

if TYPE_CHECKING:
    from messaging_channels.plugins.provider import ProviderSpec

__all__ = [
    "CHECKS",
    "RULES",
    "ConformanceContext",
    "ConformanceFixtures",
    "Finding",
    "Rule",
    "RuleResult",
    "Webhook",
    "check_provider",
    "check_rule",
    "check_rules",
]

CHECKS: Mapping[str, Callable[[ConformanceContext], Iterator[str]]] = {
    "MC101": requests.declarations_are_well_formed,
    "MC102": requests.declared_fields_change_request,
    "MC103": requests.undeclared_fields_change_nothing,
    "MC104": requests.request_is_deterministic,
    "MC105": requests.client_reference_is_sent,
    "MC106": requests.whole_batch_is_described,
    "MC107": requests.any_text_is_described_or_refused,
    "MC108": requests.every_message_type_is_sendable,
    "MC109": reading.what_is_read_is_what_was_meant,
    "MC110": fidelity.body_is_what_it_says,
    "MC111": fidelity.everything_reaches_the_request,
    "MC112": fidelity.batches_keep_who_is_who,
    "MC113": accounts.configured_host_is_asked,
    "MC114": fidelity.secret_is_used,
    "MC115": fidelity.addresses_are_described_or_refused,
    "MC116": fidelity.contents_are_told_apart,
    "MC117": fidelity.id_reaches_the_vendor,
    "MC118": fidelity.batch_size_is_the_vendors,
    "MC119": requests.idempotency_key_is_the_messages,
    "MC201": responses.success_is_accepted,
    "MC202": responses.provider_id_is_kept,
    "MC203": responses.raw_response_is_kept,
    "MC204": responses.any_response_is_handled,
    "MC205": responses.results_are_well_formed,
    "MC206": responses.server_errors_are_unknown,
    "MC207": responses.unreadable_responses_are_not_accepted,
    "MC208": responses.documented_responses_are_mapped,
    "MC209": response_meaning.throttling_is_recognized,
    "MC210": failures.provider_does_not_retry,
    "MC211": failures.lost_response_is_unknown,
    "MC212": failures.refused_connection_is_not_sent,
    "MC213": failures.results_are_matched_by_id,
    "MC214": failures.missing_elements_are_unknown,
    "MC215": response_meaning.unknown_values_prove_nothing,
    "MC216": failures.request_rejection_is_marked,
    "MC217": responses.parsing_is_deterministic,
    "MC218": response_meaning.errors_are_not_accepted,
    "MC219": response_meaning.id_is_the_messages,
    "MC220": response_meaning.each_message_gets_its_own_answer,
    "MC301": webhooks.webhooks_are_parsed,
    "MC302": webhooks.other_key_is_refused,
    "MC303": webhooks.tampered_body_is_refused,
    "MC304": webhooks.unsigned_request_is_refused,
    "MC305": webhooks.repetition_has_same_keys,
    "MC306": webhooks.field_order_is_irrelevant,
    "MC307": webhooks.any_body_is_handled,
    "MC308": webhooks.unknown_type_becomes_unknown_event,
    "MC309": webhooks.comparison_is_constant_time,
    "MC310": webhooks.huge_body_is_handled,
    "MC311": webhooks.fixture_webhooks_are_parsed,
    "MC312": webhook_meaning.reports_say_what_their_words_say,
    "MC313": webhook_meaning.times_are_the_vendors,
    "MC314": webhook_unheard.unheard_of_values_are_kept,
    "MC315": webhook_meaning.writing_is_irrelevant,
    "MC316": webhook_meaning.stale_calls_are_refused,
    "MC317": webhook_meaning.all_events_are_told,
    "MC318": webhook_meaning.documented_calls_are_believed,
    "MC319": webhook_meaning.good_calls_are_acknowledged,
    "MC320": webhook_meaning.ids_lead_back_to_the_message,
    "MC321": webhook_secrets.unset_secret_refuses,
    "MC322": webhook_unheard.different_events_have_different_keys,
    "MC323": webhook_secrets.each_secret_is_believed,
    "MC401": privacy.reprs_show_no_secret,
    "MC402": privacy.reprs_show_no_address,
    "MC403": privacy.urls_hold_no_personal_data,
    "MC404": privacy.detail_quotes_no_personal_data,
    "MC405": privacy.logs_hold_no_personal_data,
    "MC406": privacy.exceptions_hold_no_personal_data,
    "MC501": lifecycle.provider_does_no_io,
    "MC502": lifecycle.cancellation_is_propagated,
    "MC503": lifecycle.no_socket_is_left_open,
    "MC504": lifecycle.sync_and_async_agree,
    "MC505": lifecycle.interleaved_sends_are_independent,
    "MC506": lifecycle.flow_ends,
    "MC507": accounts.accounts_do_not_mix,
    "MC508": accounts.nothing_is_kept,
    "MC601": optional_abilities.lookup_is_safe,
    "MC602": optional_abilities.report_polling_is_safe,
    "MC603": optional_abilities.rate_limits_are_stable,
}
"""How each rule is checked."""


@dataclass(frozen=True, slots=True)
class RuleResult:
    """Result of one rule."""

    rule: Rule
    findings: tuple[Finding, ...] = ()
    skipped: str = ""
    """Why the rule had nothing to look at, where it had not."""
    excused: str = ""
    """Why the vendor makes the rule impossible, where the fixtures say so; then what was found is no finding."""


def check_provider(
    provider: ProviderSpec,
    fixtures: ConformanceFixtures,
    *,
    channels: Sequence[Channel] | None = None,
    examples: int = 100,
) -> list[Finding]:
    """Hold a provider to every rule that applies, and return what was found: nothing is what one wants.

    `channels` are those of its messages (None: the built-in ones and those of installed plugins), `examples` how many a property is tried with.
    The provider is built several times.
    """
    return [
        finding for one in check_rules(provider, fixtures, channels, examples) for finding in one.findings
    ]


def check_rules(
    provider: ProviderSpec,
    fixtures: ConformanceFixtures,
    channels: Sequence[Channel] | None,
    examples: int,
    names: Sequence[str] = (),
) -> list[RuleResult]:
    """Hold a provider to some rules, by their ids, or to all of them; return what came of each."""
    with closing(ConformanceContext(provider, fixtures, channels, examples)) as case:
        return [check_rule(name, case) for name in names or CHECKS]


def check_rule(name: str, context: ConformanceContext) -> RuleResult:
    """Hold a provider to one rule, by its id."""
    rule, excuse = RULES[name], context.fixtures.expected_failures.get(name, "")
    if name in context.fixtures.expected_failures and (not excuse.strip() or name in NEVER_TWICE):
        why = (
            "is one of those that keep a message from being sent twice or lost" if excuse else "has no reason"
        )
        return RuleResult(
            rule, (Finding(rule, f"the exception in `expected_failures` is refused: the rule {why}"),)
        )
    result = _check(rule, context)
    if not excuse:
        return result
    if not result.findings:
        unneeded = Finding(
            rule, "it is in `expected_failures` of the fixtures, and is kept: take it out there"
        )
        return RuleResult(rule, (unneeded,))
    return RuleResult(rule, excused=excuse)


def _check(rule: Rule, context: ConformanceContext) -> RuleResult:
    context.recent.clear()
    try:
        found = tuple(
            Finding(rule, str(seen), _details(context, diff_of(seen))) for seen in CHECKS[rule.id](context)
        )
        return RuleResult(rule, found)
    except NotApplicable as why:
        return RuleResult(rule, skipped=str(why))
    except Exception as fault:  # noqa: BLE001  a provider can be wrong in ways that no rule foresees
        shown = "".join(traceback.format_exception(fault))
        words = f"it could not be checked: {type(fault).__name__} in {_function_name(fault)}"
        return RuleResult(rule, (Finding(rule, words, shown),))


def _details(context: ConformanceContext, diff: str = "") -> str:
    sent = context.recent[0].description if context.recent else ""
    return "\n\n".join(part for part in (diff, sent) if part)


def _function_name(fault: Exception) -> str:
    """Name the function that raised."""
    trace = fault.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return trace.tb_frame.f_code.co_qualname if trace else "the check"
