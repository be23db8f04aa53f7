"""Keys as providers make them, and as people wrap them; none of them opens anything."""

import random
import string

from usage.live_keys import stand_in

_LOWER_HEX, _CAPITALS = "0123456789abcdef", string.ascii_uppercase + string.digits
_MIXED = string.ascii_letters + string.digits
_URLSAFE = _MIXED + "-_"


def made(beginning: str, length: int, letters: str = _MIXED) -> str:
    """The same each time. Made here, lest whoever scans this repository finds any."""
    chance = random.Random(beginning)
    return beginning + "".join(chance.choice(letters) for _ in range(length))


_UUID = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
KEYS = {
    "anthropic": made("sk-ant-api03-", 93, _URLSAFE) + "AA",
    "openai": made("sk-", 48),
    "openai project": made("sk-proj-", 156, _URLSAFE),
    "openai service account": made("sk-svcacct-", 120, _URLSAFE),
    "openai session": made("sess-", 40),
    "openrouter": made("sk-or-v1-", 64, _LOWER_HEX),
    "xai": made("xai-", 80),
    "groq": made("gsk_", 52),
    "hugging face": made("hf_", 34, string.ascii_letters),
    "replicate": made("r8_", 37),
    "perplexity": made("pplx-", 48),
    "nvidia": made("nvapi-", 64, _URLSAFE),
    "fireworks": made("fw_", 22),
    "together": made("tgp_v1_", 43, _URLSAFE),
    "cerebras": made("csk-", 48, string.ascii_lowercase + string.digits),
    "deepseek": made("sk-", 32, _LOWER_HEX),
    "litellm": made("sk-", 22, _URLSAFE),
    "langfuse secret": f"sk-lf-{_UUID}",
    "langfuse public": f"pk-lf-{_UUID}",
    "zhipu": made("", 32, _LOWER_HEX) + "." + made("", 16),
    "azure": made("", 52) + "JQQJ99" + made("B", 25),
    "google": made("AIza", 35, _URLSAFE),
    "google oauth": made("ya29.", 120, _URLSAFE),
    "google ai studio": made("AQ.", 50, _URLSAFE),
    "aws": made("AKIA", 16, _CAPITALS),
    "aws session": made("ASIA", 15, _CAPITALS) + "7",
    "bedrock": made("ABSK", 120),
    "github": made("ghp_", 36),
    "github fine-grained": made("github_pat_", 82, _MIXED + "_"),
    "gitlab": made("glpat-", 20, _URLSAFE),
    "slack": f"xoxb-{made('', 12, string.digits)}-{made('', 13, string.digits)}-{made('', 24)}",
    "stripe": made("sk_live_", 24),
    "stripe restricted": made("rk_test_", 24),
    "jwt": ".".join(made("eyJ", length, _URLSAFE) for length in (33, 60, 40)),
    "databricks": made("dapi", 32, _LOWER_HEX),
    "voyage": made("pa-", 43, _URLSAFE),
    "jina": made("jina_", 60),
    "elevenlabs": made("sk_", 48, _LOWER_HEX),
    "upstage": made("up_", 29),
    "qsmetrics": made("qsm_", 43, _URLSAFE),
    "gateway in hexadecimal": made("sk-", 64, _LOWER_HEX),
    "gateway in base64": made("sk-", 40) + "+" + made("", 9) + "+" + made("", 30) + "==",
    "lambda": made("secret_", 40) + "." + made("", 32),
    "chutes": ".".join((made("cpk_", 32, _LOWER_HEX), made("a", 31, _LOWER_HEX), made("", 32))),
    "sendgrid": made("SG.", 22, _URLSAFE) + "." + made("", 43, _URLSAFE),
    "volcengine": made("AKLT", 44) + "7",
    "pinecone": made("pcsk_", 70),
    "llamacloud": made("llx-", 48),
    "nomic": made("nk-", 43, _URLSAFE),
    "weights and biases": made("wandb_v1_", 40),
    "venice": made("VENICE_INFERENCE_KEY_", 43),
    "helicone in words": "pk-helicone-eu-abcdefg-hijklmn-opqrstu-vwxyzab",
    "posthog": made("phc_", 43),
    "grafana": made("glsa_", 32) + "_" + made("", 8, _LOWER_HEX),
    "sentry": made("sntryu_", 64, _LOWER_HEX),
    "cursor": made("crsr_", 64, _LOWER_HEX),
    "notion": made("ntn_", 46),
    "atlassian": made("ATATT3xFfGF0", 180, _URLSAFE),
    "azure application": made("aB3", 0) + "8Q~" + made("", 34),
    "telegram": "123456789:AA" + made("", 33, _URLSAFE),
    "private key": "-----BEGIN PRIVATE KEY-----"
    + made("MIIEvQ", 100)
    + "-----END PRIVATE KEY-----",
}
# With a label alone, which may stand before a secret of any shape.
LABELLED = {
    "mistral": made("", 32),
    "cohere": made("", 40),
    "azure of old": made("", 32, _LOWER_HEX),
    "a UUID": _UUID,
}
LABELS = (
    *("Bearer {}", "bearer  {}", "Authorization: Bearer {}", "x-api-key: {}", "api_key={}"),
    *('{{"apiKey": "{}"}}', "https://a.example/v1?key={}", "?alt=json&api-key={}&b=c"),
    *("token%3D{}", "Basic {}", "password='{}'", "Ocp-Apim-Subscription-Key: {}"),
)
# An address with a user and his password.
ADDRESSES = ("https://{}@proxy.example/v1", "postgres://{}@db/x: refused", "at redis://{}@h:1")
USER_AND_PASSWORD = "alice:correct-horse"
AROUND = (
    *("{}", " {} ", "my key is {}", "my key is {}.", "»{}«", "ключ{}ключ", '"{}"', "'{}',"),
    *("({})", "a/{}?b", "openai/{}", "first\\n{}", "%3D{}", "name@{}", "…{}…", "{}\u200b"),
    *("Incorrect API key provided: {}. You can find your API key at https://a.example.",),
)


def kept(template: str, key: str) -> str:
    """What is kept of a key within a text."""
    return template.format(stand_in(key))
