"""WhatsApp: requests of each message type."""
