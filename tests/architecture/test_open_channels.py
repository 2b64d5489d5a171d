"""No list of channels is left where a plugin's channel would be missing from it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMES = frozenset({"sms", "whatsapp", "email"})
WHERE_THEY_ARE_DEFINED = frozenset({"plugins/channels.py"})
LISTED_FOR_A_REASON: Mapping[str, str] = {
    "src/messaging_channels/__init__.py": "the names of modules",
    "src/messaging_channels/messages/__init__.py": "the names of modules",
    "plugins/gateway/src/messaging_channels_gateway/api/_table_examples.py": "examples of the documentation, which show built-in channels",
}
_NAME = 40
"""How long a name or a path is at most."""
MODULES = [
    path
    for path in (*ROOT.glob("src/messaging_channels/**/*.py"), *ROOT.glob("plugins/gateway/src/**/*.py"))
    if not path.as_posix().endswith(tuple(WHERE_THEY_ARE_DEFINED))
]


def _literals(tree: ast.AST) -> Iterator[tuple[int, set[str]]]:
    """Yield the words of every literal collection and of every match: where a list of channels would stand. A path such as `channel.sms` is two words."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.Tuple, ast.List, ast.Set, ast.Dict, ast.Match)):
            texts = [
                one.value
                for one in ast.walk(node)
                if isinstance(one, ast.Constant) and isinstance(one.value, str)
            ]
            yield node.lineno, {word for text in texts for word in (text, *_parts(text))}


def _parts(text: str) -> list[str]:
    """Return the words of a path or a name; nothing of prose."""
    return re.split(r"[^a-z]+", text) if " " not in text and len(text) < _NAME else []


def test_a_list_of_paths_is_found_too() -> None:
    tree = ast.parse('FIELDS = (Field("channel.sms"), Field("channel.whatsapp"), Field("channel.email"))')

    assert any(words >= NAMES for _, words in _literals(tree))


def test_there_is_no_list_of_the_three_channels() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in MODULES
        if path.relative_to(ROOT).as_posix() not in LISTED_FOR_A_REASON
        for line, words in _literals(ast.parse(path.read_text("utf-8")))
        if words >= NAMES
    ]

    assert found == []


KNOWN_FOR_A_REASON: Mapping[str, str] = {
    "plugins/gateway/src/messaging_channels_gateway/api/_table_examples.py": "examples of the documentation",
    "plugins/gateway/src/messaging_channels_gateway/pages/_table_fields.py": "the words beside two fields of an identity",
    "src/messaging_channels/__init__.py": "the names of the face",
    "src/messaging_channels/_cli/consent.py": "the words of a help text",
    "src/messaging_channels/_model/consent.py": "a person of a report is told by the type of the address",
    "src/messaging_channels/messages/__init__.py": "the names of the face",
    "src/messaging_channels/messages/adaptive.py": "how content is written for the built-in channels",
    "src/messaging_channels/plugins/__init__.py": "the names of the face",
    "src/messaging_channels/plugins/channels.py": "where the built-in channels are defined",
    "src/messaging_channels/plugins/message_requests.py": "the bodies of the built-in channels",
    "src/messaging_channels/testing/conformance/fidelity.py": "one message of each of two built-in types",
    "src/messaging_channels/testing/conformance/rich_samples.py": "samples of the built-in types",
    "src/messaging_channels/testing/conformance/samples.py": "samples of the built-in types",
}
"""Modules that know all three, and what for. A list in another shape - functions, classes, keywords, comparisons - needs their names as well."""
_PAGES = ("html", "css", "js", "jinja", "toml", "json")


def _is_prose(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _names(tree: ast.AST) -> Iterator[str]:
    """Yield every name and text of a module but its docstrings."""
    prose = {id(node.value) for node in ast.walk(tree) if _is_prose(node) and isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if id(node) in prose:
            continue
        for field in ("id", "attr", "arg", "name", "value", "asname"):
            if isinstance(text := getattr(node, field, None), str):
                yield text.lower()


def _knows_all_three(tree: ast.AST) -> bool:
    told = list(_names(tree))
    return all(any(name in text for text in told) for name in NAMES)


@pytest.mark.parametrize(
    "shape",
    [
        "def sms(): ...\ndef whatsapp(): ...\nasync def email(): ...",
        'if a == "sms": ...\nelif a == "whatsapp": ...\nelse:\n    b = "email"',
        "f(sms=1, whatsapp=2, email=3)",
        "kinds = x(Sms) or x(WhatsAppText) or x(Email)",
        'words = "sms whatsapp email".split()',
        "class A:\n    sms: int\n    whatsapp: int\n    email: int",
        "from a import Email, Sms, WhatsAppText",
        'one = Literal["sms"] | Literal["whatsapp"] | Literal["email"]',
        "a.sms(), a.whatsapp(), a.email()",
    ],
)
def test_a_list_in_any_shape_is_found(shape: str) -> None:
    assert _knows_all_three(ast.parse(shape))


def test_no_other_module_knows_the_three_channels_by_name() -> None:
    found = {
        path.relative_to(ROOT).as_posix()
        for path in (*MODULES, ROOT / "src/messaging_channels/plugins/channels.py")
        if _knows_all_three(ast.parse(path.read_text("utf-8")))
    }

    assert found == set(KNOWN_FOR_A_REASON)


def test_no_page_style_or_script_knows_them_either() -> None:
    folders = (ROOT / "src/messaging_channels", ROOT / "plugins/gateway/src/messaging_channels_gateway")
    found = [
        path.relative_to(ROOT).as_posix()
        for folder in folders
        for ending in _PAGES
        for path in folder.rglob(f"*.{ending}")
        if "vendor" not in path.parts and all(name in path.read_text("utf-8").lower() for name in NAMES)
    ]

    assert found == ["plugins/gateway/src/messaging_channels_gateway/pages/templates/home.html"]  # a sentence


def test_there_is_no_pattern_of_the_three_channels() -> None:
    found = [
        str(path.relative_to(ROOT))
        for path in MODULES
        for text in (
            one.value for one in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(one, ast.Constant)
        )
        if isinstance(text, str) and all(f"{name}|" in f"{text}|".replace(")", "|") for name in NAMES)
    ]

    assert found == []
