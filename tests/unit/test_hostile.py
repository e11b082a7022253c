"""A project of a stranger: no token to a new host, no file of others, no code of theirs.

A folder is filled with all that could mislead the program, and goes through the commands.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import socket
import sqlite3
import subprocess
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keyring
import keyring.backend
import keyring.errors
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from napari_phenoai.cli.app import app
from napari_phenoai.core.endpoints import Credential, Endpoint
from napari_phenoai.core.progress import finish
from napari_phenoai.core.remote_training import RemoteTraining
from napari_phenoai.errors import ImageError
from napari_phenoai.io.endpoints import EndpointBook
from napari_phenoai.io.own_trainings import OwnTrainings
from napari_phenoai.io.project import Project
from napari_phenoai.io.trainings import TrainingStore
from napari_phenoai.loop.queueing import refresh_queue
from napari_phenoai.loop.review import decide, propose
from napari_phenoai.testing.project import tiny_project

TOKEN = "-".join(("t0ken", "of", "ann", "do", "not", "leak"))
PRIVATE = "-".join(("private", "words", "of", "ann"))
PREDICT = {
    "paths": {
        "/v2/models/m/predict/": {
            "post": {"parameters": [{"in": "formData", "name": "image", "type": "file"}]}
        }
    }
}


@dataclass
class Trap:
    """A server that keeps all that comes."""

    url: str = ""
    heard: list[bytes] = field(default_factory=list)

    def all(self) -> bytes:
        return b"\n".join(self.heard)


@pytest.fixture
def trap_maker() -> Iterator[Callable[[], Trap]]:
    ending = threading.Event()
    threads: list[threading.Thread] = []

    def make() -> Trap:
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        listener.settimeout(0.1)
        trap = Trap(f"http://127.0.0.1:{listener.getsockname()[1]}")

        def answer(connection: socket.socket) -> None:
            connection.settimeout(30)
            data = b""
            while b"\r\n\r\n" not in data and (piece := connection.recv(65536)):
                data += piece
            head, _, body = data.partition(b"\r\n\r\n")
            lines = [one.split(b":", 1) for one in head.lower().split(b"\r\n")]
            size = next((int(one[1]) for one in lines if one[0] == b"content-length"), 0)
            while len(body) < size and (piece := connection.recv(65536)):
                body += piece
            trap.heard.append(head + b"\r\n\r\n" + body)
            said = json.dumps(PREDICT if b"swagger" in head else {"models": []}).encode()
            start = (
                f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(said)}"
            )
            connection.sendall(f"{start}\r\nConnection: close\r\n\r\n".encode() + said)

        def serve() -> None:
            with listener:
                while not ending.is_set():
                    with suppress(OSError):
                        connection, _ = listener.accept()
                        with connection:
                            answer(connection)

        threads.append(threading.Thread(target=serve, daemon=True))
        threads[-1].start()
        return trap

    yield make
    ending.set()
    for thread in threads:
        thread.join(60)


class Ring(keyring.backend.KeyringBackend):
    """A keyring that has the token of the person under any name."""

    priority = -1  # never found by itself, only taken by name or by hand

    def get_password(self, service: str, username: str) -> str | None:
        return f"1:{TOKEN}" if username.endswith("#0") else None

    def set_password(self, service: str, username: str, password: str) -> None:
        raise keyring.errors.PasswordSetError

    def delete_password(self, service: str, username: str) -> None:
        raise keyring.errors.PasswordDeleteError


@dataclass
class Home:
    """The computer of the person, and a project that came from a stranger."""

    folder: Path
    project: Path
    evil: Trap
    lab: Trap

    @property
    def owned(self) -> Path:
        return self.folder / "owned"

    def before(self) -> dict[str, bytes]:
        """Return every file of the person that is not in the project."""
        mine = self.folder / "mine"
        return {str(path): path.read_bytes() for path in sorted(mine.rglob("*")) if path.is_file()}


@pytest.fixture
def home(
    tmp_path: Path, trap_maker: Callable[[], Trap], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Home]:
    before = keyring.get_keyring()
    keyring.set_keyring(Ring())  # type: ignore[no-untyped-call]
    home = Home(tmp_path, tmp_path / "gift.phenoai", trap_maker(), trap_maker())
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "diary.txt").write_text(PRIVATE)
    Image.fromarray(np.full((96, 96, 3), 77, np.uint8)).save(mine / "photo.png")
    (mine / ".netrc").write_text(f"machine 127.0.0.1 login ann password {TOKEN}\n")
    file = mine / "config" / "endpoints.json"
    monkeypatch.setattr("napari_phenoai.io.endpoints.endpoints_file", lambda: file)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(mine / "config"))
    monkeypatch.setenv("HOME", str(mine))
    monkeypatch.setenv("NETRC", str(mine / ".netrc"))
    book = EndpointBook(file)
    login = Credential(name="ann", origins=(home.lab.url,))
    lab = Endpoint(name="lab", url=home.lab.url, credential="ann")
    book.change(lambda listed: listed.with_credential(login).with_endpoint(lab))
    with tiny_project(home.project, 2, size=(96, 160), tile_px=96) as project:
        masks = {path.stem: path for path in tmp_path.rglob("masks/*.png")}
        for item in finish(refresh_queue(project, count=2))[:2]:
            name = Path(project.image(item.where.image).name).stem
            labels = (np.asarray(Image.open(masks[name])) + 1)[item.where.slices].astype(np.uint8)
            how: dict[str, Any] = {"labels": labels, "proposal": propose(project, item.where)}
            decide(project, item.where, "corrected", seconds=9, author="eve", item=item, **how)
    monkeypatch.chdir(home.project)  # as who looks into the folder with a terminal
    yield home
    keyring.set_keyring(before)


def run(*argv: object) -> str:
    """Run a command; it ends well or with a named reason. Return all that it prints."""
    result = CliRunner().invoke(app, [*map(str, argv), "--json"])
    assert result.exit_code in {0, 1, 2}, result.output
    assert "unforeseen" not in result.output, result.output
    assert TOKEN not in result.output
    assert PRIVATE not in result.output
    return result.output


class Payload:
    """A pickle that makes a file when it is loaded."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.target),)


