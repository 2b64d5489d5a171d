"""The Cloud API's error codes as reasons.

Source of the codes: https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes. Which reason each stands for is our reading.
"""

from __future__ import annotations

from messaging_channels.plugins import FailureReason, FailureTable

ERRORS = FailureTable(
    {
        FailureReason.UNKNOWN_RECIPIENT: (131020, 131041, 131212),
        FailureReason.NOT_ON_CHANNEL: (131026, 131062),
        FailureReason.BLOCKED_BY_RECIPIENT: (130403,),
        FailureReason.OPTED_OUT: (131050,),
        FailureReason.IDENTITY_CHANGED: (137000,),
        FailureReason.FREQUENCY_CAPPED: (130472, 131049),
        FailureReason.OUTSIDE_WINDOW: (131047,),
        FailureReason.SPAM_FILTERED: (131048, 131064),
        FailureReason.CONTENT_REFUSED: (368, 132007),
        FailureReason.TEMPLATE_UNAVAILABLE: (132001, 132015, 132016, 132068, 134101, 134102, 2388019),
        FailureReason.TEMPLATE_PARAMETERS: (132000, 132008, 132012, 132018),
        FailureReason.TOO_LARGE: (131204, 132005, 2388040),
        FailureReason.MEDIA_PROBLEM: (131052, 131053, 131209, 131210),
        FailureReason.MALFORMED: (
            *(100, 130501, 131008, 131009, 131021, 131051, 131055, 131059, 131060, 131213, 134100),
            *(135000, 2388047, 2388072, 2388073, 2388293, 2388299),
        ),
        FailureReason.SENDER_NOT_REGISTERED: (
            *(131037, 131045, 131215, 133006, 133010, 147001, 147002, 147003, 147004, 147005, 2388001),
            *(2388012, 2388091, 2388093, 2388103),
        ),
        FailureReason.ACCOUNT_BLOCKED: (
            *range(200, 300),
            *(3, 10, 33, 131005, 131030, 131031, 131042, 131044, 131063, 131207, 131211, 131214, 133005),
            *(134011, 139101, 200005, 200006, 2593107, 2593108),
        ),
        FailureReason.CREDENTIALS: (0, 102, 104, 190),
        FailureReason.NO_ROUTE: (130497,),
        FailureReason.THROTTLED: (
            *(4, 17, 341, 613, 80007, 80008, 130429, 131056, 131208, 132069, 133008, 133009, 133016),
        ),
        FailureReason.PROVIDER_ERROR: (
            *(1, 2, 131000, 131016, 131057, 133000, 133004, 133015, 139100, 139102, 139103, 2494100),
        ),
        FailureReason.DUPLICATE: (131202, 1752041),
        FailureReason.NO_RECEIPT: (131201,),
    },
)
"""131026 hides several causes; that the person is unknown is none of them. A permission is any of 200 to 299."""
