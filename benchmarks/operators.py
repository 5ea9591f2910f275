"""How many operators a piece of NumPy takes: the yardstick for how compact generated code is."""

import ast

COUNTED = (ast.BinOp, ast.UnaryOp, ast.Call, ast.Subscript)


def operators(source: str) -> int:
    """The operators, calls, comparisons, subscripts and transposes in the last function of the source.

    Names, numbers, assignments and tuples are free, and so are lines that only read a size, `n = x.shape[0]`.
    A source without a function (an expression, lines of assignments) is counted whole.
    """
    tree = ast.parse(source)
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    body = functions[-1].body if functions else tree.body
    return sum(_weight(node) for line in body if not _reads_a_size(line) for node in ast.walk(line))


def _reads_a_size(line: ast.stmt) -> bool:
    return isinstance(line, ast.Assign) and any(
        isinstance(node, ast.Attribute) and node.attr == "shape" for node in ast.walk(line)
    )


def _weight(node: ast.AST) -> int:
    match node:
        case ast.Compare():
            return len(node.ops)
        case ast.BoolOp():
            return len(node.values) - 1
        case ast.Attribute(attr="T"):
            return 1
    return int(isinstance(node, COUNTED))
