"""What the machine offers: cores, files written whole, sessions of ONNX Runtime, and text for other programs."""
