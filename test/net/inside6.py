"""IPv6 on both sides of the gateway, for what translates or filters it.

    client --lan0-- gateway 2001:db8::1 --wan0-- 2001:db8::9 server

lan0 is a TUN device, or the gateway's end of a veth pair; wan0 what rig's topology says, of those on which no
kernel shares the gateway's addresses. The server sends what is for 2001:db8:1::/48 to the gateway.
"""

from rig import SERVER6, WAN6

OUTSIDE = "2001:db8:1::/48"
FAR6 = "2001:db8:77::9"


def lan(router, hosts):
    return dict(address=[router + "/64"], host_address=[host + "/64" for host in hosts], host_routes=["::/0"])


def wan(setup, **more):
    address = dict(address=[WAN6 + "/64"])
    if setup.makes_device:
        address |= dict(host_address=[SERVER6 + "/64"], host_routes=[OUTSIDE])
    return address | more


def outside_link(net):
    """The server's address and its way to the gateway, where the gateway does not make wan0."""
    if not net.setup.makes_device:
        net.server.ip(f"address add {SERVER6}/64 dev wan0")
        net.server.ip(f"route add {OUTSIDE} via {WAN6} dev wan0")


def inside_link(net, router, hosts):
    """lan0 as an Ethernet link that the client is a host on; it stays when the gateway ends."""
    net.client.sysctl("net.ipv6.conf.default.accept_dad", 0)
    net.gateway.ip(f"link add lan0 type veth peer name lan0 netns {net.client.name}")
    net.gateway.ip("link set lan0 up")
    net.client.ip("link set lan0 up")
    for host in hosts:
        net.client.ip(f"address add {host}/64 dev lan0")
    net.client.ip(f"route add default via {router}")


def connected(net, router, hosts, nat, to_wan=(), **options):
    """Run the gateway of a prepared network between the two."""
    outside_link(net)
    return net.start(lan=lan(router, hosts), wan=wan(net.setup, **dict(to_wan)), nat=dict(pool=None) | nat, **options)


def beyond_the_server(net, mtu):
    """A network behind the server, reached through a link with that MTU; its host promises to take more."""
    far = net.namespace("far")
    far.sysctl("net.ipv6.conf.default.accept_dad", 0)
    net.server.sysctl("net.ipv6.conf.all.forwarding", 1)
    net.server.ip(f"link add far0 mtu {mtu} type veth peer name eth0 mtu {mtu} netns {far.name}")
    net.server.ip("address add 2001:db8:77::1/64 dev far0")
    net.server.ip("link set far0 up")
    far.ip(f"address add {FAR6}/64 dev eth0")
    far.ip("link set eth0 up")
    far.ip("route add default via 2001:db8:77::1 advmss 1440")
    return far


def way_out(setup):
    """The gateway's route to whatever is beyond the server."""
    return [dict(prefix="::/0", interface="wan0") | ({} if setup.topology == "tun" else dict(via=SERVER6))]
