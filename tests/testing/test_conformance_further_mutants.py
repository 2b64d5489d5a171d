"""Mistakes that were written before the kit was asked, in correct providers and in shipped plugins: the kit finds each."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest
from providers.source_mutants import mistaken
from trials import SHARE

from messaging_channels._config.plugin_manager import load_plugins
from messaging_channels.testing.conformance import check_rules

pytestmark = pytest.mark.slow
ALL: list[dict[str, str]] = tomllib.loads(
    (Path(__file__).parent.parent / "providers" / "further_mutants.toml").read_text("utf-8")
)["mistakes"]
TRIED = ALL[:: 1 if SHARE >= 1 else 20]
"""Every twentieth in the usual tests; all of them in `poe trials`."""


@pytest.mark.parametrize("one", TRIED, ids=[f"{one['target']}: {one['words']}" for one in TRIED])
def test_a_mistake_is_found(one: Mapping[str, str], tmp_path: Path) -> None:
    channels = tuple(load_plugins().channels)
    with mistaken(one["target"], one["file"], one["right"], one["wrong"], tmp_path) as (spec, fixtures, own):
        (result,) = check_rules(spec, fixtures, (*channels, *own), 20, [one["rule"]])

    assert result.findings
