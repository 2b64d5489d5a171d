"""Mail: requests in JSON or MIME."""
