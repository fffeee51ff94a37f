"""A stand-in for zeusd, which reads RAPL and sets GPUs for users who may not.

It serves HTTP over a Unix socket, as Zeus expects.

It counts wraps as the daemon does: itself, and some time after they happened.
"""

from __future__ import annotations

import http.server
import json
import socketserver
import threading
import urllib.parse
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tests.simulators.nvml import SimulatedGpu


def _set_limit(gpu: SimulatedGpu, asked: dict[str, str]) -> None:
    gpu.power_limit_w = int(asked["power_limit_mw"]) / 1000


def _lock(name: str) -> Callable[[SimulatedGpu, dict[str, str]], None]:
    def lock(gpu: SimulatedGpu, asked: dict[str, str]) -> None:
        gpu.set(name, int(asked.get("max_clock_mhz", 0)))

    return lock


SETTERS: dict[str, Callable[[Any, dict[str, str]], None]] = {
    "set_power_limit": _set_limit,
    "set_gpu_locked_clocks": _lock("locked_sm_mhz"),
    "reset_gpu_locked_clocks": _lock("locked_sm_mhz"),
    "set_mem_locked_clocks": _lock("locked_memory_mhz"),
    "reset_mem_locked_clocks": _lock("locked_memory_mhz"),
}
"""End of a path to what it sets."""


class Zeusd:
    """Serves one CPU's counter, and sets simulated GPUs, until it is closed."""

    def __init__(
        self, socket: Path, counter_uj: Callable[[], int], gpus: Sequence[SimulatedGpu] = ()
    ) -> None:
        """Listen on ``socket``; ``counter_uj`` returns the counter with the daemon's ranges."""
        self.refusing: set[str] = set()
        """Ends of paths whose requests are refused."""
        self.failing = False
        """Whether it answers every question about energy with an error."""
        daemon = self

        class Handler(http.server.BaseHTTPRequestHandler):
            """Answers one request."""

            def address_string(self) -> str:
                """Return the peer's name; a Unix socket has none."""
                return "unix"

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

            def do_GET(self) -> None:
                """Answer what Zeus asks."""
                if self.path.startswith("/discover"):
                    groups = ["gpu-read", "cpu-read", *(["gpu-control"] if gpus else [])]
                    cpus = [{"id": 0, "dram_available": False}]
                    cards = [
                        {
                            "id": i,
                            "name": "sim",
                            "pci_address": f"0000:0{i}:00.0",
                            "cumulative_energy_available": True,
                        }
                        for i in range(len(gpus))
                    ]
                    answer: Any = {
                        "gpus": cards,
                        "cpus": cpus,
                        "enabled_api_groups": groups,
                        "auth_required": False,
                    }
                else:
                    answer = {"0": {"cpu_energy_uj": counter_uj(), "dram_energy_uj": None}}
                self.answer(answer, 500 if daemon.failing and "energy" in self.path else 200)

            def answer(self, content: Any, status: int = 200) -> None:
                """Send ``content`` as JSON."""
                body = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                """Set what Zeus asks for, with the daemon's privilege."""
                url = urllib.parse.urlparse(self.path)
                asked = dict(urllib.parse.parse_qsl(url.query))
                what = url.path.rpartition("/")[2]
                if what in daemon.refusing or what not in SETTERS:
                    self.answer("refused", 400)
                    return
                for i in asked["gpu_ids"].split(","):
                    SETTERS[what](gpus[int(i)], asked)
                self.answer("ok")

        class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
            """A thread for each request."""

            daemon_threads = True

        self._server = Server(str(socket), Handler)
        serve = partial(self._server.serve_forever, poll_interval=0.01)  # the end is seen so soon
        threading.Thread(target=serve, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
