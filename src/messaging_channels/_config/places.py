"""Where a setting stands: in code, in a variable, or in the file and on which line. What is refused says so."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from messaging_channels._config.toml_lines import TomlLines, holds
from messaging_channels._model.errors import BadInput, InvalidSetting

if TYPE_CHECKING:
    from messaging_channels.plugins.provider import ProviderSpec

_ARGUMENTS = "the provider's arguments"
"""The source that a provider's own class names: it does not know the settings."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One value and where it came from. Its repr shows no value."""

    name: str
    """Such as `infobip.base_url`."""
    value: Any
    source: str

    def __repr__(self) -> str:
        """Show name and source."""
        return f"Setting({self.name}, from {self.source})"

    def shown(self, spec: ProviderSpec) -> str:
        """Return the value, or `(secret)`."""
        field = spec.settings.model_fields.get(self.name.rpartition(".")[2])
        secret = field is None or SecretStr in (field.annotation, *getattr(field.annotation, "__args__", ()))
        return "(secret)" if secret else str(self.value)


@dataclass(frozen=True, slots=True)
class Places:
    """The places of the settings of one configuration."""

    overrides: Mapping[str, Any]
    environment: Mapping[str, str]
    prefix: str
    file_name: str
    lines: TomlLines

    def place_of(self, path: tuple[str, ...]) -> str:
        """Return where a setting stands: code, a variable, or the file and its line."""
        variable = self._variable(path)
        if holds(self.overrides, path):
            return "code"
        if variable in self.environment:
            return f"environment variable {variable}"
        line = self.lines.line_of(path)
        return f"{self.file_name} line {line}" if line else self._beside(path[0]) or "configuration"

    def place_of_provider(self, name: str, account: str | None, routes: Mapping[str, Any]) -> str:
        """Return where a provider is configured, or else which route names it."""
        place = self.place_of(("accounts", account, name) if account else ("providers", name))
        if place != "configuration":
            return place
        if account is None and (beside := self._beside(name)) is not None:
            return beside
        channel = next((one for one, route in routes.items() if name in route.providers), None)
        where = "configuration" if channel is None else self.place_of(("routes", channel))
        return "the defaults" if where == "configuration" else f"nowhere, and {where} names {name}"

    @contextmanager
    def placing(self) -> Generator[None]:
        """Say of what is refused where it stands."""
        try:
            yield
        except InvalidSetting as error:
            if error.source != "configuration":
                raise
            path = tuple(error.setting.split("."))
            place, hint = self.place_of(path), error.hint
            if place.startswith("environment"):
                hint = hint.replace(f"{path[-1]} = ", f"{self._variable(path)}=")
                hint = hint.replace('["', '"').replace('"]', '"')  # a list is a text with commas there
            raise InvalidSetting(
                error.problem, setting=error.setting, source=place, hint=hint
            ) from error.__cause__

    def _beside(self, section: str) -> str | None:
        """Return which variable of the same section is set, where the setting itself stands nowhere."""
        begin = self._variable((section, ""))
        given = next((one for one in self.environment if one.startswith(begin)), None)
        return None if given is None else f"nowhere, and {given} is set"

    def _variable(self, path: tuple[str, ...]) -> str:
        names = ("route" if path[0] == "routes" else path[0], *path[1:])
        return self.prefix + "_".join(names).upper().replace("-", "_")


@contextmanager
def placing_arguments(provider: str, sources: Mapping[str, str], place: str) -> Generator[None]:
    """Say of what a provider's class refuses from which setting it came."""
    try:
        yield
    except InvalidSetting as error:
        if error.source != _ARGUMENTS:
            raise
        source = sources.get(error.setting, place)
        raise InvalidSetting(error.problem, setting=error.setting, source=source, hint=error.hint) from error
    except BadInput as error:
        hint = str(getattr(error, "hint", ""))
        problem = str(getattr(error, "problem", error))
        raise InvalidSetting(
            f"has an argument that is refused: {problem}", setting=provider, source=place, hint=hint
        ) from error
    except OSError as error:
        problem = f"cannot use {error.filename}: {(error.strerror or type(error).__name__).lower()}"
        raise InvalidSetting(
            problem, setting=provider, source=place, hint="correct the path, or MESSAGING_CHANNELS_HOME"
        ) from error
