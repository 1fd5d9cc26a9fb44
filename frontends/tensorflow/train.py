"""`tf.train`: TensorFlow 1's optimizers, as Keras's with the arguments renamed.

Each returns a plain Keras optimizer, which is compiled, saved and reported under Keras's name.
`use_locking` is accepted and means nothing here: nothing is shared between threads.
"""

# ruff: noqa: N802 (these are TensorFlow's names)

from __future__ import annotations

from graphc.keras.optimizers import SGD, Adagrad, Adam, RMSprop
from graphc.tensorflow.absent import absent


def GradientDescentOptimizer(
    learning_rate: float, use_locking: bool = False, name: str = "GradientDescent"
) -> SGD:
    """Return plain stochastic gradient descent."""
    return SGD(learning_rate, name=name)


def MomentumOptimizer(
    learning_rate: float,
    momentum: float,
    use_locking: bool = False,
    name: str = "Momentum",
    use_nesterov: bool = False,
) -> SGD:
    """Return gradient descent with momentum.

    Keras keeps the learning rate inside the velocity and TensorFlow 1 outside: the same steps for
    as long as the learning rate stays the same.
    """
    return SGD(learning_rate, momentum=momentum, nesterov=use_nesterov, name=name)


def AdamOptimizer(
    learning_rate: float = 0.001,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
    use_locking: bool = False,
    name: str = "Adam",
) -> Adam:
    """Return Adam, with TensorFlow 1's smaller default for `epsilon` (Kingma and Ba, 2015)."""
    return Adam(learning_rate, beta_1=beta1, beta_2=beta2, epsilon=epsilon, name=name)


def AdagradOptimizer(
    learning_rate: float,
    initial_accumulator_value: float = 0.1,
    use_locking: bool = False,
    name: str = "Adagrad",
) -> Adagrad:
    """Return Adagrad (Duchi et al., 2011)."""
    return Adagrad(learning_rate, initial_accumulator_value=initial_accumulator_value, name=name)


def RMSPropOptimizer(
    learning_rate: float,
    decay: float = 0.9,
    momentum: float = 0.0,
    epsilon: float = 1e-10,
    use_locking: bool = False,
    centered: bool = False,
    name: str = "RMSProp",
) -> RMSprop:
    """Return RMSprop; its running mean starts from 0 as Keras's does, where TensorFlow 1 took 1."""
    return RMSprop(
        learning_rate, rho=decay, momentum=momentum, epsilon=epsilon, centered=centered, name=name
    )


__getattr__ = absent("tensorflow.train", globals())
