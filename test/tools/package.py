"""The Debian package: package.py BUILD

It is built of what is in BUILD, read by lintian, and installed, upgraded, removed and purged in a root
of its own: this system below an overlay in a private mount namespace, so that nothing of it reaches
this system.
"""

import ctypes
import os
import pathlib
import subprocess
import sys
import tempfile

import tap

ROOT = pathlib.Path(__file__).resolve().parents[2]
NAME, UNIT = "usernat-router", "router.service"
CLONE_NEWNS = 0x00020000
TAGS = ("E:", "W:")
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive",
               "SYSTEMD_OFFLINE": "1", "HOME": "/root"}


def run(*words, status=0, **options):
    """Standard output and error of a command, which must end with this status."""
    done = subprocess.run([str(w) for w in words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace", stdin=subprocess.DEVNULL, **options)
    if done.returncode != status:
        raise AssertionError(f"{' '.join(map(str, words))}: exit {done.returncode}\n{done.stdout}")
    return done.stdout


def build(directory, version):
    return pathlib.Path(run("sh", ROOT / "doc/debian/build.sh", directory, version).splitlines()[-1])


def judged_by_lintian(package):
    user = ["--allow-root"] if os.geteuid() == 0 else []
    done = subprocess.run(["lintian", "--no-cfg", "--fail-on", "none", *user, str(package)],
                          capture_output=True, text=True, check=False)
    if done.returncode:
        return done.stderr.splitlines() or [f"lintian: exit {done.returncode}"]
    return [line for line in done.stdout.splitlines() if line.startswith(TAGS)]


def mount(kind, where, options=""):
    run("mount", "-t", kind, "-o", options or "defaults", kind, where)


def private_root(base):
    """What is done below the path that it returns is forgotten with this process."""
    if os.geteuid():
        return tap.Skip("packages are installed by root")
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS):
        return tap.Skip(f"no mount namespace: {os.strerror(ctypes.get_errno())}")
    run("mount", "--make-rprivate", "/")
    mount("tmpfs", base)
    root = base / "root"
    for name in ("upper", "work", "root"):
        (base / name).mkdir()
    try:
        mount("overlay", root, f"lowerdir=/,upperdir={base}/upper,workdir={base}/work")
    except AssertionError as error:
        return tap.Skip(f"no overlay of this system: {str(error).splitlines()[-1]}")
    mount("proc", root / "proc")
    run("mount", "--bind", "/dev", root / "dev")
    mount("tmpfs", root / "run")
    mount("tmpfs", root / "tmp")
    return root


class System:
    """A Debian system below root."""

    def __init__(self, root):
        self.root = root

    def __call__(self, *words, status=0):
        return run("chroot", self.root, *words, env=ENVIRONMENT, status=status)

    def dpkg(self, *words, package=None):
        if package:
            (self.root / "tmp" / package.name).write_bytes(package.read_bytes())
            words += (f"/tmp/{package.name}",)
        self("dpkg", *words)

    def has(self, path):
        return (self.root / path.lstrip("/")).exists()

    def knows(self, database):
        return subprocess.run(["chroot", str(self.root), "getent", database, "router"], env=ENVIRONMENT,
                              stdout=subprocess.DEVNULL, check=False).returncode == 0


FILES = ["/usr/sbin/router", "/usr/bin/routerctl", "/lib/systemd/system/router.service",
         "/usr/share/man/man8/router.8.gz", "/usr/share/man/man8/routerctl.8.gz",
         "/usr/share/man/man5/router.conf.5.gz", f"/usr/share/doc/{NAME}/copyright"]
CONF = "/etc/router/router.conf"
EDITED = "# mine\n"


def installs(system, package):
    system.dpkg("--install", package=package)
    yield from (f"{path} is not there" for path in FILES + [CONF] if not system.has(path))
    yield from (f"no router in {d}" for d in ("passwd", "group") if not system.knows(d))
    if "disabled" not in system("systemctl", "is-enabled", UNIT, status=1):
        yield "the service is enabled, though nothing is configured"
    if "router 0." not in system("router", "--version"):
        yield "router --version does not say what it is"
    if "interfaces" not in system("router", "check", "-c", CONF, status=1):
        yield "the file as installed is not refused for what it lacks"


def explains_itself(system):
    """The unit, and an example that needs nothing else."""
    said = system("systemd-analyze", "verify", UNIT)
    yield from (line for line in said.splitlines() if UNIT in line or line.startswith("router"))
    system("router", "check", "-c", f"/usr/share/doc/{NAME}/examples/router.conf")


def is_exposed_little(system):
    """By the measure of systemd-analyze, from 0 to 10."""
    said = system("systemd-analyze", "security", "--offline=true", f"/lib/systemd/system/{UNIT}")
    level = float(said.split("Overall exposure level for")[1].split(":")[1].split()[0])
    return [f"exposure {level}"] if level > 3 else []


def upgrades(system, package):
    (system.root / CONF.lstrip("/")).write_text(EDITED)
    system.dpkg("--install", package=package)
    if (system.root / CONF.lstrip("/")).read_text() != EDITED:
        yield f"{CONF} as edited is lost"
    version = system("dpkg-query", "-W", "-f", "${Version} ${Status}", NAME)
    if version != "9.9.9 install ok installed":
        yield f"after the upgrade: {version}"


def removes(system):
    system.dpkg("--remove", NAME)
    yield from (f"{path} is still there" for path in FILES if system.has(path))
    if not system.has(CONF) or not system.knows("passwd"):
        yield "what only a purge takes away is gone"


def purges(system):
    system.dpkg("--purge", NAME)
    yield from (f"{path} is still there" for path in ("/etc/router", CONF, f"/var/lib/dpkg/info/{NAME}.list")
                if system.has(path))
    yield from (f"router is still in {d}" for d in ("passwd", "group") if system.knows(d))


def tests(directory, base):
    first, second = build(directory, "0.1.0"), build(directory, "9.9.9")
    yield "lintian has neither errors nor warnings", judged_by_lintian(first)
    root = private_root(base)
    steps = (("is installed, and not started", lambda s: installs(s, first)),
             ("its unit and its example are sound", explains_itself),
             ("its unit leaves the service few rights", is_exposed_little),
             ("is upgraded, and keeps what was edited", lambda s: upgrades(s, second)),
             ("is removed", removes), ("is purged, and leaves no trace", purges))
    for name, step in steps:
        yield name, root if isinstance(root, tap.Skip) else attempt(step, System(root))


def attempt(step, system):
    """A command that fails is a fault, and later steps are tried all the same."""
    try:
        return list(step(system))
    except AssertionError as error:
        return [error]


def main():
    with tempfile.TemporaryDirectory() as base:
        results = list(tests(pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(base)))
        if os.path.ismount(base):
            run("umount", "--recursive", "--lazy", base)
    return tap.report(results)


if __name__ == "__main__":
    sys.exit(main())
