"""The HTTP routes, one module for each resource, and what they share."""
