"""What is shipped: one folder with a fitted forecaster, its features, its calibration and the proof that it answers as it did."""

from tickcast.bundle.bundle import Bundle, onnxruntime_library
from tickcast.bundle.verify import bundle_hash, verify
from tickcast.bundle.write import write_bundle

__all__ = ["Bundle", "bundle_hash", "onnxruntime_library", "verify", "write_bundle"]
