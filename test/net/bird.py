"""BIRD in a namespace: what it announces by BGP and learns, and puts into the kernel's table."""

BIRD, BIRDC = "/usr/sbin/bird", "/usr/sbin/birdc"


class Bird:
    def __init__(self, namespace, directory, address, number):
        self.namespace, self.address, self.number = namespace, address, number
        self.file = directory / f"bird-{namespace.name}.conf"
        self.socket = directory / f"bird-{namespace.name}.ctl"
        self.parts = [f"router id {address};", "protocol device { scan time 1; }"]

    def speak(self, other, imports="none", exports="none"):
        """BGP with another BIRD on the same link."""
        self.parts.append(
            f"protocol bgp to_{other.number} {{ local {self.address} as {self.number}; "
            f"neighbor {other.address} as {other.number}; connect delay time 1; error wait time 1, 2; "
            f"ipv4 {{ import {imports}; export {exports}; next hop self; }}; }}")

    def announce(self, prefixes, name="announced"):
        routes = " ".join(f"route {p} unreachable;" for p in prefixes)
        self.parts.append(f"protocol static {name} {{ ipv4; {routes} }}")

    def fill_kernel(self, table=None):
        """Into the main table, or one of its own; equal ways together."""
        number = f"kernel table {table};" if table else ""
        self.parts.append(f"protocol kernel {{ {number} merge paths on limit 8; "
                          f"ipv4 {{ export where source = RTS_BGP; }}; }}")

    def run(self):
        self.file.write_text("\n".join(self.parts) + "\n")
        self.process = self.namespace.start(BIRD, "-f", "-c", self.file, "-s", self.socket)
        return self

    def command(self, *words):
        return self.namespace.run(BIRDC, "-s", self.socket, *words)
