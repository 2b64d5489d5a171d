"""Settings of a mail account: what is wrong is said at the start, and the defaults are good enough for a large server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from regression_mail_server import MailServer, Way, both_ways, sent, smtp_of, well

from messaging_channels import Outcome, errors
from messaging_channels_smtp.emulator import SmtpEmulator

LOOKS_UP = """
import json, os, socket, sys
from messaging_channels import Dispatcher, Email, errors

hosts = []

def seen(event, arguments):
    if event == "socket.getaddrinfo":
        hosts.append(str(arguments[0]))
        raise socket.gaierror("no network here")

sys.addaudithook(seen)
found = {}
for dsn in sys.argv[1:]:
    os.environ["MESSAGING_CHANNELS_SMTP_DSN"] = dsn
    hosts.clear()
    try:
        with Dispatcher.from_config() as dispatcher:
            dispatcher.send(Email("Hello", "text"), to="zoe@example.com", timeout=1)
        told = "sent"
    except errors.ConfigurationError as refusal:
        told = f"refused: {refusal}"
    except errors.SendFailed as failed:
        told = failed.receipt.outcome
    found[dsn] = [told, list(hosts)]
print(json.dumps(found))
"""
PASSWORDS = ["p@ss/w", "p@ss?w", "p@ss#w", "canary/word", "canary?word", "canary#word"]
ESCAPED = "smtp://user%40example.com:p%40ss%2Fw@mail.example.com:587"


def _unescaped(password: str) -> str:
    return f"smtp://user@example.com:{password}@mail.example.com:587"


@pytest.fixture(scope="module")
def looked_up() -> dict[str, Any]:
    """Send a mail with each DSN, in one process in which no name is resolved; return what was told of each, and the names that it asked for."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", LOOKS_UP, *map(_unescaped, PASSWORDS), ESCAPED],
        env=os.environ | {"MESSAGING_CHANNELS_SMTP_SENDER": "shop@example.org"},
        check=True,
        capture_output=True,
        timeout=60,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("password", PASSWORDS)
def test_no_piece_of_an_unescaped_password_is_looked_up_as_a_host(
    password: str, looked_up: dict[str, Any]
) -> None:
    told, hosts = looked_up[_unescaped(password)][0], {*looked_up[_unescaped(password)][1]}

    assert told.startswith("refused: ") or hosts == {"mail.example.com"}
    assert hosts <= {"mail.example.com"}
    assert not any(piece in told for piece in ("p@ss", "canary"))


def test_an_escaped_password_leaves_the_host_alone(looked_up: dict[str, Any]) -> None:
    told, hosts = looked_up[ESCAPED]

    assert (told, {*hosts}) == ("not_sent", {"mail.example.com"})


@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["lf", "crlf"])
def test_a_line_break_at_the_end_of_a_password_is_dropped_or_refused_at_the_start(end: str) -> None:
    with SmtpEmulator(login=("shop", "canary")) as server:
        try:
            told = sent(smtp_of(server.port, username="shop", password=f"canary{end}"))
        except (errors.BadInput, errors.ConfigurationError) as refusal:
            told = ["password" in str(refusal)]

    assert told in ([Outcome.ACCEPTED], [True])


@both_ways
def test_we_do_not_call_ourselves_localhost_unless_told_to(send: Way) -> None:
    with MailServer(well) as server:
        told = send(smtp_of(server.port))

    assert told == [Outcome.ACCEPTED]
    verb, _, name = server.said[0].partition(" ")
    assert verb == "EHLO"
    assert name.lower() not in {"", "localhost", "localhost.localdomain"}
    assert "." in name or name.startswith("[")
