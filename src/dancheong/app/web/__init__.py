"""The web page of `dancheong serve`, and `/api/v1` beneath it.

`server` makes and joins the parts; `access` refuses requests; `visits` keeps what visitors bring on disk; `worker` colors it,
one photograph at a time; `api` and `api_training` are the addresses for programs, of which the page (`page/`, plain
modules of the browser) is one; `pictures`, `uploads`, `trainer` and `model_store` call the same functions as the command line.
"""
