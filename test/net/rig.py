"""The network that tests run in: a client behind the gateway, the gateway, a server.

    client 192.168.7.2, .3 --lan0-- 192.168.7.1 gateway 203.0.113.1 --wan0-- 203.0.113.9, .10 server
           2001:db8:7::2            2001:db8:7::1       2001:db8::1          2001:db8::9

lan0 is a TUN device whose kernel's end lives in the client's namespace, unless a test says otherwise. wan0, by topology:
    tun     a TUN device, too, with its kernel's end in the server's namespace; pool 203.0.113.5
    tap     a TAP device, otherwise the same
    shared  the gateway's end of a veth pair; 203.0.113.1 is the kernel's and serves as the pool
    own     the same without any address of the kernel; 203.0.113.1 and .5 are the gateway's alone
    nfqueue as shared, but what is the gateway's is queued to it, by rules of its own
    xdp     as own, by AF_XDP, and 203.0.113.2 is the kernel's on that device
"""

import itertools
import json
import os
import signal
from dataclasses import dataclass

from netns import Namespace, start, until
from sniffer import Sniffer, judge, leaks

CLIENT, CLIENT_B, ROUTER, INSIDE = "192.168.7.2", "192.168.7.3", "192.168.7.1", "192.168.7.0/24"
SERVER, SERVER_B, WAN, POOL = "203.0.113.9", "203.0.113.10", "203.0.113.1", "203.0.113.5"
HOST = "203.0.113.2"
CLIENT6, ROUTER6, WAN6, SERVER6 = "2001:db8:7::2", "2001:db8:7::1", "2001:db8::1", "2001:db8::9"
CONTROL = "/run/router.sock"
WORKERS = int(os.environ.get("WORKERS", 0))  # in every setup; 0: as it says

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Setup:
    topology: str = "tun"
    workers: int = 1
    offload: bool = True
    rings: bool = True

    def __post_init__(self):
        if WORKERS:
            object.__setattr__(self, "workers", WORKERS)

    @property
    def pool(self):
        """The outside address."""
        return WAN if self.shares else POOL

    @property
    def makes_device(self):
        """Whether wan0 is a device of the gateway's, whose other end is the server's."""
        return self.topology in ("tun", "tap")

    @property
    def shares(self):
        """Whether the outside address is the kernel's, too."""
        return self.topology in ("shared", "nfqueue")

    def __str__(self):
        rings = "" if self.rings else "-no-rings"
        return f"{self.topology}-{self.workers}w-{'offload' if self.offload else 'plain'}{rings}"


def libconfig(value):
    """A value in the syntax of router.conf."""
    if isinstance(value, dict):
        return "{ " + " ".join(f"{k} = {libconfig(v)};" for k, v in value.items()) + " }"
    if isinstance(value, list):
        group = bool(value) and isinstance(value[0], dict)
        return ("( %s )" if group else "[ %s ]") % ", ".join(map(libconfig, value))
    return json.dumps(value)


def configuration(values):
    return "".join(f"{key} = {libconfig(value)};\n" for key, value in values.items())


class Router:
    """build/router under a configuration, and build/routerctl to ask it."""

    def __init__(self, build, conf, namespace, control=CONTROL, below=()):
        self.ctl = f"{build}/routerctl"
        self.namespace, self.control = namespace, control
        self.process = namespace.start(*below, f"{build}/router", "run", "-c", conf)
        until(self._ready, "the gateway to answer routerctl")

    def _ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"the gateway ended: {self.process.communicate()}")
        with self.namespace:
            ask = start(self.ctl, "-s", self.control, "status")
        ask.communicate()
        return ask.returncode == 0

    def ask(self, *words):
        return json.loads(self.namespace.run(self.ctl, "--json", "-s", self.control, *words))

    def counters(self):
        """All counters by name, workers summed."""
        answer = self.ask("counters")
        return {c["name"]: c["total"] for c in answer["packets"] + answer["drops"] + answer["log"]}

    def sessions(self):
        return [(s["proto"], s["inside"], s["outside"], s["remote"])
                for s in self.ask("sessions")["sessions"]]

    def stop(self, how=signal.SIGTERM):
        """Tell it to end, once; it must end well, and soon. Returns what it has said beyond that
        it is running."""
        if self.process.returncode is not None:
            return []
        self.process.send_signal(how)
        out, error = self.process.communicate(timeout=30)
        assert self.process.returncode == 0, f"exit {self.process.returncode}: {out}{error}"
        said = error.splitlines()
        running, = (line for line in said if line.startswith("router: running, "))
        said.remove(running)
        assert out == ""
        # All but the first where the tests run with few rights.
        usual = (": AF_XDP ", "no AF_XDP (Operation not", "steering off (Operation not permitted)",
                 "no io_uring (Operation not permitted)")
        self.remarks = [line for line in said if any(text in line for text in usual)]
        return [line for line in said if line not in self.remarks]


