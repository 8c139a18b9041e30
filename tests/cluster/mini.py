"""A running Ceph cluster, and the lines of configuration with which nodes use it."""

import os

from ceph import BLOB_POOL, INDEX_POOL, CephCluster
from nodes import CLUSTER_ADDRESS


def start(directory, isolated):
    """(cluster, lines of configuration). `isolated`: within nodes.run_isolated()."""
    address = CLUSTER_ADDRESS if isolated else "127.0.0.1"
    cluster = CephCluster(os.path.join(directory, "ceph"), address=address)
    try:
        cluster.start()
    except BaseException:
        cluster.remove()
        raise
    lines = (
        f'engine = "rados"\n[rados]\nceph_conf = "{cluster.conf}"\n'
        f'index_pool = "{INDEX_POOL}"\nblob_pool = "{BLOB_POOL}"\n'
    )
    return cluster, lines
