"""What fields mean, in the words that stand below them in the code."""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap

from greenbench.errors import UnavailableError


@functools.cache
def descriptions(kind: type) -> dict[str, str]:
    """Return the text below each field of a class, as one line; fields without any are left out.

    Raises UnavailableError where the code was installed without its sources.
    """
    try:
        source = inspect.getsource(kind)
    except OSError as error:
        raise UnavailableError(
            f"{kind.__name__}: the sources of greenbench are not installed, and the meaning of its "
            "fields is read from them; install it from a wheel or a folder"
        ) from error
    (definition,) = ast.parse(textwrap.dedent(source)).body
    texts: dict[str, str] = {}
    name = ""
    for node in definition.body if isinstance(definition, ast.ClassDef) else ():
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            name = node.target.id
        elif name and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            texts[name] = " ".join(str(node.value.value).split())
            name = ""
        else:
            name = ""
    return texts
