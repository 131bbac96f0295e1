"""Routes by source, and what is left when a link goes down: two providers.

    client 192.168.7.2, .70 --lan0-- gateway --wan0-- server 203.0.113.9, 192.0.2.80
                                             --wan1-- second 198.51.100.9, 192.0.2.80

192.0.2.80 is at both, so that it shows which way was taken.
"""

import pytest

from netns import until
from peers import connect, exchange, transfer
from rig import CLIENT, POOL, SERVER, Setup

OTHER, REMOTE = "192.168.7.70", "192.0.2.80"
FROM, HOME = "192.168.7.64/26", "192.168.7.0/26"
WAN1, SECOND, POOL1 = "198.51.100.1", "198.51.100.9", "198.51.100.5"
ROUTES = [dict(prefix="0.0.0.0/0", interface="wan0", metric=10)]
BY_SOURCE = [dict(prefix="0.0.0.0/0", interface="wan1"), dict(prefix="10.0.0.0/8", type="prohibit")]
BY_SOURCE = [route | {"from": FROM} for route in BY_SOURCE]
BY_METRIC = [dict(prefix="0.0.0.0/0", interface="wan1", metric=5)]


@pytest.fixture
def providers(prepared):
    """Makes the network, with these routes beside the default one."""
    def make(routes, workers=2):
        net = prepared(Setup("tun", workers))
        second = net.namespace("second")
        wan1 = dict(name="wan1", type="tun", side="outside", netns=second.name, mtu=1500,
                    address=[WAN1 + "/24"], host_address=[SECOND + "/24", REMOTE + "/32"])
        other = dict(name="other", match=FROM, type="napt44", pool=[POOL1])
        net.start(lan=dict(host_address=[CLIENT + "/24", OTHER + "/24"]), nat=dict(match=HOME),
                  wan=dict(host_address=[SERVER + "/24", REMOTE + "/32"],
                           host_routes=["198.51.100.0/24"]),
                  interfaces=[wan1], entries=[other], routes=ROUTES + routes)
        return net, second, net.sniff(second, "wan1")
    return make


def test_a_source_has_its_provider(providers):
    net, second, at_second = providers(BY_SOURCE)
    for source, there, pool in ((CLIENT, net.server, POOL), (OTHER, second, POOL1)):
        server, listener = there.udp(REMOTE, 6000), there.listen(REMOTE, 80)
        for _ in range(8):
            client = net.client.udp(source)
            for _ in range(3):
                assert exchange(client, (REMOTE, 6000), server)[0] == pool
        a = net.client.tcp(source)
        b, (seen, _) = connect(a, (REMOTE, 80), listener)
        assert seen == pool
        transfer(a, b, 1 << 18)
        transfer(b, a, 1 << 18)
        net.client.run("ping", "-c", "1", "-W", "5", "-I", source, REMOTE)
        net.client.run("ping", "-c", "1", "-W", "5", "-I", source, "192.168.7.1")
    assert not net.outside.received(source=POOL1)
    assert not at_second.received(source=POOL)
    sent = net.client.run("ping", "-c", "1", "-W", "5", "-I", OTHER, "10.0.0.1", status=1)
    assert "filtered" in sent.lower()
    listed = [(r["from"], r["interface"]) for r in net.router.ask("routes")["routes"]
              if r["prefix"] == "0.0.0.0/0"]
    assert sorted(listed, key=str) == [(FROM, "wan1"), (None, "wan0")]


def test_a_reload_changes_the_provider(providers):
    """Of sessions, too, which keep their outside endpoints."""
    net, second, _ = providers(BY_SOURCE)
    servers = net.server.udp(REMOTE, 6000), second.udp(REMOTE, 6000)
    client = net.client.udp(OTHER)
    assert exchange(client, (REMOTE, 6000), servers[1])[0] == POOL1
    net.reload(routes=ROUTES)
    assert exchange(client, (REMOTE, 6000), servers[0])[0] == POOL1
    assert net.router.stop()[0].endswith(" loaded")


@pytest.mark.parametrize("routes", [BY_SOURCE, BY_METRIC], ids=["source", "metric"])
def test_what_is_left_when_a_link_goes_down(providers, routes):
    """Sessions go on by the other interface, and return."""
    net, second, _ = providers(routes)
    servers = net.server.udp(REMOTE, 6000), second.udp(REMOTE, 6000)
    client = net.client.udp(OTHER)

    def up():
        links = net.router.ask("interfaces")["interfaces"]
        return next(link["up"] for link in links if link["name"] == "wan1")

    assert exchange(client, (REMOTE, 6000), servers[1])[0] == POOL1
    second.ip("link set wan1 down")
    until(lambda: not up(), "wan1 to be down")
    assert exchange(client, (REMOTE, 6000), servers[0])[0] == POOL1
    best = [r["interface"] for r in net.router.ask("routes")["routes"]
            if r["prefix"] == "0.0.0.0/0" and r["best"]]
    assert best == ["wan0"]
    second.ip("link set wan1 up")
    until(up, "wan1 to be up")
    assert exchange(client, (REMOTE, 6000), servers[1])[0] == POOL1
    said = net.router.stop()
    assert all("wan1" in line for line in said)
