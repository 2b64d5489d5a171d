"""What several kinds of message have in common: files, places, products."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from messaging_channels.errors import InvalidMessage
from messaging_channels.messages import Media, ProductSection, WhatsAppLocation


def format_media(file: Media) -> dict[str, Any]:
    """Name a file, by its link or its id. It holds no bytes: they were uploaded."""
    return {"id": file.id} if file.url is None else {"link": file.url}


def media_type_of(file: Media, field: str) -> str:
    """Return image, video or document, by the MIME type.

    Raises:
        InvalidMessage: it has none, so that nobody can tell.
    """
    if not file.content_type:
        raise InvalidMessage(
            "needs a content type: image, video or document",
            field=field,
            hint="pass Media(..., content_type='image/jpeg')",
        )
    kind = file.content_type.partition("/")[0]
    return kind if kind in ("image", "video") else "document"


def format_location(location: WhatsAppLocation) -> dict[str, Any]:
    """Describe a place."""
    words = without_empty(name=location.name, address=location.address)
    return {"latitude": location.latitude, "longitude": location.longitude, **words}


def format_products(sections: Iterable[ProductSection]) -> list[dict[str, Any]]:
    """Describe sections of products."""
    return [
        {
            **without_empty(title=section.title),
            "product_items": [{"product_retailer_id": one} for one in section.product_ids],
        }
        for section in sections
    ]


def without_empty(**members: Any) -> dict[str, Any]:  # noqa: ANN401  anything JSON can hold
    """Leave out what is None or empty."""
    return {name: value for name, value in members.items() if value not in (None, "", (), [], {})}


def require_at_most(value: str, limit: int, field: str) -> None:
    """Refuse a text that is longer than the Cloud API takes.

    Raises:
        InvalidMessage: naming the field and the length, never the text.
    """
    if len(value) > limit:
        raise InvalidMessage(
            f"has {len(value)} characters; at most {limit} are allowed", field=field, hint="shorten it"
        )


def named_action(name: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Describe an action that has a name."""
    return {"name": name, "parameters": dict(parameters)} if parameters else {"name": name}
