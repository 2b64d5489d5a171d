"""One send, from the arguments to the receipt."""
