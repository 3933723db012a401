"""Teach a language model to reason in fewer tokens, and see what it costs in accuracy."""

__version__ = "0.1.0"
