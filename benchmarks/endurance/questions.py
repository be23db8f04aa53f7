"""Who asks while others send: figures, pages, exports, health."""

import itertools

from benchmarks.endurance.stage import Stage

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
_EXPORT_EVERY = 20.0
_PROBE_EVERY = 1.0
_ASK_EVERY = 0.5


def ask_questions(stage: Stage) -> None:
    for path in itertools.cycle(_QUESTIONS):
        stage.ask(path, "questions")
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
