import json
import os
import subprocess
import sys

# Bytes kept after large blocks are freed, page faults of the same again, and bytes kept once they are given back.
SCRIPT = """
import json, os, resource, sys
from pathlib import Path
import numpy as np
from nst_engine.machine.allocator import trim_heap, configure_cpu_runtime

def use(): [np.full(2**23, 1.0) for _ in range(3)]
def held(): return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
def faults(): return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

if sys.argv[1] == "prepared":
    configure_cpu_runtime()
use()
before = faults()
use()
again, kept = faults() - before, held()
trim_heap()
print(json.dumps({"again": again, "kept": kept - held(), "policy": os.environ.get("OMP_WAIT_POLICY"),
                  "torch": "torch" in sys.modules}))
"""
BLOCKS = 3 * 2**26


def measured(how: str) -> dict[str, object]:
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    command = [sys.executable, "-c", SCRIPT, how]
    return json.loads(subprocess.run(command, env=environment, check=True, capture_output=True, timeout=60).stdout)


def test_a_prepared_process_uses_the_same_memory_again_and_gives_it_back_when_told() -> None:
    plain, prepared = measured("plain"), measured("prepared")
    assert prepared["again"] < plain["again"] / 10
    assert prepared["kept"] > 0.9 * BLOCKS > plain["kept"]


def test_threads_of_a_prepared_process_sleep_while_they_wait() -> None:
    assert measured("prepared")["policy"] == "PASSIVE"
    assert not measured("prepared")["torch"]
