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
    WhatsAppList,
    WhatsAppLocationRequest,
    WhatsAppProduct,
    WhatsAppProducts,
    WhatsAppUrlButton,
)
from messaging_channels_infobip.written import given

_SECTION_TITLE, _MOST_SECTIONS, _BUTTON, _URL = 24, 10, 20, 2048
_MOST_MINUTES, _CALL_PAYLOAD = 43_200, 512


def url_of(media: Media, message: Message) -> str:
    """Return the URL under which Infobip fetches a file: it holds none itself.

    Raises:
        InvalidMessage: there is none, or it is too long.
    """
    if media.url is None or len(media.url) > _URL:
        raise refused(message, "media", f"Infobip takes URLs of up to {_URL} characters", "give a public URL")
    return media.url


def refused(message: Message, field: str, problem: str, remedy: str) -> InvalidMessage:
    """Say what of a message Infobip does not take."""
    return InvalidMessage(problem, field=f"{type(message).__name__}.{field}", remedy=remedy)


def buttons(message: WhatsAppButtons) -> dict[str, Any]:
    """Write up to three buttons that answer."""
    titles = [button.title for button in message.buttons]
    if len(set(titles)) != len(titles):
        raise refused(message, "buttons", "two have the same title", "give each its own")
    replies = [{"type": "REPLY", "id": button.id, "title": button.title} for button in message.buttons]
    return _written(message, {"buttons": replies})


def listed(message: WhatsAppList) -> dict[str, Any]:
    """Write a menu."""
    if len(message.sections) > _MOST_SECTIONS:
        raise refused(message, "sections", f"over {_MOST_SECTIONS}", "use fewer")
    sections = [
        given(
            title=_title(message, section.title),
            rows=[given(id=row.id, title=row.title, description=row.description) for row in section.rows],
        )
        for section in message.sections
    ]
    return _written(message, {"title": message.button, "sections": sections}, text_only=True)


def url_button(message: WhatsAppUrlButton) -> dict[str, Any]:
    """Write a button that opens a page."""
    if not 1 <= len(message.url) <= _URL:
        raise refused(message, "url", f"1 to {_URL} characters allowed", "change it")
    return _written(message, {"displayText": message.button, "url": message.url})


def words_alone(message: WhatsAppLocationRequest | WhatsAppContactRequest) -> dict[str, Any]:
    """Write the question where the person is, or for its number."""
    return {"body": {"text": message.text}}


def call_button(message: WhatsAppCallButton) -> dict[str, Any]:
    """Write a button that calls the business."""
    minutes, payload = message.ttl_minutes, message.payload
    if minutes is not None and not 1 <= minutes <= _MOST_MINUTES:
        raise refused(message, "ttl_minutes", f"1 to {_MOST_MINUTES} allowed", "change it")
    if payload is not None and not 1 <= len(payload) <= _CALL_PAYLOAD:
        raise refused(message, "payload", f"1 to {_CALL_PAYLOAD} characters allowed", "change its length")
    action = given(
        buttonDisplayText=message.button or None, callValidityPeriod=minutes, callContextPayload=payload
    )
    return given(body={"text": message.text}, action=action or None)


def product(message: WhatsAppProduct) -> dict[str, Any]:
    """Write one product."""
    return _written(
        message, {"catalogId": message.catalog_id, "productRetailerId": message.product_id}, text_only=True
    )


def products(message: WhatsAppProducts) -> dict[str, Any]:
    """Write products of a catalogue."""
    sections = [
        given(title=_title(message, section.title), productRetailerIds=list(section.product_ids))
        for section in message.sections
    ]
    return _written(message, {"catalogId": message.catalog_id, "sections": sections}, text_only=True)


def flow(message: WhatsAppFlow) -> dict[str, Any]:
    """Write a form."""
    if len(message.button) > _BUTTON:
        raise refused(message, "button", f"over {_BUTTON} characters", "shorten it")
    action = given(
        mode="DRAFT" if message.draft else None,
        flowToken=message.token,
        flowId=message.flow_id,
        callToActionButton=message.button,
        flowAction=message.action.upper(),
        flowActionPayload=_first_screen(message),
    )
    return _written(message, action, text_only=True)


def _first_screen(message: WhatsAppFlow) -> dict[str, Any] | None:
    if message.screen is None:
        if message.data:
            raise refused(message, "data", "it belongs to a screen", "name the screen")
        return None
    return given(screen=message.screen, data=dict(message.data) or None)


def _written(message: Interactive, action: dict[str, Any], *, text_only: bool = False) -> dict[str, Any]:
    """Write the words around the action."""
    return given(
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
        raise refused(message, "header", "Infobip takes a line of text here", "give text")
    url = url_of(message.header, message)
    return {"type": kind_of(message.header, url), "mediaUrl": url}


def kind_of(media: Media, url: str) -> str:
    """Tell an image, a video and a document apart: by the MIME type, or else by the ending of the URL's path."""
    if media.content_type:
        return _TYPES.get(media.content_type.partition("/")[0], "DOCUMENT")
    ending = url.partition("?")[0].rpartition(".")[2].lower()
    return _KINDS.get(ending, "IMAGE")


def _title(message: Message, title: str) -> str | None:
    if len(title) > _SECTION_TITLE:
        raise refused(message, "sections", f"a title over {_SECTION_TITLE} characters", "shorten it")
    return title or None


_TYPES = {"image": "IMAGE", "video": "VIDEO"}
_KINDS = {"mp4": "VIDEO", "3gp": "VIDEO", "3gpp": "VIDEO", "pdf": "DOCUMENT"}
