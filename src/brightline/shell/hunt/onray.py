# SPDX-License-Identifier: Apache-2.0
"""Running a hunt on Ray Data: the same function over the same shards, on more machines than one.

RAY IS REMOTE CODE EXECUTION BY DESIGN: whoever reaches a cluster and has its token runs what they like on each of its
machines, and each of them can open the records that a hunt opens. So it runs in an enclave of its own:

- A cluster of our own is made only where the machine has no network but loopback (a network namespace): outside one,
  Ray listens on every interface. Without a dashboard, without reports of use, with token authentication.
- A cluster that runs already is joined only with its token, by its address. That it stands in an enclave is for
  whoever runs it to see to; nothing here can.

The actors read the logs and the keys from folders that they share with us, so no content goes through Ray: it carries
numbers of shards there, and results back. The package is not sent either: it must be installed on each machine.

Actors never take every processor: Ray Data then hangs for ever and says nothing. And Ray is loaded in a process of its
own, which is ended where no shard comes back for long; what is done by then is done.
"""

from __future__ import annotations

import fcntl
import logging
import secrets
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import msgspec

from brightline.core.errors import BrightlineError, ConfigError, WorkersFailed
from brightline.core.ports import Clock
from brightline.files import write_private
from brightline.shell.clock import SystemClock
from brightline.shell.config import child_environment
from brightline.shell.hunt.examining import Examiner
from brightline.shell.hunt.folder import Opened, open_hunt
from brightline.shell.hunt.owner import has_ended, owner_name
from brightline.shell.hunt.running import LOOK_SECONDS, Tell, leases_of, open_work
from brightline.shell.hunt.work import Leases

SILENCE_SECONDS: Final = 900.0  # a shard is minutes of a large model at most
STARTS: Final = 4  # Ray gives its helpers 15 seconds to start and itself 30, which a busy machine does not keep
RAISED: Final = 1  # how the process ends in which Ray raised something
END_SECONDS: Final = 30.0  # Ray stops its processes in seven
STORE_BYTES: Final = 150_000_000  # results are small
TOKEN_FILE: Final = "ray.token"  # noqa: S105 - the name of a file
COMMAND: Final = (sys.executable, "-m", "brightline.shell.hunt.onray")
LOOPBACK: Final = "lo"
GET_FLAGS: Final = 0x8913  # SIOCGIFFLAGS
UP: Final = 1  # IFF_UP


class Cluster(msgspec.Struct, frozen=True):
    """A cluster that runs already, by its address, and the file of its token; empty: one is made for the hunt."""

    address: str = ""
    token: Path | None = None


def run_on_ray(root: Path, opened: Opened, workers: int, cluster: Cluster, tell: Tell, clock: Clock) -> None:
    """Run what is left of a hunt on Ray, with so many actors.

    Raises ``ConfigError`` if Ray is not here or would stand open, ``WorkersFailed`` if it fails or is silent for long.
    """
    if find_spec("ray") is None:
        raise ConfigError("running on Ray needs the extra `ray`")
    environment = _environment(root, cluster)
    work = open_work(root, opened)
    command = (*COMMAND, str(root.resolve()), str(workers), cluster.address)
    try:
        for left in reversed(range(STARTS)):
            before = work.standing(clock.unix()).done
            if before == len(opened.plan.shards):
                break
            process = subprocess.Popen(command, env=environment)  # noqa: S603 - our own module
            try:
                _wait(process, work, tell, clock)
                break
            except WorkersFailed:
                begun = work.standing(clock.unix()).done > before
                if begun or not left or process.returncode != RAISED:
                    raise
            finally:
                _end(process)
                work.give_back_of(has_ended)
        tell(work.standing(clock.unix()).done)
    finally:
        work.close()


