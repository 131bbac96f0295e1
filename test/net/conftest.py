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
EVERY_SETUP = list(dict.fromkeys(EVERY_SETUP))  # rig.WORKERS may have made some the same

# What make check-threads leaves out.
OF_TWO_WORKERS = "is about another number of workers"
WITHOUT_FILTER = "under a sanitizer there is no list of system calls"
OWN_MEMORY = "measures memory, of which ThreadSanitizer has its own"
MUCH_MEMORY = "limits memory, and ThreadSanitizer needs addresses without limit"
NOT_UNDER_TSAN = {"test_crowd_at_the_control_socket": OWN_MEMORY,
                  "test_out_of_memory": MUCH_MEMORY,
                  "test_out_of_memory_at_start": MUCH_MEMORY,
                  "test_keeps_what_it_needs": WITHOUT_FILTER,
                  "test_process_that_undoes_things_has_few_rights": WITHOUT_FILTER,
                  "test_service_manager_hears": OF_TWO_WORKERS,
                  "test_watchdog_sees_workers_that_are_stuck": OF_TWO_WORKERS,
                  "test_refusals_are_few_records": OF_TWO_WORKERS,
                  "test_what_was_joined_and_may_not_wait_ends_together": OF_TWO_WORKERS}


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


@pytest.fixture(autouse=True)
def sanitized(request, tmp_path, monkeypatch):
    """Under ThreadSanitizer a test has failed, too, if it has reported something."""
    if "TSAN_OPTIONS" not in os.environ:
        yield
        return
    if request.node.originalname in NOT_UNDER_TSAN:
        pytest.skip(NOT_UNDER_TSAN[request.node.originalname])
    monkeypatch.setenv("TSAN_OPTIONS", f"{os.environ['TSAN_OPTIONS']} log_path={tmp_path}/report")
    yield
    reports = "".join(path.read_text() for path in tmp_path.glob("report.*"))
    assert not reports, reports


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
