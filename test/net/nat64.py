"""An IPv6-only network behind the gateway, and an IPv4-only one before it.

    client 2001:db8:1::2, ::3 --lan0-- 2001:db8:1::1 gateway 203.0.113.1 --wan0-- 203.0.113.9, .10 server

lan0 is a TUN device, wan0 what rig's topology says. Outside addresses appear inside as 2001:db8:64::/96 has
them. Behind the two kernels there may be one more network each, which they are the routers of:

    host 2001:db8:2::9 -- 2001:db8:2::1 client ... server 198.51.100.1 -- 198.51.100.9 far
"""

import ipaddress

from rig import SERVER, SERVER_B, WAN

HOST, HOST_B, ROUTER6, NETWORK = "2001:db8:1::2", "2001:db8:1::3", "2001:db8:1::1", "2001:db8:1::/64"
PREFIX = "2001:db8:64::/96"
BEHIND, BEHIND_NETWORK = "2001:db8:2::9", "2001:db8:2::/64"
FAR, FAR_NETWORK = "198.51.100.9", "198.51.100.0/24"


def embedded(address):
    """An IPv4 address as the client knows it."""
    return str(ipaddress.ip_network(PREFIX)[int(ipaddress.ip_address(address))])


def lan(**more):
    return dict(address=[ROUTER6 + "/64"], host_address=[HOST + "/64", HOST_B + "/64"],
                host_routes=["::/0"]) | more


def wan(setup, **more):
    ends = dict(address=[WAN + "/24"], host_address=[SERVER + "/24", SERVER_B + "/24"], host_routes=[])
    return (ends if setup.makes_device else {}) | more


def entry(**more):
    return dict(type="nat64", match=NETWORK, prefix=PREFIX) | more


def translate(net, to_lan=(), to_wan=(), to_nat=(), **options):
    """Run the gateway of a prepared network; to_...: keys added to an interface, or to the entry of nat."""
    return net.start(lan=lan(**dict(to_lan)), wan=wan(net.setup, **dict(to_wan)),
                     nat=entry(**dict(to_nat)), **options)


def behind_the_client(net, mtu=1500):
    """A host whose router is the client; before the gateway runs."""
    host = net.namespace("host")
    host.sysctl("net.ipv6.conf.default.accept_dad", 0)
    net.client.sysctl("net.ipv6.conf.default.accept_dad", 0)
    net.client.sysctl("net.ipv6.conf.all.forwarding", 1)
    net.client.ip(f"link add host0 mtu {mtu} type veth peer name eth0 mtu {mtu} netns {host.name}")
    net.client.ip("address add 2001:db8:2::1/64 dev host0")
    net.client.ip("link set host0 up")
    host.ip(f"address add {BEHIND}/64 dev eth0")
    host.ip("link set eth0 up")
    host.ip("route add default via 2001:db8:2::1")
    return host


def beyond_the_server(net, mtu=1500):
    """A network behind the server, reached through a link with that MTU; its host promises to take more."""
    far = net.namespace("far")
    net.server.sysctl("net.ipv4.ip_forward", 1)
    net.server.ip(f"link add far0 mtu {mtu} type veth peer name eth0 mtu {mtu} netns {far.name}")
    net.server.ip("address add 198.51.100.1/24 dev far0")
    net.server.ip("link set far0 up")
    far.ip(f"address add {FAR}/24 dev eth0")
    far.ip("link set eth0 up")
    far.ip("route add default via 198.51.100.1 advmss 1460")
    return far


def way_out(setup):
    """Routes of the gateway when there is something beyond the server, and behind the client."""
    beyond = dict(prefix="0.0.0.0/0", interface="wan0") | ({} if setup.topology == "tun" else dict(via=SERVER))
    behind = dict(prefix=BEHIND_NETWORK, interface="lan0")
    return [beyond, behind]
