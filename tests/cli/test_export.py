import pytest

pytest.importorskip("tf2onnx")


class TestExport:
    def test_it_writes_a_file_and_says_so(self, lenszoo, refused, tmp_path):
        out = tmp_path / "net.onnx"
        done = lenszoo("export", "srcnn.sr_75_150_sim", "--out", out)
        assert done.stdout == f"{out}: written, and answers as srcnn.sr_75_150_sim does\n"
        assert "UserWarning" not in done.stderr and "opset" not in done.stderr
        line = refused("export", "srcnn.sr_75_150_sim", "--out", out)
        assert "is there already; choose another, or pass --overwrite" in line
        line = refused("export", "srcnn.sr_75_150_sim", "--out", tmp_path / "net.pb")
        assert "give --format, one of onnx" in line
