"""Reading what people wrote: whether the words say that somebody wants no messages, wants them again, or needs help."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property, lru_cache
from typing import Literal

from messaging_channels._model.values import as_texts
from messaging_channels.consent import _table_words as words


class Intent(StrEnum):
    """The intent of an inbound text."""

    OPT_OUT = "opt_out"
    OPT_IN = "opt_in"
    HELP = "help"


@dataclass(frozen=True, slots=True)
class KeywordMatch:
    """The result of matching an inbound text."""

    intent: Intent
    certainty: Literal["certain", "likely"]
    word: str
    """The word or phrase that decided, in its normal form: never the whole text."""
    category: str = ""
    """Category that the word is limited to, such as `marketing`; empty for every message."""


@dataclass(frozen=True, slots=True)
class KeywordRule:
    """Words of your own, everywhere or in some countries or for some of your senders.

    KeywordRule(Intent.OPT_OUT, ["basta"], country_codes=["39"], senders=["+390612345678"])
    """

    intent: Intent
    words: Iterable[str]
    country_codes: Iterable[str] = ()
    """Country codes of the numbers that the rule applies to. Default: all."""
    senders: Iterable[str] = ()
    """To which of your numbers or addresses it was written; none for all."""
    category: str = ""

    def __post_init__(self) -> None:
        """Bring everything into the form in which it is compared. One text stands for one."""
        object.__setattr__(self, "words", frozenset(normalize(one) for one in as_texts(self.words)))
        codes = frozenset(one.lstrip("+") for one in as_texts(self.country_codes))
        object.__setattr__(self, "country_codes", codes)
        object.__setattr__(
            self, "senders", frozenset(one.lstrip("+").lower() for one in as_texts(self.senders))
        )

    def applies(self, sender: str, to: str) -> bool:
        """Whether it holds for a message from that person to that address of ours; both in plain form."""
        codes, senders = tuple(self.country_codes), tuple(self.senders)
        return (not codes or sender.lstrip("+").startswith(codes)) and (
            not senders or to.lstrip("+").lower() in senders
        )


@dataclass(frozen=True)
class Keywords:
    """The words that are understood. `Keywords()` knows those of seven languages; `Keywords().extended(...)` knows yours too."""

    languages: Iterable[str] = ("en", "es", "fr", "de", "pt", "it", "nl")
    rules: tuple[KeywordRule, ...] = field(default=())

    def extended(self, *rules: KeywordRule) -> Keywords:
        """Return the keywords with rules of your own, which are checked first."""
        return replace(self, rules=(*rules, *self.rules))

    def match(self, text: str, *, sender: str = "", to: str = "") -> KeywordMatch | None:
        """Say what a text means; None if it says nothing about being written to.

        Args:
            text: what the person wrote.
            sender: the person's address in plain form, for rules of a country.
            to: the address that it was written to, for rules of a sender.
        """
        told = normalize(text)
        for rule in self.rules:
            if told in rule.words and rule.applies(sender, to):
                return KeywordMatch(rule.intent, "certain", told, rule.category)
        if not told or len(told) > _MAX_LENGTH or told in words.NOT_MEANT:
            return None
        exact = self._exact.get(told)
        if exact is not None:
            category = "marketing" if told in words.MARKETING_WORDS else ""
            return KeywordMatch(exact, "certain", told, category)
        return self._likely(told.split(), is_question=any(mark in text for mark in _QUESTION_MARKS))

    @cached_property
    def _exact(self) -> Mapping[str, Intent]:
        tables = (
            (Intent.HELP, words.HELP_WORDS),
            (Intent.OPT_IN, words.OPT_IN_WORDS),
            (Intent.OPT_OUT, words.OPT_OUT_WORDS),
        )
        return {
            word: intent
            for intent, table in tables
            for language in as_texts(self.languages)
            for word in table.get(language, "").split(", ")
            if word
        }

    def _likely(self, tokens: list[str], *, is_question: bool) -> KeywordMatch | None:
        told = " ".join(tokens)
        if len(set(tokens)) == 1 and self._exact.get(tokens[0]) is Intent.OPT_OUT:  # "stop stop stop"
            return KeywordMatch(Intent.OPT_OUT, "certain", tokens[0])
        if is_question:
            return None
        found = self._with_fillers(tokens) if len(tokens) <= _MAX_TOKENS else None
        found = found or (_strong_phrase(told) if len(tokens) <= _MAX_TOKENS_OF_PHRASE else None)
        if found is None:
            return None
        category = "marketing" if found in words.MARKETING_WORDS else ""
        return KeywordMatch(Intent.OPT_OUT, "likely", found, category)

    def _with_fillers(self, tokens: list[str]) -> str | None:
        """Return the one opt-out word or phrase beside which only filler stands."""
        told = f" {' '.join(tokens)} "
        for phrase in (*self._opt_outs, *words.PHRASES):
            before, found, after = told.partition(f" {phrase} ")
            beside = (before + " " + after).split()
            is_vague = phrase in words.AMBIGUOUS and not words.POINTING.isdisjoint(beside)
            if (
                found
                and not is_vague
                and all(token in _FILLERS or _is_short_code(token, phrase) for token in beside)
            ):
                return phrase
        return None

    @cached_property
    def _opt_outs(self) -> tuple[str, ...]:
        found = [word for word, intent in self._exact.items() if intent is Intent.OPT_OUT]
        return tuple(sorted(found, key=lambda word: -len(word)))


def _is_short_code(token: str, phrase: str) -> bool:
    """Whether it is the number that a text named beside the word: "STOP 36105", as usual in France. After "cancel" it may be an order."""
    return phrase in _WORDS_WITH_SHORT_CODE and token.isdecimal() and 4 <= len(token) <= 6  # noqa: PLR2004


def _strong_phrase(told: str) -> str | None:
    for phrase in words.STRONG_PHRASES:
        before, found, _ = f" {told} ".partition(f" {phrase} ")
        if found and not _is_negated(before):
            return phrase
    found_pattern = _PATTERN.search(told)
    if found_pattern is None or _is_negated(told[: found_pattern.start()]):
        return None
    return found_pattern[0][:_MAX_WORD]


def _is_negated(before: str) -> bool:
    return bool(words.NEGATIONS & set(before.split()[-2:]) or _ASKING.search(before.strip()))


@lru_cache(maxsize=1024)
def normalize(text: str) -> str:
    """Return a text as it is compared: lower case, without accents, punctuation, quotation, symbols and invisible characters.

    Of a mail, what is quoted and what stands below the signature's dashes is left out.
    """
    text = _REPLY.sub("", _QUOTED.sub("", text[:_MAX_TEXT]))
    kept: list[str] = []
    for character in unicodedata.normalize("NFKD", text).casefold():
        kind = unicodedata.category(character)
        if kind[0] in "LN":
            kept.append(character)
        elif kind not in ("Mn", "Me", "Cf") and character not in _APOSTROPHES:
            kept.append(" ")
    tokens = "".join(kept).split()
    if len(tokens) > 1 and all(len(token) == 1 for token in tokens):
        return "".join(tokens)  # s.t.o.p
    return " ".join(tokens)


_MAX_TEXT, _MAX_LENGTH = 2000, 300
_MAX_TOKENS, _MAX_TOKENS_OF_PHRASE = 6, 14
_MAX_WORD = 59
"""Characters of what is told of a text."""
_FILLERS = frozenset(words.FILLERS)
_WORDS_WITH_SHORT_CODE = frozenset({"stop", "stopp", "arret"})
_QUESTION_MARKS = "?\uff1f\u061f\u00bf"
_APOSTROPHES = "'\u2019\u02bc\u2018`\u00b4"
_PATTERN = re.compile(rf"\b(?:{'|'.join(words.PATTERNS)})\b")
_ASKING = re.compile(words.ASKING)
_REPLY = re.compile(rf"\A\s*{words.REPLY_PREFIXES}", re.IGNORECASE)
_QUOTED = re.compile(
    r"^(?:>.*|On .{0,200}wrote:|Le .{0,200}a \u00e9crit\s*:|Am .{0,200}schrieb.{0,100}:|El .{0,200}escribi\u00f3:|-- ?$[\s\S]*"
    r"|-{3,} ?Original[\s\S]*|Sent (?:from|via) [\s\S]*|Get Outlook for [\s\S]*|Envoy\u00e9 (?:de|depuis) [\s\S]*"
    r"|Von meinem [\s\S]*|Gesendet (?:von|mit) [\s\S]*|Enviado (?:desde|do) [\s\S]*|Inviato da[\s\S]*|Verstuurd (?:vanaf|met) [\s\S]*)$",
    re.MULTILINE,
)
"""What is no part of the person's own words: quotations, and what programs put below."""
