"""What plugins were written against stays as it is, or the contract gets another number. To record what is there: python tests/architecture/test_contract.py"""

from __future__ import annotations

import inspect
import re
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any

from messaging_channels._model import events, outcomes
from messaging_channels._model import rate_limit as rates
from messaging_channels.messages import ProviderOptions
from messaging_channels.plugins import (
    base_urls,
    exchange,
    provider,
    raw_fields,
    report_pages,
    results,
    sender_formats,
    webhooks,
)
from messaging_channels.plugins.hooks import Hooks
from messaging_channels.plugins.whatsapp_form import content

RECORD = Path(__file__).with_name(f"contract-{provider.PROVIDER_API_VERSION}.txt")
SURFACE: tuple[Any, ...] = (
    *(
        getattr(provider, name)
        for name in ("Envelope", "Capabilities", "Provider", "HttpProvider", "ProviderSpec")
    ),
    *(
        getattr(provider, name)
        for name in (
            "SupportsWebhooks",
            "SupportsReportPolling",
            "SupportsLookup",
            "SupportsRateLimits",
            "LookupRequest",
        )
    ),
    *(
        getattr(module, name)
        for module, name in (
            (report_pages, "SupportsReportCursor"),
            (report_pages, "ReportPage"),
            (results, "result_from_status"),
            (results, "retry_after"),
            (provider, "require_sender"),
            (provider, "provider_options_of"),
        )
    ),
    *(
        getattr(exchange, name)
        for name in ("Exchange", "HttpRequest", "HttpResponse", "Sleep", "CurrentTime", "BlockingCall")
    ),
    *(getattr(exchange, name) for name in ("Executor", "AsyncExecutor", "ExecutorPair", "Timeouts", "ask")),
    *(
        getattr(events, name)
        for name in ("StatusChanged", "EngagementReceived", "MessageReceived", "OptedOut", "OptedIn")
    ),
    *(
        events.UnknownEvent,
        events.InboundMedia,
        webhooks.WebhookRequest,
        webhooks.WebhookResult,
        rates.RateLimit,
        ProviderOptions,
    ),
    *(base_urls.require_base_url, raw_fields.merge_raw, raw_fields.require_raw),
    *(sender_formats.SenderFormat, sender_formats.parse_sender, content.whatsapp_content),
    *(outcomes.AttemptResult, outcomes.Outcome, outcomes.Reason, Hooks),
)


def surface() -> list[str]:
    """Return the contract, a line for each thing a plugin may rely on."""
    return [line for thing in SURFACE for line in _lines(thing)]


def _lines(thing: Any) -> list[str]:
    if not isinstance(thing, type):
        return [f"{thing.__name__}{_signature(thing)}"]
    lines = (
        [f"{thing.__name__}.{one.name}: {one.type}{_default(one)}" for one in fields(thing)]
        if is_dataclass(thing)
        else []
    )
    if hasattr(thing, "__members__"):
        return [f"{thing.__name__}.{name}" for name in thing.__members__]
    methods = [(name, inspect.unwrap(one)) for name, one in inspect.getmembers(thing, inspect.isfunction)]
    own = [(name, one) for name, one in methods if not name.startswith("_")]
    return lines + [f"{thing.__name__}.{name}{_signature(one)}" for name, one in own]


def _signature(function: Any) -> str:
    return re.sub(r" at 0x[0-9a-f]+", "", str(inspect.signature(function)))


def _default(one: Any) -> str:
    return "" if one.default is MISSING and one.default_factory is MISSING else " (has a default)"


def test_nothing_is_taken_away_from_the_contract_under_the_same_number() -> None:
    gone = [line for line in RECORD.read_text("utf-8").splitlines() if line not in surface()]

    assert gone == [], "keep these, or raise provider.CONTRACT (or record anew what no plugin can notice)"


def test_what_is_added_to_the_contract_has_a_default() -> None:
    recorded = RECORD.read_text("utf-8").splitlines()
    added = [line for line in surface() if line not in recorded and re.match(r"\w+\.\w+: ", line)]

    assert [line for line in added if not line.endswith("(has a default)")] == [], "give these a default"


if __name__ == "__main__":
    RECORD.write_text("\n".join(surface()) + "\n", "utf-8")
