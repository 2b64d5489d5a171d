"""Mistakes that somebody could make in the source of a shipped plugin, one at a time: the kit finds each."""

from __future__ import annotations

from pathlib import Path

import pytest
from providers.source_mutants import SOURCE_MUTANTS, broken_plugin
from trials import SHARE

from messaging_channels._config.plugin_manager import load_plugins
from messaging_channels.testing.conformance import check_rules

pytestmark = pytest.mark.slow
TRIED = SOURCE_MUTANTS[:: 1 if SHARE >= 1 else 8]
"""Every eighth in the usual tests; all of them in `poe trials`."""


@pytest.mark.parametrize(("words", "rule", "file", "right", "wrong"), TRIED, ids=[one[0] for one in TRIED])
def test_a_mistake_in_the_source_of_a_plugin_is_found(
    words: str, rule: str, file: str, right: str, wrong: str, tmp_path: Path
) -> None:
    name = words.partition(":")[0]
    channels = tuple(load_plugins().channels)
    with broken_plugin(name, file, right, wrong, tmp_path) as (spec, fixtures):
        (result,) = check_rules(spec, fixtures, channels, 20, [rule])

    assert result.findings
