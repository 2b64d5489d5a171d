"""Mails of every shape, read back by Python's parser and by a JavaScript one (postal-mime): both find what was written, and nothing else."""

from __future__ import annotations

import base64
import json
import os
import random
import re
import shutil
import subprocess
import tempfile
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from messaging_channels import Attachment, Email, EmailAddress
from messaging_channels.messages import ListUnsubscribe, build_mail

pytestmark = pytest.mark.slow

POSTAL_MIME = "4.0.0"
COUNT = 200
SCRIPT = """
import { readFileSync } from "node:fs";
import PostalMime from "postal-mime";
const told = [];
for (const raw of JSON.parse(readFileSync(0, "utf8"))) {
  const mail = await PostalMime.parse(Buffer.from(raw, "base64"));
  const address = one => one && [one.name, one.address];
  told.push({
    subject: mail.subject, text: mail.text, html: mail.html, messageId: mail.messageId,
    from: address(mail.from), to: (mail.to || []).map(address), cc: (mail.cc || []).map(address), bcc: (mail.bcc || []).map(address),
    headers: mail.headers.map(one => one.key),
    files: mail.attachments.map(one => ({ name: one.filename, type: one.mimeType, id: one.contentId, disposition: one.disposition,
      method: one.method, content: Buffer.from(one.content).toString("base64") })),
  });
}
console.log(JSON.stringify(told));
"""
PIECES = [
    "Your order 4821",
    "Gr\u00fc\u00dfe aus K\u00f6ln",
    "\u65e5\u672c\u8a9e\u306e\u30e1\u30fc\u30eb",
    "\u0645\u0631\u062d\u0628\u0627 \u0628\u0643",
    "\U0001f469\u200d\U0001f4bb done \u2713",
    'quotes "and" \\ more',
    "a, b; c: d <e> (f)",
    "=?utf-8?q?no_word?=",
    "x" * 150,
    "word " * 60 + "end",
    "\u00e9" * 90,
    "100 % = all & more",
    "it's",
]
NAMES = [
    "",
    "Zo\u00eb \u00c5ngstr\u00f6m",
    "O'Neil, Pat",
    'The "Boss"',
    "\u5c71\u7530 \u592a\u90ce",
    "a@b.example",
    "Dr. (med.) X",
    "very long name " * 8 + "end",
]
BODIES = [
    "Hello",
    "one\ntwo\n\n.\n..three\n",
    "From here\nFrom there",
    "tail  \n\ttab",
    "\u00fcml\u00e4ut\n" * 20,
    "\u65e5\u672c\u8a9e\n" * 30,
    "x" * 3000,
    "= =3D =\n",
    "",
]
FILES = [
    ("bill.pdf", "application/pdf"),
    ("Gr\u00f6\u00dfe \u2013 final.pdf", ""),
    ("\u65e5\u672c\u8a9e" * 25 + ".docx", ""),
    ('a "b"; c=d.txt', "text/plain; charset=utf-8"),
    ("x" * 240 + ".png", ""),
    ("noextension", ""),
    ("it's 100%.csv", ""),
    ("\u0646\u0627\u0645\u0647\u200c\u0647\u0627.zip", 'application/x-zip; note="a b"'),
]


class Case(NamedTuple):
    mail: Email
    sender: EmailAddress
    to: EmailAddress
    contents: list[bytes]

    @property
    def wire(self) -> bytes:
        return build_mail(
            self.mail,
            message_id="m1",
            sender=self.sender,
            to=self.to,
            attachments=self.contents,
            now=1795528315.0,
        )


def _case(number: int) -> Case:
    """Return the n-th mail: always the same."""
    chance = random.Random(number)
    body = {
        "text": chance.choice(BODIES) if number % 3 != 1 else None,
        "html": f"<p>{chance.choice(BODIES)}</p>" if number % 3 != 0 else None,
    }
    files: list[Attachment] = []
    for name, kind in chance.sample(FILES, chance.choice([0, 0, 1, 2, 3])):
        files.append(Attachment(chance.randbytes(chance.choice([0, 1, 57, 58, 3000])), name, kind))
    if body["html"] and number % 4 == 2:
        files.append(Attachment.inline(chance.randbytes(80), "logo@shop", content_type="image/png"))
        body["html"] += '<img src="cid:logo@shop">'
    if number % 5 == 0:
        calendar = b"BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nSUMMARY:\xc3\xa9\r\nEND:VCALENDAR\r\n"
        files.append(
            Attachment(
                calendar,
                "invite.ics",
                f"text/calendar; method={chance.choice(['REQUEST', 'CANCEL', 'REPLY'])}",
            )
        )
    further = [
        EmailAddress("ann", "example.com", chance.choice(NAMES)),
        EmailAddress("ben", "example.net", ""),
    ]
    mail = Email(
        chance.choice(PIECES),
        **body,
        also_to=further[: chance.choice([0, 1, 2])],
        cc=[EmailAddress("cara", "example.com", chance.choice(NAMES))][: chance.choice([0, 1])],
        bcc=("hidden@example.org", "unseen@example.org"),
        attachments=tuple(files),
        headers={"X-Note": chance.choice(PIECES)} if number % 2 else {},
        list_unsubscribe=ListUnsubscribe("https://example.com/" + "u" * 150, "leave@example.com?subject=a b")
        if number % 7 == 0
        else None,
    )
    sender = EmailAddress("shop", "example.org", chance.choice(NAMES))
    to = EmailAddress("zoe", "xn--bcher-kva.example", chance.choice(NAMES))
    return Case(mail, sender, to, [one.read() for one in files])


CASES = [_case(number) for number in range(COUNT)]


