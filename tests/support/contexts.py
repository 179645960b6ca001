"""Contexts with another policy."""

from dataclasses import replace


def with_policy(context, **changed):
    """The context with these parts of its policy changed."""
    return replace(context, policy=replace(context.policy, **changed))
