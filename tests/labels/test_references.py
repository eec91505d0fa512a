"""Texts that name labellings: what is read of them, recipes, and what is said of malformed ones."""

import math
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import numl_polars as nl
from numl_polars.labels.outside.references import read_reference
from tests.labels.user_files import user_folder, write

RECIPE = 'a recipe has scheme = "…" and, if it likes, a table [parameters]'

folder = pytest.fixture(autouse=True)(user_folder)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("scheme = standard", "recipe.toml is no TOML: Invalid value (at line 1, column 10)"),
        ('scheme = "simple"\n[parameters', "recipe.toml is no TOML: Expected ']' at the end of a table"),
        ("", f"recipe.toml: scheme is None; {RECIPE}"),
        ("scheme = 3", f"recipe.toml: scheme is 3; {RECIPE}"),
        ('scheme = "simple"\ngamma_threshold = 1', f"recipe.toml: unknown key 'gamma_threshold'; {RECIPE}"),
        ('scheme = "simple"\nparameters = 1', f"recipe.toml: parameters is 1; {RECIPE}"),
        ('scheme = "other.toml"', f"recipe.toml: scheme is 'other.toml', which names no scheme; {RECIPE}"),
        ('scheme = "x=simple"', f"recipe.toml: scheme is 'x=simple', which names no scheme; {RECIPE}"),
        (
            'scheme = "simple(gamma_threshold=1)"',
            "recipe.toml: parameters of simple stand in the table [parameters], not in scheme",
        ),
        (
            'scheme = "simple"\n[parameters]\ngamma_threshold = 2020-01-01',
            "simple: parameter 'gamma_threshold' is 2020-01-01; it may be a number",
        ),
    ],
)
def test_recipe__wrong_one_is_told(text: str, told: str, folder: Path) -> None:
    write(folder / "sub/recipe.toml", text)
    with pytest.raises(nl.OptionError, match=re.escape(told)):
        read_reference("sub/recipe.toml")


def test_recipe__missing_or_unreadable_is_told(folder: Path) -> None:
    write(folder / "recipe.toml", "")
    (folder / "folder.toml").mkdir()
    (folder / "latin.toml").write_bytes(b'scheme = "\xe9"')
    for spec, told in {
        "recipes.toml": r"^there is no file recipes.toml \(did you mean recipe.toml\?\)$",
        "folder.toml": "^folder.toml cannot be read: Is a directory$",
        "latin.toml": "^latin.toml is no TOML: 'utf-8' codec can't decode",
    }.items():
        with pytest.raises(nl.OptionError, match=told):
            read_reference(spec)


# ---- parameters


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("(0.05)", "0.05 has no name; write (name=value, …)$"),
        ("(**{'a': 1})", "{'a': 1} has no name; write (name=value, …)$"),
        ("(a=1, a=2)", "parameter 'a' is given twice$"),
        (
            "(a=diffuse)",
            "parameter 'a' is diffuse (text needs quotes: a='diffuse'); it may be a number, text in quotes, "
            "True, False, None, or a list, tuple or dict of these$",
        ),
        ("(a=1/50)", "parameter 'a' is 1 / 50; it may be a number"),
        ("(a=__import__('os'))", "parameter 'a' is __import__('os'); it may be a number"),
        ("(a={1, 2})", "parameter 'a' is {1, 2}; it may be a number"),
        ("(a=[b'x'])", "parameter 'a' is b'x'; it may be a number"),
        ("(a={1: (2j,)})", "parameter 'a' is 2j; it may be a number"),
        ("(a={[]: 1})", "parameter 'a' is {[]: 1}; it may be a number"),
        ("(a=1", "(a=1 are no parameters ('(' was never closed); write (name=value, …)$"),
        ("(a=1))", "(a=1)) are no parameters (unmatched ')'); write"),
        ("(a=1)(b=2)", "(a=1)(b=2) are no parameters (something follows the parenthesis); write"),
        ("(a=1) + 2", "(a=1) + 2 are no parameters (something follows the parenthesis); write"),
        ("(a=1 b=2)", "(a=1 b=2) are no parameters (invalid syntax. Perhaps you forgot a comma?); write"),
    ],
)
@pytest.mark.parametrize("start", ["standard", "labels.py:X", "package.module:X"])
def test_parameters__malformed_ones_are_told(start: str, text: str, told: str) -> None:
    ends = "$" if told.endswith("$") else ""
    whole = f"{start}: {told.removesuffix('$')}"
    with pytest.raises(nl.OptionError, match=f"^{re.escape(whole)}{ends}"):
        read_reference(start + text)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda values: (
        st.lists(values, max_size=3)
        | st.lists(values, max_size=3).map(tuple)
        | st.dictionaries(st.text(), values, max_size=3)
    ),
    max_leaves=5,
)


@settings(deadline=None, max_examples=50)
@given(parameters=st.dictionaries(st.sampled_from(["a", "b_1", "_c", "class_"]), VALUES))
def test_parameters__are_what_python_writes(parameters: dict[str, object]) -> None:
    call = ", ".join(f"{name}={value!r}" for name, value in parameters.items())
    for start in ("standard", "path/to/labels.py:X", "package.module:X"):
        reference = read_reference(f"{start}({call})")
        assert reference is not None
        assert str(reference) == start
        assert repr(reference.parameters) == repr(parameters)


def test_parameters__floats_are_exact() -> None:
    reference = read_reference(f"standard(a={math.pi!r}, b=-0.0, c=1_000, d=1e999)")
    assert reference is not None
    assert repr(reference.parameters) == f"{{'a': {math.pi!r}, 'b': -0.0, 'c': 1000, 'd': inf}}"
