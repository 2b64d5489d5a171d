"""RCS: what is sent, and what can be asked about numbers and senders."""
