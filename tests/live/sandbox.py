"""Hosts of our own: network namespaces on one bridge, behind mounts that only we see.

Everything here runs after `unshare --mount --net --pid`: the names of the namespaces, the users,
the files under /etc, /usr and /run are this process's alone, and all of it goes when it ends,
however it ends. The host's network, mail servers and files are neither seen nor changed.
"""

import contextlib
import ctypes
import pathlib
import shutil
import socket
import subprocess

BOX = pathlib.Path("/run/live")  # a tmpfs of ours
EXIM_CONFIGURATION = pathlib.Path("/etc/exim4/exim4.conf")  # the name that Exim was built with
NETWORKS = ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24",  # RFC 5737
            "198.18.0.0/15")  # RFC 2544, where many networks are needed
_CLONE_NEWNET = 0x40000000
_USERS = ("postfix", "postdrop", "Debian-exim", "dovecot", "dovenull", "vmail", "opensmtpd",
          "opensmtpq")
_BEHIND_MOUNTS = """\
count=$1
shift
while [ "$count" -gt 0 ]; do
  mount --bind "$1" "$2"
  shift 2
  count=$((count - 1))
done
exec "$@"
"""
_libc = ctypes.CDLL(None, use_errno=True)


def run(*command):
    subprocess.run([str(part) for part in command], check=True, stdin=subprocess.DEVNULL)


def close_in(tree, names, output):
    """Lays the unpacked mail servers of `tree` and a small /etc over what is there.

    Of the root file system only `output` can be written to afterwards. `names`: host name by
    address; the only names that can be looked up.
    """
    run("mount", "--bind", output, output)
    run("mount", "-o", "remount,bind,ro", "/")
    run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    etc = BOX / "etc"
    etc.mkdir(parents=True)
    placeholder = etc / EXIM_CONFIGURATION.relative_to("/etc")
    placeholder.parent.mkdir()
    placeholder.touch()
    _write_users(etc)
    (etc / "nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files\n")
    (etc / "resolv.conf").write_text("nameserver 127.0.0.1\n")
    (etc / "hosts").write_text(
        "127.0.0.1 localhost\n" + "".join(f"{ip} {name}\n" for ip, name in names.items()))
    run("mount", "-t", "overlay", "-o", f"lowerdir={etc}:{tree}/etc:/etc", "overlay", "/etc")
    run("mount", "-t", "overlay", "-o", f"lowerdir={tree}/usr:/usr", "overlay", "/usr")
    run("ip", "link", "add", "name", "br0", "type", "bridge")
    run("ip", "link", "set", "br0", "up")


def _write_users(etc):
    for kind, entry in (("passwd", "{0}:x:{1}:{1}::/nonexistent:/bin/false\n"),
                        ("group", "{0}:x:{1}:\n")):
        text = pathlib.Path("/etc", kind).read_text()
        fields = [line.split(":") for line in text.splitlines()]
        taken = {line[2] for line in fields if len(line) > 2}
        free = (i for i in range(64100, 65000) if str(i) not in taken)
        have = {line[0] for line in fields}
        text = text if text.endswith("\n") else text + "\n"
        text += "".join(entry.format(user, next(free)) for user in _USERS if user not in have)
        (etc / kind).write_text(text)
    for kind in ("shadow", "gshadow"):
        (etc / kind).write_text("")


class Host:
    """A network namespace with one interface, eth0, and its addresses."""

    def __init__(self, name, *addresses):
        self.name = name
        self.addresses = addresses
        self.directory = BOX / name
        self.directory.mkdir()
        run("ip", "netns", "add", name)
        self.ip("link", "set", "lo", "up")
        self.plug_in()

    def ip(self, *command):
        run("ip", "-n", self.name, *command)

    def plug_in(self):
        # A card of its own, which is the same when it comes back: neighbours know it.
        card = "02:00:" + ":".join(f"{int(part):02x}" for part in self.addresses[0].split("."))
        run("ip", "link", "add", "name", self.name, "type", "veth", "peer", "name", "eth0",
            "address", card, "netns", self.name)
        run("ip", "link", "set", self.name, "master", "br0", "up")
        self.ip("link", "set", "eth0", "up")
        for address in self.addresses:
            self.ip("address", "add", address + "/32", "dev", "eth0")
        for network in NETWORKS:
            self.ip("route", "add", network, "dev", "eth0", "src", self.addresses[0])

    def unplug(self):
        """Its interface goes away, as a card that is pulled out."""
        self.ip("link", "del", "eth0")

    @contextlib.contextmanager
    def entered(self):
        """What this thread does with sockets it does on this host."""
        with open("/proc/thread-self/ns/net") as home, open(f"/run/netns/{self.name}") as there:
            _set_namespace(there.fileno())
            try:
                yield
            finally:
                _set_namespace(home.fileno())

    def listen(self, port):
        """A listening socket of this host; it stays the host's, whoever uses it."""
        with self.entered():
            return socket.create_server((self.addresses[0], port))

    def connect(self, address, port, source=None):
        with self.entered():
            return socket.create_connection((address, port), 30, (source or self.addresses[0], 0))

    def reaches(self, address, port):
        try:
            self.connect(address, port).close()
            return True
        except OSError:
            return False

    def open_connections(self):
        """TCP connections of this host that are not yet over."""
        listening, waiting = "0A", "06"
        with self.entered(), open("/proc/thread-self/net/tcp") as rows:
            next(rows)
            return sum(1 for row in rows if row.split()[3] not in (listening, waiting))

    def start(self, *command, mounts=None, **options):
        """Runs a program on this host; it ends with the sandbox.

        `mounts`: files and folders of ours by the path under which only this program sees them.
        """
        options.setdefault("stdout", open(self.directory / "output", "ab"))
        options.setdefault("stderr", subprocess.STDOUT)
        if mounts:
            pairs = [str(part) for target, source in mounts.items() for part in (source, target)]
            command = ("unshare", "--mount", "sh", "-ec", _BEHIND_MOUNTS, "mounts", len(mounts),
                       *pairs, *command)
        return subprocess.Popen(
            ["nsenter", f"--net=/run/netns/{self.name}", "--", *map(str, command)],
            stdin=subprocess.DEVNULL, **options)


def _set_namespace(descriptor):
    if _libc.setns(descriptor, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def keep(output):
    """Copies what the hosts wrote, logs and configurations, to `output`."""
    for directory in BOX.iterdir():
        if directory.name != "etc" and directory.is_dir():
            shutil.copytree(directory, output / directory.name, dirs_exist_ok=True,
                            ignore=shutil.ignore_patterns("queue", "data", "spool", "run", "mail",
                                                          "*.sock"))
