"""Layers with weights, or with state, by family."""

from __future__ import annotations

from tests.keras.saving.building import Build, chain, each, inner, inners

SMALL = {"filters": 3, "kernel_size": 2}
SEQUENCE = {"units": 3, "return_sequences": True}
LAYERS: dict[str, dict[str, Build]] = {
    "core": {
        "dense": chain((4,), ("Dense", {"units": 3}), ("Dense", {"units": 2, "use_bias": False})),
        "embedding": chain((6,), ("Embedding", {"input_dim": 9, "output_dim": 3}), dtype="int32"),
        "embedding_masked": chain(
            (6,), ("Embedding", {"input_dim": 9, "output_dim": 3, "mask_zero": True}),
            ("LSTM", {"units": 2}), dtype="int32",
        ),
        "einsum_dense": chain(
            (4, 3), ("EinsumDense", {"equation": "abc,cd->abd", "output_shape": (None, 5),
                                     "bias_axes": "d"}),
        ),
        "prelu": chain((4, 3), ("PReLU", {}), ("PReLU", {"shared_axes": [1]})),
        "reversible_embedding": chain(
            (6,), ("ReversibleEmbedding", {"input_dim": 9, "output_dim": 3}), dtype="int32"
        ),
        "reversible_untied": chain(
            (6,), ("ReversibleEmbedding", {"input_dim": 9, "output_dim": 3,
                                           "tie_weights": False}), dtype="int32"
        ),
        "regularized": chain(
            (4,), ("Dense", {"units": 3, "kernel_regularizer": "l2", "bias_constraint": "non_neg",
                             "activity_regularizer": "l1", "kernel_initializer": "he_normal"}),
        ),
        "frozen": chain((4,), ("Dense", {"units": 3, "trainable": False}),
                        ("BatchNormalization", {"trainable": False}), ("Dense", {"units": 2})),
    },
    "convolution": {
        "conv1d": chain((9, 3), ("Conv1D", {**SMALL, "padding": "causal", "dilation_rate": 2})),
        "conv2d": chain((8, 8, 4), ("Conv2D", {"filters": 4, "kernel_size": 3, "groups": 2}),
                        ("Conv2D", {**SMALL, "strides": 2, "use_bias": False})),
        "conv3d": chain((5, 5, 5, 2), ("Conv3D", SMALL)),
        "transposed1d": chain((5, 2), ("Conv1DTranspose", SMALL)),
        "transposed2d": chain((5, 5, 2), ("Conv2DTranspose", {**SMALL, "strides": 2})),
        "transposed3d": chain((3, 3, 3, 2), ("Conv3DTranspose", SMALL)),
        "separable1d": chain((8, 3), ("SeparableConv1D", SMALL)),
        "separable2d": chain((8, 8, 3), ("SeparableConv2D", {**SMALL, "depth_multiplier": 2})),
        "depthwise1d": chain((8, 3), ("DepthwiseConv1D", {"kernel_size": 3})),
        "depthwise2d": chain((8, 8, 3), ("DepthwiseConv2D", {"kernel_size": 3})),
    },
    "normalization": {
        "batch": chain((4, 3), ("BatchNormalization", {}),
                       ("BatchNormalization", {"scale": False, "axis": 1})),
        "layer": chain((4, 3), ("LayerNormalization", {}),
                       ("LayerNormalization", {"axis": [1, 2], "center": False})),
        "group": chain((4, 6), ("GroupNormalization", {"groups": 3})),
        "rms": chain((4, 6), ("RMSNormalization", {})),
        "unit": chain((4, 6), ("UnitNormalization", {}), ("Dense", {"units": 2})),
        "spectral": chain((4,), ("SpectralNormalization", {"layer": inner("Dense", units=3)})),
        "spectral_conv": chain(
            (6, 6, 2), ("SpectralNormalization", {"layer": inner("Conv2D", **SMALL),
                                                  "power_iterations": 2}),
        ),
    },
    "recurrent": {
        "lstm": chain((5, 2), ("LSTM", SEQUENCE), ("LSTM", {"units": 3, "go_backwards": True})),
        "gru": chain((5, 2), ("GRU", {**SEQUENCE, "dropout": 0.1, "recurrent_dropout": 0.2}),
                     ("GRU", {"units": 3, "reset_after": False})),
        "simple": chain((5, 2), ("SimpleRNN", {"units": 3})),
        "bidirectional": chain((5, 2), ("Bidirectional", {"layer": inner("LSTM", units=3)})),
        "two_directions": chain(
            (5, 2), ("Bidirectional", {
                "layer": inner("GRU", units=3),
                "backward_layer": inner("LSTM", units=2, go_backwards=True)}),
        ),
        "time_distributed": chain((5, 4), ("TimeDistributed", {"layer": inner("Dense", units=3)})),
        "time_distributed_conv": chain(
            (3, 6, 6, 2), ("TimeDistributed", {"layer": inner("Conv2D", **SMALL)})
        ),
        "cell": chain((5, 2), ("RNN", {"cell": inner("SimpleRNNCell", units=3, dropout=0.1)})),
        "cells": chain((5, 2), ("RNN", {"cell": inners(("LSTMCell", {"units": 3}),
                                                       ("GRUCell", {"units": 4}))})),
        "stacked_cells": chain((5, 2), ("RNN", {"cell": inner("StackedRNNCells", cells=inners(
            ("GRUCell", {"units": 3}), ("SimpleRNNCell", {"units": 4})))})),
        "conv_lstm1d": chain((3, 6, 2), ("ConvLSTM1D", SMALL)),
        "conv_lstm2d": chain((3, 6, 6, 2), ("ConvLSTM2D", {**SMALL, "dropout": 0.1})),
        "conv_lstm3d": chain((2, 4, 4, 4, 1), ("ConvLSTM3D", SMALL)),
    },
    "random state": {
        "dropout": chain(
            (4, 6), ("Dropout", {"rate": 0.2}), ("Dense", {"units": 3}),
            ("GaussianNoise", {"stddev": 0.1, "seed": 3}), ("GaussianDropout", {"rate": 0.1}),
            ("AlphaDropout", {"rate": 0.1}), ("SpatialDropout1D", {"rate": 0.1}),
        ),
        "spatial": each((4, 4, 2), ("SpatialDropout2D", {"rate": 0.1}), ("Conv2D", SMALL)),
        "spatial3d": each((3, 4, 4, 2), ("SpatialDropout3D", {"rate": 0.1}), ("Conv3D", SMALL)),
        "geometry": chain(
            (8, 8, 3), ("RandomFlip", {}), ("RandomRotation", {"factor": 0.1, "seed": 5}),
            ("RandomZoom", {"height_factor": 0.1}),
            ("RandomTranslation", {"height_factor": 0.1, "width_factor": 0.1}),
            ("RandomPerspective", {}), ("RandomElasticTransform", {}),
            ("RandomCrop", {"height": 6, "width": 6}), ("Conv2D", SMALL),
        ),
        "shear": chain((8, 8, 3), ("RandomShear", {"x_factor": 0.1}), ("Conv2D", SMALL)),
        "colours": chain(
            (8, 8, 3), ("RandomContrast", {"factor": 0.1}), ("RandomColorJitter", {}),
            ("RandomHue", {"factor": 0.1}), ("RandomSaturation", {"factor": 0.1}),
            ("RandomSharpness", {"factor": 0.1}), ("RandomGrayscale", {}), ("RandomInvert", {}),
            ("RandomGaussianBlur", {}), ("RandomErasing", {}), ("Conv2D", SMALL),
        ),
        "levels": chain(
            (8, 8, 3), ("RandomBrightness", {"factor": 0.1}),
            ("RandomColorDegeneration", {"factor": 0.1}), ("RandomPosterization", {"factor": 4}),
            ("Conv2D", SMALL),
        ),
        "mixtures": chain(
            (8, 8, 3), ("RandAugment", {}), ("AugMix", {}), ("CutMix", {}), ("MixUp", {}),
            ("Pipeline", {"layers": inners(("RandomFlip", {}), ("RandomHue", {"factor": 0.1}))}),
            ("Conv2D", SMALL),
        ),
    },
    "preprocessing": {
        "normalization": chain((3,), ("Normalization", {"mean": [1.0, 2.0, 3.0],
                                                        "variance": [4.0, 1.0, 2.0]}),
                               ("Dense", {"units": 2})),
        "discretization": chain((3,), ("Discretization", {"bin_boundaries": [0.0, 1.0]}),
                                ("CategoryEncoding", {"num_tokens": 5})),
        "stft": chain((400, 1), ("STFTSpectrogram", {"frame_length": 32, "frame_step": 16,
                                                     "fft_length": 32})),
        "mel": chain((400,), ("MelSpectrogram", {"fft_length": 64, "sequence_stride": 32,
                                                 "sampling_rate": 400, "num_mel_bins": 8,
                                                 "max_freq": 200, "min_freq": 5})),
    },
}  # fmt: skip
