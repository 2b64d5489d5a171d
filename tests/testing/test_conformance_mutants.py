"""Faults that an ordinary author makes, put into correct providers one by one: the kit has to say something about each."""

from __future__ import annotations

from contextlib import closing

import pytest
from providers import postmark_like, telnyx_like
from providers.postmark_mutants import MUTANTS as OF_MAIL
from providers.telnyx_call_mutants import MUTANTS
from trials import SHARE

from messaging_channels.plugins import ProviderSpec
from messaging_channels.testing.conformance import CHECKS, ConformanceFixtures, check_provider
from messaging_channels.testing.conformance.checks import check_rule
from messaging_channels.testing.conformance.context import ConformanceContext

pytestmark = pytest.mark.slow
_STEP = 1 if SHARE >= 1 else 5
"""Every fifth in the usual tests; all of them in `poe trials`."""


def test_the_correct_provider_with_signed_times_passes() -> None:
    assert check_provider(telnyx_like.spec(), telnyx_like.FIXTURES, examples=20) == []


@pytest.mark.parametrize("words", list(MUTANTS)[::_STEP])
def test_a_fault_in_the_provider_with_signed_times_is_found(words: str) -> None:
    build, settings = MUTANTS[words]

    assert _is_found(ProviderSpec("telnyx-like", settings, build), telnyx_like.FIXTURES)


def test_the_correct_provider_of_mail_passes() -> None:
    assert check_provider(postmark_like.spec(), postmark_like.FIXTURES, examples=20) == []


@pytest.mark.parametrize("words", list(OF_MAIL)[::_STEP])
def test_a_fault_in_the_provider_of_mail_is_found(words: str) -> None:
    assert _is_found(postmark_like.spec(OF_MAIL[words]), postmark_like.FIXTURES)


def _is_found(spec: ProviderSpec, fixtures: ConformanceFixtures) -> bool:
    """Whether some rule says something. What the rules after it would say too is not asked: it would take five times as long."""
    with closing(ConformanceContext(spec, fixtures, None, 20)) as case:
        return any(check_rule(name, case).findings for name in CHECKS)
