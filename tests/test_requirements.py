"""What is installed is pinned whole: each package at one version, by its files' hashes."""

import re
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
# What each includes, itself first.
SOURCES = {
    "requirements": (),
    "requirements-bench": ("requirements",),
    "requirements-dev": ("requirements", "requirements-bench"),
    "requirements-live": (),
}


def source_of(name: str) -> str:
    return (ROOT / f"{name}.in").read_text(encoding="utf-8")


def made(name: str) -> str:
    return (ROOT / f"{name}.txt").read_text(encoding="utf-8")


def asked_for(name: str) -> list[Requirement]:
    lines = source_of(name).splitlines()
    return [Requirement(line) for line in lines if line and line[0] not in "#-"]


def entries(name: str) -> list[tuple[Requirement, list[str]]]:
    """Each requirement that pip is given, and its hashes."""
    logical = made(name).replace("\\\n", " ").splitlines()
    found = []
    for line in logical:
        if not line.startswith("#"):
            requirement, *hashes = line.split("--hash=sha256:")
            found.append((Requirement(requirement), [each.strip() for each in hashes]))
    return found


def versions(name: str) -> dict[str, str]:
    return {canonicalize_name(each.name): str(each.specifier) for each, _ in entries(name)}


@pytest.mark.parametrize("name", SOURCES)
def test_it_is_made_from_the_sources_of_now(name: str):
    content = "".join(map(source_of, (name, *SOURCES[name])))
    told = made(name).splitlines()[1].removeprefix("# ")
    assert told == sha256(content.encode()).hexdigest(), "run `make requirements`"


@pytest.mark.parametrize("name", SOURCES)
def test_every_package_is_pinned_with_hashes(name: str):
    for requirement, hashes in entries(name):
        assert re.fullmatch(r"==[^,*]+", str(requirement.specifier)), requirement
        assert hashes, requirement
        assert all(re.fullmatch("[0-9a-f]{64}", each) for each in hashes), requirement


@pytest.mark.parametrize("name", SOURCES)
def test_what_was_asked_for_is_in_it(name: str):
    found = versions(name)
    for each in (name, *SOURCES[name]):
        asked = {canonicalize_name(one.name): str(one.specifier) for one in asked_for(each)}
        assert asked.items() <= found.items()


def test_the_files_agree_on_versions():
    everything = versions("requirements-dev")
    for name in ("requirements", "requirements-bench"):
        assert versions(name).items() <= everything.items()


@pytest.mark.parametrize("name", SOURCES)
def test_no_registry_is_named(name: str):
    assert re.findall(r"://|--(?:extra-)?index|--find-links|--trusted-host|/\w+/", made(name)) == []


def test_the_tests_own_packages_stay_in_it():
    assert {"pytest", "pytest-django", "model-bakery"} <= versions("requirements").keys()


def needed_by(requirement: Requirement) -> list[Requirement]:
    """What the installed package needs here."""
    extras = requirement.extras or {""}
    needed = map(Requirement, distribution(requirement.name).requires or ())
    return [
        each
        for each in needed
        if each.marker is None or any(each.marker.evaluate({"extra": extra}) for extra in extras)
    ]


def test_what_packages_need_is_in_it_too():
    found = versions("requirements")
    missing = []
    for requirement, _ in entries("requirements"):
        try:
            needed = needed_by(requirement)
        except PackageNotFoundError:
            assert requirement.marker is not None  # of another platform or Python
            continue
        missing += [one for one in needed if canonicalize_name(one.name) not in found]
    assert missing == []
