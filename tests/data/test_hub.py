"""The hub: an answer within seconds whatever the network does, and the cached copy where there is one."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
from huggingface_hub import constants

from greenbench.data import hub
from greenbench.errors import UnavailableError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the user's cache, proxies and offline switch out of these tests."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def silent_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Be a hub that takes the connection and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{server.getsockname()[1]}")
        monkeypatch.setattr(hub, "SECONDS", 0.2)
        yield


@pytest.fixture
def closed_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be a hub whose address refuses connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{server.getsockname()[1]}")


def cached(cache: Path) -> Path:
    """Lay a copy of owner/name into the hub's cache, as its client does."""
    repository = cache / "datasets--owner--name"
    snapshot = repository / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    (snapshot / "data.jsonl").write_text("{}\n")
    return snapshot


@pytest.mark.usefixtures("closed_port")
def test_unreachable_hub_says_how_to_give_a_local_copy() -> None:
    """The sentence names the data set, what could not be reached and the option."""
    with pytest.raises(
        UnavailableError, match=r"owner/name cannot be had: http://127.*--green-data T2=PATH"
    ):
        hub.fetch("owner/name", task="T2")


@pytest.mark.usefixtures("silent_server")
def test_hub_that_never_answers_is_given_up() -> None:
    """A firewall that drops packets does not hold the run."""
    with pytest.raises(UnavailableError, match=r"did not answer within 0.2 s|timed out"):
        hub.fetch("owner/name", task="T2")


@pytest.mark.usefixtures("closed_port")
def test_cached_copy_is_taken_without_a_network(tmp_path: Path) -> None:
    """What was fetched before stays usable, with its commit."""
    snapshot = cached(tmp_path)
    assert hub.fetch("owner/name", task="T2") == (snapshot, COMMIT)


def test_offline_switch_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    """HF_HUB_OFFLINE asks no network at all."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(hub, "_unreachable", lambda url: pytest.fail(f"{url} was asked"))
    with pytest.raises(UnavailableError, match="HF_HUB_OFFLINE is set"):
        hub.fetch("owner/name@main", task="T2")


@pytest.mark.usefixtures("closed_port")
def test_nonsense_is_no_hub_id() -> None:
    """A mistyped path is called what it is."""
    with pytest.raises(UsageError, match="neither a file nor a hub id"):
        hub.fetch("a b!", task="T2")


@pytest.mark.parametrize("disabled", [True, False])
def test_progress_bars_are_left_as_they_were(
    disabled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:  # noqa: FBT001
    """The download is silent and the user's setting comes back."""
    import huggingface_hub
    from huggingface_hub.utils.tqdm import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    seen: list[bool] = []

    def download(*_args: object, **_given: object) -> str:
        seen.append(are_progress_bars_disabled())
        return f"/cache/{COMMIT}"

    monkeypatch.setattr(hub, "_obstacle", lambda: None)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    (disable_progress_bars if disabled else enable_progress_bars)()
    try:
        hub.fetch("owner/name", task="T2")
        assert (seen, are_progress_bars_disabled()) == ([True], disabled)
    finally:
        enable_progress_bars()
