"""ENV-6 for IPv6: addresses and networks of the kernel's that are a pool, or a prefix, and change. And what the
link asks for: addresses that nobody has but the gateway."""

import pytest

from inside6 import FAR6, lan
from netns import until
from peers import connect, exchange, transfer
from rig import SERVER6, WAN6, Setup
from wire import ICMPV6

ROUTER, A, NETWORK = "fd01:203:405:1::1", "fd01:203:405:1::1234", "fd01:203:405:1::/64"
NEW, NEW_NETWORK = "2001:db8:0:5::1", "2001:db8:0:5::/64"
SHARED = [Setup("shared", 1), Setup("shared", 2)]


def start(net, nat, **options):
    net.server.ip(f"address add {SERVER6}/64 dev wan0 nodad")
    net.gateway.ip(f"address add {WAN6}/64 dev wan0 nodad")
    link_local(net)
    # Whatever address the gateway has, it is a neighbour.
    net.server.ip("route add 2001:db8:0:5::/64 dev wan0")
    return net.start(lan=lan(ROUTER, [A]), nat=dict(pool=None, match=NETWORK) | nat,
                     routes=[dict(prefix="::/0", interface="wan0", via=SERVER6)], **options)


def link_local(net):
    """The link-local address comes by itself, a moment after the link."""
    until(lambda: "fe80" in net.gateway.run("ip", "-6", "address", "show", "dev", "wan0"), "link-local address")


def renumber(net):
    net.gateway.ip(f"address add {NEW}/64 dev wan0 nodad")
    net.gateway.ip(f"address del {WAN6}/64 dev wan0")
    until(lambda: [a for a in addresses(net) if a.startswith("2001")] == [NEW], "the gateway to notice")


def addresses(net):
    interface, = (i for i in net.router.ask("interfaces")["interfaces"] if i["name"] == "wan0")
    return [a.split("/")[0] for a in interface["addresses"]]


@pytest.mark.parametrize("setup", SHARED, ids=str, indirect=True)
def test_pool_follows(prepared, setup):
    """NAPT66 by the address of the kernel's own: sessions end with it, and go on from the next. The kernel keeps
    silent about ports that are not its."""
    net = start(prepared(setup), dict(type="napt66", pool=["interface:wan0"]))
    a, b = net.client.udp(A, 5000), net.server.udp(SERVER6, 53)
    assert exchange(a, (SERVER6, 53), b) == (WAN6, 5000)
    c = net.client.tcp(A, 6000)
    d, seen = connect(c, (SERVER6, 80), net.server.listen(SERVER6, 80))
    assert seen == (WAN6, 6000)
    transfer(c, d, 1 << 20)
    transfer(d, c, 1 << 20)
    assert not net.outside.received(protocol=ICMPV6, type=1)
    renumber(net)
    until(lambda: net.router.ask("status")["sessions_lost"] == 2, "sessions to end")
    assert exchange(a, (SERVER6, 53), b) == (NEW, 5000)
    said = net.router.stop()
    assert said == [f"router: wan0: {NEW} has taken the place of {WAN6}; end: 2 sessions have ended"]


@pytest.mark.parametrize("setup", SHARED[:1], ids=str, indirect=True)
def test_prefix_follows(prepared, setup):
    """NPTv6 by the network of the kernel's own address: hosts are known by it, and by the next one. The link asks
    for them, and for the router that everything leaves by, which is in that network too."""
    net = start(prepared(setup), dict(type="nptv6", prefix="interface:wan0", ports=None))
    net.server.ip(f"address add {FAR6}/128 dev wan0 nodad")
    a, b = net.client.udp(A, 5000), net.server.udp(FAR6, 53)
    outside, port = exchange(a, (FAR6, 53), b)
    assert outside.startswith("2001:db8::") and outside not in (WAN6, SERVER6) and port == 5000
    assert exchange(net.server.udp(FAR6, 7000), (outside, 54), net.client.udp(A, 54)) == (FAR6, 7000)
    renumber(net)
    outside, port = exchange(a, (FAR6, 53), b)
    assert outside.startswith("2001:db8:0:5:") and outside != NEW and port == 5000
    assert net.router.stop() == [f"router: wan0: {NEW_NETWORK} has taken the place of 2001:db8::/64"]


@pytest.mark.parametrize("setup", [Setup("own", 2)], ids=str, indirect=True)
def test_pool_is_answered_for(prepared, setup):
    """Addresses of the link that only the pool has."""
    net = prepared(setup)
    net.server.ip(f"address add {SERVER6}/64 dev wan0 nodad")
    net.start(lan=lan(ROUTER, [A]), wan=dict(address=[WAN6 + "/64"]),
              nat=dict(type="napt66", match=NETWORK, pool=["2001:db8::50-2001:db8::51"]))
    seen, _ = exchange(net.client.udp(A, 5000), (SERVER6, 53), net.server.udp(SERVER6, 53))
    assert seen in ("2001:db8::50", "2001:db8::51")
