"""Names for an IPv6-only network: unbound, which makes AAAA out of A, and dnsmasq, which has the names."""

import contextlib
import subprocess

from netns import until
from nat64 import PREFIX

NAMES = ("--address=/v4only.example.net/{0}", "--host-record=both.example.net,{0},2001:db8:9::9",
         "--host-record=ipv4only.arpa,192.0.0.170", "--host-record=ipv4only.arpa,192.0.0.171")


def serve_names(namespace, address):
    """The IPv4 Internet's name server; v4only.example.net and both.example.net are itself."""
    namespace.start("dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--pid-file",
                    f"--listen-address={address}", "--bind-interfaces", *(n.format(address) for n in NAMES))


def resolve(namespace, program, folder, upstream):
    """unbound at ::1 of a host that has IPv6 alone; it reaches the other by NAT64."""
    conf = folder / "unbound.conf"
    conf.write_text(f"""
server:
  interface: ::1
  do-not-query-localhost: no
  module-config: "dns64 validator iterator"
  dns64-prefix: {PREFIX}
  chroot: ""
  username: ""
  directory: "{folder}"
  pidfile: ""
  use-syslog: no
forward-zone:
  name: "."
  forward-addr: {upstream}
remote-control:
  control-enable: no
""")
    namespace.start(program, "-d", "-c", conf)
    until(lambda: ask(namespace, "A", "v4only.example.net"), "unbound to answer")


def ask(namespace, *words):
    """The answers, sorted."""
    with namespace:
        done = subprocess.run(["dig", "@::1", "+short", "+time=2", "+tries=1", *words], text=True, capture_output=True)
    return sorted(done.stdout.split()) if done.returncode == 0 else []


@contextlib.contextmanager
def as_everybody_does(folder):
    """Programs of the test ask ::1; the namespace of mounts is ours."""
    (folder / "resolv.conf").write_text("nameserver ::1\n")
    subprocess.run(["mount", "--bind", folder / "resolv.conf", "/etc/resolv.conf"], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "/etc/resolv.conf"], check=True)
