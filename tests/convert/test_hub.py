"""Models by their Hub id, from a server on this machine that speaks the Hub's protocol."""

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from huggingface_hub import close_session, constants

from keras_bert_kit.convert.hub import local_folder

SMALL = {"config.json": b"{}", "vocab.txt": b"[PAD]\n"}
SURPLUS = {
    "README.md": b"#",
    "tf_model.h5": b"h5",
    "flax_model.msgpack": b"flax",
    "rust_model.ot": b"rust",
    "onnx/model.onnx": b"onnx",
    "onnx/config.json": b"{}",
    "openvino_model.bin": b"vino",
    "model.fp16.safetensors": b"half",
}
BOTH = {"model.safetensors": b"safe", "pytorch_model.bin": b"torch"}
SHARD = "model-00001-of-00001.safetensors"


class HubHandler(BaseHTTPRequestHandler):
    """Repositories are dicts of revisions, which are dicts of files."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer in one piece: in two, the second waits for a delayed acknowledgement

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        hub, path = self.server.hub, unquote(urlsplit(self.path).path)
        hub.requests.append(f"{self.command} {path}")
        if hub.status_of_everything:
            return self.answer(hub.status_of_everything, b"{}")
        listing = path.startswith("/api/models/")
        route = path.removeprefix("/api/models/").removeprefix("/")
        mark = next(m for m in ("/revision/", "/tree/", "/resolve/") if m in route)
        name, rest = route.split(mark)
        revision, _, file = rest.partition("/")
        if name not in hub.repositories:
            return self.answer(401, b"", {"X-Error-Code": "RepoNotFound"})
        revisions = hub.repositories[name]
        by_commit = {commit_of(name, known): files for known, files in revisions.items()}
        commit = commit_of(name, revision) if revision in revisions else revision
        if commit not in by_commit:
            return self.answer(404, b"", {"X-Error-Code": "RevisionNotFound"})
        files = by_commit[commit]
        if listing and mark == "/revision/":
            siblings = [{"rfilename": file} for file in files]
            return self.answer(200, encoded({"id": name, "sha": commit, "siblings": siblings}))
        if listing:
            return self.answer(200, encoded([entry(file, files[file]) for file in files]))
        if name in hub.gated and self.headers.get("authorization") != "Bearer secret":
            return self.answer(403, b"", {"X-Error-Code": "GatedRepo"})
        tag = hashlib.sha256(files[file]).hexdigest()
        return self.answer(200, files[file], {"X-Repo-Commit": commit, "ETag": f'"{tag}"'})

    def answer(self, status, body, headers=None):
        self.send_response(status)
        for header, value in (headers or {}).items():
            self.send_header(header, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *args):
        pass


class Hub:
    def __init__(self):
        self.repositories, self.gated, self.requests = {}, set(), []
        self.status_of_everything = None

    def downloaded(self):
        """The files asked for, and forgets them."""
        found = [r.split("/resolve/")[1].split("/", 1)[1] for r in self.requests if "GET /" in r
                 and "/resolve/" in r]  # fmt: skip
        self.requests.clear()
        return sorted(found)


def commit_of(name, revision):
    return hashlib.sha1(f"{name} {revision}".encode()).hexdigest()


def entry(file, content):
    oid = hashlib.sha1(content).hexdigest()
    return {"type": "file", "path": file, "size": len(content), "oid": oid}


def encoded(answer):
    return json.dumps(answer).encode()


@pytest.fixture
def hub(monkeypatch, tmp_path):
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), HubHandler)
    server.hub = hub
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    endpoint = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    template = endpoint + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    close_session()
    hub.shut_down = server.shutdown
    hub.close = lambda: (server.shutdown(), server.server_close())
    yield hub
    hub.close()
    close_session()


@pytest.fixture
def unreachable(hub):
    """Switches the server off."""

    def switch_off():
        hub.close()
        hub.close = lambda: None
        close_session()

    return switch_off


def names_in(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_a_folder_is_returned_as_it_is(tmp_path):
    assert local_folder(tmp_path) == tmp_path
    assert local_folder(str(tmp_path)) == tmp_path


def test_the_home_folder_may_be_written_as_a_tilde(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "bert").mkdir()
    assert local_folder("~/bert") == tmp_path / "bert"


@pytest.mark.parametrize(
    "typo",
    ["./bert", "../bert", "/no/bert", "~/no-bert", "a/b/c", r"runs\bert", "bert/", Path("b")],
)
def test_what_looks_like_a_path_is_never_downloaded(typo, hub):
    with pytest.raises(
        FileNotFoundError, match=r"^The folder .* does not exist\. Give the path of"
    ):
        local_folder(typo)
    assert hub.requests == []


def test_a_file_and_a_revision_of_a_folder_are_refused(tmp_path):
    (tmp_path / "model.safetensors").touch()
    with pytest.raises(ValueError, match=r"is a file\. Give the folder that it is in"):
        local_folder(tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match=r"has no revisions, but `revision` is 'main'\. Leave it"):
        local_folder(tmp_path, revision="main")


def test_only_what_is_needed_is_downloaded_and_safetensors_preferred(hub):
    hub.repositories["owner/bert"] = {"main": SMALL | BOTH | SURPLUS}
    folder = local_folder("owner/bert")
    assert names_in(folder) == ["config.json", "model.safetensors", "vocab.txt"]
    assert (folder / "model.safetensors").read_bytes() == b"safe"
    assert hub.downloaded() == ["config.json", "model.safetensors", "vocab.txt"]


def test_a_name_without_an_owner_is_an_id_too(hub):
    hub.repositories["bert"] = {"main": SMALL | BOTH}
    assert (local_folder("bert") / "config.json").exists()


@pytest.mark.parametrize(
    "weights",
    [
        {"model.safetensors.index.json": b"index", SHARD: b"1"},
        {"pytorch_model.bin": b"torch"},
        {"pytorch_model.bin.index.json": b"index", "pytorch_model-00001-of-00001.bin": b"1"},
    ],
)
def test_other_weights_are_taken_where_that_is_all_there_is(hub, weights):
    hub.repositories["owner/bert"] = {"main": SMALL | SURPLUS | weights}
    expected = sorted([*SMALL, *weights])
    assert names_in(local_folder("owner/bert")) == expected
    assert hub.downloaded() == expected


def test_one_file_is_preferred_to_shards(hub):
    shards = {"model.safetensors.index.json": b"{}", SHARD: b"1"}
    hub.repositories["owner/bert"] = {"main": SMALL | BOTH | shards}
    assert names_in(local_folder("owner/bert")) == ["config.json", "model.safetensors", "vocab.txt"]


def test_a_second_time_nothing_is_downloaded(hub):
    hub.repositories["owner/bert"] = {"main": SMALL | BOTH}
    first = local_folder("owner/bert")
    hub.downloaded()
    assert local_folder("owner/bert") == first
    assert hub.downloaded() == []


def test_a_revision_is_a_branch_a_tag_or_a_commit(hub):
    revisions = {"main": SMALL | BOTH, "v1": SMALL | BOTH | {"model.safetensors": b"old"}}
    hub.repositories["owner/bert"] = revisions
    for revision in ("v1", commit_of("owner/bert", "v1")):
        folder = local_folder("owner/bert", revision=revision)
        assert (folder / "model.safetensors").read_bytes() == b"old"
    assert (local_folder("owner/bert") / "model.safetensors").read_bytes() == b"safe"


def test_another_cache_may_be_given(hub, tmp_path):
    hub.repositories["owner/bert"] = {"main": SMALL | BOTH}
    assert local_folder("owner/bert", cache_dir=tmp_path / "mine").is_relative_to(tmp_path / "mine")


@pytest.mark.parametrize("weights", [BOTH, {"pytorch_model.bin": b"torch"}])
@pytest.mark.parametrize("how", ["argument", "environment", "no network"])
def test_offline_the_cache_is_used(hub, monkeypatch, unreachable, how, weights):
    hub.repositories["owner/bert"] = {"main": SMALL | weights | SURPLUS}
    first = local_folder("owner/bert")
    hub.requests.clear()
    if how == "no network":
        unreachable()
    if how == "environment":
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)  # read from it at import
    assert local_folder("owner/bert", offline=how == "argument") == first
    assert hub.requests == []


@pytest.mark.parametrize("how", ["argument", "environment"])
def test_offline_and_not_in_the_cache(hub, monkeypatch, how):
    hub.repositories["owner/bert"] = {"main": SMALL | BOTH}
    if how == "environment":
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    expected = (
        r"^owner/bert is not in the cache of downloads, and offline mode is on\. Run once with"
    )
    with pytest.raises(FileNotFoundError, match=expected):
        local_folder("owner/bert", offline=how == "argument")
    assert hub.requests == []


def test_offline_and_cached_in_part(hub, unreachable):
    hub.repositories["owner/bert"] = {"main": SMALL | BOTH}
    (local_folder("owner/bert") / "model.safetensors").unlink()
    with pytest.raises(
        FileNotFoundError, match=r"is not wholly in the cache .* offline mode is on"
    ):
        local_folder("owner/bert", offline=True)
    unreachable()
    with pytest.raises(FileNotFoundError, match=r"is not wholly in the cache .* not be reached"):
        local_folder("owner/bert")


def test_without_a_network_and_not_in_the_cache(unreachable):
    unreachable()
    expected = (
        r"^owner/bert is not in the cache of downloads, and http://127\.0\.0\.1:\d+ could not be "
        r"reached \(.*refused.*\)\. Check the network"
    )
    with pytest.raises(FileNotFoundError, match=expected):
        local_folder("owner/bert")


def test_an_id_that_is_not_on_the_hub(hub):
    expected = (
        r"^There is neither a folder owner/brt nor a model of that id on the Hub "
        r"\(http.*/owner/brt\)\. Check the spelling; if the model is private"
    )
    with pytest.raises(ValueError, match=expected):
        local_folder("owner/brt")


def test_a_revision_that_is_not_on_the_hub(hub):
    hub.repositories["owner/bert"] = {"main": SMALL | BOTH}
    expected = r"^owner/bert is on the Hub, but not in this revision: owner/bert \(revision v9\)\."
    with pytest.raises(ValueError, match=expected):
        local_folder("owner/bert", revision="v9")


def test_a_gated_model_needs_a_token(hub):
    hub.repositories["owner/bert"] = {"main": SMALL | BOTH}
    hub.gated.add("owner/bert")
    with pytest.raises(ValueError, match=r"^owner/bert is gated: .* Ask at http.*/owner/bert, and"):
        local_folder("owner/bert")
    assert (local_folder("owner/bert", token="secret") / "model.safetensors").exists()


def test_an_access_that_is_forbidden(hub):
    hub.status_of_everything = 403
    with pytest.raises(ValueError, match=r"^The Hub gives no access to owner/bert \(HTTP 403\)\."):
        local_folder("owner/bert")


def test_a_hub_that_is_out_of_order(hub):
    hub.status_of_everything = 500
    with pytest.raises(FileNotFoundError, match=r"could not be reached \(.*500 Internal Server"):
        local_folder("owner/bert")


def test_an_id_that_cannot_be_one(hub):
    with pytest.raises(ValueError, match=r"^There is no folder a--b, and it cannot be the id of"):
        local_folder("a--b")


def test_a_model_without_weights_that_can_be_read(hub):
    hub.repositories["owner/bert"] = {"main": SMALL | SURPLUS}
    with pytest.raises(
        ValueError, match=r"^owner/bert has no weights that can be read: one of mod"
    ):
        local_folder("owner/bert")


def test_a_disk_that_cannot_be_written_to(hub, tmp_path):
    hub.repositories["owner/bert"] = {"main": SMALL | BOTH}
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"^owner/bert could not be downloaded: .*Not a directory"):
        local_folder("owner/bert", cache_dir=tmp_path / "file")
