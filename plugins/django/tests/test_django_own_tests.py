"""Django's own tests of mail backends, run with ours, from the source of the Django that is installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import django
import pytest

PROGRAM = Path(__file__).parent / "django_own_tests.py"
SPELLING = "the same text, spelled otherwise: lines end with CRLF, encoded words are base64 or in capitals, Date stands first"
NO_DOMAIN = "an address without a domain is refused before anything leaves the machine"
DIFFERENCES = {
    "test_html_mail_admins": SPELLING,
    "test_html_mail_managers": SPELLING,
    "test_html_send_mail": SPELLING,
    "test_message_cc_header": SPELLING,
    "test_send_long_lines": "base64, which is shorter than quoted-printable where most letters are not ASCII",
    "test_send_unicode": SPELLING,
    "test_send_verbose_name": SPELLING,
    "test_lazy_addresses": NO_DOMAIN,
    "test_recipient_without_domain": NO_DOMAIN,
}
SINCE_6_1 = {
    "test_fail_silently_arg_accepted": "ours keeps `fail_silently`, also as an option of MAILERS",
}


def test_djangos_own_tests_pass_but_for_what_is_reasoned() -> None:
    folder = Path(os.environ.get("DJANGO_SDIST", ""), f"django-{django.__version__}")
    if not (folder / "tests/mail").is_dir():
        pytest.skip(
            f"set DJANGO_SDIST to the folder with the unpacked sdist of Django {django.__version__} (pip download --no-binary :all:)"
        )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", PROGRAM, folder],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
        timeout=100,
    )
    assert done.stdout, done.stderr
    result = json.loads(done.stdout)

    expected = SINCE_6_1 if django.VERSION >= (6, 1) else DIFFERENCES
    assert set(result["failed"]) == set(expected), "\n".join(map(str, result["failed"].items()))
    assert len(result["ran"]) > len(expected)
    assert "test_message_id_is_the_id_of_the_receipt_at_the_domain_of_the_sender" in result["ran"]
