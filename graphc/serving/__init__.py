"""An HTTP service over an exported model."""
