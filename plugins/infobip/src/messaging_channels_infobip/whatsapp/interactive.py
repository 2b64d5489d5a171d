"""The contents of WhatsApp messages with something to press.

Source: https://www.infobip.com/docs/api/channels/whatsapp/whatsapp-outbound-messages
"""

from __future__ import annotations

from typing import Any

from messaging_channels.errors import InvalidMessage
from messaging_channels.messages import (
    Interactive,
    Media,
    Message,
    WhatsAppButtons,
    WhatsAppCallButton,
    WhatsAppContactRequest,
    WhatsAppFlow,
    WhatsAppInteractive,
    WhatsAppList,
    WhatsAppLocationRequest,
    WhatsAppProduct,
    WhatsAppProducts,
    WhatsAppUrlButton,
)
from messaging_channels_infobip.field_formats import without_none

_SECTION_TITLE, _MOST_SECTIONS, _BUTTON, _URL = 24, 10, 20, 2048
_MAX_FILENAME_LENGTH = 240
_MOST_MINUTES, _CALL_PAYLOAD = 43_200, 512


def url_of(media: Media, message: Message) -> str:
    """Return the URL under which Infobip fetches a file: it holds none itself.

    Raises:
        InvalidMessage: there is none, or it is too long.
    """
    if media.url is None or len(media.url) > _URL:
        raise invalid_message(
            message, "media", f"must be a URL of up to {_URL} characters for Infobip", "give a public URL"
        )
    return media.url


def invalid_message(message: Message, field: str, problem: str, hint: str) -> InvalidMessage:
    """Say what of a message Infobip does not take."""
    return InvalidMessage(problem, field=f"{type(message).__name__}.{field}", hint=hint)


def reply_buttons(message: WhatsAppButtons) -> dict[str, Any]:
    """Write up to three buttons that answer."""
    titles = [button.title for button in message.buttons]
    if len(set(titles)) != len(titles):
        raise invalid_message(
            message, "buttons", "must have different titles", "give each button a title of its own"
        )
    replies = [{"type": "REPLY", "id": button.id, "title": button.title} for button in message.buttons]
    return _interactive_body(message, {"buttons": replies})


def list_menu(message: WhatsAppList) -> dict[str, Any]:
    """Write a menu."""
    if len(message.sections) > _MOST_SECTIONS:
        raise invalid_message(message, "sections", f"has more than {_MOST_SECTIONS} entries", "use fewer")
    sections = [
        without_none(
            title=_title(message, section.title),
            rows=[
                without_none(id=row.id, title=row.title, description=row.description) for row in section.rows
            ],
        )
        for section in message.sections
    ]
    return _interactive_body(message, {"title": message.button, "sections": sections}, text_only=True)


def url_button(message: WhatsAppUrlButton) -> dict[str, Any]:
    """Write a button that opens a page."""
    if not 1 <= len(message.url) <= _URL:
        raise invalid_message(message, "url", f"must have 1 to {_URL} characters", "change it")
    return _interactive_body(message, {"displayText": message.button, "url": message.url})


def text_only_content(message: WhatsAppLocationRequest | WhatsAppContactRequest) -> dict[str, Any]:
    """Write the question where the person is, or for its number."""
    return {"body": {"text": message.text}}


def call_button(message: WhatsAppCallButton) -> dict[str, Any]:
    """Write a button that calls the business."""
    minutes, payload = message.ttl_minutes, message.payload
    if minutes is not None and not 1 <= minutes <= _MOST_MINUTES:
        raise invalid_message(message, "ttl_minutes", f"must be 1 to {_MOST_MINUTES}", "change it")
    if payload is not None and not 1 <= len(payload) <= _CALL_PAYLOAD:
        raise invalid_message(
            message, "payload", f"must have 1 to {_CALL_PAYLOAD} characters", "change its length"
        )
    action = without_none(
        buttonDisplayText=message.button or None, callValidityPeriod=minutes, callContextPayload=payload
    )
    return without_none(body={"text": message.text}, action=action or None)


def single_product(message: WhatsAppProduct) -> dict[str, Any]:
    """Write one product."""
    return _interactive_body(
        message, {"catalogId": message.catalog_id, "productRetailerId": message.product_id}, text_only=True
    )


def multi_product(message: WhatsAppProducts) -> dict[str, Any]:
    """Write products of a catalog."""
    sections = [
        without_none(title=_title(message, section.title), productRetailerIds=list(section.product_ids))
        for section in message.sections
    ]
    return _interactive_body(message, {"catalogId": message.catalog_id, "sections": sections}, text_only=True)


def flow(message: WhatsAppFlow) -> dict[str, Any]:
    """Write a form."""
    if len(message.button) > _BUTTON:
        raise invalid_message(message, "button", f"has more than {_BUTTON} characters", "shorten it")
    action = without_none(
        mode="DRAFT" if message.draft else None,
        flowToken=message.token or "unused",
        flowId=message.flow_id,
        callToActionButton=message.button,
        flowAction=message.action.upper(),
        flowActionPayload=_first_screen(message),
    )
    return _interactive_body(message, action, text_only=True)


def _first_screen(message: WhatsAppFlow) -> dict[str, Any] | None:
    if message.screen is None:
        if message.data:
            raise invalid_message(message, "data", "needs a screen", "name the screen")
        return None
    return without_none(screen=message.screen, data=dict(message.data) or None)


def _interactive_body(
    message: Interactive, action: dict[str, Any], *, text_only: bool = False
) -> dict[str, Any]:
    """Write the words around the action."""
    return without_none(
        header=_header(message, text_only=text_only),
        body={"text": message.text} if message.text else None,
        action=action,
        footer=None if message.footer is None else {"text": message.footer},
    )


def _header(message: Interactive, *, text_only: bool) -> dict[str, Any] | None:
    if message.header is None:
        return None
    if isinstance(message.header, str):
        return {"type": "TEXT", "text": message.header}
    if text_only:
        raise invalid_message(message, "header", "must be a line of text for Infobip", "give text")
    url, name = url_of(message.header, message), message.header.filename
    kind = "DOCUMENT" if name and not message.header.content_type else media_type_of(message.header, url)
    if name is not None and not 1 <= len(name) <= _MAX_FILENAME_LENGTH:
        raise invalid_message(
            message,
            "header",
            f"needs a filename of 1 to {_MAX_FILENAME_LENGTH} characters",
            "change the filename",
        )
    return without_none(type=kind, mediaUrl=url, filename=name if kind == "DOCUMENT" else None)


def interactive(message: WhatsAppInteractive) -> dict[str, Any]:
    """Write a kind that has no class of its own: its action is passed on as it is, in Infobip's form."""
    return _interactive_body(message, dict(message.action))


def media_type_of(media: Media, url: str) -> str:
    """Tell an image, a video and a document apart: by the MIME type, or else by the ending of the URL's path."""
    if media.content_type:
        return _TYPES.get(media.content_type.partition("/")[0], "DOCUMENT")
    ending = url.partition("?")[0].rpartition(".")[2].lower()
    return _TYPE_BY_EXTENSION.get(ending, "IMAGE")


def _title(message: Message, title: str) -> str | None:
    if len(title) > _SECTION_TITLE:
        raise invalid_message(
            message, "sections", f"has a title over {_SECTION_TITLE} characters", "shorten it"
        )
    return title or None


_TYPES = {"image": "IMAGE", "video": "VIDEO"}
_TYPE_BY_EXTENSION = {"mp4": "VIDEO", "3gp": "VIDEO", "3gpp": "VIDEO", "pdf": "DOCUMENT"}
