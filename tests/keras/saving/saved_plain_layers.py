"""Layers without weights: what a file holds of them is their configuration."""

from __future__ import annotations

from tests.keras.saving.building import Build, Spec, each, inners, together

POOLS = ("MaxPooling", "AveragePooling")
WHOLE_POOLS = ("GlobalMaxPooling", "GlobalAveragePooling")


def _pools(rank: int) -> list[Spec]:
    local = [(f"{name}{rank}D", {"pool_size": 2, "padding": "same"}) for name in POOLS]
    adaptive = [
        (f"Adaptive{name}{rank}D", {"output_size": 2})
        for name in ("Max" + "Pooling", "AveragePooling")
    ]
    whole = [(f"{name}{rank}D", {"keepdims": True}) for name in WHOLE_POOLS]
    resized = [
        (f"ZeroPadding{rank}D", {"padding": 1}),
        (f"Cropping{rank}D", {"cropping": 1}),
        (f"UpSampling{rank}D", {"size": 2}),
    ]
    return [*local, *adaptive, *whole, *resized]


PLAIN_LAYERS: dict[str, dict[str, Build]] = {
    "pooling and resizing": {
        "one": each((6, 2), *_pools(1)),
        "two": each((6, 6, 2), *_pools(2)),
        "three": each((4, 4, 4, 2), *_pools(3)),
    },
    "activations and shapes": {
        "activations": each(
            (4, 6),
            ("Activation", {"activation": "gelu"}),
            ("ReLU", {"max_value": 2.0}),
            ("LeakyReLU", {"negative_slope": 0.2}),
            ("ELU", {"alpha": 0.5}),
            ("Softmax", {}),
            ("ActivityRegularization", {"l1": 0.1}),
            ("Identity", {}),
            ("Rescaling", {"scale": 2}),
        ),
        "shapes": each(
            (4, 6),
            ("Flatten", {}),
            ("Reshape", {"target_shape": (6, -1)}),
            ("Permute", {"dims": (2, 1)}),
            ("Masking", {"mask_value": 0.0}),
        ),
        "repeated": each((4,), ("RepeatVector", {"n": 3})),
    },
    "merging": {
        "all": together(
            [(4, 3), (4, 3)],
            ("Add", {}),
            ("Average", {}),
            ("Subtract", {}),
            ("Multiply", {}),
            ("Maximum", {}),
            ("Minimum", {}),
            ("Concatenate", {"axis": 1}),
            ("Dot", {"axes": 2}),
        ),
    },
    "images": {
        "framed": each(
            (8, 8, 3),
            ("Resizing", {"height": 4, "width": 5}),
            ("CenterCrop", {"height": 4, "width": 4}),
        ),
        "tones": each(
            (8, 8, 3),
            ("AutoContrast", {}),
            ("Solarization", {}),
            ("ContrastLimitedAdaptiveHistogramEqualization", {"tile_grid_size": (2, 2)}),
        ),
        # Keras cannot have it in a graph by itself: it takes its output for its input.
        "equalized": each((8, 8, 3), ("Pipeline", {"layers": inners(("Equalization", {}))})),
    },
}
