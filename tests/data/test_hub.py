"""The hub: pinned rows however they travel, an answer within seconds, and the cached copy."""

from __future__ import annotations

import hashlib
import io
import socket
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from huggingface_hub import HfFileSystem, constants

from greenbench.data import hub, hub_files, table_files, tables
from greenbench.data.layouts import choosing
from greenbench.data.splits import Wanted
from greenbench.errors import UnavailableError, UsageError
from greenbench.tasks.vulnerability import load as vulnerability
from tests.simulators.hub import LocalHub

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMIT = "0123456789abcdef0123456789abcdef01234567"
ROLES = {"text": ("func",), "label": ("target",)}


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the user's cache, proxies and offline switch out of these tests."""
    cache = tmp_path / "hub"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "datasets"))
    monkeypatch.setenv("no_proxy", "*")
    hub_files.listed.cache_clear()
    return cache


def use(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ``url`` be the hub, as HF_ENDPOINT does for a new process."""
    template = f"{url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(datasets.config, "HF_ENDPOINT", url)
    HfFileSystem.clear_instance_cache()


@pytest.fixture
def local_hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalHub]:
    """Be a hub on this machine."""
    with LocalHub().serving() as server:
        use(server.url, monkeypatch)
        yield server


@pytest.fixture
def silent_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Be a hub that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        use(f"http://127.0.0.1:{server.getsockname()[1]}", monkeypatch)
        monkeypatch.setattr(hub, "SECONDS", 0.2)
        yield


@pytest.fixture
def closed_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be a hub whose address refuses connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        use(f"http://127.0.0.1:{server.getsockname()[1]}", monkeypatch)


def cached(cache: Path) -> Path:
    """Put a copy of owner/name into the hub's cache, as its client does."""
    repository = cache / "datasets--owner--name"
    snapshot = repository / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    (snapshot / "data.parquet").write_bytes(parquet(5))
    return snapshot


def parquet(rows: int, start: int = 0, *, padding: int = 0) -> bytes:
    """Return a parquet file of ``rows`` functions, and a column of ``padding`` random bytes."""
    numbers = range(start, start + rows)
    noise = [hashlib.shake_256(str(n).encode()).hexdigest(padding) for n in numbers]
    table = pa.table(
        {
            "func": [f"int f{n}(void) {{ return {n} * g{n}(); }}" for n in numbers],
            "target": [n % 2 for n in numbers],
            "noise": noise,
        }
    )
    stream = io.BytesIO()
    groups = 1 if padding else 3
    pq.write_table(table, stream, row_group_size=max(1, rows // groups))
    return stream.getvalue()


SHARDS = {
    "README.md": b"functions",
    "data/test-00000-of-00001.parquet": parquet(30, 200),
    "data/train-00000-of-00002.parquet": parquet(100),
    "data/train-00001-of-00002.parquet": parquet(100, 100),
}


# --- whole and streamed ---------------------------------------------------------------------------


def test_a_data_set_is_downloaded_once_and_pinned_to_its_commit(
    local_hub: LocalHub, own_cache: Path
) -> None:
    """The parquet files alone lie in the hub's cache, and nothing is transferred a second time."""
    commit = local_hub.commit("owner/name", SHARDS)
    folder, found = hub.fetch("owner/name", task="T2")
    assert (folder.name, found) == (commit, commit)
    assert isinstance(folder, Path)
    assert own_cache in folder.parents
    assert [p.relative_to(folder).as_posix() for p in table_files.files(folder)] == sorted(
        name for name in SHARDS if name.endswith(".parquet")
    )
    assert not (folder / "README.md").exists()
    sent = local_hub.sent
    assert hub.fetch("owner/name", task="T2") == (folder, commit)
    assert local_hub.sent == sent


def test_streamed_and_whole_data_are_the_same_rows(
    local_hub: LocalHub, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Values, order, file names and the checksum are equal; a streamed copy is kept nowhere."""
    commit = local_hub.commit("owner/name", SHARDS)
    monkeypatch.setattr(hub, "WHOLE_UP_TO", 0)
    remote, found = hub.fetch("owner/name", task="T2")
    assert (remote, found) == (PurePosixPath(f"hf:/datasets/owner/name@{commit}"), commit)
    streamed = tables.read(remote, ROLES, {})
    assert not list(own_cache.rglob("*.parquet"))
    monkeypatch.setattr(hub, "WHOLE_UP_TO", 10**9)
    folder, _ = hub.fetch("owner/name", task="T2")
    whole = tables.read(folder, ROLES, {})
    assert streamed.columns == whole.columns
    assert len(whole.columns["text"]) == 230
    assert streamed.sha256 == whole.sha256
    assert [(p.name, n) for p, n in streamed.parts] == [(p.name, n) for p, n in whole.parts]
    assert streamed.where(129) == (
        f"hf:/datasets/owner/name@{commit}/data/train-00000-of-00002.parquet: row 100"
    )


def test_streaming_transfers_the_requested_columns_alone(
    local_hub: LocalHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A column of 24 MB that no role needs stays on the hub."""
    content = parquet(300, padding=40_000)
    local_hub.commit("owner/name", {"data.parquet": content})
    monkeypatch.setattr(hub, "WHOLE_UP_TO", 0)
    folder, _ = hub.fetch("owner/name", task="T2")
    assert tables.columns(table_files.files(folder)[0]) == ("func", "target", "noise")
    assert len(tables.read(folder, ROLES, {}).columns["text"]) == 300
    assert len(content) > 10e6
    assert local_hub.sent < 0.6 * len(content)


def test_a_task_splits_streamed_data_as_it_splits_whole_ones(
    local_hub: LocalHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T2's examples and facts are the same."""
    local_hub.commit("owner/name", SHARDS)
    wanted = Wanted(seed=3, sizes=(50, 10, 10))
    loaded = []
    for limit in (0, 10**9):
        monkeypatch.setattr(hub, "WHOLE_UP_TO", limit)
        loaded.append(vulnerability.load("owner/name", columns={}, wanted=wanted))
    assert loaded[0] == loaded[1]
    assert loaded[0].facts["rows"] == 230


def test_the_authors_splits_are_told_by_streamed_names(
    local_hub: LocalHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pairs whose files are named train, validation and test keep that split, streamed or whole."""
    files: dict[str, bytes] = {}
    for place, name in enumerate(("train", "validation", "test")):
        sources = [f"int f{place}{n}();" for n in range(4)]
        stream = io.BytesIO()
        pq.write_table(pa.table({"java": sources, "cs": [s.upper() for s in sources]}), stream)
        files[f"data/{name}-00000-of-00001.parquet"] = stream.getvalue()
    local_hub.commit("owner/pairs", files)
    loaded = []
    for limit in (0, 10**9):
        monkeypatch.setattr(hub, "WHOLE_UP_TO", limit)
        folder, _ = hub.fetch("owner/pairs", task="T1")
        loaded.append(choosing.load(folder, {}, None, 0))
    assert loaded[0] == loaded[1]
    assert [len(part) for part in loaded[0][0]] == [4, 4, 4]


def test_a_large_data_set_in_the_cache_is_taken_from_there(
    local_hub: LocalHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A whole copy is never streamed again."""
    local_hub.commit("owner/name", SHARDS)
    folder, _ = hub.fetch("owner/name", task="T2")
    monkeypatch.setattr(hub, "WHOLE_UP_TO", 0)
    assert hub.fetch("owner/name", task="T2")[0] == folder


def test_files_without_a_stated_checksum_are_downloaded(
    local_hub: LocalHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is streamed has a checksum in the facts, so what states none is not streamed."""
    local_hub.commit("owner/name", SHARDS)
    monkeypatch.setattr(hub, "WHOLE_UP_TO", 0)
    unstated = {"a.parquet": hub_files.RemoteFile(size=1, sha256=None)}
    assert not hub._is_large(unstated)
    assert hub._is_large({"a.parquet": hub_files.RemoteFile(size=1, sha256="0")})


def test_a_stream_that_breaks_off_is_unavailable(
    local_hub: LocalHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sentence names the file and what to do."""
    local_hub.commit("owner/name", SHARDS)
    monkeypatch.setattr(hub, "WHOLE_UP_TO", 0)
    folder, commit = hub.fetch("owner/name", task="T2")
    shards = table_files.files(folder)
    del local_hub.commits[commit]["data/test-00000-of-00001.parquet"]
    with pytest.raises(UnavailableError, match=r"test-00000.*cannot be streamed") as caught:
        tables.columns(shards[0])
    assert "\n" not in str(caught.value)


def test_no_configuration_of_datasets_is_left_changed(
    local_hub: LocalHub, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Reading prints nothing, keeps the log's level, and writes to no cache but the hub's."""
    local_hub.commit("owner/name", SHARDS)
    before = (datasets.logging.get_verbosity(), datasets.config.HF_UPDATE_DOWNLOAD_COUNTS)
    folder, _ = hub.fetch("owner/name", task="T2")
    tables.read(folder, ROLES, {})
    after = (datasets.logging.get_verbosity(), datasets.config.HF_UPDATE_DOWNLOAD_COUNTS)
    assert after == before
    assert capfd.readouterr() == ("", "")
    assert not (tmp_path / "datasets").exists()


# --- revisions ------------------------------------------------------------------------------------


def test_a_branch_that_moved_gives_the_new_rows_and_a_commit_the_old_ones(
    local_hub: LocalHub,
) -> None:
    """Rows and stated commit always belong together."""
    old = local_hub.commit("owner/name", {"a.parquet": parquet(5)})
    first, _ = hub.fetch("owner/name", task="T2")
    new = local_hub.commit("owner/name", {"a.parquet": parquet(7)})
    moved, commit = hub.fetch("owner/name", task="T2")
    assert commit == new
    assert len(tables.read(moved, ROLES, {}).columns["text"]) == 7
    pinned, commit = hub.fetch(f"owner/name@{old}", task="T2")
    assert (pinned, commit) == (first, old)
    assert len(tables.read(pinned, ROLES, {}).columns["text"]) == 5


def test_a_branch_that_moves_while_streaming_changes_nothing(
    local_hub: LocalHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files are read at the commit that was resolved first."""
    local_hub.commit("owner/name", {"a.parquet": parquet(5)})
    monkeypatch.setattr(hub, "WHOLE_UP_TO", 0)
    folder, _ = hub.fetch("owner/name", task="T2")
    local_hub.commit("owner/name", {"a.parquet": parquet(7), "b.parquet": parquet(7)})
    assert len(tables.read(folder, ROLES, {}).columns["text"]) == 5


def test_the_revision_of_parquet_copies_can_be_named(local_hub: LocalHub) -> None:
    """A revision may contain slashes."""
    name = f"owner/name@{hub.REFERENCE}"
    files = {"default/train/0000.parquet": parquet(5)}
    commit = local_hub.commit("owner/name", files, revision=hub.REFERENCE)
    folder, found = hub.fetch(name, task="T2")
    assert found == commit
    assert len(tables.read(folder, ROLES, {}).columns["text"]) == 5


def test_unknown_revisions_and_repositories_are_unavailable(local_hub: LocalHub) -> None:
    """The hub's own answer is in the sentence."""
    local_hub.commit("owner/name", SHARDS)
    with pytest.raises(UnavailableError, match=r"the data set owner/name@v9 cannot be had: .*404"):
        hub.fetch("owner/name@v9", task="T2")
    with pytest.raises(UnavailableError, match=r"the data set owner/other cannot be had: .*404"):
        hub.fetch("owner/other", task="T2")


# --- what is refused ------------------------------------------------------------------------------


def test_a_loading_script_is_refused_and_not_transferred(local_hub: LocalHub) -> None:
    """One sentence names the script, and the revision that has parquet files instead."""
    local_hub.commit("owner/name", {"name.py": b"raise SystemExit", "data.zip": b"zip"})
    with pytest.raises(UsageError) as caught:
        hub.fetch("owner/name", task="T2")
    assert str(caught.value) == (
        "the data set owner/name has no parquet files, and its loading script name.py is not run; "
        "name owner/name@refs/convert/parquet, if the hub made a parquet copy, or give a local "
        "copy with --green-data T2=PATH (a table or a folder of tables)"
    )
    assert local_hub.sent == 0


def test_a_script_beside_parquet_files_is_ignored(local_hub: LocalHub) -> None:
    """The parquet files are read, the script is neither transferred nor run."""
    local_hub.commit("owner/name", {**SHARDS, "name.py": b"raise SystemExit"})
    folder, _ = hub.fetch("owner/name", task="T2")
    assert len(tables.read(folder, ROLES, {}).columns["text"]) == 230
    assert not any("name.py" in request for request in local_hub.requests)


def test_other_formats_are_refused(local_hub: LocalHub) -> None:
    """A csv file on the hub is not read, and the sentence says what is."""
    local_hub.commit("owner/name", {"data.csv": b"func,target\nf,0\n"})
    with pytest.raises(UsageError, match=r"no parquet files, and only parquet is read from the hu"):
        hub.fetch("owner/name", task="T2")


@pytest.mark.parametrize("limit", [0, 10**9])
def test_a_missing_shard_is_refused(
    local_hub: LocalHub, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    """Streamed or whole, a part of a data set is not taken for all of it."""
    name = "data/train-00001-of-00002.parquet"
    files = {path: content for path, content in SHARDS.items() if path != name}
    local_hub.commit("owner/name", files)
    monkeypatch.setattr(hub, "WHOLE_UP_TO", limit)
    folder, _ = hub.fetch("owner/name", task="T2")
    with pytest.raises(UsageError, match=r"train-00001-of-00002\.parquet is missing"):
        tables.read(folder, ROLES, {})


@pytest.mark.usefixtures("closed_port")
def test_nonsense_is_no_hub_id() -> None:
    """A mistyped path is called what it is."""
    with pytest.raises(UsageError, match="neither a file nor a hub id"):
        hub.fetch("a b!", task="T2")


# --- a hub that misbehaves ------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "pinned"), [(403, False), (429, False), (503, True)])
def test_the_cached_copy_is_used_while_the_hub_fails(
    local_hub: LocalHub, own_cache: Path, *, status: int, pinned: bool
) -> None:
    """Refused, overloaded or down: what was fetched before is read, with its commit."""
    snapshot = cached(own_cache)
    local_hub.failure = status
    name = f"owner/name@{COMMIT}" if pinned else "owner/name"
    assert hub.fetch(name, task="T2") == (snapshot, COMMIT)
    assert local_hub.requests, "the hub was never asked"


@pytest.mark.parametrize("status", [429, 503])
def test_a_failing_hub_without_a_cached_copy_is_unavailable(
    local_hub: LocalHub, status: int
) -> None:
    """The sentence has the hub's status, and says that the cache was searched."""
    local_hub.failure = status
    reason = rf"owner/name cannot be had: .*{status}.*, and no whole copy of it is in the hub's cac"
    with pytest.raises(UnavailableError, match=reason) as caught:
        hub.fetch("owner/name", task="T2")
    assert "\n" not in str(caught.value)


def test_a_data_set_that_the_hub_does_not_know_is_not_taken_from_the_cache(
    local_hub: LocalHub, own_cache: Path
) -> None:
    """It was renamed or deleted; the sentence does not speak of a cache that was not searched."""
    cached(own_cache)
    with pytest.raises(UnavailableError, match=r"owner/name cannot be had: .*404") as caught:
        hub.fetch("owner/name", task="T2")
    assert "cache" not in str(caught.value)
    assert local_hub.requests


def test_a_pinned_commit_is_not_resolved_again(local_hub: LocalHub) -> None:
    """Its files are listed, as a cached copy may lack some, but it names itself."""
    commit = local_hub.commit("owner/name", {"a.parquet": parquet(5)})
    folder, found = hub.fetch(f"owner/name@{commit}", task="T2")
    assert found == commit == folder.name
    infos = [r for r in local_hub.requests if r == f"GET api/datasets/owner/name/revision/{commit}"]
    assert len(infos) == 1


# --- without a network ----------------------------------------------------------------------------


@pytest.mark.usefixtures("closed_port")
def test_unreachable_hub_says_how_to_give_a_local_copy() -> None:
    """The sentence names the data set, what could not be reached and the option."""
    with pytest.raises(
        UnavailableError, match=r"owner/name cannot be had: http://127.*--green-data T2=PATH"
    ):
        hub.fetch("owner/name", task="T2")


@pytest.mark.usefixtures("silent_server")
def test_a_hub_that_never_answers_is_given_up() -> None:
    """A firewall that drops packets does not delay the run by more than the limit."""
    with pytest.raises(UnavailableError, match=r"did not answer within 0.2 s|timed out"):
        hub.fetch("owner/name", task="T2")


@pytest.mark.usefixtures("closed_port")
def test_cached_copy_is_used_without_a_network(own_cache: Path) -> None:
    """What was fetched before can be read, with its commit."""
    snapshot = cached(own_cache)
    assert hub.fetch("owner/name", task="T2") == (snapshot, COMMIT)
    assert len(tables.read(snapshot, ROLES, {}).columns["text"]) == 5


@pytest.mark.usefixtures("closed_port")
def test_cached_copy_without_parquet_is_refused(own_cache: Path) -> None:
    """A snapshot of other formats in the cache is no data set that is read here."""
    snapshot = cached(own_cache)
    (snapshot / "data.parquet").rename(snapshot / "data.jsonl")
    with pytest.raises(UsageError, match="has no parquet files"):
        hub.fetch("owner/name", task="T2")


def test_offline_switch_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    """HF_HUB_OFFLINE makes no request at all."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(hub, "_unreachable", lambda url: pytest.fail(f"{url} was asked"))
    with pytest.raises(UnavailableError, match="HF_HUB_OFFLINE is set"):
        hub.fetch("owner/name@main", task="T2")


@pytest.mark.parametrize("disabled", [True, False])
def test_progress_bars_are_left_as_they_were(
    local_hub: LocalHub, *, disabled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The download is silent, and the user's setting is restored."""
    import huggingface_hub
    from huggingface_hub.utils.tqdm import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    seen: list[bool] = []
    download = huggingface_hub.snapshot_download

    def observed(*args: object, **options: object) -> str:
        seen.append(are_progress_bars_disabled())
        return download(*args, **options)

    local_hub.commit("owner/name", SHARDS)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", observed)
    (disable_progress_bars if disabled else enable_progress_bars)()
    try:
        hub.fetch("owner/name", task="T2")
        assert (seen, are_progress_bars_disabled()) == ([True], disabled)
    finally:
        enable_progress_bars()
