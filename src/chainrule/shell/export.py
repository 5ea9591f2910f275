"""`chainrule export`: a model for other runtimes."""

from pathlib import Path
from typing import Any

import click

from chainrule.ner.tagger import Tagger
from chainrule.ports.onnx_graph import OPSET
from chainrule.ports.onnx_tagger import export

EPILOG = """\b
Examples:
  chainrule export runs/mine --onnx tagger.onnx
"""
PATH = click.Path(path_type=Path)


@click.command(epilog=EPILOG)
@click.argument("model", type=PATH)
@click.option("--onnx", type=PATH, required=True, metavar="FILE", help="Write the network as a model of ONNX.")
def command(model: Path, onnx: Path) -> None:
    """Write the network of MODEL for other runtimes: windows of ids in, scores of tags out.

    Its metadata has the tags, their scheme and how windows are made. It needs pip install "chainrule[onnx]".
    """
    made = export(Tagger.load(model), onnx)
    given, found = (", ".join(map(_described, part)) for part in (made.graph.input, made.graph.output))
    click.echo(f"  {onnx} · opset {OPSET} · {onnx.stat().st_size / 1e6:,.1f} MB · {given} → {found}", err=True)


def _described(info: Any) -> str:
    """The name of an input or output, and its axes."""
    axes = "×".join(axis.dim_param or str(axis.dim_value) for axis in info.type.tensor_type.shape.dim)
    return f"{info.name} {axes}"
