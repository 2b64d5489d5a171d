"""A mail as a file, and as a page to look at in a browser, before it is sent to anybody."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from email import message_from_bytes, policy
from html import escape
from pathlib import Path

from messaging_channels._model.addresses import EmailAddress
from messaging_channels._model.paths import create_private
from messaging_channels.messages.email import Attachment, Email, Preview
from messaging_channels.messages.mime import build_mail

_SHOWN_HEADERS = (
    "From", "To", "Cc", "Reply-To", "Subject", "Date", "Message-ID", "In-Reply-To", "List-Unsubscribe", "List-Unsubscribe-Post",
)  # fmt: skip


def write_preview(
    mail: Email, folder: Path, *, to: str, sender: str | None = None, now: float = 0.0, name: str = "preview"
) -> Preview:
    """Write a mail into `folder` as `<name>.eml` and `<name>.html`. Attachments are read.

    `sender` stands in From where the mail names none; without it, an example. `now` is in seconds since the epoch.

    Raises:
        BadInput: the mail could not be sent as it is.
    """
    given = mail.sender or sender or "us@example.org"
    contents = [one.read() for one in mail.attachments]
    raw = build_mail(
        mail,
        message_id=name,
        sender=EmailAddress.parse(given) if isinstance(given, str) else given,
        to=EmailAddress.parse(to),
        attachments=contents,
        now=now,
    )
    written = Preview(folder / f"{name}.eml", folder / f"{name}.html")
    for file in (written.eml, written.page):
        create_private(file)
    written.eml.write_bytes(raw)
    written.page.write_text("".join(_page(mail, contents, raw)), "utf-8")
    return written


def _page(mail: Email, contents: Sequence[bytes], raw: bytes) -> Iterator[str]:
    headers = message_from_bytes(raw, policy=policy.default)
    files = list(zip(mail.attachments, contents, strict=True))
    yield f'<!doctype html><meta charset="utf-8"><title>{escape(mail.subject)}</title>{_STYLE}'
    yield "<table>"
    yield from (f"<tr><th>{name}<td>{escape(headers[name])}" for name in _SHOWN_HEADERS if headers[name])
    yield "</table>"
    if mail.html is not None:
        shown = escape(_with_images(mail.html, files), quote=True)
        yield f'<h2>html</h2><iframe sandbox="" referrerpolicy="no-referrer" srcdoc="{_POLICY}{shown}"></iframe>'
    if mail.text is not None:
        yield f"<h2>text</h2><pre>{escape(mail.text)}</pre>"
    yield from _files(files)
    yield f"<details><summary>source, {len(raw)} octets</summary><pre>{escape(raw.decode('utf-8', 'replace'))}</pre></details>"


def _files(files: Sequence[tuple[Attachment, bytes]]) -> Iterator[str]:
    if files:
        yield "<h2>files</h2><ul>"
        yield from (
            f"<li>{escape(file.filename)} ({escape(file.content_type)}, {len(data)} octets)"
            for file, data in files
        )
        yield "</ul>"


def _with_images(html: str, files: Sequence[tuple[Attachment, bytes]]) -> str:
    for file, data in files:
        if file.content_id and file.media_type.name.startswith("image/"):
            shown = f"data:{file.media_type.name};base64,{base64.b64encode(data).decode()}"
            html = html.replace(f"cid:{file.content_id}", shown)
    return html


_POLICY = escape(
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">"
)
_STYLE = """<style>
body { font: 15px sans-serif; margin: 2em; max-width: 60em }
th { text-align: right; padding-right: 1em; vertical-align: top }
iframe { width: 100%; height: 32em; border: 1px solid #ccc }
pre { white-space: pre-wrap; background: #f6f6f6; padding: 1em }
</style>"""
