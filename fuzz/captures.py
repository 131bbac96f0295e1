"""Writes fuzz/corpus/TARGET/capture-*: real traffic through the gateway as seeds. captures.py [--build BUILD]

Programs that people use talk through `router run` between network namespaces, those of test/net, while
both sides are captured. Of what went to the gateway a few datagrams are kept that differ in what a parser
sees, a few conversations, and a few files. Needs root or user namespaces; never two runs are the same.
"""

import argparse
import pathlib
import socket
import struct
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "test" / "net"))

import nat64  # noqa: E402
import netns  # noqa: E402
from datagrams import octets_of, u16, u8  # noqa: E402
from nat_seeds import nat  # noqa: E402
from pcap_seeds import interface, option, packet, pcap, section  # noqa: E402
from recipes import FROM_OUTSIDE, REPAIR, raw, turn  # noqa: E402
from rig import CLIENT, CLIENT6, POOL, SERVER, SERVER6, SERVER_B, WAN, Network, Setup  # noqa: E402
from sniffer import VNET, Sniffer  # noqa: E402
from wire import Packet  # noqa: E402

SERVERS = HERE.parent / "test" / "net" / "servers.py"
NAMES = "capture-"
OCTETS_MOST, FILES_MOST = 2048, 40
DATAGRAMS_MOST, FRAMES_MOST, TURNS_MOST = 17, 8, 40
NARROW = 600  # an MTU at which fragments are small
# As the hosts are called in the small world of the fuzzers.
NAMED = {octets_of(CLIENT): octets_of("10.0.0.2"), octets_of(POOL): octets_of("192.0.2.0"), octets_of(WAN): octets_of("192.0.2.0")}


class Recorder(Sniffer):
    """A sniffer that keeps frames as they are: (seconds, whether the listening kernel sent it, what its
    virtio-net header says, frame)."""

    def __init__(self, namespace, device):
        self.frames = []
        super().__init__(namespace, device)

    def _keep(self, octets, outgoing):
        self.frames.append((time.time(), outgoing, VNET.unpack_from(octets), octets[VNET.size:]))
        super()._keep(octets, outgoing)

    def datagrams(self):
        """What was sent to the gateway, without Ethernet."""
        for when, outgoing, vnet, frame in self.frames:
            kind = frame[12:14] if self.link_len else b"\x08\x00" if frame[0] >> 4 == 4 else b"\x86\xdd"
            if outgoing and kind in (b"\x08\x00", b"\x86\xdd"):
                yield when, vnet, frame[self.link_len:]


class Scene:
    """A network, its gateway, and what both sides said meanwhile."""

    def __init__(self, build, directory, setup, start):
        self.net = Network(build, directory).prepare(setup)
        start(self.net)
        self.client, self.server, self.directory = self.net.client, self.net.server, directory
        self.inside, self.outside = Recorder(self.client, "lan0"), Recorder(self.server, "wan0")
        self.net.sniffers += [self.inside, self.outside]
        self.stories = {}

    def serve(self, *words):
        self.server.start(sys.executable, SERVERS, *words)
        port = {"dns": 53, "web": 80, "ftp": 21}[words[0]]
        kind = socket.SOCK_DGRAM if port == 53 else socket.SOCK_STREAM
        netns.until(lambda: self._listens(port, kind), f"a server on port {port}")

    def _listens(self, port, kind):
        table = self.server.run("ss", "-Hln", "-u" if kind == socket.SOCK_DGRAM else "-t")
        return f":{port} " in table

    def play(self, name, *words, namespace=None, status=0):
        """One story: what a command makes the hosts say. It may end in other ways where that is the story."""
        begins = len(self.inside.frames), len(self.outside.frames)
        with namespace or self.client:
            p = netns.start(*words)
        _, error = p.communicate(timeout=netns.PATIENCE)
        assert p.returncode in (0, status), f"{words}: exit {p.returncode} {error}"
        for s in self.inside, self.outside:
            s.received()
        came = [(when, first, octets) for s, first, begin in ((self.inside, 0, begins[0]), (self.outside, FROM_OUTSIDE, begins[1]))
                for when, first, octets in self._said(s, first, begin)]
        self.stories[name] = [(first, octets) for _, first, octets in sorted(came)]
        print(f"  {name}: {len(came)} datagrams", flush=True)

    @staticmethod
    def _said(sniffer, first, begin):
        for when, outgoing, _, frame in sniffer.frames[begin:]:
            octets = frame[sniffer.link_len:]
            if outgoing and octets and (not sniffer.link_len or frame[12:14] in (b"\x08\x00", b"\x86\xdd")):
                yield when, first, octets

    def end(self):
        faults = self.net.finish()
        assert not faults, faults
        return self


