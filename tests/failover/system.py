"""The service on a primary and a replica of Redis, whose sentinel promotes the replica if the primary is lost."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import redis

from cli.local_service.redis_server import find_redis, prepare_folder
from tests.chaos.system import Timing
from tests.stack.process import Process, clean_environment
from tests.stack.redis import redis_process
from tests.stack.stack import Stack, free_port
from tests.waiting import until

SERVICE = "nst"
DOWN_AFTER = 4000  # milliseconds without an answer, as on a busy machine, after which a server counts as lost


class ReplicatedStack(Stack):
    """A stack with two servers of Redis by port, and a sentinel."""

    def __init__(self, folder: Path, *, wait_replicas: int) -> None:
        self.timing = replace(Timing.quick(), lease=10)  # no worker dies here, but a busy machine may delay one
        ports = free_port(), free_port()
        self.sentinel_port = free_port()
        super().__init__(
            folder,
            workers=2,
            fake_engine=True,
            NST_REDIS_URL=f"redis+sentinel://127.0.0.1:{self.sentinel_port}/{SERVICE}",
            NST_REDIS_TIMEOUT_SECONDS="2",
            NST_REDIS_WAIT_REPLICAS=str(wait_replicas),
            NST_WORKER_NICE="0",
            **self.timing.environment(),
        )
        self.nodes = {port: self._node(port, ports[0]) for port in ports}
        self.redis = self._sentinel(ports[0])

    def start(self) -> None:
        """Start everything and wait until it is ready."""
        for node in self.nodes.values():
            node.start()
        for node in self.nodes.values():
            node.wait_until_ready()
        super().start()

    def close(self) -> None:
        """End every process."""
        super().close()
        for node in self.nodes.values():
            node.kill()

    def primary(self) -> int:
        """Return the port of the server that the sentinel names."""
        with _client(self.sentinel_port) as client:
            return int(client.sentinel_get_master_addr_by_name(SERVICE)[1])

    def is_replicated(self) -> bool:
        """Tell whether the primary has its replica, and the sentinel knows it."""
        with suppress(redis.RedisError), _client(self.primary()) as primary, _client(self.sentinel_port) as sentinel:
            known = sentinel.sentinel_slaves(SERVICE)
            online = primary.info("replication").get("slave0", {}).get("state") == "online"
            return online and any(not server["is_sdown"] and not server["is_odown"] for server in known)
        return False

    def cut_replica(self) -> None:
        """Let the primary drop its replica."""
        with _client(self.primary()) as client:
            client.execute_command("CLIENT", "KILL", "TYPE", "replica")

    def restart_as_replica(self, port: int) -> None:
        """Start a server that was killed, as a replica of the primary, and wait until it has the same data."""
        self.nodes[port] = self._node(port, self.primary())
        self.nodes[port].start()
        self.wait_until_replicated()

    def wait_until_replicated(self) -> None:
        """Wait until the primary has its replica."""
        until(self.is_replicated, "the primary has no replica")

    def _node(self, port: int, primary: int) -> Process:
        replica = () if port == primary else ("--replicaof", "127.0.0.1", str(primary))
        files = prepare_folder(self.folder / f"redis-{port}")
        return redis_process(files, "--port", str(port), "--bind", "127.0.0.1", *replica)

    def _sentinel(self, primary: int) -> Process:
        file = self.folder / "sentinel.conf"
        lines = [
            f"port {self.sentinel_port}",
            "bind 127.0.0.1",
            f"dir {self.folder}",
            f"sentinel monitor {SERVICE} 127.0.0.1 {primary} 1",
            f"sentinel down-after-milliseconds {SERVICE} {DOWN_AFTER}",
            f"sentinel failover-timeout {SERVICE} 6000",
        ]
        file.write_text("\n".join(lines) + "\n")
        return Process(
            "sentinel",
            (str(find_redis()), str(file), "--sentinel"),
            environment=clean_environment(),
            log=self.folder / "sentinel.log",
            is_ready=self.is_replicated,
        )


def _client(port: int) -> redis.Redis:
    return redis.Redis(port=port, decode_responses=True, protocol=2, socket_timeout=2, retry=None)
