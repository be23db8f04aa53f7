"""API keys in clear within texts: found by their shape, replaced by what only recognises them.

The one guard of every text that comes from outside. Words used here: a *beginning* is how a
provider's keys begin, a *label* is what stands before a secret of any shape (`Bearer …`,
`?key=…`), a *stand-in* is what is kept in a key's place.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from sys import intern
from typing import Any

from usage.identity import WRAPPING, bare_key, hash_api_key

_SHORTEST = 19  # characters of the shortest beginning and of the key behind it
# It goes on in base64, or in further parts of one key.
_BODY = r"[A-Za-z0-9_-]{16,}(?:[.~/][A-Za-z0-9_-]{16,}|\++[A-Za-z0-9_-]+)*={0,2}"

# Nothing but a key begins so, whatever is before it.
_CERTAIN = (
    *("sk-ant-", "sk-proj-", "sk-svcacct-", "sk-admin-", "sk-or-v1-", "sk-helicone-"),
    *("sk-lf-", "pk-lf-", "tgp_v1_", "github_pat_", "gocspx-", "bedrock-api-key-"),
    *("sk_live_", "sk_test_", "pk_live_", "pk_test_", "rk_live_", "rk_test_"),
    *("xoxa-", "xoxb-", "xoxc-", "xoxe-", "xoxo-", "xoxp-", "xoxr-", "xoxs-", "xapp-"),
    *("pk-helicone-", "wandb_v1_", "venice_inference_key_", "venice-admin-key-", "sgamp_user_"),
    *("vercel_blob_rw_", "pscale_tkn_", "sb_secret_", "dckr_pat_", "lin_api_", "sntrys_"),
    *("sntryu_", "crsr_"),
    *("xkeysib-", "age-secret-key-1", "pat-na1-", "pat-eu1-", "sq0atp-", "sq0csp-", "rubygems_"),
)
# Names begin so, too: what follows must be no words.
_LIKELY = (
    *("sk-", "sk_", "pk-", "pk_", "rk-", "rk_", "xai-", "gsk_", "hf_", "r8_", "pplx-", "nvapi-"),
    *("csk-", "fw_", "tgp_", "ghp_", "gho_", "ghs_", "glpat-", "aq.", "ya29."),
)
_LIKELY_IF_LONG = (
    *("api_org_", "fpk_", "vck_", "cpk_", "up_", "pa-", "jina_", "tvly-", "esecret_", "secret_"),
    *("flp_", "opk_", "lsv2_pt_", "lsv2_sk_", "whsec_", "qsm_", "ghu_", "ghr_", "npm_", "pypi-"),
    *("dop_v1_", "sg.", "hvs.", "hvb.", "cfut_", "cf-aig-", "phc_", "phx_", "glsa_", "glc_"),
    *("ntn_", "figd_", "shpat_", "pmak-", "luma-", "pb_", "rc_", "psk-", "m0-"),
    *("glcbt-", "glrt-", "glptt-", "xwfp-", "pul-", "dp.pt.", "sbp_", "napi_", "nfp_", "fm2_"),
    *("hrku-", "ls__", "tl_", "pcsk_", "nk-", "ak-", "mxb_", "llx-", "e2b_", "glama_"),
    *("fk-", "sgp_", "auggie_", "sl.u."),
)
# Keys that are known by more than how they begin; the first of each pair is in all of them.
_SHAPES = {
    "AKIA": "AKIA[A-Z0-9]{16,}",  # AWS
    "ASIA": "ASIA(?=[A-Z]*[0-9])[A-Z0-9]{16}(?![A-Za-z0-9])",
    "AKID": "AKID(?=[A-Za-z]*[0-9])[A-Za-z0-9]{16,}",  # Tencent
    "AKLT": "AKLT(?=[A-Za-z]*[0-9])[A-Za-z0-9]{16,}={0,2}",  # Volcengine
    "LTAI": "LTAI(?=[A-Za-z]*[0-9])[A-Za-z0-9]{16,}",  # Alibaba
    "ALTAK-": "(?:bce-v3/)?ALTAK-[A-Za-z0-9]{16,}(?:/[0-9a-f]{16,})?",  # Baidu
    "ABSK": "ABSK[A-Za-z0-9+/]{16,}={0,2}",  # Amazon Bedrock
    "AIza": f"AIza{_BODY}",  # Google
    "eyJ": rf"eyJ{_BODY}(?:\.[A-Za-z0-9_-]+)*",  # JSON Web Tokens
    "dapi": "dapi(?=[a-f]*[0-9])[0-9a-f]{16,}(?:-[0-9])?",  # Databricks
    "JQQJ9": r"(?<![%\\])[A-Za-z0-9]{16,}JQQJ9[9DH][A-Za-z0-9]*",  # Azure
    "//": f"1//{_BODY}",  # Google
    "://": r"(?<=://)[^\s/:@]{1,64}:[^\s/@]{8,}(?=@)",  # user and password in an address
    "ATATT3": "ATATT3[A-Za-z0-9_=-]{16,}",  # Atlassian
    "~": r"[A-Za-z0-9_.-]{3}[0-9]Q~[A-Za-z0-9_~-]{31,}",  # Azure's applications
    "-----": r"-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----[^-]*(?:-----END [A-Z ]{0,20}-----)?",
    ":": r"[0-9]{8,10}:AA[A-Za-z0-9_-]{32,}",  # Telegram
    # OpenAI's sessions; other ids of sessions are hexadecimal, or in capitals.
    "sess-": "sess-(?![0-9a-f]+(?![A-Za-z0-9])|[0-9A-Z]+(?![A-Za-z0-9]))[A-Za-z0-9]{16,}",
    ".": r"[0-9a-f]{32}\.[A-Za-z0-9]{16}(?![A-Za-z0-9])",  # Zhipu
}
_WITHOUT_SEPARATOR = [shape for shape in _SHAPES if shape[-1].isalnum()]
# Where a word may begin: not within another, but after the %3D of an address or a text's \n.
_EDGE = r"(?:(?<![A-Za-z0-9])|(?<=%[0-9A-Fa-f]{2})|(?<=\\[nrt]))"


def _any_of(*beginnings: str) -> str:
    """In whatever case. By first letters, of which all but one are passed over at once."""
    rests: dict[str, list[str]] = {}
    for each in sorted(beginnings, key=lambda each: -len(each)):
        rests.setdefault(each[0].lower(), []).append(re.escape(each[1:]))
    letters = (f"[{one}{one.upper()}](?i:{'|'.join(some)})" for one, some in rests.items())
    return f"(?:{'|'.join(letters)})"


_KEY = re.compile(
    f"{_any_of(*_CERTAIN)}{_BODY}"
    f"|{_EDGE}(?:{_any_of(*_LIKELY, *_LIKELY_IF_LONG)}(?P<body>{_BODY})"
    f"|{'|'.join(_SHAPES.values())})"
)
_LABELLED = re.compile(
    _EDGE + r"(?i:(?:bearer|basic)[ \t]{1,4}"
    r"|(?:[a-z-]{0,20}(?:key|token)|secret|passw(?:or)?d|pwd|passphrase|authorization|cookie"
    r"|sig(?:nature)?)"
    r"[\"']?[ \t]{0,4}(?:[:=]|%3[AD])[ \t]{0,4}[\"']?)"
    r"(?P<body>[A-Za-z0-9._~+/-]{16,}={0,2})"
)
_BEGINS_AS_KEY = re.compile(
    rf"{WRAPPING}(?:bearer\s|{_any_of(*_CERTAIN, *_LIKELY, 'AIza', 'AKIA', 'eyJ')})", re.IGNORECASE
)


def _hints() -> str:
    """A pattern that is in every text with a key, and quick: it looks for what is rare in ids.

    That are separators, of which it looks at the two letters before, and the capitals of shapes.
    """
    pairs: dict[str, set[str]] = {}
    for beginning in (*_CERTAIN, *_LIKELY, *_LIKELY_IF_LONG, "sess-", "altak-"):
        letters = (
            f"[{each}{each.upper()}]" if each.isalpha() else each for each in beginning[-3:-1]
        )
        pairs.setdefault(re.escape(beginning[-1]), set()).add("".join(letters))
    found = [f"{end}(?<=(?:{'|'.join(sorted(two))}){end})" for end, two in pairs.items()]
    others = ["//", r"\.(?=[A-Za-z0-9]{16})", "=", ":", "%3", " ", "~", "\t"]
    return "|".join([*found, *_WITHOUT_SEPARATOR, *others])


_HINT = re.compile(_hints())
# How most ids are made, of which none can be a key.
_is_plain_id = re.compile(
    r"(?:[0-9a-f-]*|(?:chatcmpl-|cmpl-|resp_|req_|msg_|gen-|call_|run_|batch_)?"
    rf"(?!{'|'.join(_WITHOUT_SEPARATOR)})[A-Za-z0-9]*)\Z"
).match
_UUID = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_DIGEST = re.compile("[0-9a-f]{64}", re.IGNORECASE)
_PIECE = re.compile("[A-Za-z0-9]+")
_WORDS = re.compile("(?:[A-Z][a-z]{2,})+")
_CHANGE = re.compile("(?<=[a-z])(?=[A-Z0-9])|(?<=[A-Z])(?=[a-z0-9])|(?<=[0-9])(?=[A-Za-z])")
_RANDOM_FROM = 0.25  # changes between kinds of letters, for each letter


class KeyInText(ValueError):
    """The text holds a key in clear."""


def without_keys(text: str) -> str:
    """The text, a stand-in in the place of each key in it; itself where there is none."""
    if not may_hold_key(text):
        return text
    for pattern in (_KEY, _LABELLED):
        for start, end in reversed(list(_places(pattern, text))):
            text = f"{text[:start]}{stand_in(text[start:end])}{text[end:]}"
    return text


def first_key(text: str) -> str | None:
    """The first key in the text, if there is one."""
    if may_hold_key(text):
        for pattern in (_KEY, _LABELLED):
            for start, end in _places(pattern, text):
                return text[start:end]
    return None


def may_hold_key(text: str) -> bool:
    """Quickly: False for nearly all texts without keys, such as ids."""
    if len(text) < _SHORTEST:
        return False
    if _is_plain_id(text) and "JQQJ9" not in text:
        return False
    return _HINT.search(text) is not None


@lru_cache(maxsize=4096)
def clean_name(text: str) -> str:
    """The text, one object for all its copies. KeyInText is raised, lest a key be cached."""
    if first_key(text) is not None:
        raise KeyInText
    return intern(text)


def clean_id(text: str | None) -> str | None:
    """The same for texts that hardly ever come twice."""
    if text is None or (_is_plain_id(text) and "JQQJ9" not in text):  # as most are
        return text
    if first_key(text) is not None:
        raise KeyInText
    return text


def clean_hash(value: str) -> str:
    """What was given as the hash of a key: the hash of the key that it is or holds, or itself."""
    if begins_as_key(value):
        return hash_api_key(bare_key(value))
    key = first_key(value)
    return value if key is None else hash_api_key(key)


def changes(texts: Mapping[str, Any]) -> dict[str, str]:
    """Of texts by column: those that hold keys, as they may be kept."""
    found = {}
    for name, value in texts.items():
        if isinstance(value, str) and value:
            clean = kept(name, value)
            if clean is not value:
                found[name] = clean
    return found


def kept(column: str, text: str) -> str:
    """A text as that column may keep it."""
    return clean_hash(text) if column == "api_key_hash" else without_keys(text)


def stand_in(key: str) -> str:
    """The same for the same key, so that it stays recognisable."""
    return f"sk-…{hash_api_key(key)[:8]}"


def begins_as_key(value: str) -> bool:
    """Whether a supposed hash of a key is one in clear, however short."""
    return _BEGINS_AS_KEY.match(value) is not None


def _places(pattern: re.Pattern[str], text: str) -> Iterator[tuple[int, int]]:
    """Begin and end of each key that the pattern finds."""
    for match in pattern.finditer(text):
        body = match["body"]
        is_labelled = pattern is _LABELLED
        if body is None or _is_random(body) or (_DIGEST.fullmatch(body) and not is_labelled):
            yield match.span("body" if is_labelled else 0)


def _is_random(body: str) -> bool:
    """Whether it is no words: names change between letters and digits, or cases, less often."""
    if _UUID.search(body):
        return True
    if _DIGEST.fullmatch(body):  # of a key, as its label says
        return False
    pieces = _PIECE.findall(body)
    if any(len(piece) >= 16 and not _WORDS.fullmatch(piece) for piece in pieces):
        return True
    return len(_CHANGE.findall(body)) >= _RANDOM_FROM * sum(map(len, pieces))