def home(build, directory):
    """NAPT44 and routed IPv6, checksums complete; both links so narrow that fragments are small."""
    scene = Scene(build, directory, Setup("tun", 1, False), lambda net: net.run(nat=dict(helpers=["ftp"])))
    (directory / "file").write_bytes(b"a short file\n")
    (directory / "file").chmod(0o644)
    directory.chmod(0o755)
    scene.serve("dns", SERVER)
    scene.serve("web", SERVER, directory)
    scene.serve("ftp", SERVER, directory)
    scene.play("ping", "ping", "-n", "-c", "2", "-i", "0.1", SERVER)
    scene.play("ping-record-route", "ping", "-n", "-c", "1", "-W", "1", "-R", SERVER, status=1)
    scene.play("dig", "dig", "+tries=1", f"@{SERVER}", "example.net")
    scene.play("curl", "curl", "-sS", "-o", directory / "got", f"http://{SERVER}/file")
    scene.play("refused", "curl", "-sS", f"http://{SERVER}:81/", status=7)
    scene.play("traceroute", "traceroute", "-n", "-q", "1", "-m", "2", SERVER)
    scene.play("traceroute-tcp", "traceroute", "-n", "-q", "1", "-m", "2", "-T", SERVER)
    scene.play("ftp", "curl", "-sS", "--ftp-port", "-", "--disable-eprt", "-o", directory / "got", f"ftp://{SERVER}/file")
    scene.play("ping6", "ping", "-n", "-c", "1", SERVER6)
    scene.play("traceroute6", "traceroute", "-6", "-n", "-q", "1", "-m", "2", SERVER6)
    scene.play("fragments6", "ping", "-n", "-c", "1", "-s", "1600", SERVER6)
    scene.server.start("iperf3", "-s", "-1", "-B", SERVER)
    netns.until(lambda: ":5201 " in scene.server.run("ss", "-Hltn"), "iperf3")
    scene.play("iperf3", "iperf3", "-c", SERVER, "-n", "2K", "-l", "500")
    return scene.end()


def narrow(build, directory):
    scene = Scene(build, directory, Setup("tun", 1, False), lambda net: net.run(
        lan=dict(mtu=NARROW, address=["192.168.7.1/24"], host_address=[CLIENT + "/24"], host_routes=["0.0.0.0/0"]),
        wan=dict(mtu=NARROW, address=[WAN + "/24"], host_address=[SERVER + "/24", SERVER_B + "/24"], host_routes=[])))
    scene.play("fragments", "ping", "-n", "-c", "1", "-s", "800", SERVER)
    scene.play("too-big", "ping", "-n", "-c", "1", "-W", "1", "-M", "do", "-s", "570", SERVER)
    return scene.end()


def translated(build, directory):
    """NAT64."""
    def start(net):
        net.run(lan=nat64.lan(), wan=nat64.wan(net.setup), nat=nat64.entry())

    scene = Scene(build, directory, Setup("tun", 1, False), start)
    (directory / "file").write_bytes(b"a short file\n")
    scene.serve("web", SERVER, directory)
    server = nat64.embedded(SERVER)
    scene.play("nat64-ping", "ping", "-n", "-c", "2", "-i", "0.1", server)
    scene.play("nat64-curl", "curl", "-sS", "-o", directory / "got", f"http://[{server}]/file")
    scene.play("nat64-traceroute", "traceroute", "-6", "-n", "-q", "1", "-m", "2", server)
    return scene.end()


def ethernet(build, directory):
    """A TAP device, with what its kernel offloads."""
    scene = Scene(build, directory, Setup("tap", 1), lambda net: net.run())
    (directory / "file").write_bytes(b"a short file\n" * 500)
    scene.serve("web", SERVER, directory)
    scene.play("tap-ping", "ping", "-n", "-c", "1", SERVER)
    scene.play("tap-ping6", "ping", "-n", "-c", "1", SERVER6)
    scene.play("tap-ping-from-outside", "ping", "-n", "-c", "1", WAN, namespace=scene.server)
    scene.play("tap-curl", "curl", "-sS", "-o", directory / "got", f"http://{SERVER}/file")
    return scene.end()


def kind(octets):
    """What a parser goes by."""
    p = Packet(octets)
    extensions = octets[6] if p.version == 6 and octets[6] != p.protocol else octets[0]
    options = p.payload[12] >> 4 if p.protocol == 6 and not p.offset else 0
    quoted = (p.inner.protocol, p.inner.is_fragment) if p.inner else None
    return p.version, p.protocol, extensions, p.more, p.offset > 0, p.flags, options > 5, p.type, p.code, quoted


def smallest(found):
    """Of each kind the one with the fewest octets; those of rare kinds first."""
    kept, seen = {}, {}
    for key, octets in found:
        seen[key] = seen.get(key, 0) + 1
        if key not in kept or len(octets) < len(kept[key]):
            kept[key] = octets
    return [kept[key] for key in sorted(kept, key=lambda key: (seen[key], str(key)))]