def all_commands(home: Home, *more: tuple[object, ...]) -> str:
    """Open, predict and train in all ways but one that takes long."""
    folder = home.project
    lines: list[tuple[object, ...]] = [
        ("info", folder),
        ("models", folder),
        ("jobs", folder),
        ("predict", folder, "--image", "scene_0"),
        ("predict", folder, "--on", "lab"),
        ("predict", folder, "--on", "evil"),
        ("train", folder, "--on", "evil"),
        ("train", folder, "--on", "lab"),
        ("export", folder, home.folder / "out"),
        ("doctor", folder, "--no-servers"),
        *more,
    ]
    return "".join(run(*line) for line in lines)


# -------------------------------------------------------------------------- settings
def test_settings_in_a_project_are_not_settings(home: Home) -> None:
    evil = {"name": "evil", "url": home.evil.url, "credential": "ann"}
    lab = {"name": "lab", "url": home.evil.url, "credential": "ann"}
    stolen = {"name": "ann", "origins": [home.evil.url]}
    listed = {"format": 1, "endpoints": [evil, lab], "credentials": [stolen]}
    storage = {"server": "lab", "url": home.evil.url, "secrets": ["password"]}
    for folder in (home.project, home.project / "config", home.project / ".config"):
        folder.mkdir(exist_ok=True)
        (folder / "endpoints.json").write_text(json.dumps(listed))
        (folder / "storages.json").write_text(json.dumps({"format": 1, "storages": [storage]}))
        (folder / "profiles").mkdir()
        (folder / "profiles" / "x.toml").write_text("this is no profile")
    code = f"import os; os.mkdir({str(home.owned)!r})"
    for name in ("sitecustomize.py", "napari.py", "torch.py", "conftest.py", "phenoai.py"):
        (home.project / name).write_text(code)
    (home.project / "pip.conf").write_text("[global]\nindex-url = " + home.evil.url)
    (home.project / ".env").write_text("HTTPS_PROXY=" + home.evil.url)
    before = home.before()
    said = all_commands(home, ("endpoints", "test", "evil"), ("endpoints", "profiles"))
    assert "no server called 'evil'" in said
    assert home.evil.heard == []
    assert not home.owned.exists()
    assert home.before() == before
    assert TOKEN.encode() in home.lab.all(), "to its own server the token does go"


