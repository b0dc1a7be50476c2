"""The same rows from a Ray cluster, also when a node is killed. Ray is large: see the extra."""

import sys

import pytest
from tinysky import refusal, write_sky

from lenszoo.survey.on_ray import _connect


def test_without_ray_the_remedy_is_named(sky, tmp_path, look, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    refusal(lambda: look(sky, tmp_path / "out", ray="local"), "pip install 'lenszoo[ray]'")
    refusal(lambda: look(sky, tmp_path / "out", ray="local", workers=2), "not both")


def test_an_address_that_does_not_answer_is_told_of():
    refusal(lambda: _connect(None, "127.0.0.1:1"), "Ray at '127.0.0.1:1' cannot be reached")
    refusal(lambda: _connect(None, "here:there"), "cannot be reached")


@pytest.fixture
def cluster():
    """A cluster of two nodes on this machine, beside a head that scores nothing."""
    pytest.importorskip("ray", reason="needs the extra lenszoo[ray], 240 MB", exc_type=ImportError)
    import ray
    from ray.cluster_utils import Cluster

    memory = {"object_store_memory": 100 * 2**20}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **memory})
    nodes = [cluster.add_node(num_cpus=1, **memory) for _ in range(2)]
    ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
    yield cluster, nodes
    ray.shutdown()
    cluster.shutdown()


def test_a_killed_node_changes_no_row(tmp_path, look, rows_of, cluster):
    cluster, nodes = cluster
    write_sky(tmp_path, tiles=3, side=200, objects=90)
    look(tmp_path, tmp_path / "expected", part_rows=4)
    killed = []

    def kill(done, total):
        if not killed:
            killed.append(done)
            cluster.remove_node(nodes[0], allow_graceful=False)

    result = look(tmp_path, tmp_path / "out", part_rows=4, ray=cluster.address, progress=kill)
    assert result.complete and killed and killed[0] < 90
    assert rows_of(tmp_path / "out") == rows_of(tmp_path / "expected")
