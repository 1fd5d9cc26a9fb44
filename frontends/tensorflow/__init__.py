"""Just enough of `tensorflow` for scripts that use `tf.keras`; all of it is graphc's Keras."""

from graphc import keras
from graphc.tensorflow import math, nn, random, train, version
from graphc.tensorflow.absent import absent
from graphc.tensorflow.dtypes import (
    DType,
    bfloat16,
    bool,
    float16,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    uint8,
    uint16,
    uint32,
)
from graphc.tensorflow.math import (
    abs,
    add,
    cast,
    concat,
    constant,
    convert_to_tensor,
    divide,
    equal,
    exp,
    expand_dims,
    matmul,
    maximum,
    minimum,
    multiply,
    ones,
    ones_like,
    pow,
    reduce_max,
    reduce_mean,
    reduce_min,
    reduce_prod,
    reduce_sum,
    reshape,
    round,
    shape,
    sign,
    sqrt,
    square,
    squeeze,
    stack,
    subtract,
    tanh,
    transpose,
    where,
    zeros,
    zeros_like,
)
from graphc.tensorflow.random import set_seed as set_random_seed
from graphc.tensorflow.version import __version__

__getattr__ = absent("tensorflow", globals())
