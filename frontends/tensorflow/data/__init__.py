"""`tf.data`: datasets over NumPy, made when they are needed."""

from graphc.tensorflow.absent import absent
from graphc.tensorflow.data import experimental
from graphc.tensorflow.data.counts import INFINITE as INFINITE_CARDINALITY
from graphc.tensorflow.data.counts import UNKNOWN as UNKNOWN_CARDINALITY
from graphc.tensorflow.data.dataset import Dataset
from graphc.tensorflow.data.experimental import AUTOTUNE
from graphc.tensorflow.data.options import Options

__getattr__ = absent("tensorflow.data", globals())
