"""Usage of LLMs: what is kept, how it comes in, how it is asked for."""
