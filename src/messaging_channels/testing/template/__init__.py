"""The distribution that `messaging-channels plugin new` writes: a provider that passes the kit at once, to be turned into a real one."""

from __future__ import annotations

import keyword
import re
from importlib.resources import files
from pathlib import Path

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_TARGETS = {
    "pyproject.toml": "pyproject.toml",
    "README.md": "README.md",
    "package/__init__.py": "src/messaging_channels_%%module%%/__init__.py",
    "package/settings.py": "src/messaging_channels_%%module%%/settings.py",
    "package/provider.py": "src/messaging_channels_%%module%%/provider.py",
    "package/emulator.py": "src/messaging_channels_%%module%%/emulator.py",
    "package/conformance.py": "src/messaging_channels_%%module%%/conformance.py",
    "package/py.typed": "src/messaging_channels_%%module%%/py.typed",
    "tests/test_provider.py": "tests/test_%%module%%.py",
}
"""Where each of the files beside this module goes."""
_CHANNEL_TARGETS = {
    "channel/pyproject.toml": "pyproject.toml",
    "channel/README.md": "README.md",
    **{
        f"channel/package/{name}": f"src/messaging_channels_%%module%%/{name}"
        for name in ("__init__.py", "channel.py", "provider.py", "plugin.py", "conformance.py", "py.typed")
    },
    "channel/tests/test_channel.py": "tests/test_%%module%%.py",
}
"""The same for a channel with its provider."""


def write_plugin(name: str, directory: Path, *, channel: bool = False) -> list[Path]:
    """Write the distribution of a provider of that name, or of a channel with its provider; return the files written.

    Raises:
        ValueError: the name is no name of a provider, or there is something in the directory.
        OSError: the directory cannot be written to.
    """
    if not _NAME.fullmatch(name) or keyword.iskeyword(name):
        message = f"{name!r} is no name of a provider: use lower case, digits and hyphens, such as acme-sms"
        raise ValueError(message)
    if directory.exists() and any(directory.iterdir()):
        message = f"{directory} is not empty: choose another directory"
        raise ValueError(message)
    targets = _CHANNEL_TARGETS if channel else _TARGETS
    return [
        _write_file(source, directory / target, _substitutions(name)) for source, target in targets.items()
    ]


def _substitutions(name: str) -> dict[str, str]:
    module = name.replace("-", "_")
    return {
        "%%name%%": name,
        "%%module%%": module,
        "%%Class%%": "".join(part.capitalize() for part in name.split("-")),
        "%%VARIABLE%%": module.upper(),
    }


def _write_file(source: str, target: Path, substitutions: dict[str, str]) -> Path:
    path = Path(_fill_in(str(target), substitutions))
    path.parent.mkdir(parents=True, exist_ok=True)
    text = files("messaging_channels.testing.template").joinpath("files", f"{source}.txt").read_text("utf-8")
    path.write_text(_fill_in(text, substitutions), "utf-8")
    return path


def _fill_in(text: str, substitutions: dict[str, str]) -> str:
    for gap, word in substitutions.items():
        text = text.replace(gap, word)
    return text
