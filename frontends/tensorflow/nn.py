"""`tf.nn`: Keras's activations under TensorFlow's names.

They are the same function objects, so that `Dense(16, activation=tf.nn.relu)` is saved as "relu".
"""

from graphc.keras.activations import (
    elu,
    gelu,
    leaky_relu,
    log_softmax,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    softmax,
    softplus,
    softsign,
    tanh,
)
from graphc.tensorflow.absent import absent

swish = silu

__getattr__ = absent("tensorflow.nn", globals())
