from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from providers.acme import FIXTURES, AcmeSms, spec
from providers.acme_further_violations import OTHERWISE
from providers.acme_meaning_violations import OF_ROTATION, OF_TIMED, Rotating, Timed
from providers.acme_violations_after_sending import BROKEN

from messaging_channels.plugins import AttemptResult, Envelope, HttpRequest, HttpResponse
from messaging_channels.plugins.channels import BUILT_IN
from messaging_channels.testing.conformance import (
    CHECKS,
    RULES,
    ConformanceContext,
    Finding,
    RuleResult,
    check_provider,
    check_rule,
)
from messaging_channels.testing.conformance.report import as_json, markdown, verdict
from messaging_channels.testing.conformance.side_effects import forbidden_calls
from messaging_channels.testing.fixtures import ConformanceFixtures


def test_a_provider_that_is_as_it_should_be_passes_every_rule_and_none_is_left_out() -> None:
    case = ConformanceContext(spec(), FIXTURES, BUILT_IN, 30)
    checked = [check_rule(name, case) for name in CHECKS]

    assert [str(finding) for one in checked for finding in one.findings] == []
    assert [one.rule.id for one in checked if one.skipped] == ["MC119", "MC316", "MC323"]


def test_a_provider_that_takes_several_secrets_keeps_the_rule_on_them() -> None:
    checked = check_rule("MC323", ConformanceContext(spec(Rotating), OF_ROTATION, BUILT_IN, 30))

    assert (checked.findings, checked.skipped) == ((), "")


def test_a_provider_that_checks_the_time_of_a_call_keeps_the_rule_on_stale_calls() -> None:
    checked = check_rule("MC316", ConformanceContext(spec(Timed), OF_TIMED, BUILT_IN, 30))

    assert (checked.findings, checked.skipped) == ((), "")


@pytest.mark.parametrize("rule", RULES)
def test_each_rule_finds_the_provider_that_breaks_it(rule: str) -> None:
    kind, fixtures = BROKEN[rule]
    checked = check_rule(rule, ConformanceContext(spec(kind), fixtures, BUILT_IN, 200))

    assert checked.findings, checked.skipped
    assert "could not be checked" not in checked.findings[0].evidence


@pytest.mark.parametrize(
    ("rule", "words", "kind", "fixtures"), OTHERWISE, ids=lambda one: getattr(one, "__name__", None)
)
def test_a_rule_finds_each_way_to_break_it(
    rule: str, words: str, kind: type[AcmeSms], fixtures: ConformanceFixtures
) -> None:
    checked = check_rule(rule, ConformanceContext(spec(kind), fixtures, BUILT_IN, 200))

    assert words in " | ".join(finding.evidence for finding in checked.findings), checked


def test_every_rule_has_a_check_and_a_provider_that_breaks_it() -> None:
    assert set(CHECKS) == set(RULES) == set(BROKEN)


def test_a_provider_that_fails_where_no_rule_foresees_it_is_found_and_not_excused() -> None:
    class Stubborn(AcmeSms):
        def __init__(self, _: object) -> None:
            message = "not today"
            raise RuntimeError(message)

    found = check_provider(spec(Stubborn), FIXTURES, examples=5)

    assert {finding.rule.id for finding in found} >= {"MC101", "MC201", "MC301", "MC501"}
    assert "RuntimeError" in found[0].evidence


def test_a_finding_explains_itself() -> None:
    finding = Finding(RULES["MC206"], "HTTP 503 is read as not_sent.throttled")

    assert (
        str(finding)
        .splitlines()[0]
        .startswith("MC206 A 5xx is unknown, unless documented as harmless: HTTP 503")
    )
    assert RULES["MC206"].why in str(finding)
    assert RULES["MC206"].fix in str(finding)


