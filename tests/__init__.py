"""Tests of nst; a package, so that the names of its modules begin with `tests`."""
