"""Events: kept, streamed, and delivered to webhook endpoints."""
