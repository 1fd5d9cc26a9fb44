"""Just enough of `tensorflow` for scripts that use `tf.keras`; all of it is graphc's Keras."""

from graphc import keras
from graphc.keras import GradientTape
from graphc.tensorflow import config, data, math, nn, random, train, version
from graphc.tensorflow.absent import absent
from graphc.tensorflow.dtypes import (
    DType,
    as_dtype,
    bfloat16,
    bool,
    complex64,
    float16,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    string,
    uint8,
    uint16,
    uint32,
    uint64,
)
from graphc.tensorflow.functions import function
from graphc.tensorflow.making import constant, convert_to_tensor
from graphc.tensorflow.math import (
    abs,
    add,
    cast,
    concat,
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
from graphc.tensorflow.spec import TensorShape, TensorSpec
from graphc.tensorflow.tensor import Tensor, is_tensor
from graphc.tensorflow.variable import Variable
from graphc.tensorflow.version import __version__

__getattr__ = absent("tensorflow", globals())
