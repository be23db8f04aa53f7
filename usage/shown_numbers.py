"""Figures as people read them, on every page: a short text, and the exact value behind it."""

from dataclasses import dataclass

ABSENT = "\N{EN DASH}"
_SPACE = "\N{NARROW NO-BREAK SPACE}"
# From, divisor, unit. A step begins where rounding to one decimal would reach it.
_UNITS = (
    (999_950_000_000, 10**12, "T"),
    (999_950_000, 10**9, "B"),
    (1_000_000, 10**6, "M"),
)


@dataclass(frozen=True)
class Number:
    """`exact` is empty where `text` says everything."""

    text: str
    exact: str = ""

    def __str__(self) -> str:
        return self.text


def counted(number: int, one: str) -> str:
    """`1 row`, `1,234 rows`: in sentences, which say it exactly."""
    return f"1 {one}" if number == 1 else f"{number:,} {one}s"


def count(number: int | None) -> Number:
    """12,345; 1.2 M with 1,234,567 as its exact value."""
    if number is None:
        return Number(ABSENT)
    exact = f"{number:,}"
    for least, divisor, unit in _UNITS:
        if number >= least:
            return Number(f"{number / divisor:,.1f}{_SPACE}{unit}", exact)
    return Number(exact)


def percent(part: float | None) -> Number:
    """A share of 0 to 1. What is not nothing never shows as 0 %, nor a part as all."""
    if part is None:
        return Number(ABSENT)
    if 0 < part < 0.0005:
        return Number(f"<{_SPACE}0.1{_SPACE}%", f"{100 * part:.3g} %")
    if 0.9995 <= part < 1:
        return Number(f">{_SPACE}99.9{_SPACE}%", f"{100 * part:.6g} %")
    return Number(f"{100 * part:.1f}{_SPACE}%" if 0 < part < 1 else f"{100 * part:.0f}{_SPACE}%")


def milliseconds(value: float | None) -> Number:
    if value is None:
        return Number(ABSENT)
    exact = f"{value:,.1f} ms"
    if value < 999.5:
        return Number(f"{value:.0f}{_SPACE}ms", exact)
    if value < 99_995:
        return Number(f"{value / 1000:.2f}{_SPACE}s", exact)
    return Number(f"{value / 60_000:,.1f}{_SPACE}min", exact)


def dollars(value: float | None) -> Number:
    if value is None:
        return Number(ABSENT)
    if 0 < value < 0.01:
        return Number(f"<{_SPACE}$0.01", f"${value:.6f}")
    if value < 1_000_000:
        return Number(f"${value:,.2f}", f"${value:,.6f}")
    return Number(f"${count(round(value))}", f"${value:,.2f}")
