"""Names in the environment, the file and code that mean nothing: refused, because a misspelt setting would be one that is silently off."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from messaging_channels._config.installed import installed
from messaging_channels._config.known_settings import KnownSettings, variable_for
from messaging_channels._config.schema_check import Misfit, example_for, misfits, words_for
from messaging_channels._config.setting_hints import hint_for_key, hint_for_section, hint_for_variable
from messaging_channels._model.errors import PUBLISHED, ConfigurationError, InvalidSetting, UnknownProvider
from messaging_channels._model.nearest import did_you_mean, nearest

if TYPE_CHECKING:
    from messaging_channels._config.toml_lines import TomlLines


def find_misspellings(
    known: KnownSettings,
    *,
    code: Mapping[str, Any],
    environment: Mapping[str, str],
    file: Mapping[str, Any],
    file_name: str,
    lines: TomlLines,
) -> Iterator[ConfigurationError]:
    """Yield an error for every name that means nothing: of a section, a key, a variable, a provider on a route, or the file itself."""
    if f"{known.prefix}CONFIG" not in environment:
        yield from misnamed_files(Path(), file_name)
    yield from find_unknown_keys(known, code, "code")
    yield from find_unknown_variables(known, environment)
    yield from find_unknown_keys(known, file, file_name, lines)
    yield from find_unknown_plugins(known, code.get("plugins"), "code")
    yield from find_unknown_plugins(known, environment.get(f"{known.prefix}PLUGINS"), "the environment")
    yield from find_unknown_plugins(
        known, file.get("plugins"), f"{file_name} line {lines.line_of(('plugins',))}"
    )


def find_unrouted(
    known: KnownSettings,
    *,
    code: Mapping[str, Any],
    environment: Mapping[str, str],
    file: Mapping[str, Any],
    file_name: str,
    lines: TomlLines,
) -> Iterator[ConfigurationError]:
    """Yield an error for every provider that a route names in code, a variable or the file, and that no plugin supplies."""
    yield from find_unknown_providers(known, _routes_of(code), dict.fromkeys(_routes_of(code), "code"))
    named = {one: f"{known.prefix}{variable_for('route', one)}" for one in known.channels}
    given = {one: environment[name] for one, name in named.items() if name in environment}
    yield from find_unknown_providers(known, given, named)
    found = {one: lines.line_of(("routes", one)) for one in _routes_of(file)}
    places = {one: f"{file_name} line {line}" for one, line in found.items()}
    yield from find_unknown_providers(known, _routes_of(file), places)


def _routes_of(given: Mapping[str, Any]) -> Mapping[str, Any]:
    routes = given.get("routes", {})
    return cast("Mapping[str, Any]", routes) if isinstance(routes, Mapping) else {}


def find_unknown_variables(
    known: KnownSettings, environment: Mapping[str, str]
) -> Iterator[ConfigurationError]:
    """Yield an error for every variable that is most likely meant for us, and means nothing."""
    for name, value in environment.items():
        if name.startswith(known.prefix):
            rest = name.removeprefix(known.prefix)
            if not _is_meant_otherwise(known, rest, value):
                yield _unknown_variable(known, name, rest)
        elif (right := _after_misspelt_prefix(known, name)) is not None:
            yield _invalid(name, "the environment", "is not read", f"did you mean {known.prefix}{right}?")


def find_unknown_keys(
    known: KnownSettings, given: Mapping[str, Any], source: str, lines: TomlLines | None = None
) -> Iterator[ConfigurationError]:
    """Yield an error for every section and key that means nothing, and every value of a wrong type, with its line if it stands in a file."""
    for one in misfits(dict(given), known.schema):
        line = lines.line_of(one.path) if lines else None
        yield from _error_of(known, given, one, f"{source} line {line}" if line else source)


def _error_of(
    known: KnownSettings, given: Mapping[str, Any], one: Misfit, where: str
) -> Iterator[ConfigurationError]:
    if one.expected:
        yield _wrong_type(one, where)
    elif not (_names_provider(one.path) and _is_table(given, one.path)):
        yield _unknown_key(known, one, where)
    elif not _is_of_failed_plugin(known, one.path[1]):
        yield UnknownProvider(one.path[1], known=tuple(known.providers), source=f"{where}, [{one.path[0]}]")


def _names_provider(path: tuple[str, ...]) -> bool:
    return len(path) == _SECTION_AND_PROVIDER and path[0] in ("providers", "rate_limits")


def _is_table(given: Mapping[str, Any], path: tuple[str, ...]) -> bool:
    """Whether a setting may be that of a provider: a rate, or a table."""
    return path[0] == "rate_limits" or isinstance(given[path[0]][path[1]], Mapping)


def _wrong_type(one: Misfit, where: str) -> ConfigurationError:
    name, example = ".".join(one.path), example_for(one)
    if one.in_list:
        hint = f"write for example {one.path[-1]} = [{example or '{ ... }'}]"
        return _invalid(name, where, f"must hold {words_for(one.expected)} in each place of its list", hint)
    hint = f"write for example {one.path[-1]} = {example}"
    if not example:
        hint = f"write [{name}], with a line for each of its keys"
    return _invalid(name, where, f"must be {words_for(one.expected)}", hint)


def _unknown_key(known: KnownSettings, one: Misfit, where: str) -> ConfigurationError:
    name, path = ".".join(one.path), one.path
    if len(path) == 1:
        return _invalid(f"[{name}]", where, "is not known", hint_for_section(known, name, one.known))
    return _invalid(name, where, "is not known", hint_for_key(known, path, one.known))


def find_unknown_plugins(known: KnownSettings, given: Any, source: str) -> Iterator[ConfigurationError]:  # noqa: ANN401  as it stands there
    """Yield an error for every plugin that is to be loaded and is not installed."""
    names = plugin_names(given, source)
    if not names:
        return
    there = {entry.name for entry in installed("messaging_channels")}
    for name in names:
        if name not in there:
            setting = f"{known.prefix}PLUGINS" if source == "the environment" else "plugins"
            hint = did_you_mean(name, there)
            yield _invalid(setting, source, f"names {name!r}, which is not an installed plugin", hint)


def plugin_names(given: object, source: str) -> list[str] | None:
    """Return the names of the plugins that alone are to be loaded, of a list or a text with commas; None for no restriction.

    Raises:
        InvalidSetting: it is neither.
    """
    if given is None:
        return None
    names = given.split(",") if isinstance(given, str) else given
    if not isinstance(names, (list, tuple)):
        raise _invalid("plugins", source, "must be a list of names", 'write plugins = ["twilio", "smtp"]')
    return [name for one in cast("list[object]", names) if (name := str(one).strip())]


def find_unknown_providers(
    known: KnownSettings, routes: Mapping[str, Any], places: Mapping[str, str]
) -> Iterator[ConfigurationError]:
    """Yield an error for every provider that a route names, and that no plugin supplies."""
    for channel, value in routes.items():
        for name in _providers_of_route(value):
            if name not in known.plugins.providers and not known.plugins.failed:
                yield UnknownProvider(name, known=tuple(known.providers), source=places[channel])


def misnamed_files(folder: Path, expected: str) -> Iterator[ConfigurationError]:
    """Yield an error for a file of the folder that is most likely meant to be our settings, under a name that is not read."""
    try:
        names = [one.name for one in folder.iterdir() if one.suffix.lower() in (".toml", ".tml")]
    except OSError:
        return
    for name in names:
        if name != expected and name.count(".") == 1 and _MISNAMED.fullmatch(name.rpartition(".")[0].lower()):
            beside = (folder / expected).exists()
            hint = (
                f"move what it holds to {expected}, and delete it" if beside else f"rename it to {expected}"
            )
            yield _invalid(name, "the working directory", "is not read", hint)


def _is_meant_otherwise(known: KnownSettings, rest: str, value: str) -> bool:
    return (
        rest in known.variables
        or any(rest.startswith(prefix) for prefix in known.left_out)
        or _KUBERNETES.search(rest) is not None
        or (rest.endswith("_PORT") and value.startswith(("tcp://", "udp://", "sctp://")))
    )


def _unknown_variable(known: KnownSettings, name: str, rest: str) -> ConfigurationError:
    for provider in PUBLISHED:
        if provider not in known.plugins.providers and rest.startswith(variable_for(provider, "")):
            return _invalid(
                name,
                "the environment",
                f"is a setting of {provider}, whose plugin is not installed",
                f"run pip install messaging-channels-{provider}",
            )
    hint = hint_for_variable(known, rest)
    failed = "; ".join(
        f"{one.name} could not be loaded ({one.problem})" for one in known.plugins.failed.values()
    )
    return _invalid(name, "the environment", "is not known", f"{hint}; {failed}" if failed else hint)


def _after_misspelt_prefix(known: KnownSettings, name: str) -> str | None:
    """Return the name without its beginning, as we spell it, of a variable whose beginning is nearly ours, and whose rest is, or nearly is, one of ours."""
    upper = name.upper().replace("-", "_").replace(".", "_")
    rest = _rest_of(upper, known.prefix)
    if rest is None:
        return None
    return rest if rest in known.variables else nearest(rest, known.variables, least=_SURELY)


def _rest_of(upper: str, prefix: str) -> str | None:
    """Return what follows the beginning of a name, if that is nearly the prefix."""
    if not upper.startswith("M"):
        return None
    if (found := _MISSPELT_PREFIX.match(upper)) is not None:
        return upper[found.end() :]
    if upper.startswith(bare := prefix.rstrip("_")):
        return upper.removeprefix(bare)
    words = upper.split("_")
    for count in (1, 2):
        begin, rest = "_".join(words[:count]), "_".join(words[count:])
        if rest and nearest(begin, [bare, bare.replace("_", "")], least=_SURELY) is not None:
            return rest
    return None


def _is_of_failed_plugin(known: KnownSettings, provider: str) -> bool:
    """Whether a plugin that could not be loaded may be the provider's: the error that names it comes when the provider is built."""
    return bool(known.plugins.failed) and nearest(provider, known.providers) is None


