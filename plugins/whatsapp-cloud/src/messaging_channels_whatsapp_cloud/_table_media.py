"""What files may be uploaded: the most bytes of each MIME type.

Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/business-phone-numbers/media
"""

from __future__ import annotations

_MB = 1024 * 1024
_AUDIO, _IMAGE, _VIDEO, _STICKER = 16 * _MB, 5 * _MB, 16 * _MB, 500 * 1024

DOCUMENT = 100 * _MB
"""Of every type that is not listed."""

LIMITS = {
    "audio/aac": _AUDIO,
    "audio/amr": _AUDIO,
    "audio/mpeg": _AUDIO,
    "audio/mp4": _AUDIO,
    "audio/ogg": _AUDIO,
    "image/jpeg": _IMAGE,
    "image/png": _IMAGE,
    "image/webp": _STICKER,
    "video/mp4": _VIDEO,
    "video/3gpp": _VIDEO,
}
