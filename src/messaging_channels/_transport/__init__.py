"""Where I/O happens: the drivers that run flows in a thread or in an event loop, and the HTTP clients. Only here is a clock, a socket or a loop touched."""
