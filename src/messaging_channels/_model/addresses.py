"""Addresses as values: parsed once, normal in form, and masked wherever they might be printed."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from messaging_channels._model._table_numbers import COUNTRY_CODES, NUMBER_LENGTHS, ZERO_FIRST
from messaging_channels._model.errors import InvalidAddress


@runtime_checkable
class Address(Protocol):
    """Base class of addresses. `str`, `repr` and `format` show the masked form."""

    @property
    def plain(self) -> str:
        """The address in full, as answers and requests show it. Keep it out of logs."""
        ...

    @property
    def masked(self) -> str:
        """The address with its identifying part hidden."""
        ...


class WhatsAppAddress:
    """An address on WhatsApp: a `PhoneNumber`, or a `WhatsAppUserId` or `WhatsAppGroupId` if the provider supports them."""

    __slots__ = ()

    @property
    def plain(self) -> str:
        """The address as providers receive it, without a plus."""
        raise NotImplementedError

    @property
    def masked(self) -> str:
        """The address with most characters replaced, for logs."""
        raise NotImplementedError

    def __str__(self) -> str:
        """Show the masked form."""
        return self.masked

    def __repr__(self) -> str:
        """Show the masked form."""
        return f"{type(self).__name__}({self.masked})"


@dataclass(frozen=True, slots=True, repr=False)
class WhatsAppUserId(WhatsAppAddress):
    """Id of a person for one business on WhatsApp (BSUID), for people who show no number: a country, a dot, and up to 128 letters and digits.

    Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/business-scoped-user-ids
    """

    id: str
    """Byte for byte as it came in a report."""

    @classmethod
    def parse(cls, text: str) -> WhatsAppUserId:
        """Parse `US.13491208655302741918`, or that of a parent business, `US.ENT.11815799212886844830`.

        Raises:
            InvalidAddress: it is no such id.
        """
        if not _USER_ID.fullmatch(text):
            raise InvalidAddress(
                "it must be two letters, a dot, letters and digits",
                kind="WhatsApp user id",
                hint="copy it from the webhook event",
            )
        return cls(text)

    @property
    def plain(self) -> str:
        """The id."""
        return self.id

    @property
    def masked(self) -> str:
        """Such as `US.•••918`."""
        return f"{self.id[:2]}.•••{self.id[-3:] if len(self.id) > _SHORT_ID else ''}"


@dataclass(frozen=True, slots=True, repr=False)
class WhatsAppGroupId(WhatsAppAddress):
    """A group on WhatsApp that the business is a member of. As text: `group:` and the id.

    Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/groups
    """

    id: str
    """Byte for byte as it came in a report."""

    @classmethod
    def parse(cls, text: str) -> WhatsAppGroupId:
        """Parse `group:Y2FwaV9ncm91cDo1NTU`.

        Raises:
            InvalidAddress: it is no such id.
        """
        if not _GROUP_ID.fullmatch(text):
            raise InvalidAddress(
                "it must be `group:` and the id of a group",
                kind="WhatsApp group id",
                hint="give reply_address of the event, or WhatsAppGroupId(event.group_id)",
            )
        return cls(text.partition(":")[2])

    @property
    def plain(self) -> str:
        """With `group:` before it, so that it can be parsed again."""
        return f"group:{self.id}"

    @property
    def masked(self) -> str:
        """Such as `group:•••NTU`."""
        return f"group:•••{self.id[-3:] if len(self.id) > _SHORT_ID else ''}"


@dataclass(frozen=True, slots=True, repr=False)
class PhoneNumber(WhatsAppAddress):
    """A number in the shape of E.164 (ITU-T): 7 to 15 digits, country code first. Whether it exists is for the network to say."""

    digits: str
    """Without a plus."""

    @classmethod
    def parse(cls, text: str, *, region: str | None = None) -> PhoneNumber:
        """Parse an international number, with or without the plus.

        Spaces of any kind, dashes, dots, slashes, parentheses and brackets may separate digits; invisible characters that come with pasted text are
        left out. With a `region` (ISO 3166, such as `GB`), a number without a plus is read as it is dialled there; this needs the extra `phone`.

        Raises:
            InvalidAddress: it is no international number: its country code is not assigned, it has more or fewer digits than any number there, or it holds the
                zero that is dialled inside a country only. `00` is not taken for a plus, since it means nothing in many countries.
        """
        digits = str.removeprefix(text, "+")  # a TypeError for what is no text, as plugins expect
        least, most = _TOTALS[digits[:_PREFIX]]
        if region is None and least <= len(digits) <= most and digits.isascii() and digits.isdecimal():
            return cls(digits)
        cleaned = _without_separators(text)
        if region is not None and not cleaned.startswith("+"):
            from messaging_channels._model.national_numbers import (  # noqa: PLC0415  an extra
                international_digits,
            )

            cleaned = international_digits(cleaned, region)
        match = _PLAIN_NUMBER.fullmatch(cleaned)
        if match is None or _TRUNK_ZERO.search(text):
            raise InvalidAddress(
                _number_problem(text, cleaned),
                kind="phone number",
                hint="write it with the country code, such as +447700900000",
            )
        digits = match[1]
        least, most = _TOTALS[digits[:_PREFIX]]
        if not least <= len(digits) <= most:
            raise _wrong_length(digits)
        return cls(digits)

    @property
    def e164(self) -> str:
        """With the plus."""
        return f"+{self.digits}"

    @property
    def plain(self) -> str:
        """The digits without a plus."""
        return self.digits

    @property
    def masked(self) -> str:
        """Such as `+44•••••••123`."""
        return f"+{self.digits[:2]}{'•' * (len(self.digits) - 5)}{self.digits[-3:]}"


@dataclass(frozen=True, slots=True, repr=False)
class EmailAddress:
    """A mail address (RFC 5321, 6531). The domain is kept in its ASCII form; equal if local part and domain are."""

    local: str
    """As it was given, composed (NFC): servers may tell upper from lower case."""
    domain: str
    """Lower case, internationalized labels as A-labels (IDNA 2008)."""
    display_name: str = field(default="", compare=False)

    @classmethod
    def parse(cls, text: str) -> EmailAddress:
        """Parse `user@example.com` or `Name <user@example.com>`; white space and invisible marks around each are no part of it.

        The local part may be of any script (RFC 6531). Quoted local parts, comments and domain literals are refused.

        Raises:
            InvalidAddress: it is no such address, is longer than 254 octets (RFC 5321 section 4.5.3.1.3), or holds a control or
                bidirectional-override character.
        """
        if _PLAIN_MAIL.fullmatch(text) and len(text) <= _SHORT:
            local, _, domain = text.rpartition("@")
            return cls(local, domain.lower())
        text = _AROUND.sub("", text)
        named = _NAMED.fullmatch(text)
        name, spec = (_unquote(named[1]), _AROUND.sub("", named[2])) if named else ("", text)
        if _FORBIDDEN.search(spec) or _FORBIDDEN.search(name):
            raise _invalid_mail("it contains a control or text direction character")
        local, _, domain = unicodedata.normalize("NFC", spec).rpartition("@")
        if not _is_local_part(local):
            raise _invalid_mail("the part before @ is missing, too long or malformed")
        address = cls(local, _ascii_domain(domain), _STRAY_JOINER.sub("", name))
        if len(address.addr_spec.encode()) > _ADDRESS_OCTETS:
            raise _invalid_mail(f"it is longer than {_ADDRESS_OCTETS} bytes")
        return address

    @property
    def addr_spec(self) -> str:
        """The address without the display name."""
        return f"{self.local}@{self.domain}"

    @property
    def plain(self) -> str:
        """The same as `addr_spec`."""
        return self.addr_spec

    @property
    def needs_smtputf8(self) -> bool:
        """Whether every server on the way must support SMTPUTF8 (RFC 6531), because the local part is not ASCII."""
        return not self.local.isascii()

    @property
    def masked(self) -> str:
        """Such as `j•••@example.com`."""
        return f"{self.local[0]}•••@{self.domain}"

    def __str__(self) -> str:
        """Show the masked form."""
        return self.masked

    def __repr__(self) -> str:
        """Show the masked form."""
        return f"EmailAddress({self.masked})"


def _without_separators(text: str) -> str:
    """Leave out what people and programs put between digits; what may not stand there stays, and is refused."""
    kept: list[str] = []
    for character in text:
        kind = unicodedata.category(character)
        if character in _WIDE:
            kept.append(_WIDE[character])
        elif not (
            kind in ("Cf", "Zs") or character in _BRACKETS or (kept and _is_separator(character, kind))
        ):
            kept.append(character)
    return "".join(kept)


def _is_separator(character: str, kind: str) -> bool:
    return kind == "Pd" or character in "./\u00b7\u2212"


def _number_problem(text: str, cleaned: str) -> str:
    digits = sum(character.isdecimal() for character in cleaned)
    if not digits:
        return "no digits in it"
    if not _NUMBER_CHARACTERS.fullmatch(cleaned):
        return "characters in it that no number has"
    if not _MIN_DIGITS <= digits <= _MAX_DIGITS:
        return f"{digits} digits, {_MIN_DIGITS} to {_MAX_DIGITS} expected"
    return _plan_problem(text, cleaned)


def _wrong_length(digits: str) -> InvalidAddress:
    """Return the error of a number that is too short or too long for the plan of its country code. It names both lengths."""
    code = next(digits[:length] for length in (2, 3, 1) if digits[:length] in NUMBER_LENGTHS)
    found, (least, most) = len(digits) - len(code), NUMBER_LENGTHS[code]
    wanted = str(least) if least == most else f"{least} to {most}"
    return InvalidAddress(
        f"{found} digits after the country code {code}, where numbers have {wanted}",
        kind="phone number",
        hint="check that no digit is missing or doubled",
    )


def _plan_problem(text: str, cleaned: str) -> str:
    if _TRUNK_ZERO.search(text):
        return "it holds a (0), which is not dialled after the country code"
    if cleaned.lstrip("+").startswith("0"):
        return "it does not start with a country code"
    if _COUNTRY_CODE.match(cleaned):
        return "the digit after its country code is one that is dialled inside the country only, or begins no number there"
    return "its country code is not assigned"


def _invalid_mail(problem: str) -> InvalidAddress:
    return InvalidAddress(problem, kind="email address", hint="write it as user@example.com")


def _unquote(name: str) -> str:
    name = _AROUND.sub("", name)
    if name.startswith('"') and name.endswith('"') and len(name) > 1:
        return name[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    return name


def _is_local_part(local: str) -> bool:
    """Say whether it is a dot-atom (RFC 5322 section 3.2.3) whose atoms may be of any script (RFC 6532 section 3.2)."""
    try:
        octets = len(local.encode())
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return (
        octets <= _LOCAL_OCTETS
        and bool(_LOCAL.fullmatch(local))
        and _STRAY_JOINER.search(local) is None
        and (local.isascii() or all(map(_may_be_in_local_part, local)))
    )


def _may_be_in_local_part(character: str) -> bool:
    """Say whether it is ASCII (which `_LOCAL` has judged), a joiner, or visible and no look-alike of a separator."""
    if character.isascii() or character in _JOINERS:
        return True
    visible = unicodedata.category(character)[0] not in "CZ"
    return visible and _SEPARATORS_OF_MAIL.isdisjoint(unicodedata.normalize("NFKC", character))


def _ascii_domain(domain: str) -> str:
    domain = domain.removesuffix(".")
    if domain.isascii():
        ascii_domain = domain.lower()
    else:
        import idna  # noqa: PLC0415  slow to import and rarely needed

        try:
            ascii_domain = idna.encode(domain, uts46=True, std3_rules=True).decode()
        except idna.IDNAError as error:
            raise _invalid_mail("its domain is not a valid internationalized name") from error
    if len(ascii_domain) > _DOMAIN_OCTETS or not _DOMAIN.fullmatch(ascii_domain):
        raise _invalid_mail("its domain is missing, too long or malformed")
    return ascii_domain


_MIN_DIGITS, _MAX_DIGITS = 7, 15
_SHORT = 64
_LOCAL_OCTETS = 64
_DOMAIN_OCTETS = 253
_ADDRESS_OCTETS = 254

_NO_ZERO = "|".join(code for code in COUNTRY_CODES if code not in ZERO_FIRST and code != "1")


class _Totals(dict[str, tuple[int, int]]):
    """By the first four characters of a number: its fewest and most digits, country code included. No length fits what begins no number."""

    def __missing__(self, prefix: str) -> tuple[int, int]:
        if not _BEGINNING.fullmatch(prefix):
            return _NO_LENGTH
        code = next((prefix[:length] for length in (2, 3, 1) if prefix[:length] in NUMBER_LENGTHS), "")
        least, most = NUMBER_LENGTHS.get(code, _ANY_LENGTH)
        self[prefix] = total = max(len(code) + least, _MIN_DIGITS), min(len(code) + most, _MAX_DIGITS)
        return total


_TOTALS = _Totals()
_PREFIX = 4
_NO_LENGTH, _ANY_LENGTH = (1, 0), (0, 100)
_FIRST_DIGITS = rf"(?:1[2-9]|(?:{_NO_ZERO})[1-9]|(?:{'|'.join(sorted(ZERO_FIRST))})[0-9])[0-9]*"
_BEGINNING = re.compile(_FIRST_DIGITS)
_PLAIN_NUMBER = re.compile(rf"\+?(?=[0-9]{{7,15}}\Z)({_FIRST_DIGITS})")
_USER_ID = re.compile(r"[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}")
_GROUP_ID = re.compile(r"group:[A-Za-z0-9+/=_@.:-]{1,256}")
_SHORT_ID = 12
_COUNTRY_CODE = re.compile(rf"\+?(?:{'|'.join(COUNTRY_CODES)})")
_TRUNK_ZERO = re.compile(r"[(\[\uff08]\s*0\s*[)\]\uff09]")
_NUMBER_CHARACTERS = re.compile(r"\+?[0-9]+")
_BRACKETS = "()[]\uff08\uff09"
_WIDE = {"\uff0b": "+"} | {chr(0xFF10 + digit): str(digit) for digit in range(10)}
"""Full-width signs, as keyboards in East Asia write them."""

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})+")
_PLAIN_MAIL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})+")
_UATOM = r"(?:[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]|[^\x00-\x7f])+"
_LOCAL = re.compile(rf"{_UATOM}(?:\.{_UATOM})*")
_JOINERS = "\u200c\u200d"
"""Zero-width joiner and non-joiner: part of the spelling in Persian, in the scripts of India, and in emoji."""
_STRAY_JOINER = re.compile(r"(?<![^\x00-\x7f])[\u200c\u200d]+(?![^\x00-\x7f])")
"""Joiners that join nothing but ASCII, where they only deceive."""
_SEPARATORS_OF_MAIL = frozenset('@.,:;<>()[]\\"\u0020')
_MARKS_AROUND = r"\s\u200b-\u200f\u2060\ufeff"
_AROUND = re.compile(rf"\A[{_MARKS_AROUND}]+|[{_MARKS_AROUND}]+\Z")
_NAMED = re.compile(r"([^<>]*)<([^<>]+)>")
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
