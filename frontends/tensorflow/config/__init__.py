"""`tf.config`: which devices there are, and settings of TensorFlow's runtime."""

from graphc.tensorflow.absent import absent
from graphc.tensorflow.config import experimental
from graphc.tensorflow.config.devices import (
    PhysicalDevice,
    list_logical_devices,
    list_physical_devices,
)
from graphc.tensorflow.config.settings import (
    functions_run_eagerly,
    run_functions_eagerly,
    set_soft_device_placement,
)

__getattr__ = absent("tensorflow.config", globals())
