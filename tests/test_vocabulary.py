"""One name, one thing: a reader who meets a name in an error or a search knows what it is."""

import ast
from collections import defaultdict
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
KINDS = (ast.ClassDef, ast.FunctionDef, ast.ImportFrom)
# Names that Django looks for.
CONVENTION = {"Command", "Meta"}


@cache
def modules():
    """Each, with its classes, functions and imports, wherever they stand in it."""
    return {
        path: [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, KINDS)]
        for package in ("qsmetrics", "usage", "dashboards")
        for path in sorted((ROOT / package).rglob("*.py"))
        if "migrations" not in path.parts
    }


def test_no_two_classes_have_one_name():
    found = defaultdict(list)
    for path, nodes in modules().items():
        for node in nodes:
            if isinstance(node, ast.ClassDef) and node.name not in CONVENTION:
                found[node.name].append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert {name: places for name, places in found.items() if len(places) > 1} == {}


def test_a_second_module_of_a_name_is_the_same_thing_one_floor_up():
    found = defaultdict(list)
    for path in modules():
        found[path.stem].append(path.relative_to(ROOT).as_posix())
    doubles = {name: paths for name, paths in found.items() if len(paths) > 1}
    assert [
        name for name, paths in doubles.items() if not is_convention(name) and not is_pair(paths)
    ] == []


def is_convention(name):
    """Django looks for a project's `urls` and an application's `apps`; each face has `errors`."""
    return name in {"__init__", "apps", "errors", "urls"}


def is_pair(paths):
    """A model and its page in the admin, or a format and the address that takes it."""
    pairs = ({"usage/admin", "usage/models"}, {"usage/api", "usage/intake"})
    return len(paths) == 2 and {path.rpartition("/")[0] for path in paths} in pairs


def test_a_function_that_is_imported_by_its_name_alone_has_it_alone():
    defined, imported = defaultdict(set), set()
    for path, nodes in modules().items():
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for node in nodes:
            if isinstance(node, ast.FunctionDef) and node.col_offset == 0:
                defined[node.name].add(module)
            if isinstance(node, ast.ImportFrom):
                imported |= {(node.module, alias.name) for alias in node.names}
    assert {
        name: places
        for name, places in defined.items()
        if len(places) > 1 and any((place, name) in imported for place in places)
    } == {}
