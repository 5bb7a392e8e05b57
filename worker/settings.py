"""Settings of a worker; read from the environment once, at its composition root."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from jobs.settings import LogLevel, Names, names
from jobs.status import Priority


class WorkerSettings(BaseSettings):
    """What an operator may set of a worker."""

    model_config = SettingsConfigDict(env_prefix="NST_", env_ignore_empty=True, frozen=True, extra="ignore")

    device: str = Field(
        "auto",
        description="Where runs compute: cpu, mps, cuda:N, cuda (any CUDA device) or auto (the same, else mps or cpu).",
    )
    per_device: int = Field(1, ge=1, description="Most workers that may share a CUDA device.")
    device_wait_seconds: float | None = Field(
        None,
        ge=0,
        description="How long a worker waits for a free device before it ends; as long as it takes when empty.",
    )
    models: Names = Field(
        (), description="Networks this worker serves, separated by commas; all whose weights it has when empty."
    )
    priorities: Annotated[tuple[Priority, ...], NoDecode, BeforeValidator(names)] = Field(
        tuple(Priority), description="Priorities this worker serves: interactive, batch or both."
    )
    weights_dir: Path | None = Field(None, description="Folder with the weights of the networks.")
    worker_nice: int = Field(5, ge=0, le=19, description="How much the worker gives way to other processes (nice).")
    worker_threads: int = Field(
        0, ge=0, description="Threads a run on the CPU uses; 0: the cores, divided by the workers of this machine."
    )
    preview_seconds: float = Field(1.0, gt=0, description="Shortest time between two previews of a run.")
    preview_side: int = Field(512, ge=16, description="Longest side of a preview.")
    timelapse_frames: int = Field(48, ge=2, description="Most frames of a time-lapse.")
    timelapse_side: int = Field(512, ge=16, description="Longest side of a time-lapse.")
    storage_wait_seconds: float = Field(
        2.0, gt=0, description="How often a worker looks whether a full storage has room."
    )
    stop_grace_seconds: float = Field(
        60.0, gt=0, description="A run that does not stop this long after it was told ends with its process."
    )
    log_level: LogLevel = Field("info", description="Lowest level that is logged.")
