"""SMS: requests, and how a text will look."""
