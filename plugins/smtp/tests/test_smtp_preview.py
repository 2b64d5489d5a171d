from __future__ import annotations

import email
import email.policy
import re
import webbrowser
from pathlib import Path

import pytest

from messaging_channels import Email
from messaging_channels.messages import Attachment
from messaging_channels_smtp.__main__ import main

HOSTILE = Email(
    "Hello <script>alert(1)</script>",
    "text </pre><script>alert(2)</script>",
    '<img src="cid:logo"><script>alert(3)</script>" onload="alert(4)',
    attachments=(
        Attachment.inline(b"\x89PNG", "logo", content_type="image/png"),
        Attachment(b"x", "<script>.txt"),
    ),
)


def test_a_preview_is_the_mail_and_a_page_that_runs_nothing(tmp_path: Path) -> None:
    written = HOSTILE.preview(tmp_path / "new", to="zoe@example.com", sender="Shop <shop@example.org>")
    mail = email.message_from_bytes(written.eml.read_bytes(), policy=email.policy.default)
    assert (mail["Subject"], mail["To"]) == (HOSTILE.subject, "zoe@example.com")
    page = written.page.read_text("utf-8")
    assert "<script" not in page
    assert 'sandbox=""' in page
    assert "data:image/png;base64,iVBORw==" in page
    assert re.search(r"srcdoc=\"[^\"]*\"></iframe>", page)


def test_the_command_writes_the_files_and_says_where(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []
    monkeypatch.setattr(webbrowser, "open", shown.append)
    (tmp_path / "mail.html").write_text("<p>hello</p>")
    (tmp_path / "a.pdf").write_bytes(b"%PDF")
    arguments = [
        "preview",
        "--subject",
        "Hello",
        "--html",
        str(tmp_path / "mail.html"),
        "--folder",
        str(tmp_path),
    ]
    assert main([*arguments, "--attach", str(tmp_path / "a.pdf"), "--open"]) == 0
    eml, page = map(Path, capsys.readouterr().out.splitlines())
    assert b"Content-Type: application/pdf" in eml.read_bytes()
    assert shown == [page.absolute().as_uri()]


@pytest.mark.parametrize(
    "wrong",
    [["--subject", "a\nb", "--text", __file__], ["--subject", "s"], ["--subject", "s", "--text", "no such"]],
)
def test_what_could_not_be_sent_is_not_shown(
    wrong: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["preview", *wrong, "--folder", str(tmp_path)]) == 2
    assert capsys.readouterr().err
