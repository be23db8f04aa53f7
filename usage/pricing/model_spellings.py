"""Models as senders write them: what a name may be called in a list of prices.

A spelling is sure while only wrapping is taken off (a path, a provider's prefix, effort in
brackets); where a part of the name itself goes, it is a guess, and costs say so.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple


class Spelling(NamedTuple):
    """A name to look for."""

    name: str
    is_sure: bool


class Family(NamedTuple):
    """Models of one maker: the catalog's lists of its prices, OpenRouter's prefix of its models."""

    begins: re.Pattern[str]
    lists: tuple[str, ...]
    openrouter: str = ""


def _family(begins: str, *lists: str, openrouter: str = "") -> Family:
    return Family(re.compile(begins), lists, openrouter)


FAMILIES = (
    _family("claude", "anthropic", openrouter="anthropic/"),
    _family(
        r"gpt-(?!oss|neo|j)|gpt-?[345]|chatgpt|codex|o[134](?:-|$)|text-(?:embedding-[a3]|davinci|curie"
        r"|babbage|ada)|ft:gpt|computer-use|davinci|babbage|whisper|tts-|dall-e|omni-moderation",
        "openai",
        openrouter="openai/",
    ),
    _family(
        r"gemini|imagen|veo-|text-embedding-00|text-multilingual|learnlm",
        "google",
        openrouter="google/",
    ),
    _family("grok", "x-ai", openrouter="x-ai/"),
    _family("deepseek", "deepseek", openrouter="deepseek/"),
    _family("glm|codegeex", "zai", "zhipuai", openrouter="z-ai/"),
    _family("kimi|moonshot", "moonshotai", openrouter="moonshotai/"),
    _family("minimax|m2-her|abab", "minimax", openrouter="minimax/"),
    _family(
        "(?:labs-)?(?:mi|code|dev|magi|mini)stral|mixtral|pixtral|voxtral|open-mi[sx]tral",
        "mistral",
        openrouter="mistralai/",
    ),
    _family("command|c4ai|embed-(?:v|english|multi)|rerank", "cohere", openrouter="cohere/"),
    _family("voyage", "voyageai"),
    _family("nova-|titan-", "aws", openrouter="amazon/"),
    _family("sonar|pplx", "perplexity", openrouter="perplexity/"),
    _family("muse-", "meta", openrouter="meta/"),
    _family("qwen|qwq|qvq|tongyi", "alibaba", openrouter="qwen/"),
    _family("seed-|doubao", openrouter="bytedance-seed/"),
    _family("ernie", openrouter="baidu/"),
    _family("mimo-", openrouter="xiaomi/"),
    _family("step-", openrouter="stepfun/"),
    _family("hunyuan", openrouter="tencent/"),
    _family("mercury", openrouter="inception/"),
    _family("jamba", openrouter="ai21/"),
    _family("palmyra", openrouter="writer/"),
    _family("solar-", openrouter="upstage/"),
    _family("reka-", openrouter="rekaai/"),
)
_NOT_BY_TOKENS = re.compile(
    r"(?:azure-)?(?:whisper|tts-|dall-e|sora|omni-moderation|imagen|veo-|lyria|rerank|stable-diffusion|sdxl"
    r"|flux|midjourney|nano-transcribe|eleven_|scribe_|suno|aura-|nova-2-(?:general|meeting))"
)
# Where cloud providers name a resource, its last part is the model.
_RESOURCE = re.compile(
    r".*(?:^|/)(?:models|foundation-model|inference-profile|deployments|endpoints)/([^/]+)$"
)
_EFFORT = "minimal|low|medium|high|xhigh|none|auto"
_IN_BRACKETS = re.compile(r"\s*[(\[][^()\[\]]*[)\]]$")
# What a proxy or a cloud adds to a name.
_TAIL = re.compile(
    rf"(?::[a-z][\w.-]*|@(?:\d{{6,8}}|default|latest|\d{{3}})|-v\d+(?::\d+\w*)?|-(?:{_EFFORT}))$"
)
_REGION_AND_MAKER = re.compile(
    r"^(?:(?:us|eu|apac|au|jp|ca|sa|us-gov|global)\.)?"
    r"(?:ai21|amazon|anthropic|cohere|deepseek|google|meta|minimax|mistral|moonshot(?:ai)?|openai"
    r"|qwen|zai|z\.ai)\.(?=\w)"
)
_MARKS = {"accounts/fireworks/": "fireworks", "@cf/": "cloudflare", "arn:aws:bedrock": "aws"}
# Names of Antigravity, Kiro and Doubao in front of somebody's model or a version of one's own.
_PREFIX = re.compile(
    r"^(?:gemini|kiro|copilot|cursor|windsurf|databricks)-(?=claude-|gpt-)|^doubao-(?=seed-)"
)
_DIGIT_DASH = re.compile(r"(?<=\d)-(?=\d{1,2}(?:\D|$))")
_DIGIT_DOT = re.compile(r"(?<=\d)[.p](?=\d)")
_CLAUDE_TURNED = re.compile(r"^claude-(\d)[.-]?(\d)?-(opus|sonnet|haiku)")
# Parts of the name itself: snapshots, stages, ways to answer.
_VERSION = re.compile(
    r"[-@](?:\d{8}|\d{4}-\d{2}-\d{2}|\d{2}-\d{2}|\d{6}|\d{4}|\d{3}|latest|stable|preview|exp|experimental"
    r"|beta|thinking|reasoning|agentic|instruct|it|hf|turbo-preview|fp8|fp4|nvfp4)$"
)
_INSIDE = re.compile(
    r"(?<=[-_./:])(?:claude-|gpt-[3-9]|gemini-\d|grok-\d|deepseek-|glm-\d|kimi-k|minimax-m|qwen\d|mistral-)"
)
# A name comes from outside: bounds on what is made of it.
_MOST = 16
_MOST_PREFIXES = 4


def spellings(model: str) -> Iterator[Spelling]:
    """Each once, what is written before what is made of it."""
    seen: set[str] = set()
    for spelling in _all(model.strip().lower()):
        if spelling.name and spelling.name not in seen:
            seen.add(spelling.name)
            yield spelling
            if len(seen) == _MOST:
                return


def seller_of(model: str) -> str | None:
    """Whose way of naming models it is, where only one has it: the catalog's id."""
    name = model.strip().lower()
    if _REGION_AND_MAKER.match(name):
        return "aws"
    return next((seller for mark, seller in _MARKS.items() if name.startswith(mark)), None)


