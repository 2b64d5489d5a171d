"""What Meta tells of accounts, numbers and templates, as events.

Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/overview
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from messaging_channels.events import AccountUpdated, TemplateUpdated, UnknownEvent
from messaging_channels_whatsapp_cloud.parsing import as_object, non_empty_text
from messaging_channels_whatsapp_cloud.webhook_updates import WebhookChange


def parse_account_update(
    change: WebhookChange, raw: Mapping[str, Any]
) -> AccountUpdated | TemplateUpdated | UnknownEvent:
    """Read a change that lists no updates: it is about the account itself, one of its numbers, or one of its templates."""
    value = as_object(change.value)
    template_id = value.get("message_template_id")
    if not change.account_id or not value or change.name not in _FIELDS:
        return change.unknown(change.name, change.value, raw)
    common = change.common({}, raw, change.value)
    if isinstance(template_id, (str, int)):
        return TemplateUpdated(
            account_id=change.account_id,
            template_id=str(template_id),
            name=_first(value, "message_template_name"),
            language=_first(value, "message_template_language"),
            kind=change.name,
            change=_first(value, "event", "new_category", "new_quality_score", "correct_category"),
            previous=_first(value, "previous_category", "previous_quality_score"),
            reason=_first(value, "reason"),
            **common,
        )
    return AccountUpdated(
        account_id=change.account_id,
        kind=change.name,
        change=_first(
            {**as_object(value.get("alert_info")), **value},
            "event",
            "decision",
            "alert_type",
            "current_limit",
        ),
        number=_first(value, "display_phone_number", "phone_number"),
        **common,
    )


_FIELDS = frozenset(
    {
        "account_alerts",
        "account_review_update",
        "account_settings_update",
        "account_update",
        "business_capability_update",
        "business_status_update",
        "flows",
        "message_template_components_update",
        "message_template_quality_update",
        "message_template_status_update",
        "partner_solutions",
        "payment_configuration_update",
        "phone_number_name_update",
        "phone_number_quality_update",
        "security",
        "template_category_update",
        "template_correct_category_detection",
    }
)
"""The fields of accounts, numbers and templates. A change of any other is kept as it came."""


def _first(value: Mapping[str, Any], *names: str) -> str:
    """Return the first text that it gives under one of these names; empty without one."""
    return next((told for name in names if (told := non_empty_text(value.get(name)))), "")
