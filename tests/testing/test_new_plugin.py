from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from messaging_channels._cli import main as cli
from messaging_channels.testing.template import write_plugin

pytestmark = pytest.mark.slow


def _python(*arguments: str, cwd: Path, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    folders = [*([str(path)] if path else []), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    surroundings = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, folders))}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=cwd, env=surroundings, capture_output=True, text=True, check=False)


def _installed(directory: Path, *, fixtures: bool = True) -> Path:
    """Lay the distribution out as an installer would, without one; return the folder for PYTHONPATH."""
    source = directory / "src"
    facts = source / "messaging_channels_acme_sms-0.1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: messaging-channels-acme-sms\nVersion: 0.1.0\n"
    )
    points = "[messaging_channels]\nacme-sms = messaging_channels_acme_sms.settings\n"
    if fixtures:
        points += (
            "[messaging_channels.fixtures]\nacme-sms = messaging_channels_acme_sms.conformance:FIXTURES\n"
        )
    (facts / "entry_points.txt").write_text(points)
    return source


def test_a_new_distribution_passes_its_own_tests_and_the_kit_at_once(tmp_path: Path) -> None:
    directory = tmp_path / "acme-sms"
    assert cli.main(["plugin", "new", "acme-sms", "--directory", str(directory)]) == 0
    without = [
        word for name in ("cacheprovider", "randomly", "schemathesis") for word in ("-p", f"no:{name}")
    ]
    tests = _python("-m", "pytest", "-q", *without, cwd=directory)
    assert tests.returncode == 0, tests.stdout
    assert " passed" in tests.stdout
    check = ("-m", "messaging_channels._cli.main", "plugin", "check", "acme-sms", "--examples", "20")
    report = _python(*check, cwd=directory, path=_installed(directory))

    assert report.returncode == 0, report.stdout + report.stderr
    assert report.stdout.startswith("## Conformance of `acme-sms`: passed")


def test_a_new_distribution_names_no_other_provider_and_leaves_no_gap(tmp_path: Path) -> None:
    written = write_plugin("northwind", tmp_path / "new")
    texts = {path: path.read_text("utf-8") for path in written}

    assert not [path for path, text in texts.items() if "%%" in text or "acme" in text.lower()]
    provider = tmp_path / "new/src/messaging_channels_northwind/provider.py"
    assert "class Northwind(HttpProvider)" in texts[provider]


@pytest.mark.parametrize("name", ["AcmeSms", "acme sms", "../acme-sms", "1acme", "class", ""])
def test_a_name_that_is_none_is_refused_and_nothing_is_written(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["plugin", "new", name, "--directory", str(tmp_path / "new")]) == 2
    assert "no name of a provider" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_nothing_is_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    assert cli.main(["plugin", "new", "acme-sms", "--directory", str(tmp_path)]) == 2
    assert "is not empty" in capsys.readouterr().err


def test_the_sandbox_passes_the_kit_from_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["plugin", "check", "sandbox", "--examples", "10"]) == 0
    assert "`sandbox`: passed" in capsys.readouterr().out


def test_a_provider_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["plugin", "check", "no-such-vendor"]) == 3
    assert "no provider is named 'no-such-vendor'" in capsys.readouterr().err


def test_a_provider_without_vectors_is_told_how_to_name_them(tmp_path: Path) -> None:
    write_plugin("acme-sms", tmp_path / "new")
    path = _installed(tmp_path / "new", fixtures=False)
    ran = _python(
        "-m", "messaging_channels._cli.main", "plugin", "check", "acme-sms", cwd=tmp_path, path=path
    )
    assert ran.returncode == 3
    assert "the plugin has no fixtures" in ran.stderr


def test_without_the_extra_the_command_says_what_to_install(tmp_path: Path) -> None:
    script = "import sys; sys.modules['hypothesis'] = None; from messaging_channels._cli.main import main; sys.exit(main(['plugin', 'check', 'sandbox']))"
    ran = _python("-c", script, cwd=tmp_path)

    assert ran.returncode == 3
    assert "hypothesis is not installed" in ran.stderr
    assert "pip install 'messaging-channels[kit]'" in ran.stderr
