"""Coding agents: the log events in which they tell their calls, each agent's in a file of its own.

Words used here: an *event* is a log record with a name, a *reader* knows the events of one agent.
"""
