"""The texts that Twilio may have signed for one URL: proxies and frameworks escape it in different ways before it is handed over.

Twilio's own validators try several texts too: with and without the port, as the URL standard (https://url.spec.whatwg.org) writes it, and with the query read
and written anew. All texts here name the same address, so a signature over any of them is as good as over the one that came.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from urllib.parse import parse_qsl, quote, unquote

_DEFAULT_PORTS: Mapping[str, int] = {"https": 443, "http": 80}


def url_variants(url: str, *, rewrite: bool = True) -> list[str]:
    """Return the texts, the one that came first; without `rewrite`, with nothing but the ports changed. The fragment never leaves Twilio."""
    whole = url.partition("#")[0]
    texts = dict.fromkeys([whole, *_ports(whole)])
    for text in list(texts) if rewrite and len(whole) <= _MAX_LENGTH else ():
        texts |= dict.fromkeys(_rewritten(text))
    return list(texts)


def _rewritten(url: str) -> Iterator[str]:
    """Yield the URL with path and query escaped in each of the ways that are in use."""
    scheme, slashes, rest = url.partition("://")
    authority, beyond = _split_authority(rest)
    path, mark, query = beyond.partition("?")
    paths = dict.fromkeys([path, *(write(path) for write in _PATH_WRITERS)])
    queries = dict.fromkeys(
        [mark + query, *(_mark(write(query)) for write in _QUERY_WRITERS)] if mark else [""]
    )
    for start in dict.fromkeys((scheme + slashes + authority, scheme.lower() + slashes + _lower(authority))):
        for one in paths:
            for asked in queries:
                yield start + one + asked


def _mark(query: str) -> str:
    return f"?{query}" if query else ""


def _lower(authority: str) -> str:
    userinfo, at, host = authority.rpartition("@")
    return f"{userinfo}{at}{host.lower()}"


def _ports(url: str) -> tuple[str, ...]:
    """Return the URL without a port, and with its scheme's own."""
    scheme, slashes, rest = url.partition("://")
    authority, path = _split_authority(rest)
    userinfo, at, host = authority.rpartition("@")
    bare, colon, port = host.rpartition(":")
    if not (colon and port.isdecimal()):
        bare = host
    default = _DEFAULT_PORTS.get(scheme.lower(), 443)
    return tuple(f"{scheme}{slashes}{userinfo}{at}{name}{path}" for name in (bare, f"{bare}:{default}"))


def _split_authority(rest: str) -> tuple[str, str]:
    end = min((rest.find(mark) for mark in "/?" if mark in rest), default=len(rest))
    return rest[:end], rest[end:]


def _quoted(text: str, safe: str) -> str:
    return quote(text, safe=safe, errors="surrogatepass")


def _plain(text: str) -> str:
    return unquote(text, errors="surrogateescape")


def _requoted(safe: str, *, escape_only: bool = False) -> Callable[[str], str]:
    """Return a writer that escapes what is not safe, of a text that is taken apart first unless its own escapes are to stay."""
    if escape_only:
        return lambda text: _quoted(text, f"{safe}%")
    return lambda text: quote(_plain(text), safe=safe, errors="surrogateescape")


def _form(space: str, safe: str) -> Callable[[str], str]:
    """Return a writer that reads the parameters and writes them anew, each name with all its values at its first place."""

    def write(query: str) -> str:
        found: dict[str, list[str]] = {}
        for name, value in parse_qsl(query, keep_blank_values=True, errors="surrogateescape"):
            found.setdefault(name, []).append(value)
        return "&".join(
            "=".join(quote(part, safe=safe, errors="surrogateescape").replace("%20", space) for part in pair)
            for pair in ((name, value) for name, values in found.items() for value in values)
        )

    return write


def _guarded(write: Callable[[str], str]) -> Callable[[str], str]:
    """Return a writer that leaves alone what it cannot write."""

    def writer(text: str) -> str:
        try:
            return write(text)
        except ValueError:
            return text

    return writer


_MAX_LENGTH = 4096
"""Characters of a URL that is written in other ways too."""
_MARKS = "!$&'()*+,;=:@/?-._~"
_PATH_WRITERS = tuple(
    _guarded(write)
    for write in (
        lambda path: path or "/",
        lambda path: path.replace("~", "%7E"),
        _plain,
        _requoted("!$&'()*+,;=:@/-._~"),
        _requoted("/-._~"),
        _requoted("!$&'()*+,;=:@/|[]^-._~", escape_only=True),
    )
)
_QUERY_WRITERS = tuple(
    _guarded(write)
    for write in (
        _plain,
        lambda query: query.replace("'", "%27"),
        lambda query: query.replace("~", "%7E"),
        lambda query: query.replace("%20", "+"),
        lambda query: query.replace("+", "%20"),
        _requoted(_MARKS),
        _requoted(_MARKS.replace("'", "")),
        _requoted(_MARKS + "[]{}|^`\\", escape_only=True),
        _requoted(_MARKS.replace("'", "") + "[]{}|^`\\", escape_only=True),
        _form("%20", "!'()*-._~"),
        _form("%20", "-._~"),
        _form("+", "*-._"),
        _form("+", "-._~"),
    )
)
