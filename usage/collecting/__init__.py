"""Drains the usage queues of CLIProxyAPI proxies, which keep no statistics themselves."""

from usage.collecting.background import Collectors

__all__ = ["Collectors"]
