"""Infobip's error codes as reasons.

Source of the ids: https://www.infobip.com/docs/essentials/api-essentials/response-status-and-error-codes. Which reason each stands for is our reading.
"""

from __future__ import annotations

from messaging_channels.plugins import Advice, FailureReason, FailureTable

ERRORS = FailureTable(
    {
        FailureReason.INVALID_ADDRESS: (261, 351, 352, 5484, 10305, 15201, 6031, 6033),
        FailureReason.UNKNOWN_RECIPIENT: (
            *(1, 5, 5404, 10303, 8001, 8004, 15003, 15009, 15017, 6006, 6009, 6012),
        ),
        FailureReason.DOMAIN_UNKNOWN: (6052, 6037),
        FailureReason.UNREACHABLE: (
            *(2, 6, 7, 27, 502, 1031, 5480, 5003, 5481, 10200, 10204, 10304, 6007, 6011),
        ),
        FailureReason.RECIPIENT_BUSY: (31, 32, 33, 257, 628, 5603, 5002, 10201, 10203),
        FailureReason.HANDSET_FULL: (256,),
        FailureReason.MAILBOX_FULL: (6010,),
        FailureReason.NOT_CAPABLE: (
            *(11, 21, 258, 262, 565, 629, 598, 10, 20, 71, 566, 568, 10100, 10101, 10102, 8013, 15007),
            *(15012, 15019, 7020, 7025, 7102, 7201),
        ),
        FailureReason.NOT_ON_CHANNEL: (7002,),
        FailureReason.BARRED: (8, 9, 12, 13, 581, 2049, 15, 560, 569, 574, 10313, 15011, 15018),
        FailureReason.BLOCKED_BY_RECIPIENT: (573, 15015, 7003),
        FailureReason.OPTED_OUT: (603, 604, 2052, 2050, 6003, 7030, 7033, 4137, 4140),
        FailureReason.SUPPRESSED: (3041, 6034, 6035),
        FailureReason.IDENTITY_CHANGED: (7029,),
        FailureReason.FREQUENCY_CAPPED: (7024, 7026, 7032, 7035, 4138),
        FailureReason.OUTSIDE_WINDOW: (7010,),
        FailureReason.EXPIRED: (4101, 811, 4098, 15006, 6038),
        FailureReason.SPAM_FILTERED: (607, 4103, 4104, 6002, 6042, 6045, 6046, 7016),
        FailureReason.CONTENT_REFUSED: (561, 2051, 15013, 6024, 6043, 7007, 7027, 4106, 4139, 4153),
        FailureReason.TEMPLATE_UNAVAILABLE: (
            *(6020, 6039, 6040, 6041, 7009, 7031, 7036, 7037, 4111, 4126, 4127, 4128, 4130, 4132, 4133),
            *(4134, 4135, 4136, 4149, 4150, 4151),
        ),
        FailureReason.TEMPLATE_PARAMETERS: (6021, 6026, 7008, 4129, 4131),
        FailureReason.TOO_LARGE: (355, 5413, 5414, 15022, 15026),
        FailureReason.MEDIA_PROBLEM: (
            *(5004, 5005, 5415, 10103, 10400, 10401, 10402, 15024, 15025, 7013, 7014, 7015, 7022),
        ),
        FailureReason.MALFORMED: (
            *(323, 4096, 5400, 5488, 10306, 8010, 15014, 15200, 15203, 6018, 6025, 6027, 6030, 7006),
            *(7018, 7023, 4144),
        ),
        FailureReason.AUTH_FAILED_EMAIL: (6036, 6054, 6047, 6048),
        FailureReason.SENDER_NOT_REGISTERED: (
            *(572, 594, 597, 488, 562, 563, 571, 592, 15010, 15021, 7001, 7034, 7084, 4112, 4113, 4114),
            *(4116, 4117, 4118, 4119, 4121, 4122, 4124, 4125, 4142, 4143, 4146, 4147, 4148, 4154, 4155),
            *(4156, 4158),
        ),
        FailureReason.SENDER_REFUSED: (
            *(368, 2053, 375, 564, 15020, 15202, 6016, 6029, 6053, 6017, 6044, 6049, 7021, 4108, 4109),
            *(4110, 4115, 4120, 4123, 4157),
        ),
        FailureReason.ACCOUNT_BLOCKED: (
            *(433, 577, 578, 579, 580, 601, 4099, 10300, 10311, 8002, 8003, 8008, 6055, 6056, 7004),
            *(7005, 7011, 7012, 7038, 7083, 7281),
        ),
        FailureReason.CREDENTIALS: (5407, 10302, 8006, 8007),
        FailureReason.NO_CREDIT: (10301, 7019),
        FailureReason.NO_ROUTE: (345, 633, 15016, 15023, 7081),
        FailureReason.THROTTLED: (541, 542, 4202, 630, 6050, 6051, 6057, 6058, 7017),
        FailureReason.FRAUD_BLOCKED: (608, 609, 6023),
        FailureReason.NETWORK_ERROR: (
            *(34, 35, 36, 255, 259, 260, 500, 503, 504, 507, 508, 509, 1024, 1025, 1026, 1027, 1028),
            *(1029, 1030, 1152, 1153, 1154, 1155, 1156, 1157, 1158, 1159, 1160, 1161, 1162, 1163, 1164),
            *(1165, 1166, 1281, 1282, 1283, 1284, 1536, 1537, 1538, 1539, 1540, 1541, 1792, 1793, 1794),
            *(1795, 1796, 24, 51, 501, 631, 632, 810, 2048, 4097, 5403, 5408, 5410, 5491, 10307, 10308),
            *(10312,),
        ),
        FailureReason.PROVIDER_ERROR: (
            *(4102, 5501, 5503, 10309, 8005, 8009, 8011, 8012, 15000, 15002, 15008, 6013, 7050, 7051),
            *(7080, 7082, 4107, 4141),
        ),
        FailureReason.DUPLICATE: (5492, 7280),
        FailureReason.CANCELLED: (4100, 5487, 10202),
        FailureReason.NO_RECEIPT: (815, 15004, 15005, 7052),
        FailureReason.UNKNOWN: (10310,),
    },
    no_failures=(*(0, 5000, 5001, 10000, 10001, 10002, 10003, 10004),),
    advice={
        1: frozenset({Advice.OTHER_CHANNEL}),
        5: frozenset({Advice.RETRY_LATER, Advice.OTHER_CHANNEL}),
        **dict.fromkeys((261, 351, 5484), frozenset({Advice.OTHER_CHANNEL})),
        581: frozenset({Advice.RETRY_LATER, Advice.OTHER_CHANNEL}),
        **dict.fromkeys((6006, 6009, 6012), frozenset({Advice.SUPPRESS_ADDRESS, Advice.OTHER_CHANNEL})),
        **dict.fromkeys((15017, 8001, 8004), frozenset({Advice.SUPPRESS_ADDRESS, Advice.OTHER_CHANNEL})),
        **dict.fromkeys((502, 2048, 5408, 7051, 10307), frozenset[Advice]()),
    },
)
"""By the id of the error. After a timeout within a network a copy may be on its way; an operator that gives a number up, and a mailbox that is none, are certain."""

RCS_AND_VIBER_ERRORS = FailureTable(
    {
        FailureReason.NOT_ON_CHANNEL: (7002,),
        FailureReason.TEMPLATE_PARAMETERS: (7018,),
    },
)
"""What an error means on RCS and Viber, where that differs."""
