"""The benchmarks' models, each written once for any `keras` module."""
