"""The commands `plugin check` and `plugin new`, for authors of providers."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from messaging_channels._config import plugin_manager as plugins
from messaging_channels._model.errors import BadInput, InvalidSetting
from messaging_channels.testing import vendor_webhooks


def check_plugin(name: str, *, examples: int, rules: Sequence[str] = (), as_json: bool = False) -> int:
    """Hold an installed provider to the rules, or to some of them by their ids, and print the report; 1 if it breaks any or is incomplete.

    Raises:
        ConfigurationError: there is no such provider, its plugin is broken, or it names no fixtures.
        BadInput: there is no rule of that id.
    """
    loaded = plugins.load_plugins()
    spec = loaded.provider(name)
    try:
        fixtures = vendor_webhooks.fixtures_of(name)
        from messaging_channels.testing.conformance import (  # noqa: PLC0415  an extra
            CHECKS,
            check_rules,
            report,
        )
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
    if unknown := [rule for rule in rules if rule not in CHECKS]:
        raise BadInput(f"there is no rule {unknown[0]}: see “Rules of the kit” in the documentation")
    checked = check_rules(spec, fixtures, tuple(loaded.channels), examples, rules)
    sys.stdout.write(report.as_json(name, checked) if as_json else report.markdown(name, checked))
    return int(
        report.verdict(checked) == "not yet" or (not rules and report.verdict(checked) == "incomplete")
    )


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
