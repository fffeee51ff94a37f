"""A stand-in for zeusd, the daemon that reads RAPL for users who may not: HTTP over a Unix socket, as Zeus 0.16 asks it.

It counts wraps as the daemon does: itself, and some time after they happened.
"""

from __future__ import annotations

import http.server
import json
import socketserver
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Zeusd:
    """Serves one CPU's counter until it is closed."""

    def __init__(self, socket: Path, counter_uj: Callable[[], int]) -> None:
        """Listen on ``socket``; ``counter_uj`` says what the counter shows, the daemon's ranges added."""
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
                    groups = ["gpu-read", "cpu-read"]
                    cpus = [{"id": 0, "dram_available": False}]
                    answer: Any = {"gpus": [], "cpus": cpus, "enabled_api_groups": groups, "auth_required": False}
                else:
                    answer = {"0": {"cpu_energy_uj": counter_uj(), "dram_energy_uj": None}}
                body = json.dumps(answer).encode()
                self.send_response(500 if daemon.failing and "energy" in self.path else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
            """A thread for each request."""

            daemon_threads = True

        self._server = Server(str(socket), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
