"""The machinery under the Keras API: variables, symbolic tensors, layers, traces."""
