"""Calls of models that LiteLLM mocks and reports by its generic API callback.

On stdin {"max_retries", "waves": [{"log_format", "calls": [arguments of acompletion, …]}, …]}: the
calls of a wave run side by side, and what they report is sent before the next. On stdout what
LiteLLM tells any callback of each call, by its id.

LiteLLM forgets calls that end while a batch is on its way, so here none does.
"""

import asyncio
import json
import os
import sys
from contextlib import suppress

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # its prices, without asking the network

import litellm
from litellm.integrations.custom_logger import CustomLogger
from litellm.integrations.generic_api.generic_api_callback import GenericAPILogger

CANARY = "SECRET PROMPT TEXT"


class Witness(CustomLogger):
    def __init__(self) -> None:
        super().__init__()
        self.told = {}

    async def async_log_success_event(self, kwargs, response_obj, start_time, end_time):
        usage, first = response_obj.usage, kwargs["completion_start_time"]
        self._note(kwargs, start_time, end_time)
        self.told[kwargs["litellm_call_id"]] |= {
            "response_id": response_obj.id,
            "tokens": [usage.prompt_tokens, usage.completion_tokens, usage.total_tokens],
            "cost": kwargs["response_cost"],
            "first": first.timestamp() if kwargs["stream"] else None,
        }

    async def async_log_failure_event(self, kwargs, response_obj, start_time, end_time):
        self._note(kwargs, start_time, end_time)

    def _note(self, kwargs, start_time, end_time):
        times = {"start": start_time.timestamp(), "end": end_time.timestamp()}
        self.told[kwargs["litellm_call_id"]] = times


async def call(arguments):
    name = arguments.pop("fails_with", None)
    if name is None:
        return await ask(arguments)
    error = getattr(litellm, name)
    mocked = error(CANARY, "openai", arguments["model"])
    with suppress(error):
        await ask({**arguments, "mock_response": mocked})
        raise AssertionError(f"{arguments} did not fail")


async def ask(arguments):
    prompt = [{"role": "user", "content": CANARY}]
    response = await litellm.acompletion(messages=prompt, **arguments)
    if arguments.get("stream"):
        assert [part async for part in response]


async def main():
    asked = json.load(sys.stdin)
    sender = GenericAPILogger(max_retries=asked["max_retries"], retry_delay=0.5)
    witness, calls = Witness(), 0
    litellm.callbacks = [sender, witness]
    print("ready", flush=True)
    for wave in asked["waves"]:
        sender.log_format = wave["log_format"]
        calls += len(wave["calls"])
        await asyncio.gather(*map(call, wave["calls"]))
        while len(witness.told) < calls:
            await asyncio.sleep(0.02)
        await sender.flush_queue()
    json.dump(witness.told, sys.stdout)


asyncio.run(main())
