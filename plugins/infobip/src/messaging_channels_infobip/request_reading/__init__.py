"""What Infobip would understand of a request, for the conformance kit: written from the reference, not from the provider.

Source: https://www.infobip.com/docs/api
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from messaging_channels.messages import Sms
from messaging_channels.plugins import HttpRequest
from messaging_channels.testing import ReadMessage
from messaging_channels_infobip.request_reading.mail import read_mails, read_mime
from messaging_channels_infobip.request_reading.rcs import read_rcs
from messaging_channels_infobip.request_reading.validity import read_validity
from messaging_channels_infobip.request_reading.whatsapp import read_single, read_templates

_WHATSAPP = "/whatsapp/1/message/"


def read_request(request: HttpRequest) -> Sequence[ReadMessage]:
    """Return the messages of a request; none for one that sends nothing.

    Raises:
        ValueError: Infobip would refuse the request.
    """
    path = urlsplit(request.url).path
    if path in _READERS:
        return _READERS[path](json.loads(request.body))
    if path.startswith(_WHATSAPP):
        return [read_single(path.removeprefix(_WHATSAPP), json.loads(request.body))]
    return []


def _read_sms(told: Mapping[str, Any]) -> list[ReadMessage]:
    return [
        ReadMessage(
            to=place["to"],
            message=Sms(
                one["content"]["text"],
                sender=one.get("sender"),
                validity_period=read_validity(one.get("options", {})),
                flash=one.get("options", {}).get("flash", False),
            ),
            reference=place["messageId"],
        )
        for one in told["messages"]
        for place in one["destinations"]
    ]


_READERS: Mapping[str, Callable[[Any], Sequence[ReadMessage]]] = {
    "/sms/3/messages": _read_sms,
    "/email/4/messages": read_mails,
    "/email/4/mime": read_mime,
    "/rcs/2/messages": read_rcs,
    f"{_WHATSAPP}template": read_templates,
}