class Network:
    def __init__(self, build, directory):
        self.build, self.directory = build, directory
        self.number = next(_numbers)
        self.namespaces, self.sniffers, self.router = [], [], None

    def prepare(self, setup=Setup(), acquainted=True):
        """Everything but the gateway. acquainted: hosts on the outside link know each other's
        link-layer addresses, so that only tests about that depend on it."""
        self.setup = setup
        self.pool = setup.pool
        self.client = self.namespace("client")
        self.gateway = self.namespace("gateway")
        self.server = self.namespace("server")
        for n in self.gateway, self.server:
            # The kernels would not use IPv6 addresses on Ethernet for a second or two.
            n.sysctl("net.ipv6.conf.default.accept_dad", 0)
        if not setup.makes_device:
            self.plug_in(acquainted)
        return self

    def plug_in(self, acquainted=True):
        """Make the outside link, which may have been deleted."""
        self._veth()
        if acquainted:
            self.acquaint()

    def start(self, **options):
        """Run the gateway and listen on both sides; options: as of run()."""
        return self.run(**options).listen()

    def run(self, lan=(), wan=(), nat=(), interfaces=(), entries=(), **conf):
        """Run the gateway. lan, wan, nat: keys to be added to the first of each in the
        configuration, and None takes one of nat away; interfaces, entries (of nat): further ones;
        conf: other keys of the top level."""
        self.values = self._values(dict(lan), dict(wan), dict(nat), list(interfaces)) | conf
        self.values["nat"] += entries
        self.conf = self.directory / f"router-{self.number}.conf"
        self.conf.write_text(configuration(self.values))
        self.router = Router(self.build, self.conf, self.gateway, self.values["control"])
        return self

    def listen(self):
        self.inside = self.sniff(self.client, "lan0")
        self.outside = self.sniff(self.server, "wan0")
        return self

    def reload(self, **conf):
        """Give the running gateway another configuration, with these keys of the top level."""
        self.conf.write_text(configuration(self.values | conf))
        self.router.process.send_signal(signal.SIGHUP)
        until(lambda: self.router.ask("status")["generation"] > 1, "the configuration to be loaded")

    def _veth(self):
        self.gateway.ip(f"link add wan0 type veth peer name wan0 netns {self.server.name}")
        self.gateway.ip("link set wan0 up")
        if self.setup.shares:
            self.gateway.ip(f"address add {WAN}/24 dev wan0")
        if self.setup.topology == "xdp":
            self.gateway.ip(f"address add {HOST}/24 dev wan0")
        for address in (SERVER, SERVER_B):
            self.server.ip(f"address add {address}/24 dev wan0")
        self.server.ip("link set wan0 up")

    def acquaint(self):
        """Tell both ends of the outside link where the other one's addresses are."""
        for namespace, other, addresses in ((self.gateway, self.server, (SERVER, SERVER_B)),
                                            (self.server, self.gateway, (WAN, POOL, HOST))):
            mac = other.ask_ip("link show wan0")[0]["address"]
            for address in addresses:
                namespace.ip(f"neighbour replace {address} lladdr {mac} dev wan0 nud permanent")

    def _values(self, lan, wan, nat, interfaces):
        # With four workers without, so that both ways see every test.
        uring = self.setup.workers < 4 or bool(WORKERS)
        inside = dict(name="lan0", type="tun", side="inside", netns=self.client.name, mtu=1500,
                      address=[ROUTER + "/24", ROUTER6 + "/64"], offload=self.setup.offload,
                      host_address=[CLIENT + "/24", CLIENT_B + "/24", CLIENT6 + "/64"],
                      host_routes=["0.0.0.0/0", "::/0"], io_uring=uring)
        if lan.get("type", "tun") not in ("tun", "tap"):
            inside = dict(name="lan0", side="inside", address=[ROUTER + "/24"])
        outside = dict(name="wan0", side="outside", offload=self.setup.offload)
        if self.setup.makes_device:
            outside |= dict(type=self.setup.topology, netns=self.server.name, mtu=1500, io_uring=uring,
                            address=[WAN + "/24", WAN6 + "/64"], host_routes=["2001:db8:7::/64"],
                            host_address=[SERVER + "/24", SERVER_B + "/24", SERVER6 + "/64"])
        else:
            kind = {"xdp": "xdp", "nfqueue": "nfqueue"}.get(self.setup.topology, "packet")
            outside |= dict(type=kind) | (dict(rings=self.setup.rings) if kind == "packet" else {})
            outside |= dict(device="wan0")
            outside |= {} if self.setup.shares else dict(address=[WAN + "/24"])
        napt = dict(name="home", match=INSIDE, type="napt44", pool=[POOL])
        if self.setup.shares:
            napt |= dict(pool=["interface:wan0"], ports="4096-65535")
        return dict(workers=self.setup.workers, control=CONTROL,
                    interfaces=[inside | lan, outside | wan] + interfaces,
                    routes=[dict(prefix="0.0.0.0/0", interface="wan0")],
                    nat=[{key: value for key, value in (napt | nat).items() if value is not None}])

    def namespace(self, name):
        self.namespaces.append(Namespace(f"{name}-{self.number}"))
        return self.namespaces[-1]

    def sniff(self, namespace, device):
        self.sniffers.append(Sniffer(namespace, device))
        return self.sniffers[-1]

    def judge(self):
        """What holds in every test: each checksum right, and no inside address outside."""
        for s in self.sniffers:
            s.stop()
        complete = self.setup.makes_device and not self.setup.offload
        faults = [f for s in self.sniffers for f in judge(s, judge_quoted=complete)]
        faults += [f"{s.name}: missed {n} packets" for s in self.sniffers if (n := s.missed())]
        if self.router:
            faults += [f for s in self.sniffers if s.name == f"wan0 in {self.server.name}"
                       for f in leaks(s, INSIDE)]
            faults += self._unseen()
        if complete:
            faults += [f"{s.name}: partial without offload: {p}" for s in self.sniffers
                       for p in s.packets if p.partial]
        return faults

    def _unseen(self):
        """A judge who sees nothing finds nothing: what the gateway sent must have been seen."""
        if not self.sniffers or self.router.process.returncode is not None:
            return []
        sent, seen = self.router.counters()["sent"], sum(len(s.received()) for s in self.sniffers)
        return [f"{sent} packets were sent, and {seen} seen"] if sent and not seen else []

    def finish(self):
        try:
            faults = self.judge()
            said = self.router.stop() if self.router else []
            return faults + [f"the gateway said: {line}" for line in said]
        finally:
            for n in self.namespaces:
                n.remove()
