"""Settings of every test: verified graphs, warnings as errors, compiled programs shared."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")  # each has its own programs on disk
CACHE = Path(tempfile.gettempdir()) / "graphc-tests-cache" / WORKER

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("GRAPHC_VERIFY", "1")
os.environ.setdefault("GRAPHC_CACHE_DIR", str(CACHE))
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("GRAPHC_LINT", "off")  # models here are small and odd on purpose
os.environ.setdefault("GRAPHC_TUNED", "0")  # what is chosen must not depend on the machine


import sys  # noqa: E402  (after the environment is set)
import zlib  # noqa: E402

import pytest  # noqa: E402

from graphc import keras  # noqa: E402

# Of these tables `make test` runs one case in so many, always the same; `make test-all` runs all.
SAMPLED = {
    "bench/test_workloads.py": 3,
    "flax/test_from_nnx.py": 4,
    "flax/test_linen.py": 4,
    "flax/test_to_nnx.py": 5,
    "graphc/onnx/test_families.py": 2,
    "graphc/passes/test_merge_parallel.py": 2,
    "graphc/passes/test_raise_attention.py": 2,
    "graphc/test_export_layers.py": 3,
    "keras/initializers/test_initializers_oracle.py": 6,
    "keras/layers/test_attention_oracle.py": 18,
    "keras/layers/test_audio_oracle.py": 14,
    "keras/layers/test_convolution_oracle.py": 40,
    "keras/layers/test_einsum_dense_oracle.py": 4,
    "keras/layers/test_image_dicts_oracle.py": 4,
    "keras/layers/test_image_oracle.py": 12,
    "keras/layers/test_layers_oracle.py": 20,
    "keras/layers/test_normalization_oracle.py": 20,
    "keras/layers/test_pooling_oracle.py": 14,
    "keras/layers/test_preprocessing_oracle.py": 3,
    "keras/layers/test_recurrent_models.py": 9,
    "keras/layers/test_recurrent_oracle.py": 13,
    "keras/layers/test_text_oracle.py": 3,
    "keras/losses/test_loss_arguments.py": 2,
    "keras/losses/test_loss_oracle.py": 4,
    "keras/metrics/test_metric_arguments.py": 4,
    "keras/metrics/test_metric_oracle.py": 4,
    "keras/ops/test_arrangement_oracle.py": 14,
    "keras/ops/test_attention_oracle.py": 4,
    "keras/ops/test_control_flow.py": 4,
    "keras/ops/test_elementwise_oracle.py": 24,
    "keras/ops/test_image_oracle.py": 6,
    "keras/ops/test_linalg_oracle.py": 5,
    "keras/ops/test_nn_oracle.py": 14,
    "keras/ops/test_reduction_oracle.py": 20,
    "keras/optimizers/test_optimizer_oracle.py": 4,
    "keras/optimizers/test_schedules.py": 2,
    "keras/quantizers/test_quantizers_oracle.py": 8,
    "keras/saving/test_compile_oracle.py": 4,
    "keras/saving/test_damaged_contents.py": 2,
    "keras/saving/test_damaged_files.py": 2,
    "keras/saving/test_files_oracle.py": 14,
    "keras/saving/test_hostile_configs.py": 3,
    "keras/saving/test_orbax.py": 3,
    "keras/saving/test_orbax_processes.py": 2,
    "keras/utils/test_bounding_boxes.py": 4,
    "keras_tuner/test_cross_validation.py": 4,
    "keras_tuner/test_hyperband.py": 4,
    "keras_tuner/test_resume.py": 4,
    "keras_tuner/test_search.py": 5,
    "kernels/test_against_keras.py": 8,
    "kernels/test_attention_tiers.py": 4,
    "kernels/test_batching.py": 10,
    "kernels/test_conv_gradients.py": 3,
    "kernels/test_cross_entropy.py": 3,
    "kernels/test_kernels.py": 22,
    "kernels/test_reference.py": 16,
    "oracle/test_fit_arguments.py": 2,
    "oracle/test_layers.py": 7,
    "oracle/test_losses.py": 4,
    "oracle/test_metrics.py": 5,
    "oracle/test_mixed_precision.py": 2,
    "oracle/test_models.py": 6,
    "oracle/test_optimizers.py": 4,
    "oracle/test_paths.py": 3,
    "sklearn/test_check_estimator.py": 12,
    "sklearn/test_keras_estimators.py": 2,
    "sklearn/test_mlp_same_as_sklearn.py": 3,
    "tensorflow/test_functions_of_tensors.py": 3,
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow what the sample of a large table leaves out; names decide, not their order."""
    for item in items:
        path, _, name = item.nodeid.partition("::")
        path = path.removeprefix("tests/")
        if zlib.crc32(name.encode()) % SAMPLED.get(path, 1):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True)
def fresh_names() -> None:
    """Start automatic names anew, here and in the oracle, so that they agree in any order."""
    keras.utils.clear_session()
    if "keras" in sys.modules and hasattr(sys.modules["keras"], "backend"):
        sys.modules["keras"].backend.clear_session(free_memory=False)  # it takes long
