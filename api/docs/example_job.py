"""The job that the OpenAPI document shows as an example."""

from typing import Any

from nst_engine.spec.presets import resolve


def example_job() -> dict[str, Any]:
    """Return a running job as JobView describes it."""
    path = "/v1/jobs/0198f1c2-a7f0-7d5a-9d0e-3a4b5c6d7e8f"
    progress = {"iteration": 120, "total": 300, "scale": 2, "scales": 3, "width": 256, "height": 171, "loss": 0.41}
    progress |= {"content_loss": 0.3, "style_loss": 0.11, "tv_loss": 0.0}
    progress |= {"iterations_per_second": 9.5, "eta_seconds": 31.0}
    return {
        "id": path.rpartition("/")[2],
        "status": "running",
        "attempt": 1,
        "priority": "interactive",
        "queue_position": None,
        "queue_eta_seconds": None,
        "waiting_for": None,
        "progress": progress,
        "params": resolve().model_dump(mode="json"),
        "style_names": ["waves"],
        "output_format": "png",
        "created_at": "2026-01-02T03:04:05.678Z",
        "started_at": "2026-01-02T03:04:06.012Z",
        "finished_at": None,
        "expires_at": None,
        "cancel_requested_at": None,
        "queue_seconds": 0.334,
        "run_seconds": 12.6,
        "expired": False,
        "retry_of": None,
        "request_id": "0f0e0d0c0b0a09080706050403020100",
        "error": None,
        "result": None,
        "urls": {
            "self": path,
            "cancel": f"{path}/cancel",
            "retry": f"{path}/retry",
            "events": f"{path}/events",
            "content": f"{path}/content",
            "style": [f"{path}/style/0"],
            "preview": f"{path}/preview",
            "result": None,
            "timelapse": None,
        },
    }
