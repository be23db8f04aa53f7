"""Client programs of the live environment: where it is, and how one is run."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.serving import PROJECT, manage

ENVIRONMENT = PROJECT / ".venv-live"
_CLIENTS = Path(__file__).parent / "clients"
_PATIENCE = 90.0
_READY = "ready\n"
_SETTINGS = {
    "NODE_PATH": str(ENVIRONMENT / "node_modules"),
    "DEFAULT_FLUSH_INTERVAL_SECONDS": "600",  # LiteLLM's: batches are sent when told, or full
    # OpenAI's instrumentation is to send what was said, too.
    "OTEL_SEMCONV_STABILITY_OPT_IN": "gen_ai_latest_experimental",
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "span_and_event",
}


def is_installed() -> bool:
    return (ENVIRONMENT / ".ready").exists()


def new_token(folder: Path) -> str:
    """For the portal in that folder, which from now on wants it."""
    made = manage(folder, "create_ingest_token", "live")
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


def reporting_to(url: str, token: str) -> dict[str, str]:
    """The settings that docs/clients.md tells people to make."""
    return {
        "GENERIC_LOGGER_ENDPOINT": f"{url}/_qs/litellm",
        "GENERIC_LOGGER_HEADERS": f"Authorization=Bearer {token}",
        "OTEL_EXPORTER_OTLP_ENDPOINT": url,
        "OTEL_EXPORTER_OTLP_HEADERS": f"Authorization=Bearer%20{token}",
    }


class Program:
    """One that runs; `finish` waits for what it has to say."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.complaints = ""

    def tell(self, asked: Any) -> None:
        """Hand over the work, and return when it is about to begin."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asked))
        self._process.stdin.close()
        self._process.stdin = None
        line = self._process.stdout.readline()
        assert line == _READY, self._process.communicate()[1]

    def is_running(self) -> bool:
        return self._process.poll() is None

    def finish(self) -> Any:
        """What it says at its end, if anything; `complaints` is what it logged."""
        printed, self.complaints = self._process.communicate(timeout=_PATIENCE)
        assert self._process.returncode == 0, self.complaints
        return json.loads(printed) if printed else None


@contextmanager
def program(name: str, *arguments: str, **settings: str) -> Iterator[Program]:
    """A started one, which has ended afterwards. `name` tells the language."""
    language = "node" if name.endswith(".cjs") else str(ENVIRONMENT / "bin" / "python")
    inherited = {key: text for key, text in os.environ.items() if not key.startswith("OTEL_")}
    with subprocess.Popen(
        [language, str(_CLIENTS / name), *arguments],
        env={**inherited, **_SETTINGS, **settings},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Program(process)
        finally:
            process.kill()


def run(name: str, *arguments: str, asked: Any = None, **settings: str) -> Any:
    """Run one to its end, and return what it says."""
    with program(name, *arguments, **settings) as started:
        started.tell(asked)
        return started.finish()
