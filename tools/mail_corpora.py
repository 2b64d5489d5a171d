"""How well mails that others collected are read, in figures. See `--help` for which.

Nothing of a corpus is kept. Each is split by its file names in a half to learn from and a half to report; what was read otherwise is listed for
the first half only. The labels are others' own, some of them wrong: what differs is for a person to judge.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import mailbox
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from messaging_channels_smtp.reports.parsing import parse_report
from messaging_channels_smtp.reports.report import ReportType

_BOUNCES = (ReportType.DELIVERY, ReportType.BOUNCE)
_CLASSES = {"delivered": "delivered", "relayed": "delivered", "expanded": "delivered"}
_AS_GOOD = ({"other", "auto reply"}, {"given up", "failed"}, {"given up", "delayed"})
"""What readers name differently: a queue that gave up after passing faults is `failed` to some and `delayed` to others."""
_HELD_BACK = (".py", ".rb", ".pm", ".t", ".json", ".yml", ".md", ".toml", ".cfg", ".ini", ".sh")


class Case(NamedTuple):
    """A mail, and what is right: its class, and whom it is about as far as that is known."""

    name: str
    raw: bytes
    kind: str
    recipients: frozenset[str]


def flufl(folder: Path) -> Iterator[Case]:
    """Return the bounces of flufl.bounce's table of expectations."""
    table = (folder / "tests/test_detectors.py").read_text("utf-8")
    row = re.compile(r"\('\w+',\s*'([\w.]+)',\s*\[([^\]]*)\],\s*(True|False)\)")
    for name, named, waits in row.findall(table):
        told = frozenset(one.lower() for one in re.findall(r"b'([^']+)'", named))
        if told:
            kind = "delayed" if waits == "True" else "failed"
            yield Case(name, (folder / "tests/data" / name).read_bytes(), kind, told)


def perl(folder: Path) -> Iterator[Case]:
    """Return the mails of BounceParser's tests whose recipients or whose class its scripts name."""
    told: dict[str, tuple[str, set[str]]] = {}
    for script in sorted((folder / "t").glob("*.t")):
        pieces = re.split(r"(?=t/corpus/)", script.read_text("utf-8", "replace"))
        for piece in pieces[1:]:
            name = piece.split("'")[0].split('"')[0]
            kind, named = told.setdefault(name, ("", set()))
            if re.search(r"is_bounce *=> *0|!\s*\$bounce->is_bounce", piece):
                kind = "other"
            elif re.search(r"is_bounce|->addresses", piece):
                kind = kind or "failed"
            listed = re.search(r"->addresses *\],?\s*\[([^\]]*)\]", piece) or re.search(
                r"addresses *=> *\[([^\]]*)\]", piece
            )
            told[name] = (
                kind,
                named | set(re.findall(r"['\"]([^'\"@\s]+@[^'\"\s]+)['\"]", listed[1] if listed else "")),
            )
    for name, (kind, named) in told.items():
        path = folder / name
        if kind and path.is_file():
            yield Case(path.name, path.read_bytes(), kind, frozenset(one.lower() for one in named))


def labeled(file: Path) -> Iterator[Case]:
    """Return the mails that another reader has read."""
    for name, told in json.loads(file.read_text("utf-8")).items():
        if told and Path(name).is_file():
            reason, action = told[0].get("reason", ""), told[0].get("action", "")
            kind = (
                {"feedback": "complaint", "vacation": "auto reply"}.get(reason)
                or _CLASSES.get(action, action)
                or "failed"
            )
            named = frozenset(
                one["a"].lower() for one in told if "@" in one["a"] and not one["a"].endswith(".invalid")
            )
            yield Case(
                Path(name).name, Path(name).read_bytes(), kind, named if kind != "auto reply" else frozenset()
            )


def ordinary(folders: Iterable[Path]) -> Iterator[Case]:
    """Return the mails in folders: one a file, or many in an mbox."""
    for folder in folders:
        for path in sorted(
            one for one in folder.rglob("*") if one.is_file() and one.suffix not in _HELD_BACK
        ):
            raw = path.read_bytes()
            if raw.startswith(b"From ") and raw.count(b"\nFrom ") > 1:
                for number, mail in enumerate(mailbox.mbox(path, create=False)):
                    yield Case(f"{path.name}#{number}", mail.as_bytes(), "other", frozenset())
            elif re.search(rb"^(?:From|Subject|Date|To|Received): ?", raw[:4000], re.MULTILINE):
                yield Case(f"{folder.name}/{path.name}", raw, "other", frozenset())


def read(raw: bytes) -> tuple[str, set[str]]:
    """Return the class of a mail and whom it is about, as the plugin reads it."""
    report = parse_report(raw)
    if report.report_type is ReportType.COMPLAINT:
        return "complaint", {one.lower() for one in report.complainants}
    if report.report_type in _BOUNCES and report.updates:
        named = {text.lower() for one in report.updates for text in (one.recipient, one.original) if text}
        kind = str(report.updates[0].action)
        is_passing = kind == "failed" and report.updates[0].code.startswith("4")
        return "given up" if is_passing else _CLASSES.get(kind, kind), named
    return ("auto reply" if report.report_type is ReportType.AUTO_REPLY else "other"), set()


def problem(case: Case) -> str:
    """Return what was read otherwise than it should be, in words; empty for nothing."""
    kind, named = read(case.raw)
    if kind != case.kind and {kind, case.kind} not in _AS_GOOD:
        return f"{case.kind} read as {kind}"
    return (
        ""
        if case.recipients <= named
        else f"recipients {sorted(case.recipients - named)}, read {sorted(named)}"
    )


def print_figures(title: str, cases: Iterable[Case], *, hide: bool = True) -> None:
    """Print the share of each half that was read rightly, and what was not in the half to learn from."""
    halves: dict[str, list[tuple[Case, str]]] = {"to learn from": [], "to report": []}
    for case in cases:
        half = "to report" if hashlib.sha256(case.name.encode()).digest()[0] & 1 else "to learn from"
        halves[half].append((case, problem(case)))
    for half, judged in halves.items():
        right = sum(not wrong for _, wrong in judged)
        share = 100 * right / len(judged) if judged else 0.0
        print(f"{title}, {half}: {right} of {len(judged)} ({share:.1f} %)")
        for case, wrong in judged:
            if wrong and not (hide and half == "to report"):
                print(f"    {case.name}: {wrong}")


def main() -> None:
    """Read the arguments, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flufl", type=Path, help="the unpacked sdist of flufl.bounce")
    parser.add_argument("--perl", type=Path, help="that of Mail::DeliveryStatus::BounceParser")
    parser.add_argument(
        "--labels",
        type=Path,
        nargs="*",
        default=(),
        help="JSON: by the path of each mail, what another reader tells of it, as a list with `a` (the recipient), `action` and `reason`",
    )
    parser.add_argument(
        "--ordinary", type=Path, nargs="*", default=(), help="folders of mails that are no reports"
    )
    parser.add_argument("--all", action="store_true", help="list what is wrong in both halves")
    given = parser.parse_args()
    if given.flufl:
        print_figures("flufl.bounce", flufl(given.flufl), hide=not given.all)
    if given.perl:
        print_figures("BounceParser", perl(given.perl), hide=not given.all)
    for file in given.labels:
        print_figures(file.name, labeled(file), hide=not given.all)
    if given.ordinary:
        print_figures("ordinary mails", ordinary(given.ordinary), hide=not given.all)


if __name__ == "__main__":
    main()
