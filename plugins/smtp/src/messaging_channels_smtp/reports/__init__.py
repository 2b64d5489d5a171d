"""Mails that tell of mails: bounces, complaints, receipts and the replies of robots. Pure functions over untrusted octets."""
