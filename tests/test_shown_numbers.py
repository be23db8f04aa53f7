"""Figures as people read them."""

import pytest

from usage import shown_numbers as numbers
from usage.admin import display


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (12_345, "12,345"),
        (999_999, "999,999"),
        (1_000_000, "1.0 M"),
        (999_949_999, "999.9 M"),
        (999_950_000, "1.0 B"),
        (10**12, "1.0 T"),
        (9_007_199_254_740_992, "9,007.2 T"),
    ],
)
def test_counts(number, text):
    assert numbers.count(number).text.replace("\u202f", " ") == text


@pytest.mark.parametrize(
    ("part", "text"),
    [
        (None, numbers.ABSENT),
        (0, "0 %"),
        (0.0004, "< 0.1 %"),
        (0.015, "1.5 %"),
        (0.99951, "> 99.9 %"),
        (1, "100 %"),
    ],
)
def test_shares(part, text):
    assert numbers.percent(part).text.replace("\u202f", " ") == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, numbers.ABSENT),
        (0.2, "0 ms"),
        (999.4, "999 ms"),
        (1234, "1.23 s"),
        (600_000, "10.0 min"),
    ],
)
def test_durations(value, text):
    assert numbers.milliseconds(value).text.replace("\u202f", " ") == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "$0.00"), (0.004, "< $0.01"), (1234.5, "$1,234.50"), (2_500_000, "$2.5 M")],
)
def test_dollars(value, text):
    assert numbers.dollars(value).text.replace("\u202f", " ") == text


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 rows"), (1, "1 row"), (1_234_567, "1,234,567 rows")]
)
def test_a_sentence_counts_exactly(number, text):
    assert numbers.counted(number, "row") == text


def test_a_shortened_count_keeps_its_exact_value():
    assert numbers.count(1_234_567).exact == "1,234,567"


@pytest.mark.parametrize(
    ("shown", "number"),
    [
        (display.count(1_234_567), numbers.count(1_234_567)),
        (display.count(None), numbers.count(None)),
        (display.milliseconds(1234.5), numbers.milliseconds(1234.5)),
        (display.milliseconds(None), numbers.milliseconds(None)),
        (display.dollars(0.000123), numbers.dollars(0.000123)),
        (display.dollars(None), numbers.dollars(None)),
    ],
)
def test_the_admin_shows_a_figure_as_the_dashboard_does(shown, number):
    text = number.text.replace("<", "&lt;")
    assert shown == (f'<span title="{number.exact}">{text}</span>' if number.exact else text)
