"""`chainrule export` from the command line."""

import importlib.util

import pytest

from chainrule.ports import extra

HERE = importlib.util.find_spec("onnx") is not None


@pytest.mark.skipif(not HERE, reason='ONNX is not here: pip install "chainrule[onnx]"')
def test_a_model_is_written_for_other_runtimes(cli, model, tmp_path):
    done = cli("export", model, "--onnx", tmp_path / "tagger.onnx")
    assert done.code == 0 and (tmp_path / "tagger.onnx").stat().st_size > 1000
    assert "opset 18" in done.err and "words B×5" in done.err and "→ log_probabilities B×" in done.err
    assert not done.out


def test_what_is_wrong_is_a_line(cli, model, tmp_path, monkeypatch):
    assert cli("export", model).code == 2
    assert cli("export", tmp_path / "gone", "--onnx", tmp_path / "t.onnx").code == 2
    monkeypatch.setattr(extra.metadata, "version", lambda name: "1.9")
    done = cli("export", model, "--onnx", tmp_path / "t.onnx")
    assert done.code == 2 and done.err.count("\n") == 1
    assert done.err.endswith('needs ONNX 1.17 or newer, below 2, and found 1.9: pip install "chainrule[onnx]"\n')
    assert not (tmp_path / "t.onnx").exists()
