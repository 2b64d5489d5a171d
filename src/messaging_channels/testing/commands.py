"""The commands `plugin check` and `plugin new`, for authors of providers."""

from __future__ import annotations

import sys
from pathlib import Path

from messaging_channels._config import plugin_manager as plugins
from messaging_channels._model.errors import BadInput, InvalidSetting
from messaging_channels.testing import vendor_webhooks


def check_plugin(name: str, *, examples: int) -> int:
    """Hold an installed provider to the rules and print the report; 1 if it breaks any.

    Raises:
        ConfigurationError: there is no such provider, its plugin is broken, or it names no fixtures.
    """
    loaded = plugins.load_plugins()
    spec = loaded.provider(name)
    try:
        fixtures = vendor_webhooks.fixtures_of(name)
        from messaging_channels.testing.conformance import CHECKS, ConformanceContext, check_rule  # noqa: PLC0415  an extra
        from messaging_channels.testing.conformance.report import markdown  # noqa: PLC0415  likewise
    except ModuleNotFoundError as missing:
        raise InvalidSetting(
            f"{missing.name} is not installed",
            setting=name,
            source="the kit",
            hint="pip install 'messaging-channels[kit]'",
        ) from missing
    if fixtures is None:
        raise InvalidSetting(
            "the plugin names no fixtures",
            setting=name,
            source=f"the entry points of group {vendor_webhooks.ENTRY_POINT_GROUP}",
            hint=f'add {name} = "its_package.conformance:FIXTURES" to that group, see the how-to "Test a provider"',
        )
    case = ConformanceContext(spec, fixtures, tuple(loaded.channels), examples)
    checked = [check_rule(rule, case) for rule in CHECKS]
    sys.stdout.write(markdown(name, checked))
    return int(any(one.findings for one in checked))


def create_plugin(name: str, directory: Path | None) -> int:
    """Write a distribution for a provider of that name, and say what to do next.

    Raises:
        BadInput: the name is none, or there is something in the directory.
    """
    from messaging_channels.testing.template import write_plugin  # noqa: PLC0415  for this command only

    where = directory or Path(f"messaging-channels-{name}")
    try:
        written = write_plugin(name, where)
    except (ValueError, OSError) as problem:
        raise BadInput(str(problem)) from problem
    for path in written:
        sys.stdout.write(f"{path}\n")
    sys.stderr.write(
        f"next: cd {where} && pip install -e '.[test]' && pytest && messaging-channels plugin check {name}\n"
    )
    return 0
