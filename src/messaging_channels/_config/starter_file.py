"""A first file of settings, commented: every section and every field of the providers' settings, with what it means."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING

from pydantic import BaseModel, SecretStr

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from messaging_channels.plugins.channels import Channel

_PREFIX = "MESSAGING_CHANNELS_"


def starter_file(providers: Mapping[str, type[BaseModel]], channels: Iterable[Channel]) -> str:
    """Return the text of a file with sections for these providers. All of it is commented out but the names of sections that may be empty."""
    names = list(providers)
    routes = "\n".join(f'# {one.name} = ["{names[0] if names else "sandbox"}"]' for one in channels)
    parts = [_HEAD, f"[routes]{_ROUTES}\n{routes}"]
    parts += [f"[providers.{name}]\n{_fields(name, model)}" for name, model in providers.items()]
    return "\n\n".join([*parts, _TAIL]) + "\n"


def field_docs(model: type[BaseModel]) -> dict[str, str]:
    """Return the docstrings below the fields of a model."""
    kinds = [
        kind for kind in reversed(model.__mro__) if issubclass(kind, BaseModel) and kind is not BaseModel
    ]
    return {name: words for kind in kinds for name, words in _docs_in(kind)}


def _docs_in(kind: type[BaseModel]) -> Iterator[tuple[str, str]]:
    """Yield each field of one class with the docstring below it."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    except (OSError, TypeError, SyntaxError):
        return
    for field, text in pairwise(tree.body if isinstance(tree, ast.ClassDef) else ()):
        match field, text:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(words))):
                yield name, " ".join(words.split())
            case _:
                continue


def is_secret(field: FieldInfo) -> bool:
    """Whether a field holds a secret."""
    return "SecretStr" in repr(field.annotation) or field.annotation is SecretStr


def _fields(provider: str, model: type[BaseModel]) -> str:
    docs, lines = field_docs(model), list[str]()
    for name, field in model.model_fields.items():
        if name == "home":
            continue
        required = field.is_required()
        words = docs.get(name, "").strip()
        note = "required" if required else "optional"
        if is_secret(field):
            variable = f"{_PREFIX}{provider}_{name}".upper().replace("-", "_")
            note += f", a secret: better in {variable}"
        lines += textwrap.wrap(f"{note}. {words}".rstrip(), 110, initial_indent="# ", subsequent_indent="# ")
        lines.append(f"# {name} = {_value(field)}")
    return "\n".join(lines)


def _value(field: FieldInfo) -> str:
    """Return the default as TOML has it; where there is none, something of the right type."""
    default, kind = field.default, repr(field.annotation)
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, (int, float)):
        return str(default)
    if isinstance(default, str):
        return '"' + default.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return next((text for word, text in _EMPTY.items() if word in kind), '""')


_EMPTY = {
    "Mapping": "{}",
    "dict": "{}",
    "tuple": "[]",
    "list": "[]",
    "float": "0",
    "int": "0",
    "bool": "false",
}
"""What stands for a field without a default, by a word of its type."""
_HEAD = """\
#:schema ./messaging-channels.schema.json
# Settings of messaging-channels. For completion in editors: messaging-channels schema > messaging-channels.schema.json
# Every setting may also stand in a variable: MESSAGING_CHANNELS_<PROVIDER>_<FIELD>. Check what you wrote: messaging-channels doctor"""
_ROUTES = "                  # the providers of each channel, in the order in which they are asked"
_TAIL = """\
[ledger]                  # where every message is recorded; keys, the queue and opt-outs need it
# url = "sqlite:/var/lib/shop/ledger.sqlite3"   # or postgresql://user:secret@host/database
# addresses = "masked"    # plain, masked, hashed (with a pepper), none

[retry]                   # of messages that certainly were not sent; seconds
# max_attempts = 3
# max_elapsed = 10.0

[rate_limits]             # messages a second, by provider
# twilio = 10

[checks]                  # asked before a message is sent
# allowed_prefixes = ["44", "385"]

[telemetry]
# logs = true
# opentelemetry = true"""
