"""The `nst` command: the service, the engine and the tools around them, from a terminal."""
