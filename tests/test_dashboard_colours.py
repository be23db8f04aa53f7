"""Colours can be read: WCAG AA contrast of the pages' variables in both themes."""

import re
from pathlib import Path

import pytest

import dashboards

STATIC = Path(dashboards.__file__).parent / "static" / "dashboards"
LIGHT, DARK = (STATIC / "variables.css").read_text().split("prefers-color-scheme: dark")
PAIRS = [
    ("text", "page", 4.5),
    ("text", "panel", 4.5),
    ("text", "raised", 4.5),
    ("text", "warning-back", 4.5),
    ("text", "danger-back", 4.5),
    ("text-soft", "page", 4.5),
    ("text-soft", "panel", 4.5),
    ("text-soft", "raised", 4.5),
    ("accent", "page", 4.5),
    ("accent", "panel", 4.5),
    ("failed", "panel", 4.5),
    ("failed", "raised", 4.5),
    ("on-accent", "accent", 4.5),
    ("line-strong", "panel", 3.0),
    ("tokens", "panel", 3.0),
    ("requests", "panel", 3.0),
]


def luminance(colour: str) -> float:
    parts = [int(colour[index : index + 2], 16) / 255 for index in (0, 2, 4)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("front", "back", "least"), PAIRS)
def test_what_stands_on_what_is_readable(theme, front, back, least):
    colours = dict(re.findall(r"--([a-z-]+): #([0-9a-f]{6});", theme))
    assert contrast(colours[front], colours[back]) >= least


def test_only_one_file_names_colours():
    others = [path for path in STATIC.glob("*.css") if path.name != "variables.css"]
    assert others
    for path in [*others, *STATIC.glob("*.js")]:
        assert not re.search(r"#[0-9a-fA-F]{3,8}\b(?=[;,\s])|rgb\(|hsl\(", path.read_text()), path


def test_every_variable_is_explained_and_used():
    styles = "".join(path.read_text() for path in [*STATIC.glob("*.css"), *STATIC.glob("*.js")])
    for line in LIGHT.split("@media")[0].splitlines():
        if name := re.match(r"  (--[a-z0-9-]+):", line):
            assert "/*" in line, name[1]
            assert f"var({name[1]})" in styles or f'"{name[1]}"' in styles, name[1]
