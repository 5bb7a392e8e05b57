"""The `nst` command: the engine, the service and the tools for operators."""
