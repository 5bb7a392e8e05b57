"""Benchmarks, run by hand; their tables land in docs/."""

from nst_engine.machine.allocator import prepare_to_compute

prepare_to_compute()  # here, because it has to be done before a module of this package loads torch
