"""A mail as a file, and as a page to look at in a browser, before it is sent to anybody."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import NamedTuple

from messaging_channels.messages import Email
from messaging_channels.plugins import EmailAddress
from messaging_channels_smtp.mime import build_mail
from messaging_channels_smtp.reports.received_mail import MailPart, ReceivedMail

_SHOWN_HEADERS = (
    "From", "To", "Cc", "Reply-To", "Subject", "Date", "Message-ID", "In-Reply-To", "List-Unsubscribe", "List-Unsubscribe-Post",
)  # fmt: skip


class Preview(NamedTuple):
    """The files that were written."""

    eml: Path
    """The mail as it would go on the wire; mail programs open it."""
    page: Path
    """For a browser. The mail's html is in a frame that may run nothing and load nothing."""


def preview(
    mail: Email, *, to: str, sender: str, folder: Path, now: float = 0.0, name: str = "preview"
) -> Preview:
    """Write a mail into `folder` as `<name>.eml` and `<name>.html`. Attachments are read.

    Raises:
        BadInput: the mail could not be sent as it is.
    """
    raw = build_mail(
        mail,
        message_id=name,
        sender=EmailAddress.parse(sender),
        to=EmailAddress.parse(to),
        attachments=[one.read() for one in mail.attachments],
        now=now,
    )
    written = Preview(folder / f"{name}.eml", folder / f"{name}.html")
    folder.mkdir(parents=True, exist_ok=True)
    written.eml.write_bytes(raw)
    written.page.write_text(page(raw), "utf-8")
    return written


def page(raw: bytes) -> str:
    """Return the page that shows a mail."""
    mail = ReceivedMail(raw, whole=True)
    return "".join(_page(mail, raw))


def _page(mail: ReceivedMail, raw: bytes) -> Iterator[str]:
    yield f'<!doctype html><meta charset="utf-8"><title>{escape(mail.header("Subject"))}</title>{_STYLE}'
    rows = ((name, mail.header(name)) for name in _SHOWN_HEADERS)
    yield "<table>"
    yield from (f"<tr><th>{name}<td>{escape(value)}" for name, value in rows if value)
    yield "</table>"
    for part in mail.parts_of_type("text/html"):
        if part.filename is None:
            shown = escape(_with_images(part.text, mail), quote=True)
            yield f'<h2>html</h2><iframe sandbox="" referrerpolicy="no-referrer" srcdoc="{_POLICY}{shown}"></iframe>'
    for part in mail.parts_of_type("text/plain"):
        if part.filename is None:
            yield f"<h2>text</h2><pre>{escape(part.text)}</pre>"
    yield from _files(mail)
    yield f"<details><summary>source, {len(raw)} octets</summary><pre>{escape(raw.decode('utf-8', 'replace'))}</pre></details>"


def _files(mail: ReceivedMail) -> Iterator[str]:
    files = [part for part in mail.parts if part.filename is not None]
    if files:
        yield "<h2>files</h2><ul>"
        yield from (
            f"<li>{escape(part.filename or '')} ({escape(part.media_type)}, {len(part.data)} octets)"
            for part in files
        )
        yield "</ul>"


def _with_images(html: str, mail: ReceivedMail) -> str:
    for part in mail.parts:
        if part.content_id and part.media_type.startswith("image/"):
            html = html.replace(f"cid:{part.content_id.strip('<>')}", _inline(part))
    return html


def _inline(part: MailPart) -> str:
    return f"data:{part.media_type};base64,{base64.b64encode(part.data).decode()}"


_POLICY = escape(
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">"
)
_STYLE = """<style>
body { font: 15px sans-serif; margin: 2em; max-width: 60em }
th { text-align: right; padding-right: 1em; vertical-align: top }
iframe { width: 100%; height: 32em; border: 1px solid #ccc }
pre { white-space: pre-wrap; background: #f6f6f6; padding: 1em }
</style>"""
