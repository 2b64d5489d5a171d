"""Faults that an ordinary author makes, put into correct providers one by one: the kit has to say something about each."""

from __future__ import annotations

from dataclasses import replace

import pytest
from providers import telnyx_like
from providers.telnyx_mutants import MUTANTS

from messaging_channels.plugins import ProviderSpec
from messaging_channels.testing.conformance import check_provider


def test_the_correct_provider_with_signed_times_passes() -> None:
    assert check_provider(telnyx_like.spec(), telnyx_like.FIXTURES, examples=20) == []


@pytest.mark.parametrize("words", MUTANTS)
def test_a_fault_in_the_provider_with_signed_times_is_found(words: str) -> None:
    build, settings = MUTANTS[words]
    found = check_provider(ProviderSpec("telnyx-like", settings, build), telnyx_like.FIXTURES, examples=20)

    assert found
