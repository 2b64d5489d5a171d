"""What is done to the html of a mail before it is sent: nothing of it ever asks the network."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote

from messaging_channels._model.errors import InvalidMessage, InvalidSetting


def content_ids_in(html: str) -> set[str]:
    """Return the ids that attributes and styles of the html refer to as `cid:<id>`."""
    return {unquote(found[1] or found[2] or found[3]) for found in _CID.finditer(html)}


def text_of(html: str) -> str:
    """Return what the html says, as text: links behind their words, tables in columns.

    Raises:
        InvalidSetting: the extra `mail` is not installed.
    """
    inscriptis = _extra("inscriptis")
    config = import_module("inscriptis.model.config").ParserConfig(display_links=True, display_anchors=False)
    text: str = inscriptis.get_text(html, config)
    return "\n".join(line.rstrip() for line in text.strip("\n").split("\n")) + "\n"


def inline_css(html: str) -> str:
    """Return the html with the rules of its `<style>` in the elements. Style sheets elsewhere are not fetched.

    Raises:
        InvalidSetting: the extra `mail` is not installed.
        InvalidMessage: a style sheet cannot be read.
    """
    css = _extra("css_inline")
    inliner = css.CSSInliner(load_remote_stylesheets=False, keep_style_tags=True, keep_link_tags=True)
    try:
        inlined: str = inliner.inline(html)
    except css.InlineError as error:
        raise InvalidMessage(
            f"has a style sheet that cannot be parsed ({type(error).__name__})",
            field="Email.html",
            hint="check its <style>",
        ) from None
    return inlined


def embed_images(html: str, folder: Path) -> tuple[str, Mapping[str, Path]]:
    """Return the html with `cid:` in place of paths below `folder`, and the files by their content ids.

    Raises:
        InvalidMessage: there is no such file, or it lies outside the folder.
    """
    images: dict[str, Path] = {}

    def embedded(found: re.Match[str]) -> str:
        name = unquote(found["path"])
        path = (folder / name).resolve()
        if not path.is_relative_to(folder.resolve()) or not path.is_file():
            raise InvalidMessage(
                "refers to an image that is not a file in the folder",
                field="Email.html",
                hint="use paths relative to the folder, or https URLs",
            )
        content_id = f"{hashlib.sha256(name.encode()).hexdigest()[:16]}@inline"
        images[content_id] = path
        return f"{found['before']}cid:{content_id}{found['after']}"

    return _IMAGE.sub(embedded, html), images


def _extra(name: str) -> ModuleType:
    try:
        return import_module(name)
    except ImportError as missing:
        raise InvalidSetting(
            f"{name.replace('_', '-')} is not installed",
            setting="Email.html",
            source="the environment",
            hint="run pip install 'messaging-channels[mail]'",
        ) from missing


_CID = re.compile(
    r"""=\s*"\s*cid:([^"]+?)\s*"|=\s*'\s*cid:([^']+?)\s*'|(?:=|url\(\s*["']?)\s*cid:([^\s"'>)]+)""",
    re.IGNORECASE,
)
_IMAGE = re.compile(
    r"""(?P<before><img\b[^>]*?\bsrc\s*=\s*(?P<mark>["']))(?![a-z][a-z0-9+.-]*:|//|\#)(?P<path>[^"'>?#]+)(?P<after>(?P=mark))""",
    re.IGNORECASE,
)
