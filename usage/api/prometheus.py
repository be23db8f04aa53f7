"""`GET /_qs/metrics/prometheus`: counters and histograms of all time as OpenMetrics text."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, islice
from typing import Any, TypeVar

from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.views import APIView

from qsmetrics import __version__
from usage import openmetrics
from usage.api.questions import KEYS, SCRAPE
from usage.api.quota_gauges import quota_gauges
from usage.api.schema import PROMETHEUS
from usage.api.source_counters import source_counters
from usage.api.streaming import streamed
from usage.asking import parameters
from usage.asking.declared import parameter_names
from usage.models import CollectorState, SuppressedPair
from usage.openmetrics import counter, gauge, histogram_samples, labels
from usage.queries import OTHER, Bins, Counters, Dimensions, Figures, Turn, usage_counters
from usage.rollups.bins import GROWTH, SMALLEST
from usage.rollups.declarations import KEY, MODEL
from usage.rollups.measures import MEASURES, Kind, Measure
from usage.statuses import is_failure

# Of a family. The first that came stay, so that no counter ever goes back; no ranking could
# promise that. Those that came later are added up under (other), beside what the sums have so.
MOST_LABEL_SETS = 1_000
# Every seventh bound of the logarithmic bins, which count exactly: 3 ms to 16 minutes.
_BOUNDS = range(84, 224, 7)
_CLASS = tuple("status_class" if name == "status" else name for name in MODEL.dimensions)

_Sum = TypeVar("_Sum", bound=Any)


class PrometheusView(APIView):
    @PROMETHEUS
    def get(self, request: Request) -> HttpResponseBase:
        query = request.query_params
        parameters.refuse_unknown(query, parameter_names(SCRAPE))
        return streamed(_pieces(with_keys=KEYS.of(query)), openmetrics.CONTENT_TYPE)


def _pieces(*, with_keys: bool) -> Generator[bytes]:
    """A family at a time: together they are much larger than what they are made of."""
    with Turn() as turn:
        yield from openmetrics.document(_families(usage_counters(turn, with_keys=with_keys)))


def _families(counters: Counters) -> Iterator[list[str]]:
    info = [f'qsmetrics_build_info{{version="{__version__}"}} 1']
    yield openmetrics.family("info", "qsmetrics_build", "", "The portal's version.", info)
    by_class = _bounded(_by_class(counters.by_model), len(_CLASS))
    by_key = _bounded(counters.by_key, len(KEY.dimensions))
    for measure in MEASURES:
        if text := measure.adds.counter:
            yield _counter("qsmetrics", measure, text, _CLASS, by_class)
    for measure in MEASURES:
        if text := measure.adds.key_counter:
            yield _counter("qsmetrics_key", measure, text, KEY.dimensions, by_key)
    offers = _by_offer(counters.by_model)
    seconds = {offer: figures.latency_ms_sum / 1000 for offer, figures in offers.items()}
    yield _histogram("request_duration_seconds", "Whole requests.", counters.latencies, seconds)
    seconds = {offer: figures.ttft_ms_sum / 1000 for offer, figures in offers.items()}
    yield _histogram("time_to_first_token_seconds", "First tokens.", counters.ttfts, seconds)
    yield from _of_the_portal()


def _by_class(by_model: Mapping[Dimensions, Figures]) -> dict[Dimensions, Figures]:
    found: defaultdict[Dimensions, Figures] = defaultdict(Figures)
    for (model, provider, status), figures in by_model.items():
        found[model, provider, _class_of(status)] += figures
    return found


def _bounded(found: Mapping[Dimensions, _Sum], length: int) -> dict[Dimensions, _Sum]:
    """By labels of that length; those past the bound together under (other)."""
    bounded = dict(islice(found.items(), MOST_LABEL_SETS))
    others = (OTHER,) * length
    for sums in islice(found.values(), MOST_LABEL_SETS, None):
        bounded[others] = bounded[others] + sums if others in bounded else sums
    return bounded


def _by_offer(by_model: Mapping[Dimensions, Figures]) -> dict[Dimensions, Figures]:
    found: defaultdict[Dimensions, Figures] = defaultdict(Figures)
    for (*offer, _), figures in by_model.items():
        found[tuple(offer)] += figures
    return found


def _class_of(status: str) -> str:
    """`2xx` to `5xx`; `error`, `ok` or, without any, `none` where it is no HTTP status.

    What the sums have as (other) is of any class.
    """
    if status == OTHER:
        return OTHER
    if len(status) == 3 and status.isdecimal() and status.isascii():
        return f"{status[0]}xx"
    if is_failure(status):
        return "error"
    return "ok" if status else "none"


def _counter(
    prefix: str,
    measure: Measure,
    text: str,
    names: Sequence[str],
    figures: Mapping[Dimensions, Figures],
) -> list[str]:
    """A family; one of fractions is named like the column of rows, which ends with its unit."""
    is_fraction = measure.kind is Kind.NUMBERS
    name, unit = measure.figure, ""
    if is_fraction:
        name, unit = measure.of, measure.of.rpartition("_")[2]
    samples = {
        labels(names, values): getattr(each, measure.figure) for values, each in figures.items()
    }
    return counter(f"{prefix}_{name}", text, samples, unit)


def _histogram(
    name: str, text: str, bins: Mapping[Dimensions, Bins], sums: Mapping[Dimensions, float]
) -> list[str]:
    name, samples = f"qsmetrics_{name}", []
    counts = _bounded({offer: Counter(some) for offer, some in bins.items()}, 2)
    bounded_sums = _bounded({offer: sums.get(offer, 0.0) for offer in bins}, 2)
    for offer, some in counts.items():
        of_offer = labels(("model", "provider"), offer)
        samples += histogram_samples(name, of_offer, _cumulative(some), bounded_sums[offer])
    return openmetrics.family("histogram", name, "seconds", text, samples)


def _cumulative(bins: Bins) -> list[tuple[str, int]]:
    """Seconds, and how many requests took at most as long."""
    upper = [*_BOUNDS]
    counts = [0] * (len(upper) + 1)
    for number, count in bins.items():
        counts[bisect_left(upper, number)] += count
    return list(zip([*map(_seconds, upper), "+Inf"], accumulate(counts), strict=True))


def _seconds(number: int) -> str:
    """Where the bin with the number ends."""
    return f"{SMALLEST * GROWTH**number / 1000:.6g}"


def _of_the_portal() -> Iterator[list[str]]:
    """Alerts are for these: a collector that waits, records that may be lost."""
    collectors = {
        labels(("collector",), [each.name]): each for each in CollectorState.objects.all()
    }
    up = {name: int(each.state == each.State.COLLECTING) for name, each in collectors.items()}
    yield gauge("qsmetrics_collector_up", "Whether the collector reaches its proxy.", up)
    losses = {name: each.possible_losses for name, each in collectors.items()}
    text = "How often a proxy may have dropped records before they came."
    yield counter("qsmetrics_collector_possible_losses", text, losses)
    names = ("counted_source", "suppressed_source")
    pairs = _bounded({tuple(pair): calls for *pair, calls in _suppressed_pairs()}, len(names))
    suppressed = {labels(names, pair): calls for pair, calls in pairs.items()}
    text = "Calls that were not counted, since another source reported them too."
    yield counter("qsmetrics_suppressed_duplicates", text, suppressed)
    yield from quota_gauges(MOST_LABEL_SETS)
    yield from source_counters(MOST_LABEL_SETS)


def _suppressed_pairs() -> Iterable[tuple[str, str, int]]:
    pairs = SuppressedPair.objects.order_by("pk")
    return pairs.values_list("counted_source", "suppressed_source", "calls")
