"""The rules of the requests, as https://www.infobip.com/docs/api words them for each endpoint. Names with `*` are required."""

from __future__ import annotations

from messaging_channels_infobip.emulator.mail import mail_problem
from messaging_channels_infobip.emulator.schema import (
    Base64,
    Either,
    Flag,
    Free,
    Many,
    Number,
    Object,
    OneOf,
    Rule,
    Text,
    Time,
    Variants,
    enum_of,
)

_ID, _LABEL, _CALLBACK, _URL, _BULK = Text(0, 200), Text(0, 255), Text(0, 4000), Text(0, 2048), Text(0, 100)
_INTEGER = Number(-(2**31), 2**31 - 1)
_TIME = Object({"hour*": Number(0, 23), "minute*": Number(0, 59)})
_DAYS = enum_of("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
_WINDOW = Object({"days*": Many(_DAYS, 1), "from": _TIME, "to": _TIME})
_VALIDITY = Object({"amount*": Number(1, 172_800), "timeUnit": enum_of("SECONDS", "MINUTES", "HOURS")})
_PLATFORM = Object({"entityId": _LABEL, "applicationId": _LABEL})
_WEBHOOKS = Object(
    {
        "delivery": Object({"url": Text(), "intermediateReport": Flag(), "notify": Flag()}),
        "contentType": Text(),
        "callbackData": _CALLBACK,
    }
)
_LINKS = Object(
    {
        "shortenUrl": Flag(),
        "trackClicks": Flag(),
        "trackingUrl": Text(),
        "removeProtocol": Flag(),
        "customDomain": Text(),
    }
)
_TRANSLITERATION = enum_of(
    "NONE",
    "TURKISH",
    "GREEK",
    "CYRILLIC",
    "SERBIAN_CYRILLIC",
    "CENTRAL_EUROPEAN",
    "BALTIC",
    "NON_UNICODE",
    "PORTUGUESE",
    "COLOMBIAN",
    "BULGARIAN_CYRILLIC",
    "ALL",
)

_SMS_TEXT = Object(
    {
        "text*": Text(1),
        "transliteration": _TRANSLITERATION,
        "language": Object(
            {
                "languageCode": enum_of("NONE", "TR", "ES", "PT", "AUTODETECT"),
                "singleShift": Flag(),
                "lockingShift": Flag(),
            }
        ),
    }
)
_SMS_BYTES = Object({"hex*": Text(2), "dataCoding": _INTEGER, "esmClass": _INTEGER})

SMS = Object(
    {
        "messages*": Many(
            Object(
                {
                    "sender": Text(1, 30),
                    "destinations*": Many(
                        Object({"to*": Text(1, 64), "messageId": _ID, "networkId": _INTEGER}), 1
                    ),
                    "content*": Either((_SMS_TEXT, _SMS_BYTES)),
                    "options": Object(
                        {
                            "platform": _PLATFORM,
                            "validityPeriod": _VALIDITY,
                            "deliveryTimeWindow": _WINDOW,
                            "campaignReferenceId": _LABEL,
                            "regional": Object(
                                {
                                    "indiaDlt": Object(
                                        {
                                            "contentTemplateId": Text(),
                                            "principalEntityId*": Text(),
                                            "telemarketerId": Text(),
                                        }
                                    ),
                                    "turkeyIys": Object(
                                        {
                                            "brandCode": _INTEGER,
                                            "recipientType*": enum_of("BIREYSEL", "TACIR"),
                                        }
                                    ),
                                    "southKorea": Object({"title": Text(0, 66), "resellerCode": _INTEGER}),
                                }
                            ),
                            "flash": Flag(),
                        }
                    ),
                    "webhooks": _WEBHOOKS,
                }
            ),
            1,
        ),
        "options": Object(
            {
                "schedule": Object(
                    {
                        "bulkId": _BULK,
                        "sendAt": Time(),
                        "sendingSpeedLimit": Object(
                            {"amount*": Number(1, 2**31 - 1), "timeUnit": enum_of("MINUTE", "HOUR", "DAY")}
                        ),
                    }
                ),
                "tracking": _LINKS,
                "includeSmsCountInResponse": Flag(),
                "conversionTracking": Object(
                    {"useConversionTracking": Flag(), "conversionTrackingName": Text()}
                ),
            }
        ),
    }
)

PREVIEW = Object(
    {
        "text*": Text(1),
        "languageCode": enum_of("TR", "ES", "PT", "AUTODETECT"),
        "transliteration": _TRANSLITERATION,
    }
)
SEND_AT = Object({"sendAt*": Time()})
BULK_STATUS = Object(
    {"status*": enum_of("PENDING", "PAUSED", "PROCESSING", "CANCELED", "FINISHED", "FAILED")}
)
MATCH = Object({"identities*": Many(Object({"type*": Text(1), "identifier*": Text(1), "sender": Text()}), 1)})

_COPY = Object({"destination*": Text(3), "messageId": _ID, "placeholders": Text()})
_BINARY: dict[str, Rule] = {"content*": Base64(), "contentType*": Text(1), "fileName*": Text(1)}
_HELD: dict[str, Rule] = {"contentId*": Text(1)}

EMAIL = Object(
    {
        "messages*": Many(
            Object(
                {
                    "sender": Text(3),
                    "destinations*": Many(
                        Object(
                            {
                                "to*": Many(_COPY, 1),
                                "cc": Many(_COPY),
                                "bcc": Many(_COPY),
                                "replyTo": Text(),
                                "preserveRecipients": Flag(),
                            }
                        ),
                        1,
                    ),
                    "content*": Object(
                        {
                            "subject": Text(1, 1000),
                            "text": Text(),
                            "html": Text(),
                            "ampHtml": Text(),
                            "templateId": Text(),
                            "attachments": Many(
                                Variants(
                                    {"uploadedReference": _HELD, "binary": {**_BINARY, "password": Text()}}
                                )
                            ),
                            "inlineImages": Many(Variants({"uploadedReference": _HELD, "binary": _BINARY})),
                            "defaultPlaceholders": Text(),
                            "landingPagePlaceholders": Text(),
                            "optoutLandingPageId": Text(),
                            "templateLanguageVersion": Text(),
                            "headers": Text(),
                        }
                    ),
                    "options": Object(
                        {
                            "platform": _PLATFORM,
                            "validityPeriod": _VALIDITY,
                            "deliveryTimeWindow": _WINDOW,
                            "campaignReferenceId": _LABEL,
                        }
                    ),
                    "webhooks": _WEBHOOKS,
                    "ips": Object({"ipPoolId": Text()}),
                    "placeholdersMasking": Many(
                        Object(
                            {
                                "name*": Text(),
                                "side": Text(),
                                "maskChar": Text(),
                                "visibleChars": Number(0),
                                "delimiter": Text(),
                                "skipChars": Many(Text()),
                            }
                        )
                    ),
                    "storage": Object({"skipPassive": Flag(), "skipActive": Flag()}),
                }
            ),
            1,
        ),
        "options": Object(
            {
                "schedule": Object({"bulkId": _BULK, "sendAt": Time()}),
                "tracking": Object(
                    {
                        "track": Flag(),
                        "trackOpens": Flag(),
                        "trackClicks": Flag(),
                        "trackingUrl": Text(),
                        "trackingPixelPosition": enum_of("TOP", "BOTTOM"),
                    }
                ),
                "clientPriority": enum_of("HIGH", "STANDARD", "LOW"),
            }
        ),
    }
)

MIME = Object(
    {
        "messageId": Text(),
        "bulkId": Text(),
        "from": Text(),
        "destinations": Many(Text(3), 1, 1000),
        "mimeMessage*": Base64(mail_problem),
        "intermediateReport": Flag(),
        "notifyUrl": Text(),
        "notifyContentType": Text(),
        "callbackData": _CALLBACK,
        "trackingUrl": Text(),
        "clientPriority": enum_of("HIGH", "STANDARD", "LOW"),
        "applicationId": Text(),
        "entityId": Text(),
    }
)

_ENVELOPE: dict[str, Rule] = {
    "from*": Text(1, 24),
    "to*": Text(1, 150),
    "messageId": _ID,
    "callbackData": _CALLBACK,
    "notifyUrl": _URL,
    "entityId": _LABEL,
    "applicationId": _LABEL,
    "context": Object({"replyToMessageId*": Text()}),
}
_LINKED: dict[str, Rule] = {**_ENVELOPE, "urlOptions": _LINKS}
_MEDIA = Text(1, 2048)
_CAPTION = Text(0, 3000)
_BODY = Object({"text*": Text(1, 1024)})
_FOOTER = Object({"text*": Text(1, 60)})
_TEXT_HEADER = Variants({"TEXT": {"text*": Text(1, 60)}})
_ANY_HEADER = Variants(
    {
        "TEXT": {"text*": Text(1, 60)},
        "VIDEO": {"mediaUrl*": _MEDIA},
        "IMAGE": {"mediaUrl*": _MEDIA},
        "DOCUMENT": {"mediaUrl*": _MEDIA, "filename": Text(0, 240)},
    }
)
_HOME = enum_of("HOME", "WORK")
_CONTACT = Object(
    {
        "addresses": Many(Free()),
        "birthday": Text(),
        "emails": Many(Object({"email": Text(), "type": _HOME})),
        "name*": Object(
            {
                "firstName*": Text(),
                "lastName": Text(),
                "middleName": Text(),
                "nameSuffix": Text(),
                "namePrefix": Text(),
                "formattedName*": Text(),
            }
        ),
        "org": Object({"company": Text(), "department": Text(), "title": Text()}),
        "phones": Many(
            Object(
                {
                    "phone": Text(),
                    "type": enum_of("CELL", "MAIN", "IPHONE", "HOME", "WORK"),
                    "waId": Text(),
                }
            )
        ),
        "urls": Many(Object({"url": Text(), "type": _HOME})),
    }
)
_CARD: dict[str, Rule] = {
    "header*": Variants({"IMAGE": {"url*": Text(0, 2048)}, "VIDEO": {"url*": Text(0, 2048)}}),
    "body*": Object({"text*": Text(0, 160)}),
}
_ROW = Object({"id*": Text(1, 200), "title*": Text(1, 24), "description": Text(0, 72)})


def _with_content(content: dict[str, Rule], *, linked: bool = True) -> Object:
    return Object({**(_LINKED if linked else _ENVELOPE), "content*": Object(content)})


WHATSAPP: dict[str, Object] = {
    "text": _with_content({"text*": Text(1, 4096), "previewUrl": Flag()}),
    "image": _with_content({"mediaUrl*": _MEDIA, "caption": _CAPTION}),
    "document": _with_content({"mediaUrl*": _MEDIA, "caption": _CAPTION, "filename": Text(0, 240)}),
    "audio": _with_content({"mediaUrl*": _MEDIA, "voice": Flag()}, linked=False),
    "video": _with_content({"mediaUrl*": _MEDIA, "caption": _CAPTION}),
    "sticker": _with_content({"mediaUrl*": _MEDIA}, linked=False),
    "location": _with_content(
        {
            "latitude*": Number(-90, 90, whole=False),
            "longitude*": Number(-180, 180, whole=False),
            "name": Text(0, 1000),
            "address": Text(0, 1000),
        },
        linked=False,
    ),
    "contact": _with_content({"contacts*": Many(_CONTACT, 1)}, linked=False),
    "interactive/buttons": _with_content(
        {
            "body*": _BODY,
            "action*": Object(
                {"buttons*": Many(Variants({"REPLY": {"id*": Text(1, 256), "title*": Text(1, 20)}}), 1, 3)}
            ),
            "header": _ANY_HEADER,
            "footer": _FOOTER,
        }
    ),
    "interactive/list": _with_content(
        {
            "body*": _BODY,
            "action*": Object(
                {
                    "title*": Text(1, 20),
                    "sections*": Many(Object({"title": Text(0, 24), "rows*": Many(_ROW, 1)}), 1, 10),
                }
            ),
            "header": _TEXT_HEADER,
            "footer": _FOOTER,
        }
    ),
    "interactive/url-button": _with_content(
        {
            "body*": _BODY,
            "action*": Object({"displayText*": Text(1, 20), "url*": Text(1, 2048)}),
            "header": _ANY_HEADER,
            "footer": _FOOTER,
        }
    ),
    "interactive/location-request": _with_content({"body*": _BODY}),
    "interactive/product": _with_content(
        {
            "action*": Object({"catalogId*": Text(), "productRetailerId*": Text()}),
            "body": _BODY,
            "footer": _FOOTER,
        }
    ),
    "interactive/multi-product": _with_content(
        {
            "header*": _TEXT_HEADER,
            "body*": _BODY,
            "action*": Object(
                {
                    "catalogId*": Text(),
                    "sections*": Many(
                        Object({"title": Text(0, 24), "productRetailerIds*": Many(Text(), 1)}), 1, 10
                    ),
                }
            ),
            "footer": _FOOTER,
        }
    ),
    "interactive/media-carousel": _with_content(
        {
            "body*": Object({"text*": Text(0, 1024)}),
            "action*": Variants(
                {
                    "QUICK_REPLY": {
                        "cards*": Many(
                            Object(
                                {
                                    **_CARD,
                                    "buttons*": Many(Object({"id*": Text(0, 20), "title*": Text(0, 20)})),
                                }
                            ),
                            2,
                            10,
                        )
                    },
                    "URL": {
                        "cards*": Many(
                            Object(
                                {
                                    **_CARD,
                                    "button*": Object({"displayText*": Text(0, 20), "url*": Text(0, 2048)}),
                                }
                            ),
                            2,
                            10,
                        )
                    },
                }
            ),
        }
    ),
    "interactive/voice-button": Object(
        {
            **{name: rule for name, rule in _LINKED.items() if name != "context"},
            "content*": Object(
                {
                    "body*": Object({"text*": Text(0, 1024)}),
                    "action": Object(
                        {
                            "buttonDisplayText": Text(0, 20),
                            "callValidityPeriod": Number(1, 43_200),
                            "callContextPayload": Text(1, 512),
                        }
                    ),
                }
            ),
        }
    ),
    "interactive/call-permission-request": Object(_LINKED),
    "interactive/in-thread-authentication-request": Object({**_LINKED, "content": Free()}),
    "interactive/order-details": _with_content(
        {"body": _BODY, "action*": Free(), "header": Free(), "footer": _FOOTER}
    ),
    "interactive/order-status": _with_content({"body": _BODY, "action*": Free(), "footer": _FOOTER}),
    "interactive/request-contact-info": _with_content({"body*": _BODY}),
    "interactive/flow": _with_content(
        {
            "body*": _BODY,
            "action*": Object(
                {
                    "mode": enum_of("DRAFT", "PUBLISHED"),
                    "flowMessageVersion": _INTEGER,
                    "flowToken*": Text(),
                    "flowId*": Text(),
                    "callToActionButton*": Text(1, 20),
                    "flowAction": enum_of("NAVIGATE", "DATA_EXCHANGE"),
                    "flowActionPayload": Object({"screen*": Text(), "data": Free()}),
                }
            ),
            "header": _TEXT_HEADER,
            "footer": _FOOTER,
        }
    ),
}
"""By the end of the path."""

_PRODUCTS = Object({"title*": Text(0, 24), "productRetailerIds*": Many(Text(0, 3000), 1)})
_GAPS = Object({"placeholders*": Many(Text(1))})
_PICTURES: dict[str, dict[str, Rule]] = {
    "IMAGE": {"mediaUrl*": _MEDIA},
    "VIDEO": {"mediaUrl*": _MEDIA},
}
_CARD_BUTTONS: dict[str, dict[str, Rule]] = {
    "QUICK_REPLY": {"parameter*": Text(1, 128)},
    "URL": {"parameter*": Text()},
}

TEMPLATE = Object(
    {
        "messages*": Many(
            Object(
                {
                    **_LINKED,
                    "smsFailover": Object({"from*": Text(1, 24), "text*": Text(1, 4096)}),
                    "content*": Object(
                        {
                            "templateName*": Text(1, 512),
                            "templateData*": Object(
                                {
                                    "body*": _GAPS,
                                    "header": Variants(
                                        {
                                            **_PICTURES,
                                            "GIF": {"mediaUrl*": _MEDIA},
                                            "TEXT": {"placeholder*": Text()},
                                            "DOCUMENT": {"mediaUrl*": _MEDIA, "filename*": Text(1, 240)},
                                            "LOCATION": {
                                                "latitude*": Number(-90, 90, whole=False),
                                                "longitude*": Number(-180, 180, whole=False),
                                            },
                                        }
                                    ),
                                    "buttons": Many(
                                        Variants(
                                            {
                                                **_CARD_BUTTONS,
                                                "COPY_CODE": {"parameter*": Text(1, 15)},
                                                "FLOW": {"flowToken": Text(0, 3000), "data": Free()},
                                                "CATALOG": {"thumbnailProductRetailerId": Text(0, 3000)},
                                                "ORDER_DETAILS": {"action*": Free()},
                                                "VOICE_CALL": {
                                                    "callValidityPeriod": Number(1, 43_200),
                                                    "callContextPayload": Text(1, 512),
                                                },
                                                "MULTI_PRODUCT": {
                                                    "thumbnailProductRetailerId": Text(0, 3000),
                                                    "sections*": Many(_PRODUCTS, 1, 10),
                                                },
                                            }
                                        ),
                                        0,
                                        10,
                                    ),
                                    "carousel": Object(
                                        {
                                            "cards*": Many(
                                                Object(
                                                    {
                                                        "header*": Variants(_PICTURES),
                                                        "body": _GAPS,
                                                        "buttons": Many(Variants(_CARD_BUTTONS), 1, 2),
                                                    }
                                                ),
                                                1,
                                                10,
                                            )
                                        }
                                    ),
                                    "orderStatus": Free(),
                                    "limitedTimeOffer": Object({"expirationTime*": Time()}),
                                }
                            ),
                            "language*": Text(1),
                        }
                    ),
                }
            ),
            1,
        ),
        "bulkId": _BULK,
    }
)

UNIFIED = Object(
    {
        "messages*": Many(
            Object(
                {
                    "channel*": Text(1),
                    "sender": Text(),
                    "destinations*": Many(Free(), 1),
                    "content": Free(),
                    "template": Free(),
                    "options": Free(),
                    "webhooks": Free(),
                    "failover": Many(Free()),
                }
            ),
            1,
        ),
        "options": Free(),
    }
)
"""Of the Messages API, whose many contents only its document tells apart."""
VALIDATION = Object({"to*": Text(1, 320)})
VALIDATIONS = Object(
    {
        "validationRequestId": Text(),
        "destinations*": Many(Object({"destination*": Text(1, 320)}), 1, 100_000),
    }
)
UNIFIED_EVENTS = Object({"events*": Many(Free(), 1), "options": Free()})
ADD_DOMAIN = Object(
    {
        "domainName*": Text(1, 100),
        "dkimKeyLength": OneOf((1024, 2048)),
        "targetedDailyTraffic*": Number(1),
        "applicationId": _LABEL,
        "entityId": _LABEL,
    }
)
DOMAIN_TRACKING = Object({"open": Flag(), "clicks": Flag(), "unsubscribe": Flag()})
IP_POOL = Object({"name*": Text(1, 100)})
POOL_IP = Object({"ipId*": Text(1)})
_PRIORITY = Number(0, 49)
DOMAIN_POOL = Object({"poolId*": Text(1), "priority*": _PRIORITY})
POOL_PRIORITY = Object({"priority*": _PRIORITY})


def _suppressions(*kinds: str) -> Object:
    one = Object(
        {"domainName*": Text(1), "emailAddress*": Many(Text(1, 320), 1, 1000), "type*": enum_of(*kinds)}
    )
    return Object({"suppressions*": Many(one, 1, 10)})


ADD_SUPPRESSIONS = _suppressions("BOUNCE", "COMPLAINT")
DELETE_SUPPRESSIONS = _suppressions("BOUNCE", "COMPLAINT", "OVER_QUOTA")
