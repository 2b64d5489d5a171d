"""How the blocks of the documentation are executed: Python with the output in its comments, shell, TOML and shown output."""

from __future__ import annotations

import ast
import contextlib
import importlib.util
import io
import os
import re
import shlex
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown import CodeBlockParser

from messaging_channels._cli import main as command_line
from messaging_channels._config import sections
from messaging_channels._config.settings import Configuration

if TYPE_CHECKING:
    from sybil import Document, Example, Region

_EXECUTED = re.compile(
    r"(send|enqueue|providers|channels|config|sandbox|reports fetch|messages list|messages reconcile|consent show"
    r"|queue stats|queue dead-letters|queue retry --all|worker --drain)\b"
)
"""Commands that need no vendor and end by themselves; the others are only parsed."""


class PythonBlocks(CodeBlockParser):
    """Python blocks. Where a line prints, and a comment stands behind it, the comment is what it has to print."""

    language = "python"

    def __init__(self) -> None:
        super().__init__(language="python", evaluator=_PrintingEvaluator())


class _PrintingEvaluator(PythonEvaluator):
    def __call__(self, example: Example) -> None:
        expected = dict(_printed_comments(example.parsed, example.line + example.parsed.line_offset))
        seen: dict[int, str] = {}

        def printing(*values: object, **options: Any) -> None:
            line = sys._getframe(1).f_lineno  # noqa: SLF001  as traceback does
            seen.setdefault(line, str(options.get("sep", " ")).join(map(str, values)))

        example.namespace["print"] = printing
        super().__call__(example)
        for line, text in expected.items():
            assert _is_shown(seen.get(line, text), text), (
                f"line {line} printed {seen[line]!r}, the page says {text!r}"
            )


def _is_shown(printed: str, comment: str) -> bool:
    """Whether a comment shows what was printed; one that ends in an ellipsis shows its beginning."""
    return printed.startswith(comment[:-1].rstrip()) if comment.endswith("…") else printed == comment


def _printed_comments(source: str, offset: int) -> Iterator[tuple[int, str]]:
    """Return the comments behind calls of print, by the line on which the call begins."""
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
            comment = re.search(r"\)  # (.+)$", lines[(node.end_lineno or 1) - 1])
            if comment:
                yield node.lineno + offset, comment[1]


class ShellBlocks(CodeBlockParser):
    """Shell blocks: our commands by our parser, and executed where they can be; modules and packages must exist."""

    def __init__(self) -> None:
        super().__init__(language="sh", evaluator=_evaluate_shell)


def _evaluate_shell(example: Example) -> None:
    shown = _shown_below(example.document, example.region)
    printed = "".join(_run(line) for line in _commands(example.parsed))
    if shown is not None:
        assert printed.strip() == shown.strip()


def _shown_below(document: Document, region: Region) -> str | None:
    """Return the block of output that follows at once, if one does."""
    found = re.match(r"\s*```text\n(.*?)```", document.text[region.end :], re.DOTALL)
    return found[1] if found else None


def _commands(block: str) -> Iterable[list[str]]:
    for line in block.replace("\\\n", " ").splitlines():
        for part in line.split(" && "):
            words = shlex.split(part, comments=True)
            while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):
                words = words[1:]
            if words:
                yield words


def _run(words: list[str]) -> str:
    program, *arguments = words
    name = Path(program).name
    if name == "messaging-channels":
        return _run_ours(arguments)
    if name == "pip" and arguments[:1] == ["install"]:
        _check_packages(arguments[1:])
    elif arguments[:1] == ["-m"]:
        assert importlib.util.find_spec(arguments[1]), f"there is no module {arguments[1]}"
    return ""


def _run_ours(arguments: list[str]) -> str:
    command_line._build_parser(arguments[:1]).parse_args(arguments)  # noqa: SLF001  the parser itself
    if not _EXECUTED.match(" ".join(arguments)):
        return ""
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.chdir(folder),
        contextlib.redirect_stdout(io.StringIO()) as output,
    ):
        Path("numbers.txt").write_text("447700900123\n447700900124\n", "utf-8")
        with contextlib.redirect_stderr(io.StringIO()) as words:
            code = command_line.main(arguments)
    assert code == 0, f"messaging-channels {' '.join(arguments)}: {words.getvalue()}"
    return output.getvalue()


def _check_packages(arguments: list[str]) -> None:
    """Our packages and extras exist; others are not ours to check."""
    for one in arguments:
        name, _, extra = one.strip("'\"").rstrip("]").partition("[")
        if not name.startswith("messaging-channels"):
            continue
        try:
            known = metadata(name).get_all("Provides-Extra") or []
        except PackageNotFoundError:
            assert (
                Path(__file__)
                .parents[1]
                .joinpath("plugins", name.removeprefix("messaging-channels-"))
                .is_dir()
            ), name
            continue
        assert not extra or set(extra.split(",")) <= set(known), f"{name} has no extra {extra}"


class TomlBlocks(CodeBlockParser):
    """TOML blocks: configuration by the reader of configuration, parts of a pyproject.toml by tomllib."""

    def __init__(self) -> None:
        super().__init__(language="toml", evaluator=_evaluate_toml)


_SECTIONS = frozenset(
    {
        "routes",
        "providers",
        "retry",
        "rate_limits",
        "checks",
        "ledger",
        "telemetry",
        "accounts",
        "http",
        "gateway",
        "plugins",
        "consent",
        "recipients",
    }
)


def _evaluate_toml(example: Example) -> None:
    told = tomllib.loads(example.parsed)
    if "project" in told:
        return
    assert set(told) <= _SECTIONS, f"unknown sections: {set(told) - _SECTIONS}"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "messaging-channels.toml")
        file.write_text(example.parsed, "utf-8")
        environment = {
            **os.environ,
            "MESSAGING_CHANNELS_CONFIG": str(file),
            "MESSAGING_CHANNELS_HOME": folder,
        }
        _read_all(Configuration.read(environment=environment), told)


def _read_all(configuration: Configuration, told: dict[str, Any]) -> None:
    """Build what the sections describe, as a dispatcher would, but no provider and no ledger: they may need more than the page shows."""
    configuration.routes()
    configuration.http()
    configuration.observer()
    for name, settings in told.get("providers", {}).items():
        unknown = set(settings) - set(configuration.plugins.provider(name).settings.model_fields)
        assert not unknown, f"{name} has no settings {unknown}"
    sections.checks(told.get("checks", {}), configuration.home)
    sections.rate_limits(told.get("rate_limits", {}))
