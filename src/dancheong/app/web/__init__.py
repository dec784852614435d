"""The web page of `dancheong serve`.

`server` makes and joins the parts; `access` refuses requests; `sessions` holds what visitors upload and removes it;
`job_queue` runs one prediction at a time; `coloring`, `trainer` and `model_store` call the same functions as the command line;
`page` and the three tabs are what a visitor sees.
"""
