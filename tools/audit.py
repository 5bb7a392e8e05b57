"""Compare uv.lock with the OSV database of vulnerabilities: `make audit`.

Without network the comparison is skipped: `make check` must pass offline too.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys

SECONDS = 120.0
# uv ends with 2 for every error. These come from the connection or the service.
UNREACHABLE = re.compile(r"error sending request|Request failed|HTTP status \w+ error|operation timed out")
# uv before 0.10.12 does not have the command.
TOO_OLD = re.compile(r"unrecognized subcommand|unexpected argument")
SETTINGS = {"UV_HTTP_RETRIES": "1", "UV_HTTP_TIMEOUT": "15", "NO_COLOR": "1"}


def audit(uv: str) -> int:
    """Print what uv finds, and return 0 unless a locked release is vulnerable or uv.lock cannot be read."""
    command = [uv, "audit", "--frozen", "--no-progress", "--preview-features", "audit"]
    try:
        done = subprocess.run(
            command, env={**os.environ, **SETTINGS}, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return skip("the database of vulnerabilities did not answer")
    if done.returncode > 1 and UNREACHABLE.search(done.stderr):
        return skip("the database of vulnerabilities cannot be reached")
    if done.returncode > 1 and TOO_OLD.search(done.stderr):
        return skip("this uv has no `uv audit`; update it")
    print(done.stdout + done.stderr, end="")
    return done.returncode


def skip(reason: str) -> int:
    print(f"audit skipped: {reason}")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--uv", default="uv", help="the uv to run")
    return audit(parser.parse_args().uv)


if __name__ == "__main__":
    sys.exit(main())
