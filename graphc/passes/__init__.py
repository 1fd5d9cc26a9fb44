"""The passes, in the order in which they run."""

from graphc.passes.fold_batch_norm import FOLD_BATCH_NORM
from graphc.passes.fuse_linear_xent import FUSE_LINEAR_XENT
from graphc.passes.fuse_softmax_xent import FUSE_SOFTMAX_XENT
from graphc.passes.merge_linear import MERGE_LINEAR
from graphc.passes.merge_parallel import MERGE_PARALLEL
from graphc.passes.pool_embedding import POOL_EMBEDDING
from graphc.passes.raise_attention import RAISE_ATTENTION
from graphc.passes.raise_gelu import RAISE_GELU
from graphc.passes.raise_norm import RAISE_NORM
from graphc.passes.raise_products import RAISE_PRODUCTS
from graphc.passes.roll_blocks import ROLL_BLOCKS
from graphc.passes.share_forward import SHARE_FORWARD
from graphc.passes.simplify import SIMPLIFY

# Forward passes are shared first: later, what is inside a gradient no longer looks like its twin.
PASSES = (
    SHARE_FORWARD,
    SIMPLIFY,
    RAISE_PRODUCTS,
    RAISE_GELU,
    RAISE_NORM,
    RAISE_ATTENTION,
    FUSE_SOFTMAX_XENT,
    FUSE_LINEAR_XENT,
    FOLD_BATCH_NORM,
    MERGE_LINEAR,
    POOL_EMBEDDING,
    MERGE_PARALLEL,
    ROLL_BLOCKS,
)

__all__ = [
    "FOLD_BATCH_NORM", "FUSE_LINEAR_XENT", "FUSE_SOFTMAX_XENT", "MERGE_LINEAR", "MERGE_PARALLEL",
    "PASSES", "POOL_EMBEDDING",
    "RAISE_ATTENTION", "RAISE_GELU", "RAISE_NORM", "RAISE_PRODUCTS", "ROLL_BLOCKS",
    "SHARE_FORWARD", "SIMPLIFY",
]  # fmt: skip