def test_children_do_not_import_from_the_folder_that_one_is_in(home: Home) -> None:
    from napari_phenoai.core.ports import TrainSettings
    from napari_phenoai.loop.child import command as here
    from napari_phenoai.server.child import command as there

    code = f"import os; os.mkdir({str(home.owned)!r})"
    for name in ("json", "numpy", "torch", "argparse", "pydantic", "sitecustomize"):
        (home.project / f"{name}.py").write_text(code)
    for line in (here(home.folder / "none", TrainSettings(), author="ann"), there(home.folder)):
        done = subprocess.run(line, cwd=home.project, capture_output=True, timeout=300, check=False)
        assert done.returncode
        assert not home.owned.exists()
        assert b"os.mkdir" not in done.stderr


def test_what_a_ledger_and_cards_say_of_servers_is_not_believed(home: Home) -> None:
    with Project.open(home.project) as project:
        for key in ("remote-meaning:lab:m", "endpoint:lab", "server", "url", "credential"):
            project.ledger.set_setting(key, json.dumps({"url": home.evil.url, "pairs": {"0": 1}}))
        card = {
            "id": "remote-evil",
            "family": "remote",
            "channels": 3,
            "dtype": "uint8",
            "class_ids": [1, 2],
            "class_names": ["soil", "plant"],
            "scheme_version": 1,
            "settings": {
                "server": home.evil.url,
                "url": home.evil.url,
                "model": "m",
                "values": {},
                "mapping": {"pairs": {"0": 1}, "confirmed": True},
            },
        }
        folder = home.project / "models" / "remote-evil"
        folder.mkdir(parents=True)
        (folder / "card.json").write_text(json.dumps(card))
        round_ = {"served": "remote-evil"}
        (home.project / "rounds").mkdir(exist_ok=True)
        (home.project / "rounds" / "01zzzzzzzzzzzzzzzzzzzzzzzz.json").write_text(json.dumps(round_))
        for number, where in enumerate((home.evil.url, "evil", "../../x", "lab")):
            run_ = RemoteTraining(
                id=f"stranger{number}", server=where, module="m", way="phenoai", state="running",
                uuid="0" * 32, snapshot="../../../etc/passwd", base="../..",
            )  # fmt: skip
            TrainingStore(project.path).save(run_)
    with sqlite3.connect(home.project / "ledger.sqlite") as database:
        columns = database.execute("SELECT name FROM sqlite_master WHERE type='table'").fetchall()
        assert columns
    before = home.before()
    all_commands(home)
    run("train", home.project, "--resume")
    assert home.evil.heard == []
    assert home.before() == before


def test_trainings_of_a_stranger_make_nobody_ask_a_server(home: Home) -> None:
    mine = RemoteTraining(
        id="of-ann-0001", server="lab", module="m", way="unheard-of", state="running",
        uuid="0" * 32, snapshot="x",
    )  # fmt: skip
    with Project.open(home.project) as project:
        store = TrainingStore(project.path)
        for state in ("submitting", "running", "fetching"):
            store.save(mine.but(id=f"stranger-{state}", state=state))
        OwnTrainings().add(mine.but(server="another"))
        store.save(mine)  # an id that ann does know, on a server that she did not choose
    before = home.before()
    said = run("train", home.project, "--resume")
    assert said.count("was not begun here") == 4
    run("jobs", home.project)
    run("jobs", home.project, "--watch")
    run("doctor", home.project, "--no-servers")
    assert home.lab.heard == []
    assert home.before() == before
    # What she has begun, or says yes to, is asked for.
    OwnTrainings().add(mine)
    assert run("train", home.project, "--resume").count("was not begun here") == 3
    heard = len(home.lab.heard)
    assert heard >= 1
    run("train", home.project, "--resume", "--others")
    assert len(home.lab.heard) > heard


