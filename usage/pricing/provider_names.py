"""Providers as senders write them: whose list of prices is asked, if anybody's.

Names are from OpenTelemetry's conventions, LiteLLM, the AI SDK, OpenRouter and CLIProxyAPI.
"""

import re
from enum import IntEnum, auto
from functools import cache

from genai_prices.data_snapshot import get_snapshot


class Standing(IntEnum):
    """What the one who is named as provider is to a request."""

    KNOWN = auto()  # in the catalog
    GO_BETWEEN = auto()  # passes it on: the model's name tells whose price it is
    UNKNOWN = auto()  # perhaps a go-between, perhaps somebody with prices of their own
    OWN_MACHINE = auto()  # nobody sends a bill


# What the catalog calls a provider to the letters and digits of what others call it.
_ALIASES = {
    "anthropic": "claude claudecode",
    "aws": "amazon amazonbedrock awsbedrock bedrock bedrockconverse bedrockruntime",
    "azure": "azai azaiinference azaiopenai azureai azureaifoundry azureaiinference azureaiopenai"
    " azureopenai azuretext microsoftfoundry",
    "cloudflare": "workersai",
    "cohere": "cohereai coherechat",
    "fireworks": "fireworksai",
    "github-copilot": "copilot",
    "google": "aistudio gcp gcpgemini gcpgenai gcpvertexai gemini geminicli googleaistudio"
    " googlegemini googlegenai googlegenerativeai googlevertex googlevertexai vertex vertexai"
    " vertexaibeta",
    "mistral": "codestral mistralai",
    "moonshotai": "kimi kimicoding kimiforcoding moonshot",
    "openai": "chatgpt codex openaicodex textcompletionopenai",
    "perplexity": "perplexityai pplx",
    "together": "togetherai",
    "voyageai": "voyage",
    "x-ai": "grok",
    "zai": "zaiorg zhipu",
    "zhipuai": "bigmodel",
}
_GO_BETWEENS = {
    *("", "aigateway", "aisdk", "antigravity", "bifrost", "customopenai", "gateway", "github"),
    *("githubmodels", "litellm", "litellmproxy", "none", "null", "openaicompatibility"),
    *("openaicompatible", "openailike", "other", "unknown", "vercel", "vercelaigateway"),
}
_OWN_MACHINES = {
    *("custom", "dockermodelrunner", "gpt4all", "hostedvllm", "jan", "koboldcpp", "llamacpp"),
    *("llamafile", "llamaserver", "lmstudio", "local", "localai", "localhost", "mlx", "ollama"),
    *("ollamachat", "oobabooga", "sglang", "textgenerationinference", "textgenerationwebui", "tgi"),
    *("transformers", "triton", "vllm", "xinference"),
}
# A proxy's word before the name that its owner gave to a provider.
_SPOKEN_LIKE = re.compile(r"^openai[-_ ]?(?:compatible|compatibility|like)[-_ /:.]+(?=\w)")
_PARTS = re.compile(r"[^a-z0-9]+")


@cache
def _in_catalog() -> dict[str, str]:
    known = {_letters(each.id): each.id for each in get_snapshot().providers}
    others = {word: name for name, words in _ALIASES.items() for word in words.split()}
    return {**known, **others}


def known_provider(name: str) -> str | None:
    """The catalog's id of a provider that is named like that, or by its first words."""
    words = _PARTS.sub(" ", _SPOKEN_LIKE.sub("", name.strip().lower())).split()
    known = _in_catalog()
    for count in range(len(words), 0, -1):
        letters = "".join(words[:count])
        if found := known.get(letters):
            return found
        if letters in _GO_BETWEENS or letters in _OWN_MACHINES:
            return None
    return None


def standing(name: str) -> Standing:
    """Of a provider that is not in the catalog."""
    letters = _letters(_SPOKEN_LIKE.sub("", name.strip().lower()))
    if letters in _OWN_MACHINES:
        return Standing.OWN_MACHINE
    return Standing.GO_BETWEEN if letters in _GO_BETWEENS else Standing.UNKNOWN


def _letters(name: str) -> str:
    return _PARTS.sub("", name.lower())
