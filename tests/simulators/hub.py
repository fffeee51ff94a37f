"""A Hugging Face hub on this machine: data sets from memory, over HTTP on a local port."""

from __future__ import annotations

import hashlib
import json
import threading
import urllib.parse
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class LocalHub:
    """Repositories of data sets; each commit is a mapping of paths to contents."""

    def __init__(self) -> None:
        self.commits: dict[str, dict[str, bytes]] = {}
        self.refs: dict[tuple[str, str], str] = {}
        self.sent = 0
        """Bytes of files that were transferred."""
        self.requests: list[str] = []
        self.failure: int | None = None
        """HTTP status that answers every request: 429 if overloaded, 503 if down."""
        self.url = ""

    def commit(self, repository: str, files: Mapping[str, bytes], *, revision: str = "main") -> str:
        """Add a commit, to which ``revision`` moves, and return it."""
        identity = json.dumps([repository, sorted((n, c.hex()) for n, c in files.items())])
        commit = hashlib.sha1(identity.encode()).hexdigest()
        self.commits[commit] = dict(files)
        self.refs[repository, revision] = commit
        return commit

    def resolve(self, repository: str, revision: str) -> str | None:
        """Return the commit of a branch, or the commit itself."""
        commit = self.refs.get((repository, revision), revision)
        return commit if commit in self.commits else None

    @contextmanager
    def serving(self) -> Iterator[LocalHub]:
        """Answer requests in a thread."""
        handler = type("Handler", (_Handler,), {"hub": self})
        with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            self.url = f"http://127.0.0.1:{server.server_address[1]}"
            serve = partial(server.serve_forever, poll_interval=0.01)  # the end is seen so soon
            threading.Thread(target=serve, daemon=True).start()
            try:
                yield self
            finally:
                server.shutdown()


class _Handler(BaseHTTPRequestHandler):
    """Answers what the hub's client and ``datasets`` request of a data set."""

    hub: LocalHub
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # a body need not wait for the receipt of its headers

    def log_message(self, *_args: object) -> None:
        """Log nothing."""

    def do_GET(self) -> None:
        """Answer a request for information or a file."""
        self._answer()

    def do_HEAD(self) -> None:
        """Answer a request for the headers of a file."""
        self._answer()

    def do_POST(self) -> None:
        """Answer a request for information on several paths."""
        self._answer()

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        path = urllib.parse.unquote(self.path.partition("?")[0]).strip("/")
        self.hub.requests.append(f"{self.command} {path}")
        parts = path.split("/")
        if self.hub.failure is not None:
            self._fail(self.hub.failure)
        elif parts[:2] == ["api", "datasets"]:
            self._api("/".join(parts[2:4]), parts[4:], body)
        elif parts[:1] == ["datasets"] and parts[3:4] == ["resolve"]:
            self._file("/".join(parts[1:3]), parts[4], "/".join(parts[5:]))
        else:
            self._json({})

    def _api(self, repository: str, rest: list[str], body: bytes) -> None:
        kind = rest[0] if rest else "revision"
        revision = rest[1] if len(rest) > 1 else "main"
        if kind == "revision" and len(rest) > 2:
            revision = "/".join(rest[1:])
        commit = self.hub.resolve(repository, revision)
        if commit is None:
            known = any(name == repository for name, _ in self.hub.refs)
            self._missing("RevisionNotFound" if known else "RepoNotFound")
            return
        files = self.hub.commits[commit]
        if kind == "revision":
            siblings = [self._sibling(name, content) for name, content in files.items()]
            self._json({"id": repository, "sha": commit, "siblings": siblings})
        elif kind == "tree":
            self._json(self._entries(files, "/".join(rest[2:])))
        elif kind == "paths-info":
            form = urllib.parse.parse_qs(body.decode())
            wanted = form.get("paths") or json.loads(body or b"{}").get("paths", [])
            entries = []
            for path in wanted:
                entries += [e for e in self._entries(files, "") if e["path"] == path]
            self._json(entries)
        else:
            self._missing("EntryNotFound")

    def _entries(self, files: Mapping[str, bytes], below: str) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = []
        folders: set[str] = set()
        for name, content in files.items():
            if below and not name.startswith(f"{below}/"):
                continue
            parents = name.split("/")[:-1]
            folders.update("/".join(parents[: i + 1]) for i in range(len(parents)))
            lfs = self._sibling(name, content).get("lfs")
            entry = {"type": "file", "path": name, "size": len(content), "oid": _oid(content)}
            entries.append({**entry, **({"lfs": {**lfs, "oid": lfs["sha256"]}} if lfs else {})})
        return entries + [
            {"type": "directory", "path": f, "oid": _oid(f.encode())} for f in folders
        ]

    def _sibling(self, name: str, content: bytes) -> dict[str, Any]:
        sibling: dict[str, Any] = {"rfilename": name, "size": len(content), "blobId": _oid(content)}
        if name.endswith(".parquet"):
            checksum = hashlib.sha256(content).hexdigest()
            sibling["lfs"] = {"sha256": checksum, "size": len(content), "pointerSize": 130}
        return sibling

    def _file(self, repository: str, revision: str, name: str) -> None:
        commit = self.hub.resolve(repository, revision)
        content = self.hub.commits.get(commit or "", {}).get(name)
        if content is None:
            self._missing("EntryNotFound")
            return
        total, start, end = len(content), 0, len(content)
        span = self.headers.get("Range")
        if span:
            first, _, last = span.removeprefix("bytes=").partition("-")
            start, end = int(first or 0), min(total, int(last or total - 1) + 1)
        part = content[start:end]
        self.send_response(206 if span else 200)
        self.send_header("Content-Length", str(len(part)))
        self.send_header("Accept-Ranges", "bytes")
        if span:
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{total}")
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", str(commit))
        self.end_headers()
        if self.command != "HEAD":
            self.hub.sent += len(part)
            self.wfile.write(part)

    def _json(self, value: object) -> None:
        content = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _fail(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _missing(self, code: str) -> None:
        self.send_response(404)
        self.send_header("X-Error-Code", code)
        self.send_header("X-Error-Message", "not found")
        self.send_header("Content-Length", "0")
        self.end_headers()


def _oid(content: bytes) -> str:
    return hashlib.sha1(content).hexdigest()