def _files(case: Case) -> list[tuple[str, str, bytes]]:
    """Return what has to arrive."""
    pairs = zip(case.mail.attachments, case.contents, strict=True)
    return sorted((one.filename, one.media_type.name, data) for one, data in pairs)


def _lines(text: str | None) -> str:
    """Return a body without what no mail keeps: the kind of its line ends, and whether the last line has one."""
    return (text or "").replace("\r\n", "\n").rstrip("\n")


@pytest.mark.parametrize("case", CASES, ids=range(COUNT))
def test_every_mail_keeps_to_the_rules_of_lines_and_headers(case: Case) -> None:
    wire = case.wire
    head, _, body = wire.partition(b"\r\n\r\n")
    assert wire.isascii()
    assert wire.endswith(b"\r\n")
    assert b"\n" not in wire.replace(b"\r\n", b"")
    assert b"\r" not in wire.replace(b"\r\n", b"")
    assert max(map(len, wire.split(b"\r\n"))) <= 998
    assert all(re.fullmatch(rb"[!-9;-~]+: [ -~]+|[ \t]+[!-~][ -~\t]*", line) for line in head.split(b"\r\n"))
    names = re.findall(rb"(?m)^([!-9;-~]+):", head)
    assert len(names) == len({name.lower() for name in names})
    assert not re.search(rb"(?im)^bcc:|hidden|unseen", head)
    assert b"hidden" not in body


@pytest.mark.parametrize("case", CASES, ids=range(COUNT))
def test_pythons_parser_reads_what_was_written(case: Case) -> None:
    read = message_from_bytes(case.wire, policy=policy.default)
    assert isinstance(read, EmailMessage)
    assert not any(part.defects for part in read.walk())
    assert str(read["subject"]) == case.mail.subject
    assert [(one.display_name, one.addr_spec) for one in read["from"].addresses] == [
        (case.sender.display_name, case.sender.addr_spec)
    ]
    assert [one.addr_spec for one in read["to"].addresses] == [
        one.addr_spec for one in (case.to, *case.mail.also_to)
    ]  # type: ignore[union-attr]
    for kind, wanted in (("plain", case.mail.text), ("html", case.mail.html)):
        body = read.get_body((kind,))
        assert (body is None) == (wanted is None)
        if body is not None:
            assert _lines(body.get_content()) == _lines(wanted)
    parts = [
        part for part in read.walk() if part.get_filename() or part.get_content_type() == "text/calendar"
    ]
    found = [
        (
            part.get_filename() or part.get_param("name"),
            part.get_content_type(),
            part.get_payload(decode=True),
        )
        for part in parts
    ]
    assert sorted((str(name), kind, data) for name, kind, data in found) == _files(case)


@cache
def _reader() -> Path:
    """Return the folder with the JavaScript parser; install it once a machine, where npm can."""
    for name in ("node", "npm"):
        if shutil.which(name) is None:
            pytest.skip(f"{name} is not on this machine")
    home = Path(tempfile.gettempdir()) / f"messaging-channels-postal-mime-{POSTAL_MIME}-{os.getuid()}"
    if not (home / "node_modules" / "postal-mime" / "package.json").exists():
        home.mkdir(mode=0o700, exist_ok=True)
        options = [
            "--no-save",
            "--no-package-lock",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--prefer-offline",
            "--fetch-retries=0",
        ]
        install = ["npm", "install", *options, "--prefix", str(home), f"postal-mime@{POSTAL_MIME}"]
        try:
            done = subprocess.run(install, capture_output=True, timeout=100, check=False)
        except subprocess.TimeoutExpired:
            pytest.skip("npm could not install postal-mime within 100 seconds")
        if done.returncode:
            pytest.skip("npm could not install postal-mime: no network, or no copy of it")
    return home


def _read_by_javascript(wires: list[bytes]) -> list[dict[str, Any]]:
    home = _reader()
    (home / "read.mjs").write_text(SCRIPT, "utf-8")
    given = json.dumps([base64.b64encode(one).decode() for one in wires])
    done = subprocess.run(
        ["node", str(home / "read.mjs")], input=given.encode(), capture_output=True, timeout=100, check=True
    )
    told: list[dict[str, Any]] = json.loads(done.stdout)
    return told


def _as_read(kind: str, data: bytes) -> bytes:
    """Return a file as the JavaScript parser gives it out: it knows invitations, and reads their lines."""
    return data.replace(b"\r\n", b"\n") if kind == "text/calendar" else data


def test_a_javascript_parser_reads_what_was_written() -> None:
    assert COUNT >= 150
    for number, (case, read) in enumerate(
        zip(CASES, _read_by_javascript([one.wire for one in CASES]), strict=True)
    ):
        mail = case.mail
        recipients = [case.to, *mail.also_to]  # type: ignore[misc]
        assert read["subject"] == mail.subject, number
        assert read["from"] == [case.sender.display_name, case.sender.addr_spec], number
        assert read["to"] == [[one.display_name, one.addr_spec] for one in recipients], number
        assert read["cc"] == [[one.display_name, one.addr_spec] for one in mail.cc], number  # type: ignore[union-attr]
        assert read["bcc"] == [], number
        assert "bcc" not in read["headers"], number
        assert read["messageId"] == "<m1@example.org>", number
        for kind, wanted in (("text", mail.text), ("html", mail.html)):
            if wanted is not None:
                assert _lines(read[kind]) == _lines(wanted), number
        found = [(one["name"] or "", one["type"], base64.b64decode(one["content"])) for one in read["files"]]
        assert sorted(found) == [(name, kind, _as_read(kind, data)) for name, kind, data in _files(case)], (
            number
        )
        methods = [one["method"] for one in read["files"] if one["type"] == "text/calendar"]
        assert methods == [
            one.media_type.parameters["method"] for one in mail.attachments if one.media_type.invitation
        ], number
