"""`python -m tests.abuse [--quick]`: attack a real API; exit 0 only if every limit held."""

from __future__ import annotations

import argparse
import resource
import sys

from tests.abuse.run import MIB, run


def main() -> int:
    """Run every attack and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.abuse", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer requests")
    options = parser.parse_args()
    _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))  # of this process and of the API
    violations = []
    for found in run(quick=options.quick):
        violations += found.violations()
        answers = ", ".join(f"{count} x {answer}" for answer, count in sorted(found.answers.items()))
        sys.stdout.write(
            f"{found.requests:5d} {found.attack:12s} memory +{found.memory_bytes / MIB:.0f} MiB "
            f"(decoders +{found.decoder_bytes / MIB:.0f} MiB), "
            f"poll p99 {found.poll_p99:.3f} s, upload {found.upload_seconds:.2f} s, "
            f"at rest {found.upload_seconds_at_rest:.2f} s ({answers})\n"
        )
        sys.stdout.flush()
    sys.stdout.write("".join(f"EXCEEDED: {sentence}\n" for sentence in violations) or "every limit held\n")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
