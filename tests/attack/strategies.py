"""Hypothesis strategies of hostile bytes: worse copies of real ones, unexpected JSON, and noise."""

import json

from hypothesis import strategies as st

from tests.attack.mutation import STRANGERS, worse

WORDS = (
    "id",
    "status",
    "error",
    "code",
    "message",
    "output",
    "data",
    "url",
    "progress",
    "result",
    "task_id",
    "request_id",
)
TEXT = st.text(max_size=30)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | TEXT | st.sampled_from(WORDS)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(WORDS) | TEXT, inner, max_size=4),
    max_leaves=12,
)


def hostile(seeds):
    """Mostly worse copies of the seeds."""
    copies = st.builds(
        worse,
        st.sampled_from(seeds),
        st.sampled_from(seeds),
        st.randoms(use_true_random=False, note_method_calls=False),
    )
    made = JSON.map(lambda value: json.dumps(value).encode("utf-8", "surrogatepass"))
    return st.one_of(copies, copies, copies, made, st.sampled_from(STRANGERS), st.binary(max_size=200))
