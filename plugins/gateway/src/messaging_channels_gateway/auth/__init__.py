"""Who may call, how often, and which URLs may be called."""
