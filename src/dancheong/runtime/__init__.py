"""A model file as a function on arrays: the network's graph, and the programs that run it."""
