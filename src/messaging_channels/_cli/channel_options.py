"""The options of `send CHANNEL` and `enqueue CHANNEL`, as each channel declares them, and the message they make."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, Protocol, get_type_hints

from messaging_channels._cli.files import read_text
from messaging_channels._model.errors import InvalidMessage, UnknownChannel
from messaging_channels.messages import Message
from messaging_channels.plugins.channels import BUILT_IN, ChannelSpec, CommandOption


class CellFiller(Protocol):
    """A row whose cells fill the gaps of a text."""

    def fill(self, text: str) -> str: ...
    def fill_html(self, text: str) -> str: ...


def known_channels(command: Sequence[str]) -> Sequence[ChannelSpec]:
    """Return the channels that a command line needs: those of plugins are loaded only where a message is made."""
    if not {"send", "enqueue"} & set(command[:1]):
        return BUILT_IN
    from messaging_channels._config.settings import Configuration  # noqa: PLC0415  every plugin is imported

    return Configuration.read(check=False).plugins.channels


def require_channel(channel: str | None) -> None:
    """Refuse a channel that no installed plugin supplies: what is said of it would never be asked for. None and `*` stand for all.

    Raises:
        UnknownChannel: it is one.
    """
    from messaging_channels._config.settings import Configuration  # noqa: PLC0415  every plugin is imported

    known = tuple(one.name for one in Configuration.installed_channels())
    if channel not in (None, "*", *known):
        raise UnknownChannel(f"{channel!r}", known=known)


def address_help(spec: ChannelSpec) -> str:
    """Say what an address of a channel is."""
    return f"an address, such as {spec.example}" if spec.example else "an address"


def add_options(parser: argparse.ArgumentParser, spec: ChannelSpec) -> None:
    """Describe the options that make a message of a channel."""
    groups: dict[str, Any] = {}
    for one in options_of(spec):
        place: Any = parser
        if one.group:
            if one.group not in groups:
                groups[one.group] = parser.add_mutually_exclusive_group(required=True)
            place = groups[one.group]
        elif _is_plain_text(one):
            place = parser.add_mutually_exclusive_group(required=one.required)
        _add_option(place, one)
        if _is_plain_text(one):
            place.add_argument(
                f"--{one.name}-file",
                type=Path,
                metavar="FILE",
                help=f"read --{one.name} from a file; - for the standard input",
            )


def options_of(spec: ChannelSpec) -> Sequence[CommandOption]:
    """Return what a channel declares, or what follows from the fields of its first form: and always `--content`, where nothing is declared."""
    if spec.options:
        return spec.options
    kind = next(iter((spec.forms or {"": spec.message_types[0]}).values()))
    hints = get_type_hints(kind)
    derived = [
        CommandOption(
            one.name.replace("_", "-"),
            "flag" if hints[one.name] is bool else "",
            kind="flag" if hints[one.name] is bool else "text",
        )
        for one in fields(kind)  # type: ignore[arg-type]
        if one.name not in ("sender", "provider_options", "category") and _is_simple(hints[one.name])
    ]
    help_text = "the whole content as JSON, or @FILE; instead of the other options"
    return (*derived, CommandOption("content", help_text, metavar="JSON"))


def build_message(spec: ChannelSpec) -> Callable[..., Message]:
    """Return what makes the message of a channel from the options of a command, and, of many, from the row of a recipient."""

    def build(options: argparse.Namespace, row: CellFiller | None = None) -> Message:
        given = {one.name: _value_of(options, one, row) for one in options_of(spec)}
        if spec.build is not None:
            return spec.build({**given, "sender": options.sender})
        return _build_derived(spec, given, options.sender)

    return build


def _build_derived(spec: ChannelSpec, given: Mapping[str, Any], sender: str | None) -> Message:
    from messaging_channels.plugins.message_requests import message_from_json  # noqa: PLC0415  pydantic

    content = given.get("content")
    if content:
        text = read_text(Path(content[1:])) if content.startswith("@") else content
        try:
            told = json.loads(text)
        except ValueError:
            raise InvalidMessage(
                "must be JSON", field="--content", hint='give e.g. {"text": "Hello"}'
            ) from None
        return message_from_json(spec, told, sender)
    kind = next(iter((spec.forms or {"": spec.message_types[0]}).values()))
    own = {
        name.replace("-", "_"): value
        for name, value in given.items()
        if name != "content" and value is not None
    }
    lacking = [name for name in _required_fields(kind) if name not in own]
    if lacking:
        raise InvalidMessage(
            "is required", field=f"--{lacking[0].replace('_', '-')}", hint="give it, or --content with JSON"
        )
    takes_sender = any(one.name == "sender" for one in fields(kind))  # type: ignore[arg-type]
    return kind(**own, **({"sender": sender} if takes_sender else {}))


def _required_fields(kind: type[Message]) -> list[str]:
    every = fields(kind)  # type: ignore[arg-type]
    return [one.name for one in every if one.default is MISSING and one.default_factory is MISSING]


def _add_option(place: Any, one: CommandOption) -> None:  # noqa: ANN401  argparse keeps the type to itself
    if one.kind == "flag":
        place.add_argument(f"--{one.name}", action="store_true", default=None, help=one.help)
        return
    more: dict[str, Any] = {"action": "append", "default": []} if one.repeatable else {"default": one.default}
    if not one.group and not _is_plain_text(one):
        more["required"] = one.required
    kind = Path if one.kind == "file" else str
    place.add_argument(f"--{one.name}", type=kind, metavar=one.metavar, help=one.help or None, **more)


def _value_of(options: argparse.Namespace, one: CommandOption, row: CellFiller | None) -> Any:  # noqa: ANN401  of its kind
    name = one.name.replace("-", "_")
    path: Path | None = getattr(options, f"{name}_file", None)
    if path is not None:
        setattr(options, name, read_text(path).removesuffix("\n"))
        setattr(options, f"{name}_file", None)
    value: Any = getattr(options, name)
    if row is None or one.kind != "text":
        return value
    if isinstance(value, list):
        return [row.fill(str(text)) for text in value]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if value is None:
        return None
    return row.fill_html(value) if name == "html" else row.fill(value)


def _is_plain_text(one: CommandOption) -> bool:
    """Whether it is a text that may stand in a file: one that is no name and no URL."""
    return one.kind == "text" and one.name in ("text", "html", "caption") and not one.repeatable


def _is_simple(hint: Any) -> bool:  # noqa: ANN401  any type
    return hint in (str, bool) or hint == (str | None)