def _providers_of_route(value: Any) -> Iterator[str]:  # noqa: ANN401  as it stands in a file, a variable or code
    given = cast("Mapping[str, Any]", value).get("providers", ()) if isinstance(value, Mapping) else value
    named = given.split(",") if isinstance(given, str) else given
    for one in cast("list[Any]", named) if isinstance(named, (list, tuple)) else ():
        name = cast("Mapping[str, Any]", one).get("provider") if isinstance(one, Mapping) else one
        if isinstance(name, str) and name.strip():
            yield name.strip()


def _invalid(setting: str, source: str, problem: str, hint: str) -> InvalidSetting:
    return InvalidSetting(problem, setting=setting, source=source, hint=hint)


_SECTION_AND_PROVIDER = 2
_SURELY = 0.8
"""How like a name must be to one of ours, for a variable that does not begin as ours do."""
_KUBERNETES = re.compile(
    r"_SERVICE_HOST$|_SERVICE_PORT(_[A-Z0-9_]+)?$|(^|_)PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$|^SERVICE_|^PORT$"
)
"""Variables that Kubernetes sets in every container of a cluster with a service called `messaging-channels` or `messaging-channels-...`."""
_MISSPELT_PREFIX = re.compile(r"M(E|A)?SS?(A|E)?G(E|ES|ING|IN|NG|GING)?_?CHAN+(E|L)*S?_")
_MISNAMED = re.compile(r"m(e|a)?ss?(a|e)?g(e|es|ing|in|ng|ging)?[-_ ]?chan+(e|l)*s?")
