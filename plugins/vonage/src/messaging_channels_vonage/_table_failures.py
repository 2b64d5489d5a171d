"""Vonage's codes as reasons.

Sources: https://developer.vonage.com/en/messaging/sms/guides/troubleshooting-sms, https://developer.vonage.com/en/messaging/sms/guides/delivery-receipts
and https://developer.vonage.com/en/api-errors/messages. Which reason each stands for is our reading.
"""

from __future__ import annotations

from messaging_channels.plugins import FailureReason, FailureTable

ANSWERS = FailureTable(
    {
        FailureReason.INVALID_ADDRESS: (6,),
        FailureReason.UNKNOWN_RECIPIENT: (33,),
        FailureReason.BARRED: (7,),
        FailureReason.TOO_LARGE: (12,),
        FailureReason.MALFORMED: (2, 3, 22, 23),
        FailureReason.SENDER_NOT_REGISTERED: (15,),
        FailureReason.ACCOUNT_BLOCKED: (8, 11, 29),
        FailureReason.CREDENTIALS: (4, 14, 32),
        FailureReason.NO_CREDIT: (9,),
        FailureReason.THROTTLED: (1, 10),
        FailureReason.PROVIDER_ERROR: (5,),
    },
    no_failures=(*(0,),),
)
"""By the `status` of a part in the answer to a send."""

RECEIPTS = FailureTable(
    {
        FailureReason.INVALID_ADDRESS: (9,),
        FailureReason.UNKNOWN_RECIPIENT: (3,),
        FailureReason.UNREACHABLE: (2, 12),
        FailureReason.RECIPIENT_BUSY: (7,),
        FailureReason.BARRED: (4, 13, 15, 14),
        FailureReason.OPTED_OUT: (53,),
        FailureReason.SPAM_FILTERED: (6,),
        FailureReason.CONTENT_REFUSED: (52, 54),
        FailureReason.MALFORMED: (10,),
        FailureReason.SENDER_NOT_REGISTERED: (50,),
        FailureReason.SENDER_REFUSED: (51,),
        FailureReason.NO_ROUTE: (11,),
        FailureReason.THROTTLED: (16,),
        FailureReason.NETWORK_ERROR: (8, 5),
        FailureReason.NO_RECEIPT: (1,),
        FailureReason.UNKNOWN: (99,),
    },
    no_failures=(*(0,),),
)
"""By the `err-code` of a delivery receipt."""

MESSAGES = FailureTable(
    {
        FailureReason.INVALID_ADDRESS: (1170, 1040),
        FailureReason.UNKNOWN_RECIPIENT: (1190,),
        FailureReason.UNREACHABLE: (1180, 1260),
        FailureReason.RECIPIENT_BUSY: (1220,),
        FailureReason.NOT_CAPABLE: (1310,),
        FailureReason.NOT_ON_CHANNEL: (1300,),
        FailureReason.BARRED: (1280, 1290),
        FailureReason.OPTED_OUT: (1240, 1050),
        FailureReason.FREQUENCY_CAPPED: (1241,),
        FailureReason.OUTSIDE_WINDOW: (1340,),
        FailureReason.EXPIRED: (1360,),
        FailureReason.SPAM_FILTERED: (1210,),
        FailureReason.CONTENT_REFUSED: (1270,),
        FailureReason.TEMPLATE_PARAMETERS: (1022,),
        FailureReason.TOO_LARGE: (1090, 1381),
        FailureReason.MEDIA_PROBLEM: (1380, 1382),
        FailureReason.MALFORMED: (1010, 1020, 1130, 1150),
        FailureReason.SENDER_NOT_REGISTERED: (1120,),
        FailureReason.ACCOUNT_BLOCKED: (1060, 1080, 1160),
        FailureReason.NO_CREDIT: (1070,),
        FailureReason.NO_ROUTE: (1250, 1140),
        FailureReason.THROTTLED: (1000,),
        FailureReason.NETWORK_ERROR: (1230,),
        FailureReason.PROVIDER_ERROR: (1030, 1100, 1331),
        FailureReason.DUPLICATE: (1320,),
        FailureReason.NO_RECEIPT: (1330,),
    },
)
"""By the code of an error of the Messages API."""