def test_the_report_says_what_was_kept_broken_and_left_out() -> None:
    checked = [
        RuleResult(RULES["MC101"]),
        RuleResult(RULES["MC206"], (Finding(RULES["MC206"], "HTTP 503 is read as accepted"),)),
        RuleResult(RULES["MC301"], skipped="it takes no calls"),
    ]
    report = markdown("acme-sms", checked)

    assert "## Conformance of `acme-sms`: not yet" in report
    assert "1 rules kept, 1 broken, 1 without anything to look at" in report
    assert "- HTTP 503 is read as accepted" in report
    assert "- MC301 Webhook requests are parsed: it takes no calls" in report
    assert "passed" in markdown("acme-sms", checked[:1])


@pytest.mark.parametrize(
    ("act", "deed"),
    [
        (time.time, "it read the clock"),
        (lambda: datetime.now(UTC), "it read the clock"),
        (lambda: time.sleep(0), "it slept"),
        (lambda: socket.socket().close(), "it opened a socket"),
        (lambda: socket.getaddrinfo("127.0.0.1", 9), "it looked up a host"),
        (lambda: os.environ["PATH"], "it read the environment"),
        (lambda: os.getenv("PATH"), "it read the environment"),
        (lambda: Path(__file__).read_bytes(), "it opened a file"),
        (lambda: datetime.fromtimestamp(0, UTC), None),
    ],
)
def test_what_a_provider_must_leave_to_the_transport_is_seen(
    act: Callable[[], object], deed: str | None
) -> None:
    assert forbidden_calls(act) == ([deed] if deed else [])


def test_a_rule_that_the_vendor_makes_impossible_is_told_with_its_reason() -> None:
    class UrlAcme(AcmeSms):
        def request(self, batch: Sequence[Envelope]) -> HttpRequest:
            request = super().request(batch)
            return replace(request, url=f"{request.url}?to={batch[0].to.plain}")

    given = replace(FIXTURES, expected_failures={"MC403": "the vendor wants the number in the query"})
    checked = check_rule("MC403", ConformanceContext(spec(UrlAcme), given, BUILT_IN, 5))

    assert (checked.findings, checked.excused) == ((), "the vendor wants the number in the query")
    assert "Impossible with this vendor:" in markdown("acme-sms", [checked])


@pytest.mark.parametrize(
    ("rule", "reason", "words"),
    [
        ("MC210", "the vendor drops answers", "never"),
        ("MC403", "", "has no reason"),
        ("MC403", "the vendor wants it", "and is kept"),
    ],
)
def test_an_exception_is_refused_for_never_twice_without_a_reason_and_where_it_is_not_needed(
    rule: str, reason: str, words: str
) -> None:
    given = replace(FIXTURES, expected_failures={rule: reason})
    checked = check_rule(rule, ConformanceContext(spec(), given, BUILT_IN, 5))

    assert [
        words.replace("never", "keep a message from being sent twice") in one.evidence
        for one in checked.findings
    ] == [True]


def test_a_finding_shows_the_request_and_what_ended_it() -> None:
    class Raising(AcmeSms):
        def read(self, response: HttpResponse, batch: Sequence[Envelope]) -> Sequence[AttemptResult]:
            message = f"no such field in {response.status} for {len(batch)}"
            raise LookupError(message)

    checked = check_rule("MC201", ConformanceContext(spec(Raising), FIXTURES, BUILT_IN, 5))

    details = checked.findings[0].details
    assert "POST http://127.0.0.1:9/messages" in details
    assert "LookupError: no such field in 200 for 1" in details
    assert json.loads(as_json("acme-sms", [checked]))["rules"][0]["findings"][0]["details"] == details


def test_a_check_that_looked_at_too_little_does_not_say_passed() -> None:
    looked = [RuleResult(RULES["MC101"]), RuleResult(RULES["MC102"])]
    lacking = [
        RuleResult(RULES[one], skipped="the fixtures give no `webhooks`: give them")
        for one in ("MC301", "MC302")
    ]

    assert verdict(looked + lacking) == "incomplete"
    assert verdict(looked + lacking[:1]) == "passed"
    assert "Less than two thirds" in markdown("acme-sms", looked + lacking)
