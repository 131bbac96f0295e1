"""A hundred thousand connections opened and closed: none lost, and nothing left behind."""

import pytest

from flood import Flood
from netns import until
from rig import CLIENT, SERVER, Setup

COUNT = 100_000
LIMITS = dict(sessions=262144, sessions_per_host=200000)
LOSSES = {"out_of_ports", "session_limit", "host_limit", "session_conflict", "tcp_flags",
          "tcp_no_session", "tcp_window", "filtered", "no_mapping", "handoff_full", "send_error"}


def tcp_counters(namespace):
    words = namespace.run("nstat", "-a", "-s", "-z").split()
    return {name: int(float(value)) for name, value in zip(words, words[1:]) if value[0].isdigit()}


@pytest.mark.parametrize("setup", [Setup("tun", w, False) for w in (1, 4)], ids=str, indirect=True)
def test_connections(network, setup):
    """Without offloads the kernels at both ends verify every checksum themselves, so that the
    sniffers may sleep here. All sessions are there at once, until their timeouts are shortened."""
    net = network(setup, limits=LIMITS)
    for sniffer in net.sniffers:
        sniffer.stop()
    net.sniffers.clear()
    flood = Flood(net.client, net.server, CLIENT, SERVER, COUNT)
    seconds = flood.run(patience=300)
    assert flood.accepted == flood.finished == COUNT
    status, counters = net.router.ask("status"), net.router.counters()
    print(f"{COUNT / seconds:.0f} connections per second", {k: v for k, v in counters.items() if v})
    assert status["sessions"] == status["sessions_created"] == COUNT
    assert not {name: counters[name] for name in LOSSES if counters[name]}
    for host in net.client, net.server:
        assert tcp_counters(host)["TcpInCsumErrors"] == 0
    net.reload(timeouts=dict(allow_short=True, tcp_closing=1, tcp_opening=1, tcp_established=1))
    until(lambda: is_empty(net.router), "every session, mapping and port to be free", patience=60)
    assert net.router.ask("status")["sessions_ended"] == COUNT
    assert net.router.stop() == [f"router: {net.conf} loaded"]


def is_empty(router):
    status = router.ask("status")
    return not (status["sessions"] or status["mappings"] or status["ports"]["tcp"])
