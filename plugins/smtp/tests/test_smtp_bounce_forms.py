"""Bounces as servers of many makes word them: the shape of each, with addresses and words of our own."""

from __future__ import annotations

import pytest

from messaging_channels_smtp.reports.parsing import parse_report
from messaging_channels_smtp.reports.report import Action, ReportType

FORMS: dict[str, tuple[str, str]] = {}
FORMS["exchange2003"] = (
    "5.1.1",
    """From: System Administrator <postmaster@corp.example>
To: shop@example.org
Subject: Undeliverable: test

Your message

  To:      zoe@example.com
  Subject: test
  Sent:    Thu, 29 Apr 2007 23:34:45 -0500

did not reach the following recipient(s):

zoe@example.com on Thu, 29 Apr 2007 16:51:51 -0500
    The recipient name is not recognized
	The MTS-ID of the original message is: c=jp;a= ;p=example
    MSEXCH:IMS:EXAMPLE:NEKO 3905 (000C05A6) Unknown Recipient
""",
)
FORMS["sendmail5"] = (
    "5.1.1",
    """From: Mail Delivery Subsystem <MAILER-DAEMON@mx.example>
To: shop@example.org
Subject: Returned mail: User unknown

   ----- Transcript of session follows -----
While talking to mx.example.com:
>>> RCPT To:<zoe@example.com>
<<< 550 <zoe@example.com>, User Unknown
550 <zoe@example.com>... User unknown

   ----- Unsent message follows -----
Received: by mx.example
Message-Id: <k3v9@example.org>
To: zoe@example.com
""",
)
FORMS["domino"] = (
    "5.1.1",
    """From: Postmaster@corp.example
To: shop@example.org
Subject: DELIVERY FAILURE: User zoe (zoe@example.com) not listed in Domino Directory

Your message

  Subject: Test

was not delivered to:

  zoe@example.com

because:

  User zoe (zoe@example.com) not listed in Domino Directory
""",
)
FORMS["courier"] = (
    "5.1.1",
    """From: "Courier mail server at mx.example" <@>
To: shop@example.org
Subject: NOTICE: mail delivery status.

This is a delivery status notification from mx.example,
running the Courier mail server, version 0.65.2.

The original message was received on Sat, 11 Dec 2010 12:19:57 +0900
from [127.0.0.1]

---------------------------------------------------------------------------

                           UNDELIVERABLE MAIL

Your message to the following recipients cannot be delivered:

<zoe@example.com>:
    mx.example.com [192.0.2.95]:
>>> RCPT TO:<zoe@example.com>
<<< 550 5.1.1 <zoe@example.com>... User Unknown
""",
)
FORMS["zoho"] = (
    "5.1.1",
    """From: mailer-daemon@mail.zoho.example
To: shop@example.org
Subject: Undelivered Mail Returned to Sender

This message was created automatically by mail delivery software.
 A message that you sent could not be delivered to one or more of its recipients. This is a permanent error.

zoe@example.com Invalid Address, ERROR_CODE :550, ERROR_CODE :5.1.1 <zoe@example.com>... User Unknown
""",
)
FORMS["gmail-old"] = (
    "5.1.1",
    """From: Mail Delivery Subsystem <mailer-daemon@googlemail.example>
To: shop@example.org
Subject: Delivery Status Notification (Failure)
X-Failed-Recipients: zoe@example.com

This is an automatically generated Delivery Status Notification

Delivery to the following recipient failed permanently:

     zoe@example.com

Technical details of permanent failure:
It was rejected by the recipient domain. The error that the other server returned was: 550 550 Unknown user zoe@example.com (state 14).

----- Original message -----

Received: by 10.0.0.1
Message-ID: <k3v9@example.org>
""",
)
FORMS["gmx"] = (
    "5.1.1",
    """From: GMX Mailer Daemon <mailer-daemon@gmx.example>
To: shop@example.org
Subject: Mail delivery failed: returning message to sender

This message was created automatically by mail delivery software.
A message that you sent could not be delivered to
one or more of its recipients. This is a permanent error. The following address
failed:

"zoe@example.com":
SMTP error from remote server after RCPT command:
host: mx.example.com
5.1.1 <zoe@example.com>... User Unknown

--- The header of the original message is following. ---

Message-ID: <k3v9@example.org>
""",
)
FORMS["imail"] = (
    "5.1.1",
    """From: Postmaster <postmaster@imail.example>
To: shop@example.org
Subject: Undeliverable Mail

Unknown user: zoe@example.com

RCPT TO:<zoe@example.com>

Original message follows.

Received: from x
""",
)
FORMS["mailmarshal"] = (
    "5.1.1",
    """From: postmaster@corp.example
To: shop@example.org
Subject: Undeliverable Mail: "your order"

Your message:
   From:    shop@example.org
   Subject: your order

Could not be delivered because of

550 5.1.1 User unknown

The following recipients were affected:
    zoe@example.com
""",
)
FORMS["interscan"] = (
    "5.1.1",
    """From: InterScan Notification <notify@corp.example>
To: shop@example.org
Subject: Mail delivery error

Sent <<< RCPT TO:<zoe@example.com>
Received >>> 550 5.1.1 <zoe@example.com>... user unknown

Unable to deliver message to <zoe@example.com>
""",
)
FORMS["sun"] = (
    "5.1.1",
    """From: postmaster@sun.example
To: shop@example.org
Subject: Delivery Notification: Delivery has failed

This report relates to a message you sent with the following header fields:

  Message-id: <k3v9@example.org>
  Date: Fri, 30 Nov 2014 23:34:45 +0900
  From: shop@example.org
  To: zoe@example.com
  Subject: hello

Your message cannot be delivered to the following recipients:

  Recipient address: zoe@example.com
  Reason: Remote SMTP server has rejected address
  Diagnostic code: smtp;550 5.1.1 <zoe@example.com>... User Unknown
""",
)
FORMS["notes"] = (
    "5.1.1",
    """From: postmaster@corp.example
To: shop@example.org
Subject: DELIVERY FAILURE: hello

------- Failure Reasons  --------

User not listed in public Name & Address Book
zoe@example.com

------- Returned Message --------

Received: by x
""",
)
FORMS["x5"] = (
    "5.1.1",
    """From: MAILER-DAEMON@mail.example
To: shop@example.org
Subject: failure delivery

Message from  mail.example.
Unable to deliver message to the following address(es).

<zoe@example.com>:
This user doesn't have a mail.example account (zoe@example.com) [0]

--- Original message follows.

Return-Path: <shop@example.org>
Message-ID: <k3v9@example.org>
""",
)
FORMS["o365"] = (
    "5.1.10",
    """From: Microsoft Outlook <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@corp.example>
To: shop@example.org
Subject: Undeliverable: hello
Content-Type: text/html; charset="us-ascii"

<html><head><style>p.x { color: #550000; width: 550px }</style></head><body>
<p>Your message to <a href="mailto:zoe@example.com">zoe@example.com</a>
couldn't be delivered.</p>
<table><tr><td>zoe wasn't found at example.com.</td></tr></table>
<p>Error Details</p><p>Reported error: 550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient zoe@example.com not found by SMTP address lookup</p>
</body></html>
""",
)
FORMS["postfix-text"] = (
    "5.1.2",
    """From: MAILER-DAEMON@mx.example (Mail Delivery System)
To: shop@example.org
Subject: Undelivered Mail Returned to Sender

This is the mail system at host mx.example.

I'm sorry to have to inform you that your message could not
be delivered to one or more recipients. It's attached below.

                   The mail system

<zoe@example.com>: Host or domain name not found. Name service error for
    name=example.com type=A: Host not found
""",
)
FORMS["opensmtpd"] = (
    "5.1.1",
    """From: Mailer Daemon <MAILER-DAEMON@mx.example>
To: shop@example.org
Subject: Delivery status notification: error

    Hi!

    This is the MAILER-DAEMON, please DO NOT REPLY to this email.

    An error has occurred while attempting to deliver a message for
    the following list of recipients:

zoe@example.com: 550 5.1.1 <zoe@example.com>... User Unknown

    Below is a copy of the original message:

Received: from x
Message-Id: <k3v9@example.org>
""",
)
FORMS["mdaemon"] = (
    "5.1.1",
    """From: MDaemon <MDaemon@corp.example>
To: shop@example.org
Subject: Permanent Delivery Failure

The attached message had PERMANENT fatal delivery errors!

After one or more unsuccessful delivery attempts the attached message has
been removed from the mail queue on this server.

YOUR MESSAGE WAS NOT DELIVERED TO ONE OR MORE RECIPIENTS!

Failed address: zoe@example.com

--- Session Transcript ---
 Fri 2010-12-10 12:19:57: --> RCPT To:<zoe@example.com>
 Fri 2010-12-10 12:19:57: <-- 550 zoe@example.com unknown user account
--- End Transcript ---
""",
)
FORMS["groupwise"] = (
    "5.1.1",
    """From: postmaster@gw.example
To: shop@example.org
Subject: Message status - undeliverable

The message that you sent was undeliverable to the following:
	zoe@example.com (user not found)

Possibly truncated original message follows:
""",
)
FORMS["yahoo"] = (
    "5.1.1",
    """From: MAILER-DAEMON@yahoo.example
To: shop@example.org
Subject: Failure Notice

Sorry, we were unable to deliver your message to the following address.

<zoe@example.com>:
Remote host said: 550 5.1.1 <zoe@example.com>... User Unknown [RCPT_TO]

--- Below this line is a copy of the message.

Message-ID: <k3v9@example.org>
""",
)
FORMS["japanese"] = (
    "5.1.1",
    """From: Mail Administrator <postmaster@mobile.example>
To: shop@example.org
Subject: Mail System Error - Returned Mail

This Message was undeliverable due to the following reason:

Each of the following recipients was rejected by a remote mail server.
The reasons given by the server are included to help you determine why
each recipient was rejected.

    Recipient: <zoe@example.com>
    Reason:    <zoe@example.com>... User Unknown

Please reply to <postmaster@mobile.example>
if you feel this message to be in error.
""",
)
FORMS["quota-unknownform"] = (
    "5.2.2",
    """From: "Mail Delivery" <postmaster@isp.example>
To: shop@example.org
Subject: Message rejected

The following message to <zoe@example.com> was undeliverable.
The reason for the problem:
5.2.2 - Mailbox full
""",
)
FORMS["securence"] = (
    "5.7.1",
    """From: <>
To: shop@example.org
Subject: [SPAM?] Message blocked

Your email to zoe@example.com was blocked by our spam filter.
""",
)
FORMS["no-from"] = (
    "5.1.1",
    """Return-Path: <>
From: shop@example.org
To: shop@example.org
Subject: hello

Your mail to zoe@example.com: user unknown
""",
)
FORMS["sms-gateway"] = (
    "5.1.1",
    """From: post_master@mobile.example
To: shop@example.org
Subject: Re:Your order
Content-Type: multipart/mixed; boundary="one"

--another
Content-Type: text/plain

Error: the address is not valid

550 - no such user here
  RCPT TO: zoe@example.com
--another--
""",
)
FORMS["gave-up"] = (
    "4.4.7",
    """From: Mail Delivery Subsystem <mailer-daemon@mx.example>
To: shop@example.org
Subject: Delivery Status Notification (Failure)

<zoe@example.com>:
Cannot be reached; the message has been in the queue too long.

--- Original message follows.

DKIM-Signature: v=1; a=rsa-sha256; d=example.org;
  h=from:to; b=abc
Message-ID: <k3v9@example.org>
""",
)
FORMS["signed-copy"] = (
    "4.4.1",
    """From: Mail Delivery Subsystem <mailer-daemon@mx.example>
To: shop@example.org
Subject: Delivery Status Notification (Failure)

     zoe@example.com

The other server did not accept our requests to connect.

----- Original message -----

DKIM-Signature: v=1; a=rsa-sha256; d=example.org;
  h=from:to; b=abc
X-Spam-Status: No
Message-ID: <k3v9@example.org>
""",
)
FORMS["delayed-exim"] = (
    "4",
    """From: Mail Delivery System <Mailer-Daemon@mx.example>
To: shop@example.org
Subject: Warning: message 1abcde-000 delayed 24 hours

This message was created automatically by mail delivery software.
A message that you sent has not yet been delivered to one or more of its
recipients after more than 24 hours on the queue on mx.example.

The message identifier is:     1abcde-000
The date of the message is:    Sat, 11 Dec 2010
The subject of the message is: x

The address to which the message has not yet been delivered is:

  zoe@example.com
    Delay reason: Connection timed out

No action is required on your part. Delivery attempts will continue for
some time, and this warning may be repeated at intervals if the message
remains undelivered.
""",
)


@pytest.mark.parametrize("make", FORMS)
def test_a_bounce_of_every_make_is_understood(make: str) -> None:
    code, raw = FORMS[make]
    report = parse_report(raw.encode())
    assert report.report_type is ReportType.BOUNCE
    (told,) = report.updates
    assert told.recipient == "zoe@example.com"
    assert told.code.startswith(code)
    assert told.action is (Action.DELAYED if make.startswith("delayed") else Action.FAILED)
    assert report.message_id == ("k3v9@example.org" if "k3v9" in raw else "")


@pytest.mark.parametrize("local", ["victoria", "user1", "toto", "account-for-you"])
def test_words_within_an_address_are_not_taken_for_words_beside_one(local: str) -> None:
    raw = f"From: MAILER-DAEMON@mx.example\nTo: shop@example.org\nSubject: failure notice\n\n>>> {local}@example.com <{local}@example.com>\n550 5.1.1 unknown\n"
    assert [one.recipient for one in parse_report(raw.encode()).updates] == [f"{local}@example.com"]
