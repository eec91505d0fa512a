import os
import subprocess
import sys
from pathlib import Path

import pytest

from numl_polars.errors import OutputError
from numl_polars.output.files import (
    check_target,
    finish,
    pending,
    put_aside,
    reason,
    remove,
    unfinished,
    writing,
)
from numl_polars.output.hidden_names import hidden_name
from tests.output.builder import hidden, visible


def test_pending__file_appears_at_the_end(tmp_path: Path) -> None:
    target = tmp_path / "out.json"
    with pending(target) as part:
        part.write_text("whole")
        assert part.parent == tmp_path
        assert visible(tmp_path) == []
    assert target.read_text() == "whole"
    assert hidden(tmp_path) == []


def test_pending__names_differ(tmp_path: Path) -> None:
    target = tmp_path / "out"
    with pending(target, overwrite=True) as one, pending(target, overwrite=True) as other:
        assert one != other
        one.touch()
        other.touch()


@pytest.mark.parametrize("fault", [ValueError("half"), OSError("half"), KeyboardInterrupt("half")])
def test_pending__fault_leaves_earlier_file(tmp_path: Path, fault: BaseException) -> None:
    target = tmp_path / "out.json"
    target.write_text("earlier")

    def write() -> None:
        with pending(target, overwrite=True) as part:
            part.write_text("hal")
            raise fault

    with pytest.raises(type(fault), match="half"):
        write()
    assert target.read_text() == "earlier"
    assert hidden(tmp_path) == []


def test_pending__existing_file_is_kept(tmp_path: Path) -> None:
    target = tmp_path / "out.json"
    target.write_text("earlier")
    with (
        pytest.raises(OutputError, match=r"out\.json exists already; --overwrite replaces it"),
        pending(target),
    ):
        pytest.fail("the block must not run")
    assert target.read_text() == "earlier"
    with pending(target, overwrite=True) as part:
        part.write_text("later")
    assert target.read_text() == "later"


def test_pending__file_that_appears_meanwhile_is_kept(tmp_path: Path) -> None:
    target = tmp_path / "out.json"

    def write() -> None:
        with pending(target) as part:
            part.write_text("mine")
            target.write_text("theirs")

    with pytest.raises(OutputError, match="exists already"):
        write()
    assert target.read_text() == "theirs"
    assert hidden(tmp_path) == []


def test_pending__nothing_written(tmp_path: Path) -> None:
    with (
        pytest.raises(OutputError, match=r"cannot write .*out\.json: No such file"),
        pending(tmp_path / "out.json"),
    ):
        pass


def test_check_target__missing_folder(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"cannot write .*out\.h5: folder .*absent does not exist"):
        check_target(tmp_path / "absent" / "out.h5")


def test_check_target__folder_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"file is not a folder"):
        check_target(tmp_path / "file" / "out.h5")


def test_check_target__target_is_a_folder(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"it is a folder"):
        check_target(tmp_path, overwrite=True)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_check_target__unwritable_folder(tmp_path: Path) -> None:
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o500)
    with pytest.raises(OutputError, match=r"no permission to write in folder .*closed"):
        check_target(folder / "out.h5")


def test_writing__system_error_is_one_line() -> None:
    with (
        pytest.raises(OutputError, match=r"^cannot write out\.h5: No space left on device$"),
        writing(Path("out.h5")),
    ):
        raise OSError(28, "Can't write data (file write failed: time = now\n, errno = 28")
    assert reason(RuntimeError("first\nsecond")) == "first"
    assert reason(RuntimeError()) == "RuntimeError"


def fill(folder: Path, text: str) -> None:
    (folder / "a.txt").write_text(text)


def test_pending_folder__takes_the_place_of_the_earlier_one(tmp_path: Path) -> None:
    target = tmp_path / "out.pt"
    for text in ("earlier", "later"):
        with pending(target, overwrite=True, folder=True) as part:
            fill(part, text)
            assert visible(tmp_path) == (["out.pt"] if text == "later" else [])
    assert (target / "a.txt").read_text() == "later"
    assert hidden(tmp_path) == []


def test_pending_folder__fault_leaves_the_earlier_one(tmp_path: Path) -> None:
    target = tmp_path / "out.pt"
    target.mkdir()
    fill(target, "earlier")

    def write() -> None:
        with pending(target, overwrite=True, folder=True) as part:
            fill(part, "half")
            raise ValueError("half")

    with pytest.raises(ValueError, match="half"):
        write()
    assert (target / "a.txt").read_text() == "earlier"
    assert hidden(tmp_path) == []


def test_finish_folder__the_earlier_one_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "out.pt"
    target.mkdir()
    fill(target, "earlier")
    with unfinished(target, overwrite=True, folder=True) as part:
        fill(part, "later")
    rename = Path.rename

    def refuse(path: Path, new: Path) -> Path:
        if path == part:
            raise OSError(28, "No space left on device")
        return rename(path, new)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(OutputError, match=r"cannot write .*out\.pt: No space left on device"):
        finish(part, target, overwrite=True)
    assert (target / "a.txt").read_text() == "earlier"
    assert put_aside(target) == []
    remove(part)
    remove(part)
    assert hidden(tmp_path) == []


def test_check_target__kind(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"cannot write .*folder: it is a folder"):
        check_target(tmp_path / "folder", overwrite=True)
    with pytest.raises(OutputError, match=r"cannot write .*file: it is a file"):
        check_target(tmp_path / "file", overwrite=True, folder=True)
    with pytest.raises(OutputError, match=r"folder exists already; --overwrite replaces it"):
        check_target(tmp_path / "folder", folder=True)


# ---- what killed programs leave

KILLED = """
import os, signal, sys
from pathlib import Path
from numl_polars.output.files import unfinished
with unfinished(Path(sys.argv[1]), folder=sys.argv[2] == "folder") as part:
    (part / "a" if part.is_dir() else part).write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_unfinished__removes_what_a_killed_process_left(tmp_path: Path, kind: str) -> None:
    target, other = tmp_path / "out.h5", tmp_path / "more.h5"
    for path in (target, other):
        subprocess.run([sys.executable, "-c", KILLED, path, kind], check=False)
    left = hidden(tmp_path)
    assert len(left) == 2
    with pending(target) as part:
        assert hidden(tmp_path) == [name for name in left if name.startswith(".more.")]
        part.write_text("whole")
    assert visible(tmp_path) == ["out.h5"]


def test_unfinished__keeps_what_others_may_be_writing(tmp_path: Path) -> None:
    target = tmp_path / "out.h5"
    own = hidden_name(target, "part").name
    machine, _, rest = own.removeprefix(".out.h5.").partition("-")
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    kept = [
        own,
        f".out.h5.{machine}-{os.getppid()}-00000000.part",
        f".out.h5.00000000-{ended.pid}-00000000.part",
        f".out.h5.{machine}-{ended.pid}-00000000.aside",
        f".out.h5.{ended.pid}-00000000.part",
        f".out.h5.mine.{rest}",
        f".out.h5.{machine}-{10**30}-00000000.part",
    ]
    for name in (*kept, f".out.h5.{machine}-{ended.pid}-00000000.part"):
        (tmp_path / name).touch()
    with unfinished(target) as part:
        part.touch()
        assert hidden(tmp_path) == sorted([*kept, part.name])
