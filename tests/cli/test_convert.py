import os
import pickle

import numpy as np
import pytest

pytestmark = pytest.mark.usefixtures("own_manifest")


class Evil:
    def __reduce__(self):
        return os.system, ("touch evil",)


class TestConvert:
    def test_a_pickled_pair(self, lenszoo, tmp_path):
        pair = np.empty(2, object)
        pair[:] = np.random.default_rng(0).random((6, 6)), 1e-23
        (tmp_path / "in").mkdir()
        np.save(tmp_path / "in" / "a.npy", pair, allow_pickle=True)
        done = lenszoo("convert", tmp_path / "in", tmp_path / "out")
        assert "1 image written, 0 were there already" in done.stdout
        np.testing.assert_array_equal(np.load(tmp_path / "out" / "a.npy")[0], pair[0])

    def test_a_pickle_that_wants_more_is_refused(self, refused, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "evil.pkl").write_bytes(pickle.dumps(Evil()))
        assert "evil.pkl" in refused("convert", "evil.pkl", "out")
        assert not (tmp_path / "evil").exists()
