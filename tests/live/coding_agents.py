"""Coding agents of others: how each is told of a provider and of the portal, and asked one thing.

They are pointed here as docs/agents.md and docs/senders.md tell people to.
"""

import json
import os
import subprocess
from abc import ABC, abstractmethod
from pathlib import Path

import pytest

from tests.captures import CANARY

PROTOBUF, JSON = "http/protobuf", "http/json"
_PATIENCE = 180.0
_TEXT = f"{CANARY}: say hello"
# Whatever else they would like to talk to is not there.
_NOWHERE = {
    **dict.fromkeys(("HTTPS_PROXY", "https_proxy"), "http://127.0.0.1:9"),
    **dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost"),
}


def folder() -> Path:
    """Where `make live` has put them."""
    found = os.environ.get("QSMETRICS_AGENTS")
    if found and (Path(found) / ".ready").exists():
        return Path(found)
    reason = "needs the coding agents of others: make live"
    if os.environ.get("QSMETRICS_LIVE_MUST_RUN"):
        pytest.fail(f"QSMETRICS_LIVE_MUST_RUN is set, but this {reason}")
    pytest.skip(reason)


class CodingAgent(ABC):
    """One of them, with a home of its own. `portal` and `token` say where it reports."""

    name: str
    script: str  # below node_modules
    least_node = 18

    def __init__(self, home: Path, provider: str, portal: str, token: str) -> None:
        self.home, self.provider, self.portal, self.token = home, provider, portal, token

    @abstractmethod
    def arguments(self) -> list[str]: ...

    @abstractmethod
    def settings(self, protocol: str, *, everything: bool) -> dict[str, str]:
        """Environment variables, beside the files that it writes; `everything` it can report."""

    def run(self, protocol: str, *, everything: bool = False) -> subprocess.CompletedProcess[str]:
        """Ask one thing, and wait until it has ended."""
        _require_node(self.least_node)
        command = ["node", str(folder() / "node_modules" / self.script), *self.arguments()]
        work = self.home / "work"
        work.mkdir(parents=True, exist_ok=True)
        settings = self.settings(protocol, everything=everything)
        return subprocess.run(
            command,
            cwd=work,
            env={"PATH": os.environ["PATH"], "HOME": str(self.home), **_NOWHERE, **settings},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )

    def write(self, path: str, text: str) -> None:
        file = self.home / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def exporter(self, protocol: str) -> dict[str, str]:
        return {
            "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.portal,
            "OTEL_EXPORTER_OTLP_HEADERS": f"Authorization=Bearer {self.token}",
        }


class ClaudeCode(CodingAgent):
    name = "claude-code"
    script = "@anthropic-ai/claude-code/cli-wrapper.cjs"

    def arguments(self) -> list[str]:
        return ["-p", _TEXT, "--model", "claude-sonnet-4-5"]

    def settings(self, protocol: str, *, everything: bool) -> dict[str, str]:
        more = {
            "CLAUDE_CODE_ENHANCED_TELEMETRY_BETA": "1",
            "OTEL_TRACES_EXPORTER": "otlp",
            "OTEL_METRICS_EXPORTER": "otlp",
            "OTEL_LOG_USER_PROMPTS": "1",
        }
        return {
            "ANTHROPIC_BASE_URL": self.provider,
            "ANTHROPIC_API_KEY": "none",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "CLAUDE_CODE_ENABLE_TELEMETRY": "1",
            "OTEL_LOGS_EXPORTER": "otlp",
            "OTEL_METRICS_EXPORTER": "none",
            "OTEL_RESOURCE_ATTRIBUTES": "team.id=platform,enduser.id=ann@example.com",
            **self.exporter(protocol),
            **(more if everything else {}),
        }


class Codex(CodingAgent):
    name = "codex"
    script = "@openai/codex/bin/codex.js"

    def arguments(self) -> list[str]:
        return ["exec", "--skip-git-repo-check", _TEXT]

    def settings(self, protocol: str, *, everything: bool) -> dict[str, str]:
        to = (
            '{{ otlp-http = {{ endpoint = "{}/v1/{}", protocol = "{}", '
            'headers = {{ Authorization = "Bearer {}" }} }} }}'
        )
        coding = "json" if protocol == JSON else "binary"
        exporters = {"exporter": "logs"}
        if everything:
            exporters |= {"trace_exporter": "traces", "metrics_exporter": "metrics"}
        lines = [
            f"{name} = {to.format(self.portal, path, coding, self.token)}"
            for name, path in exporters.items()
        ]
        self.write(
            ".codex/config.toml",
            "\n".join(
                [
                    'model = "gpt-5.1"',
                    'model_provider = "stand-in"',
                    "check_for_update_on_startup = false",
                    '[model_providers.stand-in]\nname = "stand-in"\nwire_api = "responses"',
                    f'base_url = "{self.provider}/v1"\nenv_key = "PROVIDER_KEY"',
                    "[otel]",
                    *(["log_user_prompt = true"] if everything else []),
                    *lines,
                ]
            ),
        )
        return {"PROVIDER_KEY": "none"}


class GeminiCli(CodingAgent):
    name = "gemini-cli"
    script = "@google/gemini-cli/bundle/gemini.js"
    least_node = 20

    def arguments(self) -> list[str]:
        return ["-m", "gemini-2.5-flash", "--skip-trust", "-p", _TEXT]

    def settings(self, protocol: str, *, everything: bool) -> dict[str, str]:
        telemetry = {
            "enabled": True,
            "target": "local",
            "otlpProtocol": "http",
            "otlpEndpoint": self.portal,
            "logPrompts": everything,
            **({"traces": True} if everything else {}),
        }
        settings = {
            "telemetry": telemetry,
            "security": {"auth": {"selectedType": "gemini-api-key"}},
            "general": {"enableAutoUpdate": False},
            "privacy": {"usageStatisticsEnabled": False},
        }
        self.write(".gemini/settings.json", json.dumps(settings))
        return {
            "GEMINI_API_KEY": "none",
            "GOOGLE_GEMINI_BASE_URL": self.provider,
            **self.exporter(protocol),
        }


class CopilotCli(CodingAgent):
    name = "copilot"
    script = "@github/copilot/npm-loader.js"

    def arguments(self) -> list[str]:
        return ["-p", _TEXT, "--allow-all-tools"]

    def settings(self, protocol: str, *, everything: bool) -> dict[str, str]:
        """Without an account: with a provider of one's own."""
        return {
            "COPILOT_PROVIDER_BASE_URL": f"{self.provider}/v1",
            "COPILOT_PROVIDER_API_KEY": "none",
            "COPILOT_PROVIDER_TYPE": "openai",
            "COPILOT_MODEL": "gpt-5",
            "COPILOT_OFFLINE": "true",
            "COPILOT_AUTO_UPDATE": "false",
            "COPILOT_OTEL_ENABLED": "true",
            "COPILOT_OTEL_EXPORTER_TYPE": "otlp-http",
            **self.exporter(protocol),
            **(
                {"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "true"} if everything else {}
            ),
        }


AGENTS: dict[str, type[CodingAgent]] = {
    each.name: each for each in (ClaudeCode, Codex, GeminiCli, CopilotCli)
}


def _require_node(least: int) -> None:
    found = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
    if int(found.strip().lstrip("v").split(".")[0]) < least:
        pytest.skip(f"this agent needs Node {least} or later, and here is {found.strip()}")
