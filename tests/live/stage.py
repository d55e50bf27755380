"""What the tests here share: whether they can run, and the way behind the walls."""

import argparse
import os
import pathlib
import shutil
import signal
import subprocess
import sys

import servers

_INSIDE = "BACKSCATTER_LIVE_INSIDE"
SKIPPED = 77
_NAMESPACES = ("unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc")
# What the sandbox needs of the kernel, tried before it is built.
_TRIAL = """\
mount -o remount,bind,ro /
mount -t tmpfs tmpfs /run
mount -t overlay -o "lowerdir=$1/usr:/usr" overlay /usr
ip link add name br0 type bridge
ip netns add other
ip link add name one type veth peer name two netns other
"""


def _obstacle(tree, programs):
    """Why this cannot run here; None where it can."""
    if os.geteuid() != 0:
        return "not root: mail servers in network namespaces need it"
    missing = [program for program in ("unshare", "nsenter", "mount") if not shutil.which(program)]
    if missing:
        return f"not installed: {' '.join(missing)}"
    there = (tree.parent / "complete").exists()
    if not there or not all((tree / program).exists() for program in programs):
        return f"no mail servers in {tree.parent}: ./dev test fetches them"
    tried = subprocess.run([*_NAMESPACES, "sh", "-ec", _TRIAL, "trial", tree],
                           capture_output=True, text=True, check=False)
    return f"no namespaces here: {tried.stderr.strip()}" if tried.returncode != 0 else None


def skip(reason):
    """Says why; the exit code. With BACKSCATTER_LIVE=required it is a failure."""
    required = os.environ.get("BACKSCATTER_LIVE") == "required"
    print(f"{'cannot run' if required else 'skipped'}: {reason}", flush=True)
    return 1 if required else SKIPPED


def enter(folder, inside, about, add_arguments=lambda parser: None, programs=()):
    """The main function of a test: `inside(options)` runs behind the walls; it returns the exit
    code.

    Its options: `agent`, `tree` (the mail servers), `output` (an empty folder; `folder` is its
    name, or gives it for the options), all absolute, and what `add_arguments` adds. `programs`:
    what must be in `tree`.
    """
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    parser.add_argument("--agent", type=pathlib.Path, required=True)
    parser.add_argument("--servers", type=pathlib.Path, required=True,
                        help="folder that fetch_mail_servers filled")
    parser.add_argument("--output", type=pathlib.Path, required=True,
                        help="a folder of its own in there gets what the test writes")
    add_arguments(parser)
    options = parser.parse_args()
    options.agent = options.agent.absolute()
    options.tree = options.servers.absolute() / "tree"
    options.output = options.output.absolute() / (folder(options) if callable(folder) else folder)
    if os.environ.get(_INSIDE):
        sys.exit(inside(options))
    reason = _obstacle(options.tree, programs)
    if reason:
        sys.exit(skip(reason))
    shutil.rmtree(options.output, ignore_errors=True)
    options.output.mkdir(parents=True)
    os.environ[_INSIDE] = "1"
    command = [*_NAMESPACES, sys.executable, *sys.argv]
    os.execvp(command[0], command)


class Capture:
    """All TCP on the wire of a host, by tcpdump."""

    def __init__(self, host, path):
        self.path = path
        self._said = path.with_suffix(".log")
        self._tcpdump = host.start("tcpdump", "-i", "eth0", "-U", "-s", "0", "-B", "16384",
                                   "-Z", "root", "-w", path, "tcp",
                                   stdout=open(self._said, "wb"))
        servers.wait_for(path.exists, "tcpdump to begin", 30)

    def end(self):
        self._tcpdump.send_signal(signal.SIGINT)
        self._tcpdump.wait(30)
        said = self._said.read_text()
        if "\n0 packets dropped by kernel" not in said:
            raise RuntimeError(f"the capture lost packets: {said}")
