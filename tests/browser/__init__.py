"""Tests of the page; a package, so that one browser can serve all of them (see `browser` in conftest.py)."""
