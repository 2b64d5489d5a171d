"""The field's words: what had a home-made name once has the standard one, in every module that is shipped."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = [*ROOT.glob("src/**/*.py"), *ROOT.glob("plugins/*/src/**/*.py")]
CLASSES = frozenset(
    [
        "Door",
        "Kind",
        "Each",
        "EachEnqueued",
        "Enqueued",
        "Options",
        "Terms",
        "QueueOptions",
        "Times",
        "Record",
        "Heard",
        "Recording",
        "Veto",
        "Vetoed",
        "OptOuts",
        "Velocity",
        "Rate",
        "Rest",
        "Retry",
        "Patience",
        "Via",
        "When",
        "Window",
        "Pace",
        "Waker",
        "PgQueuerWaker",
        "QueueDoor",
        "AsyncQueueDoor",
        "Extra",
        "InfobipSms",
        "InfobipEmail",
        "InfobipWhatsApp",
        "Engaged",
        "Act",
        "Unrecognised",
        "ReceivedMedia",
        "Contact",
        "Money",
        "Moment",
        "Card",
        "UrlSuffix",
        "Observers",
        "Logs",
        "OpenTelemetry",
        "BrokenPlugin",
        "IdempotencyInProgress",
        "ExchangeFailed",
        "WebhookCall",
        "Received",
        "WebhookRefused",
        "ParsesWebhooks",
        "FetchesReports",
        "LooksUp",
        "LimitsRates",
        "KeepsCompany",
        "Inquiry",
        "Wait",
        "Now",
        "Call",
        "Share",
        "AtOnce",
        "Turn",
        "Evidence",
        "Plugins",
        "Vectors",
        "VendorCalls",
        "Script",
        "StandIn",
        "Wiring",
        "How",
        "Words",
        "Choosing",
        "Choice",
        "Dispatch",
        "Health",
        "Journey",
        "Known",
        "Queued",
        "Reserve",
        "Take",
        "Begin",
        "Begun",
        "Finish",
        "Release",
        "Hear",
        "Hearing",
        "Find",
        "Browse",
        "Unsettled",
        "Together",
        "Proceed",
        "NextStep",
        "Count",
        "Dead",
        "Depth",
        "Forget",
        "Letter",
        "Letters",
        "Undecodable",
        "Pacer",
        "Ask",
        "Queueing",
        "Work",
        "People",
        "InfobipRefused",
        "TwilioRefused",
        "CloudOptions",
        "Marketing",
        "Windows",
        "KnowsWindows",
        "Billing",
        "CallRefused",
        "Signer",
        "RefreshGrant",
        "ReturnPath",
        "TokenRefused",
        "Defaults",
    ]
)
FUNCTIONS = frozenset(
    [
        "configured",
        "receive",
        "settle",
        "browse",
        "stand",
        "replay",
        "forget",
        "explained",
        "company",
        "passed_on",
        "http_outcome",
        "sender_of",
        "extra_of",
        "routed",
        "vetoed",
        "next_for",
        "walk",
        "deciding",
        "dumped",
        "loaded",
        "taken",
        "buried",
        "adopted",
        "begun",
    ]
)
WORDS = re.compile(r"\b(?:doors?|colours?|pigeons?|veto(?:es|ed)?|whole_request)\b", re.IGNORECASE)


def _definitions(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ClassDef) and node.name in CLASSES:
            yield f"class {node.name}"
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name in FUNCTIONS:
            yield f"def {node.name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: f"{path.parts[-3]}-{path.parts[-2]}-{path.stem}")
def test_no_module_uses_a_name_of_our_own_where_the_field_has_one(path: Path) -> None:
    words = WORDS.findall(path.read_text("utf-8"))

    assert [*_definitions(path), *words] == []
