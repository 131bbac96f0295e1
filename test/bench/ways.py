"""Ways from a client to a server, each with a network of its own.

    client-NAME 192.168.7.2 --lan0-- the way --wan0-- server-NAME 203.0.113.9

lan0 and wan0 are, by family, TUN devices of the way itself or veth pairs to a namespace gate-NAME.
Nothing listens anywhere but what traffic.py has started.
"""

import os
import pathlib
import subprocess
import time

BUILD = os.environ.get("BUILD", "build")
CLIENT, SERVER = "192.168.7.2", "203.0.113.9"
LAN, WAN, POOL = "192.168.7.1", "203.0.113.1", "203.0.113.5"
PATIENCE = 5
# How to turn off what makes it faster, by where that stands in the configuration.
OF_AN_INTERFACE = {"offload": "offload = false;", "io_uring": "io_uring = false;", "rings": "rings = false;"}
OF_ALL = {"steering": "steering = false;", "polling": "poll_us = 0;"}


class Missing(Exception):
    """This way cannot be measured here; says why."""


def run(*words, text=None):
    done = subprocess.run([str(word) for word in words], input=text, text=True, capture_output=True)
    if done.returncode:
        raise Missing(f"{' '.join(map(str, words))}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def ip(text):
    return run("ip", *text.split())


class Way:
    traffic = None  # names of what is measured with it; None: everything
    target = SERVER  # the server, as the client knows it

    def __init__(self, name, family):
        self.name, self.family = name, family
        self.client, self.gate, self.server = f"client-{name}", f"gate-{name}", f"server-{name}"
        self.processes = []

    def start(self, namespace, *words):
        """A process in a namespace, as part of the way; what it says is shown if it ends."""
        log = open(f"/run/{self.name}.log", "a")
        command = ["ip", "netns", "exec", namespace, *map(str, words)]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.processes.append(process)
        return process

    def until(self, works, what):
        end = time.monotonic() + PATIENCE
        while not works():
            ended = [p for p in self.processes if p.poll() is not None]
            if ended or time.monotonic() > end:
                said = pathlib.Path(f"/run/{self.name}.log").read_text().strip().splitlines()
                raise Missing(f"waited in vain for {what}: {said[-1] if said else 'nothing was said'}")
            time.sleep(0.02)

    def says(self, *words):
        return subprocess.run(words, capture_output=True).returncode == 0

    def namespaces(self):
        for name in {self.client, self.gate, self.server}:
            ip(f"netns add {name}")
            ip(f"-n {name} link set lo up")

    def veth(self, inner, outer, namespace):
        ip(f"-n {self.gate} link add {inner} type veth peer name {outer} netns {namespace}")
        ip(f"-n {self.gate} link set {inner} up")

    def end(self, namespace, device, address, *routes):
        rest = f"/64 dev {device} nodad" if ":" in address else f"/24 dev {device}"
        ip(f"-n {namespace} address add {address}{rest}")
        ip(f"-n {namespace} link set {device} mtu 1500 up")
        for route in routes:
            ip(f"-n {namespace} route add {route} dev {device}")

    def open(self):
        """Set up, and see that a datagram gets through; Missing if not."""
        self.namespaces()
        self.connect()
        self.until(lambda: self.says("ip", "netns", "exec", self.client, "ping", "-c1", "-W1", self.target),
                   f"a ping to {self.target}")

    def pids(self):
        """All processes of the way; its threads count with them."""
        found = [p.pid for p in self.processes]
        for pid in found:
            for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
        return found


class Copier(Way):
    """test/bench/copier.c, copier_xdp.c: reads here, writes there, looks at nothing."""

    def __init__(self, family):
        super().__init__(f"copier-{family}", family)

    def connect(self):
        if self.family == "tun":
            self.start(self.gate, f"{BUILD}/bench/copier", "--a", f"lan0@{self.client}",
                       "--b", f"wan0@{self.server}", "--mtu", 1500)
            self.until(lambda: self.says("ip", "-n", self.server, "link", "show", "wan0"), "its devices")
        else:
            self.veth("lan1", "lan0", self.client)
            self.veth("wan1", "wan0", self.server)
            self.start(self.gate, *self.program())
        self.end(self.client, "lan0", CLIENT, "default")
        self.end(self.server, "wan0", SERVER, "default")

    def program(self):
        if self.family == "packet":
            return f"{BUILD}/bench/copier", "--packet", "--a", "lan1", "--b", "wan1"
        # AF_XDP does not tell of sums that are left to a device; the copier cannot know them.
        for namespace, device in ((self.client, "lan0"), (self.server, "wan0")):
            run("ip", "netns", "exec", namespace, "ethtool", "-K", device, "tx", "off")
        return f"{BUILD}/bench/copier_xdp", "lan1", "wan1"


class Router(Way):
    """Ours, over devices of one type on both sides. without: what is turned off, to see what it brings."""

    def __init__(self, family, workers, without=None, traffic=None):
        super().__init__(f"router-{family}-{workers}" + (f"-no-{without}" if without else ""), family)
        self.workers, self.without, self.traffic = workers, without, traffic

    def interface(self, name, side, address, namespace):
        where = f'netns = "{namespace}"; mtu = 1500;' if self.family == "tun" else f'device = "{name[:3]}1";'
        off = OF_AN_INTERFACE.get(self.without, "")
        return (f'{{ name = "{name}"; type = "{self.family}"; side = "{side}"; '
                f'address = [ "{address}/24" ]; {where} {off} }}')

    def configure(self):
        path, socket = f"/run/{self.name}.conf", f"/run/{self.name}.sock"
        pathlib.Path(path).write_text(f"""
            workers = {self.workers};
            control = "{socket}";
            {OF_ALL.get(self.without, "")}
            interfaces = ( {self.interface("lan0", "inside", LAN, self.client)},
                           {self.interface("wan0", "outside", WAN, self.server)} );
            nat = ( {{ name = "bench"; match = "192.168.7.0/24"; type = "napt44"; pool = [ "{POOL}" ]; }} );
        """)
        return path, socket

    def run_gateway(self):
        path, socket = self.configure()
        self.start(self.gate, f"{BUILD}/router", "run", "-c", path)
        self.until(lambda: self.says(f"{BUILD}/routerctl", "-s", socket, "status"), "routerctl")

    def connect(self):
        if self.family != "tun":
            self.veth("lan1", "lan0", self.client)
            self.veth("wan1", "wan0", self.server)
        self.run_gateway()
        self.end(self.client, "lan0", CLIENT, f"default via {LAN} onlink")
        self.end(self.server, "wan0", SERVER)


class Other(Way):
    """Not ours: between a device of its own kind and a veth pair to the server."""

    def __init__(self):
        super().__init__(self.kind, "other")

    def leg_to_server(self):
        self.veth("wan1", "wan0", self.server)
        ip(f"-n {self.gate} address add {WAN}/24 dev wan1")
        ip(f"-n {self.gate} route add default via {SERVER}")
        self.end(self.server, "wan0", SERVER)

    def forward(self, key):
        """Let the kernel between the ends forward."""
        run("ip", "netns", "exec", self.gate, "sh", "-c", f"echo 1 >/proc/sys/net/{key}")


class Masquerade(Other):
    """The kernel's own NAT: nftables, forwarding between veth pairs."""
    kind = "masquerade"

    def connect(self):
        self.veth("lan1", "lan0", self.client)
        ip(f"-n {self.gate} address add {LAN}/24 dev lan1")
        self.leg_to_server()
        self.end(self.client, "lan0", CLIENT, f"default via {LAN}")
        self.forward("ipv4/ip_forward")
        run("ip", "netns", "exec", self.gate, "nft", "-f", "-", text="""
            table ip nat {
                chain post { type nat hook postrouting priority srcnat; oifname wan1 masquerade; }
            }""")


class Pasta(Other):
    """passt's pasta(1): TCP and UDP end in its own stack and go on through sockets."""
    kind = "pasta"

    def connect(self):
        self.leg_to_server()
        # A ping goes on through a socket, too, which is for groups in this range.
        run("ip", "netns", "exec", self.gate, "sh", "-c", "echo 0 0 >/proc/sys/net/ipv4/ping_group_range")
        self.start(self.gate, "pasta", "--foreground", "--quiet", "--config-net", "--ns-ifname", "lan0",
                   "--mtu", 1500, "--address", CLIENT, "--netmask", 24, "--gateway", LAN, "--no-map-gw",
                   "--ipv4-only", "--tcp-ports", "none", "--udp-ports", "none", "--tcp-ns", "none",
                   "--udp-ns", "none", "--runas", "0", "--netns", f"/run/netns/{self.client}")


class Slirp(Other):
    """slirp4netns(1): the same idea on libslirp."""
    kind = "slirp4netns"

    def connect(self):
        self.leg_to_server()
        self.start(self.gate, "slirp4netns", "--configure", "--mtu", 1500, "--cidr", "192.168.7.0/24",
                   "--disable-dns", "--netns-type", "path", f"/run/netns/{self.client}", "lan0")
