"""Arguments of the public functions: what is of another type than their annotations say is refused in words."""

import inspect
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cache, wraps
from numbers import Integral, Real
from os import PathLike
from pathlib import Path
from types import UnionType
from typing import Any, ParamSpec, TypeVar, Union, get_args, get_origin, get_type_hints

from dancheong.system.errors import ParamError

P = ParamSpec("P")
R = TypeVar("R")
_WORDS = {str: "text", Path: "a path", int: "a whole number", float: "a number", bool: "True or False", type(None): "None",
          Mapping: "a mapping", Callable: "a function", Sequence: "a list", Iterable: "a list", Collection: "a list"}


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """Check the types of arguments at each call.

    Raises:
        ParamError: one of another type, one that is missing or has no such name.
    """
    signature = inspect.signature(function)

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            given = signature.bind(*args, **kwargs).arguments
        except TypeError as error:
            rows = "; rows of the table go into params, as Params(EPOCHS=8)" if "params" in signature.parameters else ""
            raise ParamError(f"{function.__qualname__}: {error}{rows}") from error
        check_types(function, given)
        return function(*args, **kwargs)

    return call


def check_types(annotated: Any, given: Mapping[str, Any]) -> None:
    """Raise ParamError for the first value of `given` that is not what the annotations of a function or class say."""
    for name, value in given.items():
        hint = _typed(annotated).get(name, Any)
        if not _fits(value, hint):
            came = "None" if value is None else f"of type {type(value).__name__}"
            raise ParamError(f"{annotated.__qualname__}: {name} is {came}; {_in_words(hint)} was expected")


@cache
def _typed(annotated: Any) -> dict[str, Any]:
    """The annotations by name, but for that of ``**settings``, which are checked as rows."""
    hints = get_type_hints(annotated)
    if not isinstance(annotated, type):
        parameters = inspect.signature(annotated).parameters.values()
        hints = {one.name: hints[one.name] for one in parameters if one.name in hints and one.kind is not one.VAR_KEYWORD}
    return hints


def _fits(value: Any, hint: Any) -> bool:
    origin, args = _origin(hint), get_args(hint)
    if origin is Any or isinstance(origin, TypeVar):
        return True
    if origin in (Union, UnionType):
        return any(_fits(value, one) for one in args)
    if origin in (int, float):
        return isinstance(value, Integral if origin is int else Real) and not isinstance(value, bool)
    if origin is bool:
        return type(value).__name__ in ("bool", "bool_")  # numpy's as well
    if origin is Path:
        return isinstance(value, str | PathLike)
    if not isinstance(origin, type):  # a choice of values
        return isinstance(value, str)
    if origin is tuple:
        return isinstance(value, tuple) and len(value) == len(args) and all(map(_fits, value, args))
    if origin in (Sequence, Iterable, Collection):
        is_list = isinstance(value, origin) and not isinstance(value, str | bytes)
        # What gives its elements only once is left alone.
        return is_list and (not isinstance(value, Collection) or all(_fits(one, args[0]) for one in value))
    return isinstance(value, origin)


def _origin(hint: Any) -> Any:
    """The type behind a hint: list for list[int], ndarray for numpy's NDArray, which is a name for it since Python 3.12."""
    origin = get_origin(hint) or hint
    return _origin(origin.__value__) if hasattr(origin, "__value__") else origin


def _in_words(hint: Any) -> str:
    kinds = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    origins = [_origin(kind) for kind in kinds]
    words = [_WORDS.get(origin, getattr(origin, "__name__", str(origin))) for origin in origins]
    words = [
        f"a list of {_WORDS[of[0]]}" if word == "a list" and (of := get_args(kind)) and of[0] in _WORDS else word
        for word, kind in zip(words, kinds, strict=True)
    ]
    return " or ".join(dict.fromkeys(word for word in words if not (word == "text" and "a path" in words)))