def test_a_server_of_the_stranger_gets_no_token_even_when_a_person_adds_it(home: Home) -> None:
    run("endpoints", "add", home.evil.url, "--name", "evil")
    run("predict", home.project, "--on", "evil")
    assert home.evil.heard
    book = EndpointBook()
    book.change(lambda listed: listed.with_endpoint(listed.endpoint("evil").but(credential="ann")))
    said = run("predict", home.project, "--on", "evil")
    assert "not for" in said
    assert TOKEN.encode() not in home.evil.all()
    assert b"authorization" not in home.evil.all().lower()


# ----------------------------------------------------------------------------- files
def record(home: Home) -> tuple[Path, dict[str, Any]]:
    path = min((home.project / "images").glob("*.json"))
    return path, json.loads(path.read_text())


@pytest.mark.parametrize(
    "place", ["mine/diary.txt", "mine/photo.png", "mine/config/endpoints.json"]
)
@pytest.mark.parametrize("how", ["full", "relative", "link", "file"])
def test_an_image_record_that_points_at_files_of_the_person(
    home: Home, place: str, how: str
) -> None:
    target = home.folder / place
    path, found = record(home)
    found["shape"], found["fingerprint"] = [1, 3, 96, 96], "file-" + "0" * 32
    link = home.project / "images" / f"gift{target.suffix}"
    if how == "link":
        link.symlink_to(target)
    found["uri"] = {
        "full": str(target),
        "relative": os.path.relpath(target, home.project),
        "link": f"images/{link.name}",
        "file": target.as_uri(),
    }[how]
    path.write_text(json.dumps(found))
    before = home.before()
    with Project.open(home.project) as project, pytest.raises(ImageError):
        project.source(found["id"])
    all_commands(home)
    assert home.before() == before
    assert b"photo" not in home.lab.all()
    pixels = [part for part in home.lab.heard if part.startswith(b"POST")]
    grey = Image.fromarray(np.full((96, 96, 3), 77, np.uint8))
    coded = io.BytesIO()
    grey.save(coded, "png", compress_level=1)
    assert all(coded.getvalue()[60:200] not in part for part in pixels)


def test_an_image_on_a_server_of_the_stranger_gets_no_login(home: Home) -> None:
    path, found = record(home)
    found["uri"] = found["original"] = f"{home.evil.url}/x.ome.zarr"
    path.write_text(json.dumps(found))
    all_commands(home)
    heard = home.evil.all().lower()
    assert b"authorization" not in heard
    assert TOKEN.encode() not in heard
    assert b"cookie" not in heard


@pytest.mark.parametrize("mask", ["../../../mine/diary.txt", "/etc/passwd", "..", ""])
def test_masks_cannot_be_named_outside(home: Home, mask: str) -> None:
    for path in (home.project / "reviews").glob("*/*.json"):
        said = json.loads(path.read_text())
        said["mask"] = mask
        path.write_text(json.dumps(said))
    before = home.before()
    all_commands(home)
    assert home.before() == before


def test_masks_and_weights_that_are_links_are_known_by_their_bytes(home: Home) -> None:
    secret = home.folder / "mine" / "diary.txt"
    for path in (home.project / "reviews" / "masks").rglob("*.tif"):
        path.unlink()
        path.symlink_to(secret)
    for path in (home.project / "images").glob("*.json"):
        path.with_name(f"{path.stem}-more.json").symlink_to(secret)
    (home.project / "snapshots").mkdir(exist_ok=True)
    (home.project / "snapshots" / f"{'0' * 64}.json").symlink_to(secret)
    before = home.before()
    said = all_commands(home)
    assert "damaged or was changed" in said
    assert home.before() == before


