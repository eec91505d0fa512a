"""Code of the user's own: where it is found, what it imports, and where its errors are said to be."""

import os
import pickle
import re
import sys
from pathlib import Path

import polars as pl
import pytest

import numl_polars as nl
from numl_polars.labels.outside.loading import load_particle_labels
from numl_polars.labels.outside.user_code import load_file
from tests.labels.user_files import SCHEMES, user_folder, write

folder = pytest.fixture(autouse=True)(user_folder)


@pytest.mark.parametrize(
    "file", ["my labels (2).py", "deep/er/v1.2.py", "a:b.py", "x=y.py", "standard(a=1).py", "übung.py"]
)
def test_load__file_of_any_name(file: str, folder: Path) -> None:
    path = write(folder / file, SCHEMES)
    scheme = load_particle_labels(f"{path}:TrackShower(threshold=0.2)")
    assert isinstance(scheme, nl.ParticleLabels)
    assert scheme.parameters["threshold"] == 0.2
    assert scheme == load_particle_labels(f"./{file}:TrackShower(threshold=0.2)")
    assert pickle.loads(pickle.dumps(scheme)) == scheme


def test_load__module_of_a_package_in_the_current_folder(folder: Path) -> None:
    write(folder / "experiment/__init__.py", "")
    write(folder / "experiment/labels/__init__.py", "from experiment.labels.schemes import TrackShower")
    write(folder / "experiment/labels/schemes.py", SCHEMES)
    scheme = load_particle_labels("experiment.labels:TrackShower")
    assert scheme == load_particle_labels("experiment.labels.schemes:TrackShower")


def test_load__module_that_was_not_there_before(folder: Path) -> None:
    with pytest.raises(nl.OptionError, match="there is no module 'late_labels'"):
        load_particle_labels("late_labels:TrackShower")
    before = folder.stat()
    write(folder / "late_labels.py", SCHEMES)
    # as on a file system with coarse times
    os.utime(folder, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert load_particle_labels("late_labels:TrackShower") is not None


def test_load__changed_file_is_read_anew(folder: Path) -> None:
    before = load_particle_labels("labels.py:TrackShower")
    write(folder / "labels.py", SCHEMES.replace("0.02", "0.03"))
    after = load_particle_labels("labels.py:TrackShower")
    assert before is not None
    assert after is not None
    assert (before.parameters["threshold"], after.parameters["threshold"]) == (0.02, 0.03)
    assert not (folder / "__pycache__").exists()


def test_load__dataclass_and_postponed_annotations(folder: Path) -> None:
    text = """
        from __future__ import annotations
        from dataclasses import dataclass
        from typing import ClassVar
        import numl_polars as nl

        @dataclass
        class Cuts:
            NAMES: ClassVar[tuple[str, ...]] = ("low",)
            low: float = 0.5

        class All(nl.ParticleLabels):
            classes = ("all",)
            low: float = Cuts().low

            def rules(self):
                return [nl.Rule("all")]
    """
    write(folder / "late.py", text)
    scheme = load_particle_labels("late.py:All")
    assert scheme is not None
    assert scheme.parameters["low"] == 0.5


# ---- what a file imports

SIBLING = """
    import numl_polars as nl
    from {module} import CUT

    class All(nl.ParticleLabels):
        classes = ("all",)
        cut: float = CUT

        def rules(self):
            from {module}_later import ABOUT
            return [nl.Rule("all", about=ABOUT)]
"""


def test_load__file_imports_its_siblings(folder: Path) -> None:
    write(folder / "v1/labels.py", SIBLING.format(module="cuts_of_v1"))
    write(folder / "v1/cuts_of_v1.py", "CUT = 3")
    write(folder / "v1/cuts_of_v1_later.py", "ABOUT = 'later'")
    scheme = load_particle_labels("v1/labels.py:All")
    assert isinstance(scheme, nl.ParticleLabels)
    assert scheme.parameters["cut"] == 3
    assert scheme.rule_list.rules[0].about == "later"


def test_load__sibling_comes_before_what_is_elsewhere(folder: Path) -> None:
    write(folder / "cuts_twice.py", "CUT = 1")
    write(folder / "v1/cuts_twice.py", "CUT = 2")
    write(folder / "v1/cuts_twice_later.py", "ABOUT = ''")
    write(folder / "v1/labels.py", SIBLING.format(module="cuts_twice"))
    sys.path.insert(0, str(folder))
    scheme = load_particle_labels("v1/labels.py:All")
    assert scheme is not None
    assert scheme.parameters["cut"] == 2


@pytest.mark.parametrize("text", ["", "raise ValueError", "import sys; sys.path.clear()"])
def test_load__path_of_python_keeps_its_order(folder: Path, text: str) -> None:
    write(folder / "v1/labels.py", text)
    before = list(sys.path)
    with pytest.raises(nl.OptionError, match=r"^v1/labels\.py"):
        load_particle_labels("v1/labels.py:All")
    assert sys.path == ([] if "clear" in text else before) + [str(folder / "v1")]
    with pytest.raises(nl.OptionError, match=r"^v1/labels\.py"):
        load_particle_labels("v1/labels.py:All")
    assert sys.path.count(str(folder / "v1")) == 1


def test_load__siblings_of_one_name_in_two_folders_are_refused(folder: Path) -> None:
    for name in ("v1", "v2"):
        write(folder / f"{name}/labels.py", SIBLING.format(module="cuts_of_both"))
        write(folder / f"{name}/cuts_of_both.py", "CUT = 3")
        write(folder / f"{name}/cuts_of_both_later.py", "ABOUT = ''")
    load_particle_labels("v1/labels.py:All")
    told = (
        f"{folder}/v2/labels.py imports 'cuts_of_both', which stands beside it, but "
        f"{folder}/v1/cuts_of_both.py is already imported under that name; rename one of them"
    )
    with pytest.raises(nl.OptionError, match=f"^{re.escape(told)}$"):
        load_particle_labels("v2/labels.py:All")


def test_load__file_may_have_the_name_of_what_it_imports(folder: Path) -> None:
    write(folder / "polars.py", SCHEMES)
    assert load_particle_labels("polars.py:TrackShower") is not None
    assert sys.modules["polars"] is pl


# ---- what is not there


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("away.py:X", "there is no file away.py$"),
        ("lables.py:TrackShower", "there is no file lables.py (did you mean labels.py"),
        ("folder.py:X", "folder.py cannot be read: Is a directory$"),
        (
            "away.modules:X",
            "there is no module 'away' in the current folder or where Python looks for modules (a file is "
            "named with its ending, path/to/away.py:NAME)$",
        ),
        ("labels.away:X", "there is no module 'labels.away' in the current folder"),
        ("labels.txt:X", "there is no module 'labels.txt' in the current folder"),
        (
            "labels.py",
            "labels.py: say which labelling, as labels.py:NAME; it has TrackShower, Needy, Currents, ",
        ),
        ("labels.py:", "labels.py: say which labelling, as labels.py:NAME; it has TrackShower"),
        ("empty.py:X", "empty.py has no 'X'; it has no labelling$"),
        (
            "labels.py:TrackShowr",
            "labels.py has no 'TrackShowr' (did you mean TrackShower?); it has TrackShower, Needy, Currents, "
            "NoRules, NoClasses, WrongClass, WrongOperator, WrongCheck, loose, wide, by_momentum, needy, "
            "of_anything, Callable, callable_object$",
        ),
        ("labels:Shower", "labels has no 'Shower' (did you mean TrackShower?); it has TrackShower"),
    ],
)
def test_find__what_is_not_there_is_told(spec: str, told: str, folder: Path) -> None:
    write(folder / "empty.py", "from numl_polars import StandardLabels as _hidden")
    (folder / "folder.py").mkdir()
    ends = "$" if told.endswith("$") else ""
    with pytest.raises(nl.OptionError, match=f"^{re.escape(told.removesuffix('$'))}{ends}"):
        load_particle_labels(spec)


