"""What the attention of a vendor's library is not given: a bias, a mask, a query that sees no key.

Libraries differ in what such a query gets, and rarely give it the mean of all values. A window can
be proved to leave none: the last query must reach the last key.
"""

from __future__ import annotations

from graphc.kernels.registry import Signature

# Fewer queries or keys than this make scores that are cheap to hold. Judged, not measured.
SHORTEST = 256


def beyond_libraries(signature: Signature, dtypes: tuple[str, ...]) -> str | None:
    """The reason why no library can compute an attention whose tensors are all of one of `dtypes`.

    With None, `zero_empty_rows` is without effect: every query sees a key.
    """
    query, key, value, bias, mask = signature.inputs
    flash, window = signature.attrs.get("flash"), signature.attrs.get("window")
    if flash is False:
        return "it was told to hold all scores"
    if query is None or key is None or value is None or 0 in (*query.shape, *key.shape):
        return "there is nothing to attend to"
    if bias is not None:
        return "it has a bias, whose gradient not every version of the library gives"
    if mask is not None:
        return "it has a mask, which may leave a query without a key"
    rows, columns = query.shape[1], key.shape[1]
    if window is not None and window <= max(rows - columns, 0):
        return "the window leaves a query without a key"
    if query.dtype not in dtypes or {key.dtype, value.dtype} != {query.dtype}:
        return f"the dtypes are not all {' or all '.join(dtypes)}"
    if query.shape[0] != key.shape[0]:
        return "the batches of queries and keys differ in size"
    if min(rows, columns) < SHORTEST and not flash:
        return f"there are fewer than {SHORTEST} queries or keys"
    return None