def _wait(process: subprocess.Popen[bytes], work: Leases, tell: Tell, clock: Clock) -> None:
    """Wait while something comes. Raises ``WorkersFailed``."""
    done, since = -1, clock.monotonic()
    while process.poll() is None:
        now = work.standing(clock.unix()).done
        if now != done:
            done, since = now, clock.monotonic()
            tell(done)
        elif clock.monotonic() - since > SILENCE_SECONDS:
            raise WorkersFailed(f"Ray brought nothing for {SILENCE_SECONDS:.0f} s")
        time.sleep(LOOK_SECONDS)
    if process.returncode:
        raise WorkersFailed("Ray, or what ran on it, ended before its time")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _environment(root: Path, cluster: Cluster) -> dict[str, str]:
    """What Ray is told, so that nobody without the token is answered. Raises ``ConfigError``."""
    if cluster.address and cluster.token is None:
        raise ConfigError("a cluster is joined with its token: --ray-token FILE")
    if not cluster.address:
        _require_enclave()
    token = cluster.token or root / TOKEN_FILE
    if cluster.token is None and not token.exists():
        write_private(token, secrets.token_hex(32).encode())
    return child_environment() | {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token.resolve()),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
    }


def _require_enclave() -> None:
    """Refuse to make a cluster where anybody could reach it. Raises ``ConfigError``."""
    try:
        reachable = sorted(name for _, name in socket.if_nameindex() if name != LOOPBACK and _is_up(name))
    except OSError as error:
        raise ConfigError(f"whether this machine has a network cannot be seen: {error}") from error
    if reachable:
        raise ConfigError(
            f"this machine can be reached through {', '.join(reachable)}, and Ray listens everywhere: run it in a "
            "network namespace (docs/for-safety-researchers.md says how), or name a cluster with --ray-address"
        )


def _is_up(name: str) -> bool:
    """Whether an interface is up (netdevice(7)). Raises ``OSError``."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        answer = fcntl.ioctl(asking, GET_FLAGS, struct.pack("16sH14x", name.encode(), 0))
    return bool(struct.unpack("16sH14x", answer)[1] & UP)


# ---- the process in which Ray is loaded ---------------------------------------------------------------------------


class Look:
    """One actor: it loads what it needs once, then looks at shards by their numbers."""

    def __init__(self, root: str) -> None:
        self._examiner = Examiner(open_hunt(Path(root)))

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, list[Any]]:
        """A batch of numbers; the same with their results."""
        numbers = [int(number) for number in batch["number"]]
        return {"number": numbers, "result": [self._examiner.examine(number) for number in numbers]}


def look_on_ray(root: Path, workers: int, address: str, clock: Clock) -> None:
    """Have actors look at every shard that nobody holds, and keep each result as it comes. Raises what Ray raises."""
    import ray
    import ray.data

    opened, owner = open_hunt(root), owner_name()
    work = leases_of(root, opened)
    numbers = work.lease_all(owner, clock.unix())
    try:
        if not numbers:
            raise ConfigError("another process works at this hunt; wait for it, or end it")
        if address:
            ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False)
        else:
            ray.init(
                num_cpus=workers + 1,  # one stays free, or Ray Data hangs
                include_dashboard=False,
                object_store_memory=STORE_BYTES,
                logging_level=logging.ERROR,
                log_to_driver=False,
                _node_ip_address="127.0.0.1",
            )
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        ray.data.DataContext.get_current().enable_progress_bars = False
        items = ray.data.from_items([{"number": number} for number in numbers], override_num_blocks=len(numbers))
        looked = items.map_batches(
            Look,
            fn_constructor_args=(str(root),),
            batch_size=1,
            num_cpus=1,
            compute=ray.data.ActorPoolStrategy(size=min(workers, len(numbers))),
        )
        for row in looked.iter_rows():
            work.finish(int(row["number"]), bytes(row["result"]))
            work.renew(owner, clock.unix())
    finally:
        work.give_back(owner)
        work.close()
        ray.shutdown()


def main(arguments: list[str]) -> int:
    """Folder of the hunt, number of actors, address of a cluster or nothing."""
    try:
        look_on_ray(Path(arguments[0]), int(arguments[1]), arguments[2], SystemClock())
    except BrightlineError as error:
        sys.stderr.write(f"brightline: {error}\n  next: {error.next_step}\n")
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
