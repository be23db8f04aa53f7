"""OpenMetrics text, which Prometheus scrapes.

https://prometheus.io/docs/specs/om/open_metrics_spec/
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

CONTENT_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"
_ESCAPED = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


def labels(names: Sequence[str], values: Iterable[str]) -> str:
    """`a="1",b="2"`, without the braces."""
    pairs = zip(names, values, strict=True)
    return ",".join(f'{name}="{value.translate(_ESCAPED)}"' for name, value in pairs)


def family(kind: str, name: str, unit: str, text: str, samples: Iterable[str]) -> list[str]:
    """The lines of a family; its name ends with the unit where there is one."""
    lines = [f"# TYPE {name} {kind}"]
    if unit:
        lines.append(f"# UNIT {name} {unit}")
    return [*lines, f"# HELP {name} {text}", *samples]


def counter(name: str, text: str, samples: Mapping[str, float], unit: str = "") -> list[str]:
    """`samples` are values by their labels."""
    lines = (f"{name}_total{{{each}}} {_number(value)}" for each, value in samples.items())
    return family("counter", name, unit, text, lines)


def gauge(name: str, text: str, samples: Mapping[str, float]) -> list[str]:
    lines = (f"{name}{{{each}}} {_number(value)}" for each, value in samples.items())
    return family("gauge", name, "", text, lines)


def histogram_samples(
    name: str, labelled: str, cumulative: Iterable[tuple[str, int]], total: float
) -> list[str]:
    """`cumulative` has the upper bound of each bucket and how many are in it or below."""
    within = f"{labelled}," if labelled else ""
    count = 0
    lines = []
    for bound, count in cumulative:  # the last is the count of all
        lines.append(f'{name}_bucket{{{within}le="{bound}"}} {count}')
    return [
        *lines,
        f"{name}_count{{{labelled}}} {count}",
        f"{name}_sum{{{labelled}}} {_number(total)}",
    ]


def document(families: Iterable[list[str]]) -> Iterator[bytes]:
    """A piece for each family, and the end that tells a whole document from one cut off."""
    for lines in families:
        yield "\n".join([*lines, ""]).encode()
    yield b"# EOF\n"


def _number(value: float) -> str:
    """Fractions to the millionth: of a sum the further digits are rounding."""
    return str(value) if isinstance(value, int) else repr(round(value, 6))
