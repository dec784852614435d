"""The faces of dancheong: command line and web page."""
