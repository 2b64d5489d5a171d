"""The commands `plugin check` and `plugin new`, for authors of providers."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from messaging_channels._config import plugin_manager as plugins
from messaging_channels._model.errors import BadInput, InvalidSetting
from messaging_channels.testing import vendor_webhooks

if TYPE_CHECKING:
    from messaging_channels.testing.fixtures import ConformanceFixtures
    from messaging_channels.testing.live_check import LiveOptions


def check_plugin(
    name: str,
    *,
    examples: int,
    rules: Sequence[str] = (),
    as_json: bool = False,
    live: LiveOptions | None = None,
) -> int:
    """Hold an installed provider to the rules, or to some of them by their ids, and print the report; 1 if it breaks any or is incomplete.

    Raises:
        ConfigurationError: there is no such provider, its plugin is broken, or it names no fixtures.
        BadInput: there is no rule of that id.
    """
    loaded = plugins.load_plugins()
    spec, fixtures = loaded.provider(name), _fixtures(name)
    from messaging_channels.testing import live_check  # noqa: PLC0415  an extra
    from messaging_channels.testing.conformance import (  # noqa: PLC0415  likewise
        CHECKS,
        ConformanceContext,
        check_rules,
        report,
    )

    channels = tuple(loaded.channels)
    if live is not None:
        checked = live_check.check_live(ConformanceContext(spec, fixtures, channels, examples), live, rules)
    elif unknown := [rule for rule in rules if rule not in CHECKS]:
        raise BadInput(f"there is no rule {unknown[0]}: see “Rules of the kit” in the documentation")
    else:
        checked = check_rules(spec, fixtures, channels, examples, rules)
    sys.stdout.write(report.as_json(name, checked) if as_json else report.markdown(name, checked))
    verdict = report.verdict(checked)
    return int(verdict == "not yet" or (not rules and verdict == "incomplete"))


def live_options(
    url: str | None,
    *,
    to: str | None,
    types: Sequence[str],
    record: Path | None,
    replay: Path | None,
) -> LiveOptions | None:
    """Return what is asked of a live check; None where none is asked for.

    Raises:
        BadInput: the options do not go together.
    """
    if url is None and replay is None:
        if to or types or record:
            raise BadInput("--to, --type and --record need --live URL")
        return None
    if url is not None and replay is not None:
        raise BadInput("--live sends, and --replay does not: give one of them")
    if replay is not None and (to or record):
        raise BadInput("--to and --record go with --live, not with --replay")
    from messaging_channels.testing.live_check import LiveOptions  # noqa: PLC0415  an extra

    return LiveOptions(url or "", to or "", types, record, replay)


def _fixtures(name: str) -> ConformanceFixtures:
    """Return the fixtures that a plugin names for its provider.

    Raises:
        ConfigurationError: it names none, or the kit's own packages are missing.
    """
    try:
        fixtures = vendor_webhooks.fixtures_of(name)
        import_module("messaging_channels.testing.conformance.checks")  # needs an extra
    except ModuleNotFoundError as missing:
        raise InvalidSetting(
            f"{missing.name} is not installed",
            setting=name,
            source="the kit",
            hint="run pip install 'messaging-channels[kit]'",
        ) from missing
    if fixtures is None:
        raise InvalidSetting(
            "the plugin has no fixtures",
            setting=name,
            source=f"the entry points of group {vendor_webhooks.ENTRY_POINT_GROUP}",
            hint=f'add {name} = "its_package.conformance:FIXTURES" to that group, see “Test a provider” in the documentation',
        )
    return fixtures


def create_plugin(name: str, directory: Path | None, *, channel: bool = False) -> int:
    """Write a distribution for a provider of that name, or for a channel with its provider, and say what to do next.

    Raises:
        BadInput: the name is none, or there is something in the directory.
    """
    from messaging_channels.testing.template import write_plugin  # noqa: PLC0415  for this command only

    where = directory or Path(f"messaging-channels-{name}")
    try:
        written = write_plugin(name, where, channel=channel)
    except OSError as problem:
        words = f"{problem.filename or where}: {(problem.strerror or type(problem).__name__).lower()}"
        raise BadInput(words) from problem
    except ValueError as problem:
        raise BadInput(str(problem)) from problem
    for path in written:
        sys.stdout.write(f"{path}\n")
    sys.stderr.write(
        f"next: cd {where} && pip install -e '.[test]' && pytest && messaging-channels plugin check {name}\n"
    )
    return 0
