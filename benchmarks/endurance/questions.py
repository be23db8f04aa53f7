"""Who asks while others send: figures, pages, exports, health."""

import itertools

from benchmarks.endurance.stage import Stage
from benchmarks.rows import KEYS

_QUESTIONS = (
    "/_qs/metrics",
    "/_qs/metrics?group_by=api_key&interval=day",
    "/_qs/metrics?model=gpt-large&interval=15m",
    "/_qs/metrics?compare=previous&from=2026-01-01&group_by=provider",
    "/_qs/metrics/prometheus",
    "/_qs/usage?limit=200",
    "/",
    "/_qs/metrics/ui?range=24h",
)
_KEYS = "".join(f"&api_key_hash={key}" for key in KEYS[:100])
_DEAR = (  # too much to be answered, or nearly
    "/_qs/metrics?interval=15m&fill=true&from=2000-01-01",
    f"/_qs/metrics?interval=hour&tz=Asia/Kathmandu&group_by=api_key{_KEYS}",
    "/_qs/metrics?interval=15m&compare=previous&group_by=status&tz=Australia/Lord_Howe",
    "/_qs/metrics?interval=day&model=no-such-model&fill=true&from=1970-01-02",
    "/_qs/usage?status=418&limit=1000",
)
_EXPORT_EVERY = 20.0
_PROBE_EVERY = 1.0
_ASK_EVERY = 0.5


def ask_questions(stage: Stage) -> None:
    for path in itertools.cycle(_QUESTIONS):
        stage.ask(path, "questions")
        stage.rest(_ASK_EVERY)
        if stage.is_over.is_set():
            return


def ask_dear_questions(stage: Stage) -> None:
    for path in itertools.cycle(_DEAR):
        stage.ask(path, "dear questions", may_be_refused=True)
        stage.rest(_ASK_EVERY)
        if stage.is_over.is_set():
            return


def probe_health(stage: Stage) -> None:
    while not stage.is_over.is_set():
        stage.ask("/_qs/health", "health")
        stage.rest(_PROBE_EVERY)


def export(stage: Stage) -> None:
    """Newest rows first, of which a whole file is read."""
    for wanted in itertools.cycle(("csv", "ndjson")):
        stage.ask(f"/_qs/usage?format={wanted}", "exports")
        stage.rest(_EXPORT_EVERY)
        if stage.is_over.is_set():
            return
