"""`python -m tests.chaos --kills 50 --seed 7 --json`: exit 0 only if every invariant held."""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
from pathlib import Path

from tests.chaos.run import Report, run
from tests.chaos.system import Timing


def main() -> int:
    """Run the harness and print what was counted."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=50, help="how many processes to kill")
    parser.add_argument("--seed", type=int, default=7, help="decides what is killed and when")
    parser.add_argument("--films", action="store_true", help="paint films of eight frames instead of pictures")
    parser.add_argument("--quick", action="store_true", help="short leases (3 s) instead of the service's own (30 s)")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--keep", action="store_true", help="keep the folder with logs and journal")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="nst-chaos-"))
    timing = Timing.quick() if options.quick else Timing()

    def say(text: str) -> None:
        sys.stderr.write(text + "\n")

    report: Report | None = None
    try:
        report = asyncio.run(
            run(folder, kills=options.kills, seed=options.seed, timing=timing, say=say, films=options.films)
        )
    finally:
        if options.keep or report is None or report.violations:
            say(f"logs are in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    sys.stdout.write((json.dumps(report, default=vars, indent=2) if options.json else _table(report)) + "\n")
    return 1 if report.violations else 0


def _table(report: Report) -> str:
    rows = [*report.kills.items(), *report.disturbances.items()]
    lines = [f"{count:5d}  {name}" for name, count in rows]
    lines += [f"{name}: {value}" for name, value in vars(report.counts).items()]
    lines += [f"VIOLATED: {violation}" for violation in report.violations] or ["every invariant held"]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
