"""How the reader of inbound mail judges mails that others collected: `python tools/mails_read.py FOLDER...`, of unpacked archives of their projects.

Prints for each folder how many mails were read as what, and each mail that is a report, with whom it is about and the code: to be compared with the mail by a
person, or with the labels of the collection. A file counts as a mail if it begins with the fields of one; each content counts once. Files of several mails
(mbox) are split at their `From ` lines.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from messaging_channels_smtp.reports.parsing import parse_report

_SEPARATOR = re.compile(rb"^From \S+.*\n", re.MULTILINE)
_FIELDS = re.compile(rb"^(?:from|received|return-path):.*", re.MULTILINE | re.IGNORECASE)
_OTHER_FIELDS = re.compile(rb"^(?:subject|date|mime-version|message-id):", re.MULTILINE | re.IGNORECASE)
_CODE = {".go", ".js", ".md", ".php", ".pl", ".pm", ".py", ".rb", ".t", ".ts", ".yml"}


def mails(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """Yield each mail below a folder."""
    known: set[bytes] = set()
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.suffix in _CODE:
            continue
        raw = path.read_bytes()
        for mail in _SEPARATOR.split(raw) if _SEPARATOR.match(raw) else [raw]:
            head = mail[:4000]
            if mail not in known and _FIELDS.search(head) and _OTHER_FIELDS.search(head):
                known.add(mail)
                yield path, mail


if __name__ == "__main__":
    for folder in map(Path, sys.argv[1:]):
        read: Counter[str] = Counter()
        for path, raw in mails(folder):
            report = parse_report(raw)
            read[report.report_type] += 1
            if report.report_type != "other":
                people = [f"{one.recipient} {one.action} {one.code}" for one in report.updates]
                print(
                    f"  {path.relative_to(folder)}: {report.report_type} {report.feedback} {', '.join(people)}"
                )
        print(f"{folder.name}: {read.total()} mails, {dict(read)}")
