"""What crosses a process, or is copied, arrives as what it was; found by introspection, so that no new class is forgotten."""

from __future__ import annotations

import copy
import dataclasses
import multiprocessing
import pickle
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from enum import Enum
from importlib import import_module
from typing import Any

import pytest
import value_samples

WAYS: tuple[Callable[[Any], Any], ...] = (
    lambda one: pickle.loads(pickle.dumps(one)),
    copy.copy,
    copy.deepcopy,
)


@pytest.mark.parametrize("kind", value_samples.errors(), ids=lambda kind: kind.__name__)
def test_every_error_is_pickled_and_copied_with_all_that_it_holds(kind: type[Exception]) -> None:
    error = value_samples.error_of(kind)
    error.__dict__["noted"] = "by a caller"

    assert [value_samples.same(way(error), error) for way in WAYS] == [True] * 3


def test_every_value_is_pickled_copied_and_compared() -> None:
    found = dict(value_samples.values())
    changed = [
        kind.__qualname__
        for kind, one in found.items()
        for way in WAYS
        if not value_samples.same(way(one), one)
    ]

    assert changed == []
    assert {kind.__name__ for kind in found} >= KNOWN


def test_every_model_of_settings_and_requests_is_pickled_copied_and_compared() -> None:
    found = [(kind, one) for kind, one in value_samples.models() if one is not None]
    changed = [kind.__qualname__ for kind, one in found for way in WAYS if way(one) != one]

    assert changed == []
    assert {kind.__name__ for kind, _ in found} >= {"GatewaySettings", "LedgerSettings", "SandboxSettings"}


def test_every_member_of_an_enumeration_stays_itself() -> None:
    members = [one for kind in value_samples.classes() if issubclass(kind, Enum) for one in kind]

    assert [one for one in members for way in WAYS if way(one) is not one] == []
    assert len(members) > 50


def test_every_public_value_of_the_faces_is_among_them_or_holds_parts_of_a_program() -> None:
    found = {kind for kind, _ in value_samples.values()}
    public = {
        one
        for face in FACES
        for name in import_module(face).__all__
        if dataclasses.is_dataclass(one := getattr(import_module(face), name)) and isinstance(one, type)
    }

    assert {one.__name__ for one in public - found if one.__name__.endswith(ENDS)} <= {"LookupRequest"}


def test_every_value_and_error_comes_through_a_process_that_was_spawned() -> None:
    sent = [one for _, one in value_samples.values()] + [
        value_samples.error_of(kind) for kind in value_samples.errors()
    ]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        back = list(pool.map(copy.copy, sent, chunksize=100))
        raised = [
            pool.submit(value_samples.raise_it, one).exception() for one in sent if isinstance(one, Exception)
        ]

    assert all(map(value_samples.same, back, sent))
    errors = [one for one in sent if isinstance(one, Exception)]
    assert [(type(one), str(one)) for one in raised if one] == [(type(one), str(one)) for one in errors]


KNOWN = {
    "Receipt", "SendResult", "QueuedReceipt", "EnqueueResult", "MessageRecord", "StatusChanged", "MessageReceived", "QueueStats",
    "AttemptResult", "Attempt", "WebhookRequest", "WebhookResult", "RestoredCopy", "RestoredResult", "PausedAccount", "Status",
}  # fmt: skip
"""Some of those that have to be found, so that a walk which finds nothing is noticed."""
FACES = (
    "messaging_channels",
    *(f"messaging_channels.{name}" for name in ("events", "messages", "policies", "plugins")),
)
ENDS = (
    "Receipt",
    "Result",
    "Record",
    "Request",
    "Changed",
    "Received",
    "Stats",
    "Status",
    "Message",
    "Account",
    "Attempt",
    "Out",
    "In",
)
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
