"""What the machine offers: cores, files written whole, sessions of ONNX Runtime."""
