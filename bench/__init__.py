"""Benchmarks, run by hand; their tables land in docs/."""

from nst_engine.machine.allocator import configure_cpu_runtime

configure_cpu_runtime()  # here, because it has to be done before a module of this package loads torch
