"""Ways from an IPv6-only client to an IPv4-only server.

    client-NAME 2001:db8:1::2 --lan0-- the way --wan0-- server-NAME 203.0.113.9

The client knows the server as 2001:db8:64::203.0.113.9.
"""

import pathlib
import shutil

import ways

CLIENT6, ROUTER6, PREF64 = "2001:db8:1::2", "2001:db8:1::1", "2001:db8:64::"
SERVER64 = f"{PREF64}cb00:7109"
DYNAMIC = "192.168.255.0/24"  # the addresses that tayga gives to IPv6 hosts


class Router(ways.Router):
    """Ours, between TUN devices."""
    target = SERVER64

    def __init__(self):
        super().__init__("nat64", 1)

    def configure(self):
        path, socket = f"/run/{self.name}.conf", f"/run/{self.name}.sock"
        pathlib.Path(path).write_text(f"""
            workers = {self.workers};
            control = "{socket}";
            interfaces = ( {{ name = "lan0"; type = "tun"; side = "inside"; address = [ "{ROUTER6}/64" ];
                              netns = "{self.client}"; mtu = 1500; }},
                           {{ name = "wan0"; type = "tun"; side = "outside"; address = [ "{ways.WAN}/24" ];
                              netns = "{self.server}"; mtu = 1500; }} );
            nat = ( {{ name = "bench"; match = "2001:db8:1::/64"; type = "nat64"; prefix = "{PREF64}/96";
                       pool = [ "{ways.POOL}" ]; }} );
        """)
        return path, socket

    def connect(self):
        self.run_gateway()
        self.end(self.client, "lan0", CLIENT6, f"default via {ROUTER6}")
        self.end(self.server, "wan0", ways.SERVER)


class Tayga(ways.Other):
    """Debian's, stateless, with dynamic addresses. Its one device is in the kernel that forwards from the client
    and to the server."""
    kind = "tayga"
    target = SERVER64

    def connect(self):
        self.veth("lan1", "lan0", self.client)
        ways.ip(f"-n {self.gate} address add {ROUTER6}/64 dev lan1 nodad")
        self.leg_to_server()
        self.forward("ipv4/ip_forward")
        self.forward("ipv6/conf/all/forwarding")
        self.translate()
        self.end(self.client, "lan0", CLIENT6, f"default via {ROUTER6}")
        ways.ip(f"-n {self.server} route add {DYNAMIC} via {ways.WAN}")

    def translate(self):
        unpacked = pathlib.Path(f"{ways.BUILD}/debian/usr/sbin/tayga")
        program = unpacked if unpacked.exists() else shutil.which("tayga")
        if not program:
            raise ways.Missing("no tayga; first: make bench")
        conf = pathlib.Path(f"/run/{self.name}.conf")
        conf.write_text(f"tun-device nat64\nipv4-addr 192.168.255.1\nipv6-addr 2001:db8:ffff::1\n"
                        f"prefix {PREF64}/96\ndynamic-pool {DYNAMIC}\ndata-dir /run\n")
        self.start(self.gate, program, "--config", conf, "--nodetach", "--pidfile", f"/run/{self.name}.pid")
        self.until(lambda: self.says("ip", "-n", self.gate, "link", "show", "nat64"), "its device")
        ways.ip(f"-n {self.gate} link set nat64 mtu 1500 up")
        for route in f"{PREF64}/96", DYNAMIC:
            ways.ip(f"-n {self.gate} route add {route} dev nat64")


class TaygaAlone(Tayga):
    """The same with both ends in the kernel that has its device: nothing is forwarded."""
    kind = "tayga-alone"

    def __init__(self):
        super().__init__()
        self.client = self.server = self.gate

    def connect(self):
        for address in f"{CLIENT6}/128", f"{ways.SERVER}/32":
            ways.ip(f"-n {self.gate} address add {address} dev lo")
        self.translate()
