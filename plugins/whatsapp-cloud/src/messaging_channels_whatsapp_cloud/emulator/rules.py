"""What the emulator refuses, as the Cloud API would: by code, with the details that Meta gives.

Written from Meta's pages, apart from the code that builds requests, so that the two check each other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from messaging_channels_whatsapp_cloud.parsing import (
    as_object,
    as_objects,
    get_member,
    non_empty_text,
    parse_integer,
)

Problem: TypeAlias = "tuple[int, str] | None"
"""The code and the details; None if all is well."""


def find_problem(body: Mapping[str, Any]) -> Problem:
    """Say what is wrong with a request to send a message."""
    if body.get("messaging_product") != "whatsapp":
        return 100, "The parameter messaging_product is required."
    addressed = _address_problem(body)
    if addressed is not None:
        return addressed
    kind = non_empty_text(body.get("type")) or "text"
    if kind not in _RULES:
        return 100, "Param type must be one of the message types."
    if kind not in body:
        return 131008, f"Parameter of type '{kind}' is missing."
    opaque = body.get("biz_opaque_callback_data", "")
    if not isinstance(opaque, str) or len(opaque) > _OPAQUE:
        return 100, "Param biz_opaque_callback_data must be a string of at most 512 characters."
    return _RULES[kind](body[kind])


def _address_problem(body: Mapping[str, Any]) -> Problem:
    to, recipient = body.get("to"), body.get("recipient")
    if body.get("recipient_type") == "group":
        well = isinstance(to, str) and _GROUP.fullmatch(to)
        return None if well else (131041, "Param to is not a group.")
    if to is None and recipient is None:
        return 131008, "The parameter to is required."
    if to is None:
        well = isinstance(recipient, str) and _USER_ID.fullmatch(recipient)
        return None if well else (131009, "Param recipient is not a user id.")
    well = isinstance(to, str) and _NUMBER.fullmatch(re.sub(r"[-() ]", "", to))
    return None if well else (131009, "Param to is not a phone number.")


def _text(content: Any) -> Problem:  # noqa: ANN401  whatever came
    return _length(get_member(content, "body"), "text['body']", 4096)


def _length(value: object, name: str, maximum: int, minimum: int = 1) -> Problem:
    if not isinstance(value, str) or not minimum <= len(value) <= maximum:
        return 100, f"Param {name} must be a string of {minimum} to {maximum} characters."
    return None


def _file(captioned: bool) -> Callable[[Any], Problem]:
    def rule(content: Any) -> Problem:  # noqa: ANN401  whatever came
        named = [name for name in ("id", "link") if non_empty_text(get_member(content, name))]
        if len(named) != 1:
            return 131009, "Exactly one of id and link is needed."
        caption = get_member(content, "caption")
        if caption is None:
            return None
        return _length(caption, "caption", 1024) if captioned else (100, "Unexpected key caption.")

    return rule


def _location(content: Any) -> Problem:  # noqa: ANN401  whatever came
    try:
        inside = all(
            abs(float(as_object(content)[name])) <= limit
            for name, limit in (("latitude", 90), ("longitude", 180))
        )
    except (KeyError, TypeError, ValueError):
        return 131008, "Params latitude and longitude are required."
    return None if inside else (131009, "Params latitude and longitude are degrees.")


def _contacts(content: Any) -> Problem:  # noqa: ANN401  whatever came
    if not as_objects(content):
        return 131008, "The parameter contacts needs a contact."
    named = all(non_empty_text(get_member(one.get("name"), "formatted_name")) for one in as_objects(content))
    return None if named else (131008, "The parameter name['formatted_name'] is required.")


def _reaction(content: Any) -> Problem:  # noqa: ANN401  whatever came
    well = non_empty_text(get_member(content, "message_id")) and isinstance(get_member(content, "emoji"), str)
    return None if well else (131008, "The parameters message_id and emoji are required.")


def _interactive(content: Any) -> Problem:  # noqa: ANN401  whatever came
    kind, action = non_empty_text(get_member(content, "type")) or "", get_member(content, "action")
    if not isinstance(action, dict):
        return 131008, "The parameter interactive['action'] is required."
    if kind not in _KINDS:
        return 131009, "Param interactive['type'] is none of the interactive types."
    body, footer = get_member(content, "body"), get_member(content, "footer")
    if body is None and kind != "product":
        return 131008, "The parameter interactive['body'] is required."
    return (
        (
            None
            if body is None
            else _length(get_member(body, "text"), "body['text']", 4096 if kind == "list" else 1024)
        )
        or (None if footer is None else _length(get_member(footer, "text"), "footer['text']", 60))
        or _header(get_member(content, "header"))
        or _INTERACTIVE.get(kind, _any)(as_object(action))
    )


def _header(header: Any) -> Problem:  # noqa: ANN401  whatever came
    if header is None:
        return None
    kind = non_empty_text(get_member(header, "type")) or ""
    if kind == "text":
        return _length(get_member(header, "text"), "header['text']", 60)
    if kind in ("image", "video", "document"):
        return _file(captioned=False)(get_member(header, kind))
    return 131009, "Param header['type'] is none of text, image, video, document."


def _buttons(action: Mapping[str, Any]) -> Problem:
    replies = [as_object(one.get("reply")) for one in as_objects(action.get("buttons"))]
    if not 1 <= len(replies) <= 3 or len({str(one.get("id")) for one in replies}) != len(replies):  # noqa: PLR2004
        return 131009, "One to three buttons with different ids are needed."
    if len({str(one.get("title")) for one in replies}) != len(replies):
        return 131009, "The titles of buttons have to differ."
    return next((wrong for one in replies if (wrong := _labelled(one, 256, 20))), None)


def _labelled(one: Mapping[str, Any], longest_id: int, longest_title: int) -> Problem:
    return _length(one.get("id"), "id", longest_id) or _length(one.get("title"), "title", longest_title)


def _list(action: Mapping[str, Any]) -> Problem:
    sections = as_objects(action.get("sections"))
    rows = [row for section in sections for row in as_objects(section.get("rows"))]
    if not 1 <= len(rows) <= 10 or not all(as_objects(one.get("rows")) for one in sections):  # noqa: PLR2004
        return 131009, "One to ten rows are needed, and at least one in every section."
    if len({str(row.get("id")) for row in rows}) != len(rows):
        return 131009, "The ids of rows have to differ."
    return (
        _length(action.get("button"), "button", 20)
        or next((wrong for section in sections if (wrong := _section(section, len(sections)))), None)
        or next((wrong for row in rows if (wrong := _row(row))), None)
    )


def _section(section: Mapping[str, Any], count: int) -> Problem:
    title = section.get("title")
    return None if title is None and count == 1 else _length(title, "section['title']", 24)


def _row(row: Mapping[str, Any]) -> Problem:
    words = row.get("description")
    return _labelled(row, 200, 24) or (None if words is None else _length(words, "description", 72))


def _named(*required: str) -> Callable[[Mapping[str, Any]], Problem]:
    def rule(action: Mapping[str, Any]) -> Problem:
        parameters = as_object(action.get("parameters"))
        missing = [name for name in required if not parameters.get(name)]
        if not non_empty_text(action.get("name")):
            return 131008, "The parameter action['name'] is required."
        return (131008, f"The parameter '{missing[0]}' is required.") if missing else None

    return rule


def _cards(action: Mapping[str, Any]) -> Problem:
    cards = as_objects(action.get("cards"))
    if [card.get("card_index") for card in cards] != list(range(len(cards))) or not 2 <= len(cards) <= 10:  # noqa: PLR2004
        return 131009, "Two to ten cards in order are needed."
    return next((wrong for card in cards if (wrong := _header(card.get("header")))), None)


def _any(_: Mapping[str, Any]) -> Problem:
    return None


def _template(content: Any) -> Problem:  # noqa: ANN401  whatever came
    name = non_empty_text(get_member(content, "name")) or ""
    if not _NAME.fullmatch(name) or not non_empty_text(get_member(get_member(content, "language"), "code")):
        return 132001, "The template does not exist in that language."
    return next(filter(None, map(_component, _components(content))), None)


def _components(template: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401  whatever came
    """Yield the components of a template, and those of its cards."""
    for component in as_objects(get_member(template, "components")):
        yield component
        for card in as_objects(component.get("cards")):
            yield from as_objects(card.get("components"))


def _component(component: Mapping[str, Any]) -> Problem:
    if component.get("type") == "button" and parse_integer(component.get("index")) is None:
        return 131008, "The parameter index is required."
    return next(filter(None, map(_parameter, as_objects(component.get("parameters")))), None)


def _parameter(parameter: Mapping[str, Any]) -> Problem:
    kind = non_empty_text(parameter.get("type")) or ""
    if kind not in parameter and kind != "action":
        return 132012, f"The parameter '{kind}' is missing."
    value = next((parameter[name] for name in ("text", "payload", "coupon_code") if name in parameter), "x")
    if not isinstance(value, str) or not value.strip() or _UNFIT.search(value):
        return 132018, "A parameter cannot be empty or have new-lines, tabs or more than 4 spaces."
    return None


def find_upload_problem(kind: str, size: int) -> Problem:
    """Say what is wrong with a file: its kind, or its size for its kind."""
    limit = _FILES.get(kind.partition(";")[0].strip().lower())
    if limit is None:
        return 100, "Param file must be a file with one of the supported types."
    return (100, f"Param file must be at most {limit} bytes.") if size > limit else None


_OPAQUE = 512
_GROUP = re.compile(r"[A-Za-z0-9+/=_@.:-]{1,256}")
_MB = 1024 * 1024
_OFFICE = "application/vnd.openxmlformats-officedocument"
_FILES: Mapping[str, int] = {
    **dict.fromkeys(("audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg"), 16 * _MB),
    **dict.fromkeys(("image/jpeg", "image/png"), 5 * _MB),
    **dict.fromkeys(("video/mp4", "video/3gpp"), 16 * _MB),
    "image/webp": 500 * 1024,
    **dict.fromkeys(
        (
            "text/plain",
            "application/pdf",
            "application/msword",
            "application/vnd.ms-excel",
            "application/vnd.ms-powerpoint",
            f"{_OFFICE}.wordprocessingml.document",
            f"{_OFFICE}.spreadsheetml.sheet",
            f"{_OFFICE}.presentationml.presentation",
        ),
        100 * _MB,
    ),
}
"""Bytes, by the types that may be uploaded."""
_KINDS = frozenset(
    {
        "address_message",
        "button",
        "call_permission_request",
        "carousel",
        "catalog_message",
        "cta_url",
        "flow",
        "list",
        "location_request_message",
        "order_details",
        "order_status",
        "product",
        "product_list",
        "request_contact_info",
        "voice_call",
    }
)
_NUMBER = re.compile(r"\+?[0-9]{5,17}")
_USER_ID = re.compile(r"[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}")
_NAME = re.compile(r"[a-z0-9_]{1,512}")
_UNFIT = re.compile(r"[\r\n\t]| {5}")
_INTERACTIVE: Mapping[str, Callable[[Mapping[str, Any]], Problem]] = {
    "button": _buttons,
    "list": _list,
    "cta_url": _named("display_text", "url"),
    "flow": _named("flow_message_version", "flow_cta"),
    "location_request_message": _named(),
    "request_contact_info": _named(),
    "carousel": _cards,
}
_RULES: Mapping[str, Callable[[Any], Problem]] = {
    "text": _text,
    "image": _file(captioned=True),
    "video": _file(captioned=True),
    "document": _file(captioned=True),
    "audio": _file(captioned=False),
    "sticker": _file(captioned=False),
    "location": _location,
    "contacts": _contacts,
    "reaction": _reaction,
    "interactive": _interactive,
    "template": _template,
}
