"""pytest -q test/net: the gateway between real network stacks. Needs root or user namespaces."""

import os
import pathlib

import pytest

import netns
import recipe
import rig

EVERY_SETUP = [rig.Setup(topology, workers, offload)
               for topology in ("tun", "tap", "shared", "own")
               for workers in (1, 2) for offload in (True, False)]
# With four workers a packet interface goes without rings, so that both ways see every test.
EVERY_SETUP += [rig.Setup("tun", 4), rig.Setup("tap", 4, False),
                rig.Setup("shared", 4, True, False), rig.Setup("own", 4, False, False)]
EVERY_SETUP += [rig.Setup("xdp", 1), rig.Setup("xdp", 2, False)]
EVERY_SETUP += [rig.Setup("nfqueue", workers, offload) for workers in (1, 2)
                for offload in (True, False)]


def pytest_addoption(parser):
    parser.addoption("--build", default=os.environ.get("BUILD", "build"),
                     help="directory with router and routerctl")


@pytest.fixture(scope="session")
def build(request):
    return pathlib.Path(request.config.getoption("--build")).absolute()


@pytest.fixture(scope="session")
def isolated():
    try:
        netns.isolate()
    except OSError as error:
        pytest.skip(f"no private network namespace with /dev/net/tun: {error}")


@pytest.fixture(params=EVERY_SETUP, ids=str)
def setup(request):
    """A test that asks for this runs in every topology, with 1, 2 and 4 workers, with and without
    offloads."""
    return request.param


@pytest.fixture
def prepared(isolated, build, tmp_path):
    """Makes networks that wait for their gateway; every packet is judged when the test is over."""
    made = []

    def make(setup=rig.Setup(), **options):
        made.append(rig.Network(build, tmp_path))
        return made[-1].prepare(setup, **options)

    yield make
    faults = [fault for n in made for fault in n.finish()]
    assert not faults, "\n".join(faults[:20])


@pytest.fixture
def network(prepared):
    """Makes networks with a running gateway."""
    return lambda setup=rig.Setup(), **options: prepared(setup).start(**options)


@pytest.fixture
def net(network, setup):
    return network(setup)


@pytest.fixture
def follow(isolated, build, tmp_path):
    """Carries out sections of doc/recipes.md, and judges every packet at these devices."""
    followed = []

    def carry_out(title, devices=(), names=()):
        followed.append(recipe.Recipe(title, tmp_path, build, devices, names))
        return followed[-1].follow()

    yield carry_out
    faults = [fault for r in reversed(followed) for fault in r.finish()]
    assert not faults, "\n".join(faults[:20])
