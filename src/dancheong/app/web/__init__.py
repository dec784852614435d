"""The page of `dancheong serve`: color, train and compare in a browser, for people who know no Python.

`server` puts it together; `guard` stands at the door; `workplace` holds what visitors bring and removes it; `desk` lets one
prediction work at a time; `coloring`, `trainer` and `shelf` call the same functions as the command line.
"""
