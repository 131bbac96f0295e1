"""A second inside network, for tests that want other things of it than of the first.

    neighbour 192.168.8.66, .67, .68 --lan1-- 192.168.8.65 gateway

lan1 is a TUN device like lan0. What the tests here let through untranslated lies on it, so that
nothing of lan0 may ever be seen outside.
"""

from sniffer import leaks

ROUTER_N = "192.168.8.65"
HOSTS = ["192.168.8.66", "192.168.8.67", "192.168.8.68"]
NETWORK = "192.168.8.64/26"


def neighbourhood(net, *entries, **options):
    """Run the gateway of a prepared network with lan1 and these entries of nat for it. Returns the
    namespace of its hosts, and a sniffer there."""
    neighbour = net.namespace("neighbour")
    lan = dict(name="lan1", type="tun", side="inside", netns=neighbour.name, mtu=1500,
               offload=net.setup.offload, address=[ROUTER_N + "/26"],
               host_address=[host + "/26" for host in HOSTS], host_routes=["0.0.0.0/0"])
    net.start(interfaces=[lan], entries=list(entries), **options)
    return neighbour, net.sniff(neighbour, "lan1")


def shown(net):
    """What the gateway sent outside that names a host of lan1."""
    net.outside.received()
    return leaks(net.outside, NETWORK)