# ------------------------------------------------------------------------------ code
def model(home: Home, family: str, weights: bytes) -> None:
    folder = home.project / "models" / f"{family}-gift"
    folder.mkdir(parents=True)
    (folder / "weights.safetensors").write_bytes(weights)
    for name in ("weights.pt", "model.pkl", "optimizer.pth", "engine.bin"):
        (folder / name).write_bytes(pickle.dumps(Payload(home.owned)))
    from napari_phenoai.core.ids import sha256_bytes

    card = {
        "id": folder.name,
        "family": family,
        "channels": 3,
        "dtype": "uint8",
        "class_ids": [1, 2],
        "class_names": ["soil", "plant"],
        "scheme_version": 1,
        "weights_sha256": sha256_bytes(weights),
        "settings": {"encoder": "resnet18", "code": "__import__('os').mkdir('x')"},
    }
    (folder / "card.json").write_text(json.dumps(card))


@pytest.mark.parametrize("family", ["forest", "unet", "os", "../../x", "napari_phenoai.cli"])
def test_models_that_are_pickles_are_not_loaded(home: Home, family: str) -> None:
    weights = pickle.dumps(Payload(home.owned))
    model(home, family.replace("/", "_"), weights)
    card = home.project / "models" / f"{family.replace('/', '_')}-gift" / "card.json"
    said = json.loads(card.read_text())
    card.write_text(json.dumps({**said, "family": family}))
    run("models", home.project, "--promote", f"{family.replace('/', '_')}-gift")
    told = run("predict", home.project, "--model", f"{family.replace('/', '_')}-gift")
    assert '"error"' in told
    all_commands(home)
    assert not home.owned.exists()


def test_a_checkpoint_in_torch_s_own_format_does_not_run(home: Home) -> None:
    torch = pytest.importorskip("torch")
    buffer = io.BytesIO()
    torch.save({"weights": Payload(home.owned)}, buffer)
    model(home, "unet", buffer.getvalue())
    assert '"error"' in run("predict", home.project, "--model", "unet-gift")
    assert not home.owned.exists()


def test_archives_do_not_write_outside(home: Home) -> None:
    evil = home.folder / "gift.zip"
    with zipfile.ZipFile(evil, "w") as archive:
        for name in ("../mine/diary.txt", "/etc/phenoai-owned", "a/../../mine/x", "card.json"):
            archive.writestr(name, "{}")
        archive.writestr("weights.safetensors", pickle.dumps(Payload(home.owned)))
    before = home.before()
    run("models", home.project, "--import", evil)
    run("review", home.project, evil)
    run("add", home.project, evil)
    assert home.before() == before
    assert not home.owned.exists()
    assert not Path("/etc/phenoai-owned").exists()
    assert not (home.folder / "mine" / "x").exists()


def test_a_database_that_is_none_or_has_traps(home: Home) -> None:
    file = home.project / "ledger.sqlite"
    with sqlite3.connect(file) as database:
        tables = [name for (name,) in database.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        )]  # fmt: skip
        for number, table in enumerate(tables):
            with suppress(sqlite3.Error):
                database.execute(
                    f"CREATE TRIGGER t{number} AFTER INSERT ON {table} BEGIN "
                    f"SELECT load_extension('{home.owned}'); END"
                )
    database.close()
    before = home.before()
    for line in (("info", home.project), ("predict", home.project), ("jobs", home.project)):
        done = CliRunner().invoke(app, [*map(str, line), "--json"])
        assert done.exit_code == 0 or "unsafe use of load_extension" in done.output
    for content in (pickle.dumps(Payload(home.owned)), b"SQLite format 3\x00" + b"\xff" * 4000):
        for ending in ("-wal", "-shm"):
            Path(f"{file}{ending}").unlink(missing_ok=True)
        file.write_bytes(content)
        all_commands(home)
    assert home.before() == before
    assert not home.owned.exists()


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[" * 100_000,
        '{"format": 99}',
        '{"format": 1, "__class__": "os.system", "name": "x"}',
        '!!python/object/apply:os.system ["x"]',
        '{"format": 1, "scheme": {"version": 1, "classes": "\\u0000"}}',
    ],
)
def test_a_project_file_of_nonsense(home: Home, text: str) -> None:
    (home.project / "project.json").write_text(text)
    assert '"error"' in run("info", home.project)
    assert '"error"' in run("predict", home.project)
    assert '"problems"' in run("doctor", home.project, "--no-servers")
