"""Texts of any charset that mail programs name, with any label that Python or the WHATWG knows.

The labels of https://encoding.spec.whatwg.org come first: mail programs write `iso-8859-1` and mean windows-1252, as browsers know.
"""

from __future__ import annotations

import codecs
import re
from functools import lru_cache

import webencodings


def decode(data: bytes, label: str = "") -> str:
    """Return octets as text by a charset's label, and as UTF-8 or windows-1252 where the label is unknown or wrong. Raises nothing."""
    named = codec_of(label)
    for codec in dict.fromkeys((named or _UTF_8, _UTF_8)):
        try:
            return data.decode(codec).removeprefix(_BYTE_ORDER_MARK)
        except (UnicodeError, ValueError):
            continue
    return data.decode(named if named not in (None, _UTF_8, "ascii") else _ANY_OCTET, "replace")


@lru_cache(maxsize=256)
def codec_of(label: str) -> str | None:
    """Return the name of Python's codec for a label, or None for a label that means no charset."""
    plain = label.strip(" \t\r\n\"'").lower().partition("*")[0]
    if not _LABEL.fullmatch(plain):
        return None
    tried = (plain, _OTHER_NAMES.get(plain, ""), plain.replace("-", ""), _PREFIX.sub("", plain))
    return next((found for one in tried if one and (found := _codec(one))), None)


def _codec(label: str) -> str | None:
    web = webencodings.lookup(label)
    if web is not None and web.name not in _WEB_ONLY and label not in _WITH_MARK:
        label = str(web.codec_info.name)
    try:
        found = codecs.lookup(label)
    except (LookupError, ValueError):
        return None
    is_text = getattr(found, "_is_text_encoding", True)
    return found.name if is_text and found.name not in _NO_CHARSETS else None


_UTF_8 = "utf-8"
_BYTE_ORDER_MARK = "\ufeff"
_ANY_OCTET = "cp1252"
_LABEL = re.compile(r"[a-z0-9][a-z0-9._:+()-]{0,59}")
_PREFIX = re.compile(r"^(?:x-|cs|x-cs)|(?<=^ibm)-|(?<=^cp)-")
_WEB_ONLY = frozenset({"replacement", "x-user-defined"})
_NO_CHARSETS = frozenset(
    {"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem"}
)
_WITH_MARK = frozenset({"utf-16", "utf-32"})
"""Python reads the order of the octets from the mark; the WHATWG takes one for granted."""
_OTHER_NAMES = {
    "unicode-1-1-utf-7": "utf-7",
    "x-unicode-2-0-utf-7": "utf-7",
    "windows-932": "cp932",
    "ansi_x3.110-1983": "ascii",
    "ks_c_5601": "euc-kr",
    "koi8-ru": "koi8-u",
    "iso-2022-cn": "gb18030",
    "x-mac-centraleurroman": "mac_latin2",
    "x-mac-greek": "mac_greek",
    "x-mac-turkish": "mac_turkish",
    "x-mac-icelandic": "mac_iceland",
    "x-mac-ce": "mac_latin2",
    "tis620": "cp874",
}
