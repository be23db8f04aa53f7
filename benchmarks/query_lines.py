"""Lines of the table for what `queries` measured."""

from benchmarks.figures import (
    TIMES,
    Line,
    Target,
    median,
    milliseconds,
    percent,
    percentile,
    times,
)
from benchmarks.queries import Comparison, Timing

MOST_SECONDS = 0.050
BIG = 10_000_000  # the size that the comparisons are meant for


def comparison_lines(result: Comparison, rows: int) -> list[Line]:
    ours, small = median(result.ours), median(result.small)
    reference, duckdb = three_queries(result.reference), three_queries(result.duckdb)
    times_faster, times_its_own = reference / ours, ours / small
    return [
        Line(
            "all time: totals, by model, by hour in one answer",
            milliseconds(ours),
            f"reference's three queries {milliseconds(reference)}",
            times(times_faster),
            Target(
                f"≥ 300{TIMES} (10 M rows)",
                times_faster,
                300,
                at_least=True,
                applies=rows >= BIG,
                short=f"all time beside the reference: {times(times_faster)}",
            ),
        ),
        *(
            Line(f"classic query alone: {name}", "in the above", _beside(result, name))
            for name in result.reference
        ),
        Line(
            "all time, beside a scan",
            milliseconds(ours),
            f"DuckDB's three queries {milliseconds(duckdb)}",
            times(duckdb / ours),
        ),
        Line(
            "all time, beside 10,000 rows of the same 90 days",
            milliseconds(ours),
            f"with 10,000 rows {milliseconds(small)}",
            times(times_its_own),
            Target(
                f"≤ 1.5{TIMES}",
                times_its_own,
                1.5,
                short=f"all time beside 10,000 rows: {times(times_its_own)}",
            ),
        ),
        *_exactness_lines(result),
    ]


def three_queries(seconds: dict[str, list[float]]) -> float:
    """One after another, as a page needs them."""
    return sum(median(each) for each in seconds.values())


def _beside(result: Comparison, name: str) -> str:
    theirs = milliseconds(median(result.reference[name]))
    return f"reference {theirs}, DuckDB {milliseconds(median(result.duckdb[name]))}"


def _exactness_lines(result: Comparison) -> list[Line]:
    equal = "equal" if result.agree else "**different**"
    lines = [
        Line(
            "the answer itself",
            equal,
            "reference's and DuckDB's",
            target=Target("equal", float(result.agree), 1, at_least=True),
        )
    ]
    p95, exact = result.p95
    if p95 is not None:
        off = abs(p95 / exact - 1)
        lines.append(
            Line(
                "p95 of latency, all rows",
                f"{p95:,.0f} ms",
                f"exactly {exact:,.0f} ms",
                f"{100 * off:.1f} % off",
                Target("≤ 5 % off", off, 0.05, short=f"p95 of latency: {100 * off:.1f} % off"),
            )
        )
    return lines


def timing_lines(timings: list[Timing], wanted: float, coming: float) -> list[Line]:
    """`wanted` rows a second were to come in during the busy half, and `coming` did."""
    first = Line(
        "rows/s coming in during “while ingesting” below",
        f"{coming:,.0f}",
        f"half of the fastest above {wanted:,.0f}",
        percent(coming / wanted),
    )
    return [first, *(line for timing in timings for line in _lines(timing))]


def _lines(timing: Timing) -> list[Line]:
    name = f"query: {timing.query.name}"
    if not timing.idle:
        return [Line(name, "not there yet")]
    middle, p99 = median(timing.idle), percentile(timing.idle, 0.99)
    busy = percentile(timing.busy, 0.99)
    return [
        Line(
            name,
            f"{milliseconds(middle)}, p99 {milliseconds(p99)}",
            target=Target("≤ 50 ms", middle, MOST_SECONDS),
        ),
        Line(
            f"{name}, while ingesting",
            f"{milliseconds(median(timing.busy))}, p99 {milliseconds(busy)}",
            f"idle p99 {milliseconds(p99)}",
            times(busy / p99),
            Target(f"p99 ≤ 3{TIMES}", busy / p99, 3),
        ),
    ]
