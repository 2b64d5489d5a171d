"""What crosses a process, or is copied, arrives as what it was; found by introspection, so that no new class is forgotten."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module

import pytest

from messaging_channels.errors import MessagingError

PLUGINS = ("gateway", "infobip", "postmark", "smtp", "twilio", "vonage", "whatsapp_cloud")


def _errors() -> Iterator[type[MessagingError]]:
    for plugin in PLUGINS:
        import_module(f"messaging_channels_{plugin}")
    waiting = [MessagingError]
    while waiting:
        kind = waiting.pop()
        yield kind
        waiting += kind.__subclasses__()


@pytest.mark.parametrize(
    "kind", sorted(set(_errors()), key=lambda kind: kind.__qualname__), ids=lambda kind: kind.__name__
)
def test_every_error_is_pickled_and_copied_with_all_that_it_holds(kind: type[MessagingError]) -> None:
    error = kind.__new__(kind, "what happened")
    vars(error).update(problem="none", retry_after=2.0, known=("a", "b"))

    again = [pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)]

    assert [(type(one), one.args, vars(one)) for one in again] == [(kind, error.args, vars(error))] * 3


SENDS = """
import pickle, sys
from messaging_channels import Dispatcher, Sandbox, Sms, SqliteLedger
with Dispatcher([Sandbox()], ledger=SqliteLedger()) as dispatcher:
    receipt = dispatcher.send(Sms("hello"), to="+447700900123")
    sys.stdout.write(pickle.dumps((receipt, dispatcher.get_message(receipt.id))).hex())
"""


def test_a_receipt_and_a_record_come_back_from_another_process() -> None:
    ran = subprocess.run([sys.executable, "-c", SENDS], capture_output=True, text=True, check=True)

    receipt, record = pickle.loads(bytes.fromhex(ran.stdout))

    assert (receipt.id, str(receipt.outcome)) == (record.id, "accepted")
    assert pickle.loads(pickle.dumps(receipt)) == copy.deepcopy(receipt) == receipt
    assert pickle.loads(pickle.dumps(record)) == copy.deepcopy(record) == record
