"""Paths, patterns and lists of files."""

from pathlib import Path
from typing import Any

import pytest

from numl_polars.errors import InputError
from numl_polars.sources import source_paths
from numl_polars.tables.opening import open_hdf5


def names(paths: list[Path]) -> list[str]:
    return [path.name for path in paths]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.h5", "a.h5", "c.h5"):
        (tmp_path / name).touch()
    return tmp_path


def test_source_paths__one_path_needs_not_exist(tmp_path: Path) -> None:
    assert source_paths(tmp_path / "no.h5") == [tmp_path / "no.h5"]


def test_source_paths__keep_the_order_given(folder: Path) -> None:
    assert names(source_paths([folder / "b.h5", str(folder / "a.h5")])) == ["b.h5", "a.h5"]


def test_source_paths__a_pattern_comes_by_name(folder: Path) -> None:
    assert names(source_paths(str(folder / "*.h5"))) == ["a.h5", "b.h5", "c.h5"]


def test_source_paths__a_file_may_be_named_as_a_pattern(folder: Path) -> None:
    (folder / "[a].h5").touch()
    assert names(source_paths(folder / "[a].h5")) == ["[a].h5"]


def test_source_paths__a_list_is_relative_to_its_folder(folder: Path) -> None:
    (folder / "files.txt").write_text("c.h5  # the last first\n\n[ab].h5\n")
    assert source_paths(folder / "files.txt") == [folder / "c.h5", folder / "a.h5", folder / "b.h5"]


def test_source_paths__a_list_may_be_relative_to_the_current_folder(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    listing = tmp_path_factory.mktemp("lists") / "files.list"
    listing.write_text("a.h5\n")
    monkeypatch.chdir(folder)
    assert source_paths(listing) == [Path("a.h5")]


@pytest.mark.parametrize(
    "content, message",
    [
        ("# nothing\n", "lists no file"),
        ("other.txt\n", "which is a list itself"),
        ("*.hdf5\n", "no file matches"),
        ("a.h5\n.\n", r"is a folder; a pattern names the files in it: '.*/\*\.h5'"),
        ("a.h5\n./a.h5\n", "given twice"),
    ],
)
def test_source_paths__bad_lists_say_so(folder: Path, content: str, message: str) -> None:
    (folder / "files.txt").write_text(content)
    with pytest.raises(InputError, match=message):
        source_paths(folder / "files.txt")


def test_source_paths__binary_lists_say_so(folder: Path) -> None:
    (folder / "files.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="cannot be read as a list"):
        source_paths(folder / "files.txt")


def test_source_paths__the_same_file_twice_is_refused(folder: Path) -> None:
    (folder / "link.h5").symlink_to(folder / "a.h5")
    with pytest.raises(InputError, match=r"link\.h5 is given twice, also as .*a\.h5"):
        source_paths([folder / "a.h5", folder / "link.h5"])


def test_source_paths__lists_of_other_systems(folder: Path) -> None:
    (folder / "files.txt").write_bytes(b"\xef\xbb\xbfa.h5\r\nb.h5\r\n")
    assert names(source_paths(folder / "files.txt")) == ["a.h5", "b.h5"]


@pytest.mark.parametrize("given", [None, 3, b"a.h5", "", ["a.h5", None], [["a.h5"]], [""]])
def test_source_paths__what_is_no_path_is_refused(given: Any) -> None:
    with pytest.raises(InputError, match="is no path, pattern or list of event files"):
        source_paths(given)


def test_source_paths__folders_are_refused(folder: Path) -> None:
    with pytest.raises(InputError, match=rf"^{folder} is a folder; .*: '{folder}/\*\.h5'$"):
        source_paths(folder)


def test_source_paths__nothing_is_refused() -> None:
    with pytest.raises(InputError, match="no file is given"):
        source_paths([])


@pytest.mark.parametrize("kind", ["path", "pattern", "list"])
def test_source_paths__of_a_folder_that_may_not_be_looked_into(
    folder: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    def refuse(*_: object, **__: object) -> bool:
        raise PermissionError(13, "Permission denied")

    listed = folder / "files.txt"
    listed.write_text("a.h5\n")
    monkeypatch.setattr(Path, "exists", refuse)
    monkeypatch.setattr("h5py.File", refuse)
    if kind == "pattern":
        with pytest.raises(InputError, match=r"no file matches \S*/no\*\.h5"):
            source_paths(folder / "no*.h5")
        return
    path = folder / "a.h5" if kind == "path" else listed
    assert source_paths(path) == [path]
    with pytest.raises(InputError, match=f"no permission to read {path}"):
        open_hdf5(path)
