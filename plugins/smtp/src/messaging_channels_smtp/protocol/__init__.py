"""SMTP without I/O: what is said to a server, and what its answers mean. See docs/decisions/0003-smtp-protocol.md.

Everything here is a generator of steps (`steps.Talk`); `messaging_channels_smtp.executors` performs them in threads and in event loops.
"""
