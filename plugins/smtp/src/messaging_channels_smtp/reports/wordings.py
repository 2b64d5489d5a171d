"""Words without their dress: how texts are made comparable before they are looked up in a table of wordings, in time linear in their length."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import unescape

_ADDRESS = re.compile(
    r"(?<![^\s<>()\[\]{},;:\"'|])[^\s<>()\[\]{},;:\"'|@]{1,64}+@[^\s<>()\[\]{},;:\"'|@]{1,253}+"
)
_APOSTROPHES = re.compile(r"(?<=\w)['\u2019`\u00b4](?=\w)")
_ELISIONS = re.compile(r"(?<=\b[ldnsjmtc])['\u2019](?=\w)|(?<=\bqu)['\u2019](?=\w)")
"""French and Italian words that lost their last letter are words of their own."""
_NO_WORD = re.compile(r"[^\w@%]+")
_ANY_WORDS = " (?:[^ ]{1,60} ){0,6}?"
"""Up to six words in between, for `..` in a wording."""


def normalize(text: str) -> str:
    """Return words in lower case with one space between them; an address is `@`, apostrophes within words are left out.

    What stands on two lines in a mail, in capitals or with a hyphen is then the same as on one line without.
    """
    masked = _ELISIONS.sub(" ", _ADDRESS.sub(" @ ", text).lower())
    return f" {_NO_WORD.sub(' ', _APOSTROPHES.sub('', masked))} "


def compile_wordings(wordings: Iterable[str]) -> re.Pattern[str]:
    """Return one pattern for wordings of a table, to be searched in normalized text.

    A wording begins a word, except in scripts that put no space between words: there it begins with a tilde.
    """
    spelled = [one.replace("..", _ANY_WORDS) for one in wordings]
    words = "|".join(one for one in spelled if not one.startswith("~"))
    others = "".join(f"|{one[1:]}" for one in spelled if one.startswith("~"))
    return re.compile(rf"\b(?:{words}){others}")


def text_of_html(html: str) -> str:
    """Return the words of a page: no tags, styles or scripts; addresses in angle brackets stay."""
    pieces: list[str] = []
    lowered, at = html.lower(), 0
    unclosed: set[str] = set()
    while (start := html.find("<", at)) >= 0 and (end := html.find(">", start)) >= 0:
        tag = html[start + 1 : end]
        name = _tag_name(lowered, start + 1)
        pieces += html[at:start], _shown_tag(tag, name)
        at = end + 1
        if name in _UNSEEN and name not in unclosed:
            at = _end_of(name, lowered, at, unclosed)
    pieces.append(html[at:])
    said = unescape("".join(pieces)).replace("\xa0", " ")
    return "\n".join(line.strip() for line in said.split("\n") if line.strip())


def _tag_name(lowered: str, at: int) -> str:
    named = _TAG_NAME.match(lowered, at)
    return named[0] if named else ""


def _shown_tag(tag: str, name: str) -> str:
    """Return what is seen of a tag: an address in angle brackets, or that a line ends."""
    if _IS_ADDRESS.fullmatch(tag):
        return f"<{tag}>"
    return "" if name in _WITHIN_LINE else "\n"


def _end_of(name: str, lowered: str, at: int, unclosed: set[str]) -> int:
    """Return where what nobody sees ends; nowhere is remembered, so that it is looked for once."""
    close = lowered.find(f"</{name}", at)
    if close < 0:
        unclosed.add(name)
    return at if close < 0 else close


_IS_ADDRESS = re.compile(r"[^\s<>\"'=@]{1,64}@[^\s<>\"'=@]{1,253}")
_TAG_NAME = re.compile(r"/?!?[a-z0-9-]{0,20}")
_WITHIN_LINE = frozenset({"b", "/b", "i", "/i", "u", "/u", "a", "/a", "font", "/font", "span", "/span", "em", "/em", "strong", "/strong", "wbr"})  # fmt: skip
_UNSEEN = frozenset({"style", "script", "head", "title"})
