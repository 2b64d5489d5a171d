from __future__ import annotations

import ast
import inspect
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

import messaging_channels
from messaging_channels import AsyncDispatcher, Dispatcher
from messaging_channels.plugins import Hooks

ROOT = Path(__file__).parents[2]
MODULES = [
    path
    for path in (*ROOT.glob("src/**/*.py"), *ROOT.glob("plugins/*/src/**/*.py"))
    if not path.name.startswith("_table_")
]


def _lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its docstring and decorators."""
    assert function.end_lineno is not None
    docstring = function.body[0] if ast.get_docstring(function) else None
    hidden = (docstring.end_lineno or 0) - docstring.lineno + 1 if docstring else 0
    return function.end_lineno - function.lineno + 1 - hidden


def _functions() -> list[tuple[str, int]]:
    return [
        (f"{path.name}:{node.name}", _lines(node))
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    ]


def test_functions_are_short() -> None:
    functions = _functions()
    lengths = [length for _, length in functions]

    assert statistics.median(lengths) <= 8
    assert statistics.quantiles(lengths, n=10)[-1] <= 25
    assert [name for name, length in functions if length > 50] == []


def test_a_module_holds_one_thought() -> None:
    lengths = {path: len(path.read_text("utf-8").splitlines()) for path in MODULES}

    assert {str(path): length for path, length in lengths.items() if length > 400} == {}


def test_the_public_surface_is_small_and_exists() -> None:
    assert len(messaging_channels.__all__) <= 50
    assert sorted(messaging_channels.__all__) == messaging_channels.__all__
    for name in messaging_channels.__all__:
        assert getattr(messaging_channels, name)


def test_there_are_at_most_ten_hooks() -> None:
    assert len([name for name in vars(Hooks) if not name.startswith("_")]) <= 10


def test_both_doors_have_the_same_methods_with_the_same_parameters() -> None:
    def surface(dispatcher: type) -> dict[str, list[str]]:
        return {
            name: [str(parameter) for parameter in inspect.signature(method).parameters.values()]
            for name, method in inspect.getmembers(dispatcher, callable)
            if not name.startswith("_")
        }

    assert surface(Dispatcher) == surface(AsyncDispatcher)


def test_importing_the_package_imports_no_http_client_no_settings_and_no_plugin() -> None:
    program = (
        "import sys, messaging_channels\n"
        "needing = {'AsyncWorker', 'Worker', 'Configuration', 'PostgresLedger', 'SqliteLedger'}\n"
        "for name in {*messaging_channels.__all__} - needing: getattr(messaging_channels, name)\n"
        "print(*sorted({name.split('.')[0] for name in sys.modules}))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    roots = set(loaded.split())

    assert "messaging_channels" in roots
    assert not roots & {"httpx", "httpcore", "pyreqwest", "pydantic", "pluggy", "asyncio", "sqlite3"}
    assert not {root for root in roots if root.startswith("messaging_channels_")}


def test_importing_the_package_alone_imports_nothing_of_it() -> None:
    program = "import sys, messaging_channels; print(*[name for name in sys.modules if name.startswith('messaging')])"
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout

    assert loaded.split() == ["messaging_channels._faces", "messaging_channels"]


def test_a_name_that_there_is_not_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="NoSuchName"):
        messaging_channels.NoSuchName  # noqa: B018


@pytest.mark.parametrize(
    ("title", "most"), [("a plain send", 35), ("with a ledger and an idempotency key", 55)]
)
def test_a_message_enters_few_functions(title: str, most: int) -> None:
    """The figures that the architecture promises; `python benchmarks/functions_entered.py -v` names them."""
    command = [sys.executable, ROOT / "benchmarks" / "functions_entered.py"]

    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    line = next(one for one in shown.splitlines() if one.startswith(title))
    assert int(line.removeprefix(f"{title}: ").split()[0]) <= most
