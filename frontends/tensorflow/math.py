"""`tf.math` and its copies at the top of `tf`: `keras.ops` under TensorFlow's names."""

from __future__ import annotations

from graphc.keras.ops import (
    abs,
    add,
    cast,
    divide,
    equal,
    exp,
    expand_dims,
    log,
    matmul,
    maximum,
    minimum,
    multiply,
    ones,
    ones_like,
    reshape,
    round,
    shape,
    sigmoid,
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
from graphc.keras.ops import concatenate as concat
from graphc.keras.ops import max as reduce_max
from graphc.keras.ops import mean as reduce_mean
from graphc.keras.ops import min as reduce_min
from graphc.keras.ops import power as pow
from graphc.keras.ops import prod as reduce_prod
from graphc.keras.ops import sum as reduce_sum
from graphc.tensorflow.absent import absent

__getattr__ = absent("tensorflow.math", globals())
