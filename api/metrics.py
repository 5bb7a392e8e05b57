"""Prometheus metrics: the requests of this process, and the state of the whole system from the job store."""

from collections import Counter as Counted
from collections.abc import Iterator, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from jobs.model import Stats, WorkerInfo

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
METHODS = frozenset({"GET", "POST", "DELETE", "OPTIONS", "HEAD", "PUT", "PATCH"})


class Metrics:
    """Count requests and write the metrics page."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "nst_http_requests", "Requests served.", ("method", "route", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "nst_http_request_seconds", "Time until a request was answered.", ("route",), registry=self._registry
        )
        self.listeners = Gauge("nst_event_listeners", "Event streams open in this process.", registry=self._registry)

    def observe_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request; routes and methods are from a closed set, so that clients cannot create series."""
        method = method if method in METHODS else "other"
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def page(self, stats: Stats, workers: Sequence[WorkerInfo]) -> bytes:
        """Return the metrics of this process and of the system as text."""
        system = CollectorRegistry()
        system.register(_SystemCollector(stats, workers))
        return generate_latest(self._registry) + generate_latest(system)


class _SystemCollector:
    """Make metrics from the state of the job store."""

    def __init__(self, stats: Stats, workers: Sequence[WorkerInfo]) -> None:
        self._stats, self._workers = stats, workers

    def collect(self) -> Iterator[Metric]:
        yield from self._gauges()
        yield from self._totals()
        yield from self._worker_gauges()

    def _gauges(self) -> Iterator[Metric]:
        depth = GaugeMetricFamily("nst_queue_depth", "Jobs waiting.", labels=("model", "priority"))
        for (model, priority), count in self._stats.waiting.items():
            depth.add_metric((model, priority.value), count)
        yield depth
        yield GaugeMetricFamily("nst_jobs_running", "Jobs running.", value=self._stats.running)
        yield GaugeMetricFamily(
            "nst_jobs_unfinished",
            "Jobs that wait or run: what the number of workers follows.",
            value=sum(self._stats.waiting.values()) + self._stats.running,
        )
        yield GaugeMetricFamily("nst_workers", "Live workers.", value=self._stats.workers)

    def _totals(self) -> Iterator[Metric]:
        """Turn the total `failed:worker_lost` into nst_jobs_failed_total{code="worker_lost"}."""
        families: dict[str, CounterMetricFamily] = {}
        for key, value in sorted(self._stats.totals.items()):
            name, _, code = key.partition(":")
            if name not in families:
                labels = ("code",) if code else ()
                families[name] = CounterMetricFamily(f"nst_jobs_{name}", f"Jobs: {name}.", labels=labels)
            families[name].add_metric((code,) if code else (), value)
        yield from families.values()

    def _worker_gauges(self) -> Iterator[Metric]:
        speed = GaugeMetricFamily(
            "nst_iterations_per_second", "Measured speed of a worker.", labels=("worker", "model")
        )
        memory = GaugeMetricFamily(
            "nst_device_memory_bytes", "Memory of a worker's device.", labels=("worker", "device")
        )
        for worker in self._workers:
            for model, value in worker.speed.items():
                speed.add_metric((worker.id, model), value)
            if worker.memory_bytes is not None:
                memory.add_metric((worker.id, worker.device), worker.memory_bytes)
        serving = GaugeMetricFamily("nst_model_workers", "Live workers that have a network.", labels=("model",))
        for model, count in Counted(model for worker in self._workers for model in worker.models).items():
            serving.add_metric((model,), count)
        yield from (speed, memory, serving)
