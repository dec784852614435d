"""Photographs on disk -> prepared pairs -> batches; and the built-in scenes."""
