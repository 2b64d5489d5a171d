"""A distribution with a channel of its own: the library, the command line, the gateway, the outbox and the kit take it without an edit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from messaging_channels._cli.main import main

pytestmark = pytest.mark.slow

KNOWS = """
import json, logging
from messaging_channels import Configuration, Dispatcher
from messaging_channels.plugins import message_from_json
from messaging_channels.testing import Outbox
from messaging_channels.testing.conformance import check_provider
from messaging_channels_acme_chat import AcmeChatText
from messaging_channels_acme_chat.conformance import FIXTURES
from messaging_channels_acme_chat.plugin import SPEC

told = {}
told["failed"] = sorted(Configuration.read({}).plugins.failed)
outbox = Outbox("acme-chat")
outbox.dispatcher.send(AcmeChatText("hello"), to="user-1")
told["outbox"] = outbox.only(AcmeChatText, to="user-1").text
told["findings"] = [str(one) for one in check_provider(SPEC, FIXTURES, examples=5)]
from messaging_channels_gateway.api._table_operations import OPERATIONS
from messaging_channels_gateway.api.request_models import ADDRESS_BODIES, RECIPIENT_BODIES
from messaging_channels_gateway.auth.api_keys import SCOPES
from messaging_channels_gateway.directory.resolvers import paths_of
from messaging_channels_gateway.events.event_log import EVENT_NAMES
told["paths"] = sorted(one.path for one in OPERATIONS if "acme-chat" in one.path)
told["scope"] = "send:acme-chat" in SCOPES
told["events"] = "acme-chat.message.delivered" in EVENT_NAMES
told["user path"] = [paths.get("acme-chat") for paths in paths_of(Configuration.read({})).values()]
body = ADDRESS_BODIES["acme-chat"].model_validate({"to": "user-1", "content": {"text": "hello", "silent": True}})
told["body"] = body.to_message(None) == AcmeChatText("hello", silent=True)
told["advanced"] = body.uses_advanced_options
told["schema"] = "silent" in json.dumps(RECIPIENT_BODIES["acme-chat"].model_json_schema())
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def distribution(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the distribution, with what an installation writes beside it."""
    where = tmp_path_factory.mktemp("scratch") / "acme"
    assert main(["plugin", "new", "acme-chat", "--channel", "--directory", str(where)]) == 0
    info = where / "src" / "messaging_channels_acme_chat-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: messaging-channels-acme-chat\nVersion: 0.1.0\n"
    )
    (info / "entry_points.txt").write_text(
        "[messaging_channels]\nacme-chat = messaging_channels_acme_chat.plugin\n"
        "[messaging_channels.fixtures]\nacme-chat = messaging_channels_acme_chat.conformance:FIXTURES\n"
    )
    return where


def _run(distribution: Path, *command: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(distribution / "src"), *filter(None, sys.path)])
    environment = {**os.environ, "PYTHONPATH": path, "MESSAGING_CHANNELS_HOME": str(distribution / "home")}
    return subprocess.run(
        [sys.executable, *command],
        cwd=distribution,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_library_the_gateway_the_outbox_and_the_kit_know_the_channel(distribution: Path) -> None:
    done = _run(distribution, "-c", KNOWS)

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told == {
        "failed": [],
        "outbox": "hello",
        "findings": [],
        "paths": [
            "/v1/apps/message/acme-chat",
            "/v1/identities/{id}/person/message/acme-chat",
            "/v1/users/{id}/message/acme-chat",
        ],
        "scope": True,
        "events": True,
        "user path": ["channel.acme-chat", None],
        "body": True,
        "advanced": False,
        "schema": True,
    }


OF_A_STRANGER = """
import json
from messaging_channels import Configuration, Dispatcher, Fallback, MappingResolver, Sms, User, Worker, errors
from messaging_channels.messages import Adaptive, Content
from messaging_channels_acme_chat import CHANNEL, AcmeChatText

told = {}
configuration = Configuration.read(use_sandbox_defaults=True)
people = MappingResolver({
    User("zoe"): {"acme-chat": "user-7", "sms": "+447700900123"},
    User("ann"): {"acme-chat": "user-refused", "sms": "+447700900124"},
})
with Dispatcher.from_parts(configuration.build()) as dispatcher:
    told["own"] = CHANNEL.name in {one.name for one in configuration.plugins.channels}
    try:
        Adaptive(Content("hi")).render(CHANNEL)
    except errors.InvalidMessage as error:
        told["adaptive"] = "takes no declared content" in str(error)
arguments = {**configuration.dispatcher_arguments(), "resolvers": [people]}
with Dispatcher(**arguments) as dispatcher:
    told["channels"] = [one.channel for one in dispatcher.channels_of(User("zoe"))]
    sent = dispatcher.send([AcmeChatText("hi"), Sms("hi")], to=User("zoe"), via="preferred")
    dispatcher.consent.add("acme-chat", "user-7")
    other = dispatcher.send([AcmeChatText("hi"), Sms("hi")], to=User("zoe"), via="preferred")
    told["preferred"] = [sent.channel, other.channel]
    waits = dispatcher.enqueue(Fallback([AcmeChatText("hi"), Sms("hi")]), to=User("ann"))
    Worker(dispatcher).drain()
    told["fallback"] = [one.channel for one in dispatcher.get_message(waits.id).attempts]
print(json.dumps(told))
"""


COMMANDS = """
import contextlib, io, json, sys
from messaging_channels._cli.main import main

def run(*words):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(list(words))
        except SystemExit as end:
            code = end.code
    return [code, out.getvalue(), err.getvalue()]

print(json.dumps([run(*words) for words in json.loads(sys.argv[1])]))
"""


def _commands(distribution: Path, *lines: str) -> list[tuple[int, str, str]]:
    """Run commands one after the other in one process; return the exit code and both outputs of each."""
    done = _run(distribution, "-c", COMMANDS, json.dumps([line.split() for line in lines]))
    assert done.returncode == 0, done.stderr
    return [tuple(one) for one in json.loads(done.stdout.splitlines()[-1])]


def test_fallback_preferences_and_consent_know_the_channel(distribution: Path) -> None:
    done = _run(distribution, "-c", OF_A_STRANGER)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "own": True,
        "adaptive": True,
        "channels": ["acme-chat", "sms"],
        "preferred": ["acme-chat", "sms"],
        "fallback": ["acme-chat", "sms"],
    }


def test_the_commands_know_the_channel_and_a_later_worker_sends_what_waits_on_it(distribution: Path) -> None:
    of_it = "user-5 --channel acme-chat"
    stored, sent, blocked, refused, exported, erased, left, unnamed, channels, statuses, strange = _commands(
        distribution,
        "enqueue acme-chat --to user-3 --text later --silent",
        "send acme-chat --to user-5 --text hello",
        f"consent add {of_it}",
        "send acme-chat --to user-5 --text hello",
        f"ledger export {of_it}",
        f"ledger erase {of_it}",
        f"ledger export {of_it}",
        "ledger erase user-5",
        "channels --json",
        "statuses --channel acme-chat --json",
        "statuses --channel pigeon",
    )
    worked, told = _commands(distribution, "worker --drain", "sandbox list")

    codes = [one[0] for one in (stored, sent, blocked, exported, erased, left, channels, statuses, worked)]
    assert codes == [0] * 9
    assert "opted out on acme-chat" in refused[2]
    assert (len(json.loads(exported[1])["messages"]), json.loads(left[1])["messages"]) == (1, [])
    assert (unnamed[0], "--channel" in unnamed[2], strange[0]) == (2, True, 2)
    assert "acme-chat" in {one["name"] for one in json.loads(channels[1])["channels"]}
    assert {one["channel"] for one in json.loads(statuses[1])["statuses"]} == {"all"}
    assert [one["destination"] for one in json.loads(told[1])["messages"]].count("user-3") == 1


def test_the_command_line_sends_on_it_and_refuses_what_is_none(distribution: Path) -> None:
    send = "send acme-chat --to user-1"
    by_words, by_json, wrong, nobody = _commands(
        distribution,
        f"{send} --text hello --silent",
        f'{send} --content {{"text":"hello"}}',
        f'{send} --content {{"text":"hello","color":"red"}}',
        "send acme-chat --to no_id! --text hello",
    )

    for code, out, _ in (by_words, by_json):
        assert (code, '"destination":"user-1"' in out.replace(" ", "")) == (0, True)
    assert (wrong[0], "red" in wrong[2]) == (2, False)
    assert (nobody[0], "acme-chat id" in nobody[2]) == (2, True)
