"""The rules of RCS requests, as https://www.infobip.com/docs/api/channels/rcs words them. Names with `*` are required."""

from __future__ import annotations

from messaging_channels_infobip.emulator.schema import (
    Flag,
    Many,
    Number,
    Object,
    Rule,
    Text,
    Time,
    Variants,
    enum_of,
)

_URL = Text(1, 2048)
_TAP: dict[str, Rule] = {"text*": Text(1, 25), "postbackData*": Text(1, 2024)}
_SUGGESTION = Variants(
    {
        "REPLY": _TAP,
        "OPEN_URL": {
            **_TAP,
            "url*": _URL,
            "application": enum_of("BROWSER", "WEBVIEW"),
            "webviewViewMode": enum_of("FULL", "HALF", "TALL"),
        },
        "DIAL_PHONE": {**_TAP, "phoneNumber*": Text(2, 16)},
        "SHOW_LOCATION": {
            **_TAP,
            "latitude*": Number(-90, 90, whole=False),
            "longitude*": Number(-180, 180, whole=False),
            "label": Text(1, 100),
        },
        "REQUEST_LOCATION": _TAP,
        "CREATE_CALENDAR_EVENT": {
            **_TAP,
            "startTime*": Time(),
            "endTime*": Time(),
            "title*": Text(1, 100),
            "description": Text(1, 500),
        },
    }
)
_RESOURCE = Object({"url*": _URL})
_CARD = Object(
    {
        "title": Text(1, 200),
        "description": Text(1, 2000),
        "media": Object(
            {"file*": _RESOURCE, "thumbnail": _RESOURCE, "height*": enum_of("SHORT", "MEDIUM", "TALL")}
        ),
        "suggestions": Many(_SUGGESTION, 0, 4),
    }
)
_SUGGESTIONS: dict[str, Rule] = {"suggestions": Many(_SUGGESTION, 0, 11)}
_CONTENT = Variants(
    {
        "TEXT": {"text*": Text(0, 3072), **_SUGGESTIONS},
        "FILE": {"file*": _RESOURCE, "thumbnail": _RESOURCE, **_SUGGESTIONS},
        "CARD": {
            "orientation*": enum_of("HORIZONTAL", "VERTICAL"),
            "alignment*": enum_of("LEFT", "RIGHT"),
            "content*": _CARD,
            **_SUGGESTIONS,
        },
        "CAROUSEL": {
            "cardWidth*": enum_of("SMALL", "MEDIUM"),
            "contents*": Many(_CARD, 2, 10),
            **_SUGGESTIONS,
        },
    }
)
_VALIDITY = Object({"amount*": Number(1, 172_800), "timeUnit": enum_of("SECONDS", "MINUTES", "HOURS")})
_PLATFORM = Object({"entityId": Text(0, 255), "applicationId": Text(0, 255)})

RCS = Object(
    {
        "messages*": Many(
            Object(
                {
                    "sender": Text(1),
                    "destinations*": Many(Object({"to*": Text(1), "messageId": Text(0, 200)}), 1),
                    "content*": _CONTENT,
                    "options": Object(
                        {
                            "platform": _PLATFORM,
                            "validityPeriod": _VALIDITY,
                            "campaignReferenceId": Text(0, 255),
                            "smsFailover": Object(
                                {"sender": Text(), "text*": Text(1), "validityPeriod": _VALIDITY}
                            ),
                        }
                    ),
                    "webhooks": Object(
                        {
                            "delivery": Object(
                                {
                                    "url": Text(),
                                    "intermediateReport": Flag(),
                                    "notify": Flag(),
                                    "receiveTriggeredFailoverReports": Flag(),
                                }
                            ),
                            "contentType": Text(),
                            "callbackData": Text(0, 4000),
                            "seen": Object({"url": Text()}),
                        }
                    ),
                }
            ),
            1,
        ),
    }
)
CAPABILITY_CHECK = Object(
    {
        "sender*": Text(1),
        "phoneNumbers*": Many(Text(1), 1, 500),
        "options": Object({"platform": _PLATFORM}),
    }
)
