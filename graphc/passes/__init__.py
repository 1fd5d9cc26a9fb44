"""The passes, in the order in which they run."""

from graphc.passes.fold_batch_norm import FOLD_BATCH_NORM
from graphc.passes.fuse_softmax_xent import FUSE_SOFTMAX_XENT
from graphc.passes.share_forward import SHARE_FORWARD

# Forward passes are shared first: later, what is inside a gradient no longer looks like its twin.
PASSES = (SHARE_FORWARD, FUSE_SOFTMAX_XENT, FOLD_BATCH_NORM)

__all__ = ["FOLD_BATCH_NORM", "FUSE_SOFTMAX_XENT", "PASSES", "SHARE_FORWARD"]