def is_not_by_tokens(name: str) -> bool:
    """Whether a spelling is that of what is charged by pictures, minutes or searches."""
    return bool(_NOT_BY_TOKENS.match(name))


def is_free(model: str) -> bool:
    """OpenRouter's mark of a model that costs nothing."""
    return model.strip().lower().endswith(":free")


def makers_of(name: str) -> tuple[str, ...]:
    """Whose lists of prices are asked for a spelling, by what it begins with."""
    found = _family_of(name)
    return found.lists if found else ()


def prefixes_of(name: str) -> tuple[str, ...]:
    """What OpenRouter writes before a spelling."""
    found = _family_of(name)
    return (found.openrouter,) if found and found.openrouter else ()


def _family_of(name: str) -> Family | None:
    return next((each for each in FAMILIES if each.begins.match(name)), None)


def _all(name: str) -> Iterator[Spelling]:
    sure = [*dict.fromkeys(_unwrapped(name))]
    yield from (Spelling(each, is_sure=True) for each in sure)
    for each in sure:
        shorter = each
        while (cut := _VERSION.sub("", shorter)) != shorter:
            shorter = cut
            yield from (Spelling(other, is_sure=False) for other in _punctuated(shorter))
    for each in sure:
        yield Spelling(f"{each}-preview", is_sure=False)
        if found := _INSIDE.search(each):
            yield from (
                Spelling(other, is_sure=False) for other in _unwrapped(each[found.start() :])
            )


def _unwrapped(name: str) -> Iterator[str]:
    yield from _punctuated(name)
    if found := _RESOURCE.match(name):
        yield from _without_tails(found[1])
    segments = name.split("/", _MOST_PREFIXES)
    for count in range(len(segments)):
        yield from _without_tails("/".join(segments[count:]))


def _without_tails(name: str) -> Iterator[str]:
    yield from _punctuated(name)
    name = _PREFIX.sub("", _REGION_AND_MAKER.sub("", name))
    yield from _punctuated(name)
    while (cut := _TAIL.sub("", _IN_BRACKETS.sub("", name))) != name:
        name = cut
        yield from _punctuated(name)


def _punctuated(name: str) -> Iterator[str]:
    """4-5 as 4.5 and the other way round, and Claude's version before its size."""
    yield name
    if turned := _CLAUDE_TURNED.match(name):
        major, minor, size = turned.groups()
        version = f"{major}-{minor}" if minor else major
        yield f"claude-{size}-{version}{name[turned.end() :]}"
    yield _DIGIT_DASH.sub(".", name)
    yield _DIGIT_DOT.sub("-", name)
    yield _DIGIT_DOT.sub(".", name)
