"""Settings of a worker. The process reads them from the environment once, when it starts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from jobs.settings import LONGEST, LogLevel, Names, Seconds, split_names
from jobs.status import Priority


class WorkerSettings(BaseSettings):
    """Settings of a worker. The variable of each is `NST_` and its name in capitals."""

    model_config = SettingsConfigDict(
        env_prefix="NST_", env_ignore_empty=True, frozen=True, extra="ignore", allow_inf_nan=False
    )

    device: str = Field(
        "auto",
        description="Device to compute on: `cpu`, `mps`, `cuda:N`, `cuda` (any CUDA device) or `auto` (CUDA if "
        "present, else MPS, else the CPU).",
    )
    per_device: int = Field(1, ge=1, le=1000, description="Maximum number of workers that share a CUDA device.")
    device_wait_seconds: float | None = Field(
        None,
        ge=0,
        le=LONGEST,
        description="A worker that gets no device within this many seconds exits; if empty, it keeps waiting.",
    )
    models: Names = Field(
        (),
        description="Networks that the worker serves, separated by commas; if empty, all whose weights it finds. The "
        "web page's drafts need `lite-small`.",
    )
    priorities: Annotated[tuple[Priority, ...], NoDecode, BeforeValidator(split_names)] = Field(
        tuple(Priority), min_length=1, description="Priorities that the worker serves: `interactive`, `batch` or both."
    )
    weights_dir: Path | None = Field(None, description="Folder with the weights of the networks.")
    worker_nice: int = Field(5, ge=0, le=19, description="Niceness of the computing process, 0 to 19.")
    worker_threads: int = Field(
        0,
        ge=0,
        le=4096,
        description="Number of threads of a run on the CPU; 0 divides the cores among the workers of the machine.",
    )
    cuda_graphs: bool = Field(
        False,
        description="Launch the kernels of an iteration together, as a CUDA graph; no GPU has tried this yet.",
    )
    preview_seconds: Seconds = Field(1.0, description="Minimum time between two previews of a run, in seconds.")
    stop_grace_seconds: Seconds = Field(
        60.0,
        description="If a run does not stop within this many seconds after it was told to, its process is killed.",
    )
    log_level: LogLevel = Field("info", description="Lowest level of messages that are logged.")