def packet_files(scenes):
    """Input of fuzz_packet.c; of a datagram that is left to a device how it is to be finished."""
    how_offload, how_partial = 2, 4
    plain = [(kind(octets), octets) for scene in scenes for s in (scene.inside, scene.outside)
             for _, vnet, octets in s.datagrams() if not vnet[0] and len(octets) < OCTETS_MOST - 10]
    for n, octets in enumerate(smallest(plain)[:DATAGRAMS_MOST], 1):
        yield f"{n:02}", u8(0) + bytes(5) + u16(1200, 1400) + octets
    partial = [((kind(octets), bool(vnet[3])), (vnet, octets)) for scene in scenes for s in (scene.inside, scene.outside)
               for _, vnet, octets in s.datagrams() if vnet[0] and len(octets) < OCTETS_MOST - 10]
    kept = {key: value for key, value in partial}
    for n, (vnet, octets) in enumerate(list(kept.values())[:2], 1):
        _, _, _, gso_size, start, offset = vnet
        yield f"partial-{n}", u8(how_offload | how_partial) + u16(start) + u8(offset) + u16(gso_size, 1200, 1400) + octets


def named(octets):
    """With the addresses of the fuzzers' world, in quoted datagrams too; checksums are repaired there."""
    for there, here in NAMED.items():
        octets = octets.replace(there, here)
    return octets


def nat_files(scenes):
    """Input of fuzz_nat.c: a turn for each datagram that either side has sent."""
    stories = {name: story for scene in scenes for name, story in scene.stories.items()}
    for name in ("ping", "dig", "curl", "refused", "traceroute", "ftp", "fragments", "nat64-ping", "nat64-curl"):
        settings = nat(addresses=1, six=(0, 0)) if name.startswith("nat64") else nat(addresses=1)
        turns = [turn(raw(named(octets), first=first | REPAIR)) for first, octets in stories[name][:TURNS_MOST]]
        whole = settings
        for t in turns:
            if len(whole) + len(t) <= OCTETS_MOST:
                whole += t
        yield name, whole


def link_kind(frame):
    ethernet_type = frame[12:14]
    return ethernet_type, frame[0] & 1, frame[21] if ethernet_type == b"\x08\x06" else frame[54:55] if frame[20:21] == b"\x3a" else b""


def link_files(scene):
    """Input of fuzz_link.c: frames as they are, of each kind one, and then all of them."""
    frames = [(link_kind(frame), frame) for _, outgoing, _, frame in scene.outside.frames if len(frame) < 256]
    kept = smallest(frames)[:FRAMES_MOST - 1]
    steps = [u8(0, 0, len(frame)) + frame for frame in kept]
    for n, step in enumerate(steps, 1):
        yield f"{n}", step
    yield "all", b"".join(steps)[:OCTETS_MOST]


def within(packets, most):
    """As many of the first as there is room for; each needs so much more."""
    used = 0
    for p in packets:
        used += len(p[-1]) + 48
        if used < most:
            yield p


def pcap_files(scenes, tap):
    """Files as tcpdump and dumpcap would have written them."""
    stamped = [(when, octets) for when, _, octets in scenes[0].inside.datagrams()]
    raws = [(int(w), int(w % 1 * 10 ** 9), o, len(o)) for w, o in stamped]
    yield "raw", pcap([(s, n, o, size) for s, n, size, o in within([(s, n, z, o) for s, n, o, z in raws], 1500)], "<", 0xa1b23c4d, 101)
    frames = [(w, out, f) for w, out, _, f in tap.outside.frames]
    yield "ethernet", pcap([(int(w), int(w % 1 * 10 ** 6), f, len(f)) for w, _, f in within(frames, 1500)], "<")
    yield "ethernet-cut", pcap([(int(w), int(w % 1 * 10 ** 6), f[:60], len(f)) for w, _, f in frames[:12]], ">", snaplen=60)
    both = [(w, 1, out, f) for w, out, f in frames] + [(w, 0, out, f) for w, out, _, f in tap.inside.frames]
    fine = option("<", 9, b"\x09") + option("<", 0, b"")
    blocks = [packet("<", i, int(w * 10 ** 9), f, option("<", 2, struct.pack("<I", 1 + (not out))) + option("<", 0, b""))
              for w, i, out, f in within(sorted(both), 1500)]
    yield "both-sides", section("<") + interface("<", 101, fine) + interface("<", 1, fine) + b"".join(blocks)


def write(target, files):
    folder = HERE / "corpus" / target
    for old in folder.glob(NAMES + "*"):
        old.unlink()
    files = list(files)
    for name, octets in files:
        assert len(octets) <= OCTETS_MOST, f"{target} {name} has {len(octets)} octets"
        (folder / f"{NAMES}{name}").write_bytes(octets)
    print(f"{target:8} {len(files):4} files {sum(len(o) for _, o in files):7} octets")
    return len(files)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default="build", type=pathlib.Path)
    build = parser.parse_args().build.absolute()
    netns.isolate()
    scenes = []
    for make in (home, narrow, translated, ethernet):
        with tempfile.TemporaryDirectory() as directory:
            print(make.__name__)
            scenes.append(make(build, pathlib.Path(directory)))
    count = sum([write("packet", packet_files(scenes)), write("nat", nat_files(scenes)),
                 write("link", link_files(scenes[-1])), write("pcap", pcap_files(scenes, scenes[-1]))])
    assert count <= FILES_MOST, f"{count} files"


if __name__ == "__main__":
    main()
