"""What to switch on where nothing that counts comes of a source: a sentence for each set-up."""

from collections.abc import Collection

from usage.heard import ANY_SPAN, LOG_RECORD, METRICS, NO_USAGE, ROUND_ABOUT, TOLD_IN_LOGS

_SEE_AGENTS = "see docs/agents.md"
_SEE_SENDERS = "see docs/senders.md"
_IN_SETTINGS = (
    "tells its calls in logs: set telemetry.otlpEndpoint to this portal and "
    'telemetry.otlpProtocol to "http" in'
)
# What tells the calls of agents, whatever else of them comes.
_AGENTS = {
    "claude-code": "Claude Code tells its calls in logs: set OTEL_LOGS_EXPORTER=otlp beside "
    "CLAUDE_CODE_ENABLE_TELEMETRY=1",
    "codex": "Codex tells its calls in logs: set `exporter` under [otel] in ~/.codex/config.toml "
    "to /v1/logs of this portal",
    "gemini-cli": f"Gemini CLI {_IN_SETTINGS} ~/.gemini/settings.json",
    "qwen-code": f"Qwen Code {_IN_SETTINGS} ~/.qwen/settings.json",
}
_INSTRUMENT = (
    "switch on an instrumentation of the client that calls the model, whose spans tell its tokens"
)
_IN_STREAMS = '`"stream_options": {"include_usage": true}`'
# By what comes, the most telling first.
_BY_WHAT = {
    NO_USAGE: "its spans name models, and none tells tokens: switch on usage in its "
    f"instrumentation, and {_IN_STREAMS} where it asks for streams; {_SEE_SENDERS}",
    ROUND_ABOUT: f"its spans are of agents, tools and the like: {_INSTRUMENT}; {_SEE_SENDERS}",
    TOLD_IN_LOGS: f"its spans repeat what its logs tell: switch its logs on; {_SEE_AGENTS}",
    ANY_SPAN: f"its spans are of no calls of a model: {_INSTRUMENT}; {_SEE_SENDERS}",
    LOG_RECORD: "its logs tell of no calls, as only the events of coding agents do: switch on "
    f"its traces (OTEL_TRACES_EXPORTER=otlp); {_SEE_SENDERS}",
    METRICS: "it sends metrics alone, which are dropped as they repeat spans and logs: switch on "
    "its traces (OTEL_TRACES_EXPORTER=otlp), or of a coding agent its logs "
    f"(OTEL_LOGS_EXPORTER=otlp); {_SEE_SENDERS}",
}
_NO_TOKENS = (
    "none of its calls tells tokens: switch on usage where it asks the model, for streams "
    f"{_IN_STREAMS}; {_SEE_SENDERS}"
)
_NO_CALLS = f"what it sends is no calls of a model; {_SEE_SENDERS}"


def advice_for(
    source: str,
    passed_over: Collection[str],
    *,
    is_without_usage: bool = False,
    has_rejected: bool = False,
    has_refused: bool = False,
) -> str | None:
    """For a source of which nothing counts; None where nothing is known of why.

    `is_without_usage` where it has sent calls that tell no tokens.
    """
    if is_without_usage:
        return f"Nothing counts so far: {_NO_TOKENS}."
    if has_rejected:
        return "Nothing is stored so far: `rejected` says what is wrong with its calls."
    if passed_over:
        return f"Nothing counts so far: {_why(source, passed_over)}."
    return "All that came was turned away: `refused` says why." if has_refused else None


def _why(source: str, passed_over: Collection[str]) -> str:
    if (agent := _AGENTS.get(source)) is not None:
        return f"{agent}; {_SEE_AGENTS}"
    return next((said for what, said in _BY_WHAT.items() if what in passed_over), _NO_CALLS)