# ---- errors of the user's code


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("import polars\n1 / 0\n", "ZeroDivisionError: division by zero ({path}:2)"),
        ("class X:\n  a = (\n", "SyntaxError: '(' was never closed ({path}:2)"),
        ("x = '\xe9'\n", "SyntaxError: (unicode error)"),
        ("import no_such_module\n", "ModuleNotFoundError: No module named "
         "'no_such_module' ({path}:1)"),
        ("import sys\n\nsys.exit(3)\n", "SystemExit: 3 ({path}:3)"),
        ("import json\njson.loads('{')\n", "JSONDecodeError: Expecting property name "
         "enclosed in double quotes: line 1 column 2 (char 1) ({path}:2)"),
        ("import beside\n", "ValueError: wrong ({folder}/beside.py:2)"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("spec", ["wrong.py:X", "wrong:X"])
def test_load__error_of_the_users_code_has_its_place(spec: str, text: str, told: str, folder: Path) -> None:
    path = folder / "wrong.py"
    path.write_bytes(text.encode("latin-1"))
    write(folder / "beside.py", "\nraise ValueError('wrong')\n".replace("\n", "# first\n", 1))
    expected = f"{spec.removesuffix(':X')} cannot be imported: {told.format(path=path, folder=folder)}"
    for _ in range(2):
        with pytest.raises(nl.OptionError, match=f"^{re.escape(expected)}") as caught:
            load_particle_labels(spec)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("spec", "told", "line"),
    [
        (
            "labels.py:WrongOperator",
            "labels.py:WrongOperator cannot label: TypeError: the truth value of an Expr is ambiguous; join "
            "conditions by &, | and ~, and ask .is_in([…]) instead of `in`",
            "return [nl.Rule(\"shower\", when=is_electron and momentum)]",
        ),
        (
            "labels.py:WrongCheck(threshold=-1)",
            "labels.py:WrongCheck cannot be made: ValueError: threshold -1 is below 0",
            "raise ValueError(",
        ),
    ],
)  # fmt: skip
def test_load__error_of_the_users_scheme_has_its_place(spec: str, told: str, line: str, folder: Path) -> None:
    lines = (folder / "labels.py").read_text().splitlines()
    number = 1 + next(i for i, text in enumerate(lines) if line in text)
    with pytest.raises(nl.OptionError, match=f"^{re.escape(f'{told} ({folder}/labels.py:{number})')}$"):
        load_particle_labels(spec)


def test_load__failed_file_leaves_no_module(folder: Path) -> None:
    write(folder / "wrong.py", "1 / 0")
    before = set(sys.modules)
    with pytest.raises(nl.OptionError, match="division by zero"):
        load_file(Path("wrong.py"))
    assert not [name for name in sys.modules.keys() - before if name.startswith("wrong")]
