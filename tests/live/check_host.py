#!/usr/bin/env python3
"""`backscatterd check` on hosts that lack this or that: see README.md.

As root, as an ordinary user, with CAP_NET_RAW alone, without type information of the kernel, with
Postfix and without any mail server: its exit code and its conclusions must be right, and each "no"
must come with what changes it. Exit code 0: so it was; 1: it was not; 77: this cannot run here
(with BACKSCATTER_LIVE=required that is a failure).
"""

import sys
sys.dont_write_bytecode = True  # the source tree stays as it is

import dataclasses
import json
import re
import shutil
import time

import sandbox
import servers
import stage
import watching

POSTFIX, BARE = "203.0.113.25", "203.0.113.26"
_NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
ROOT = ()
USER = (*_NOBODY, "--bounding-set=-all", "--inh-caps=-all")
RAW = (*_NOBODY, "--bounding-set=-all,+net_raw", "--inh-caps=-all,+net_raw",
       "--ambient-caps=-all,+net_raw")
# A view of /sys that belongs to the network namespace, as on a host of its own; where a container
# forbids it, interfaces have no counts.
_SYS = 'mount -t sysfs sysfs /sys 2> /dev/null || true; exec "$@"'
_SYS_WITHOUT_BTF = 'mount --bind "$0" /sys/kernel/btf; ' + _SYS.partition("; ")[2]
# What changes something: a command, a key, a way to start it.
_CHANGE = re.compile(r"setcap|AmbientCapabilities=|as root|ip link set|run it |add \d+ to `ports`|"
                     r"set [a-z_.]+|`interfaces`|source: \w+|--source \w+")


@dataclasses.dataclass
class Case:
    """What `check` must say. `no`, `yes`, `note`: beginnings of findings of that state; of a tuple
    one of them."""
    name: str
    host: object
    prefix: tuple
    code: int
    source: str  # that `run` would take; empty: none
    no: tuple = ()
    yes: tuple = ()
    note: tuple = ()
    without_btf: bool = False
    flags: tuple = ()


def cases(postfix, bare):
    lacks = tuple(f"{name} is missing" for name in ("CAP_BPF", "CAP_NET_ADMIN", "CAP_PERFMON"))
    has = ("CAP_BPF:", "CAP_NET_ADMIN:", "CAP_PERFMON:", "CAP_NET_RAW:", "packet capture opens")
    nobody_listens = "no mail server listens here"
    listens = ("port 25 (master, 203.0.113.25)", "port 25 (smtpd, 203.0.113.25)")  # both hold it
    open_port = "port 25 offers no STARTTLS"
    return (
        Case("root, Postfix", postfix, ROOT, 0, "bpf",
             yes=(*has, "the kernel takes the probes", listens, open_port, "eth0: ")),
        Case("root, no mail server", bare, ROOT, 1, "bpf", no=(nobody_listens,), yes=has),
        Case("user, Postfix", postfix, USER, 3, "",
             no=(*lacks, "CAP_NET_RAW is missing", "the kernel refuses the probes",
                 "packet capture is refused", "source: auto cannot capture here"),
             yes=("port 25 (a program that cannot be seen", open_port),
             note=("programs of other users",)),
        Case("user, no mail server", bare, USER, 3, "", no=(*lacks, nobody_listens)),
        Case("CAP_NET_RAW alone, Postfix", postfix, RAW, 0, "pcap",
             no=(*lacks, "the kernel refuses the probes"),
             yes=("CAP_NET_RAW:", "packet capture opens", open_port)),
        Case("CAP_NET_RAW alone, no mail server", bare, RAW, 1, "pcap",
             no=(*lacks, nobody_listens), yes=("packet capture opens",)),
        Case("CAP_NET_RAW alone, probes asked for", postfix, RAW, 3, "",
             no=(*lacks, "source: bpf cannot capture here"), flags=("--set", "source=bpf")),
        Case("root, no type information", postfix, ROOT, 0, "bpf",
             yes=("the kernel takes the probes", listens),
             note=("no type information (BTF) at /sys/kernel/btf/vmlinux",), without_btf=True),
    )


class Checked:
    """One run of `check`."""

    def __init__(self, agent, case, empty):
        self.case = case
        self._said = case.host.directory / re.sub(r"\W+", "-", case.name)
        script, first = (_SYS_WITHOUT_BTF, empty) if case.without_btf else (_SYS, "check")
        self._process = case.host.start(
            "unshare", "--mount", "sh", "-ec", script, first, *case.prefix, agent, "check",
            "--config.file", "/dev/null", "--format", "json", *case.flags,
            stdout=open(self._said, "wb"))

    def report(self):
        self._process.wait(60)
        return json.loads(self._said.read_text())

    def wrong(self):
        case, code = self.case, self._process.wait(60)
        text = self._said.read_text()
        if code != case.code:
            yield f"{case.name}: exit code {code}, not {case.code}: {text}"
        try:
            report = json.loads(text)
        except json.JSONDecodeError:
            yield f"{case.name}: no JSON: {text}"
            return
        if report["schema"] != "backscatter.check/1":
            yield f"{case.name}: schema {report['schema']}"
        if report["can_capture"] != bool(case.source) or report["would_see_mail"] != (code == 0):
            yield f"{case.name}: {report['verdict']}"
        if code == 0 and f"by source {case.source}." not in report["verdict"]:
            yield f"{case.name}: not by source {case.source}: {report['verdict']}"
        for state, wanted in (("no", case.no), ("yes", case.yes), ("note", case.note)):
            texts = [each["text"] for each in report["findings"] if each["state"] == state]
            for start in wanted:
                if not any(one.startswith(start) for one in texts):
                    yield f"{case.name}: nothing of state {state} begins with {start!r}: {texts}"
        for each in report["findings"]:
            if each["state"] == "no" and not _CHANGE.search(each["fix"] or ""):
                yield f"{case.name}: {each['text']!r}, and nothing to change: {each['fix']!r}"


def beside_run(agent, host, client, output):
    """`check` beside an agent that runs: what that one captures, it still captures afterwards."""
    agents, _ = watching.by_all_ways(agent, host, output, lambda way: f"beside-{way}")
    if "bpf-tcx" in agents:
        yield from Checked(agent, Case("beside run, tcx", host, ROOT, 0, "bpf",
                                       flags=("--set", "bpf.attach=tcx")), None).wrong()
    if "bpf-clsact" in agents:  # of these there can be one only
        beside = Checked(agent, Case("beside run, clsact", host, ROOT, 0, "bpf",
                                     flags=("--set", "bpf.attach=clsact")), None)
        refused = [each["fix"] for each in beside.report()["findings"] if each["state"] == "no" and
                   "another backscatterd has clsact filters" in each["text"]]
        if len(refused) != 1 or not refused[0].startswith("end the one that runs"):
            yield f"beside run, clsact: {beside.report()}"
    for _ in range(10):
        with client.connect(POSTFIX, 25) as talk:
            talk.recv(1000)
            talk.sendall(b"EHLO client.example\r\n")
            talk.recv(1000)
            talk.sendall(b"MAIL FROM:<>\r\n")
            talk.recv(1000)
            talk.sendall(b"QUIT\r\n")
            talk.recv(1000)
    time.sleep(1)
    for way, one in agents.items():
        one.end()
        if one.report()["transactions"]["total"] != 10:
            yield f"beside {way}: 10 mails, and {one.report()['transactions']}"


def inside(options):
    sandbox.close_in(options.tree, {POSTFIX: "mx.ours.example"}, options.output)
    # Where an ordinary user can read it, whoever owns the folder that it was built in.
    agent = shutil.copy(options.agent, sandbox.BOX / "backscatterd")
    empty = sandbox.BOX / "empty"
    empty.mkdir()
    host, bare = sandbox.Host("postfix", POSTFIX), sandbox.Host("bare", BARE)
    postfix = servers.Postfix(host, POSTFIX, "mx.ours.example", {},
                              {"mydestination": "ours.example"})
    postfix.start()
    postfix.wait()
    checked = [Checked(agent, case, empty) for case in cases(host, bare)]  # each looks for 5 s
    wrong = []
    for each in checked:
        said = list(each.wrong())
        print(f"{each.case.name}: {'WRONG' if said else 'right'}", flush=True)
        wrong += said
    said = list(beside_run(agent, host, bare, options.output))
    print(f"beside a run: {'WRONG' if said else 'right'}", flush=True)
    wrong += said
    for line in wrong:
        print(f"  {line}", flush=True)
    sandbox.keep(options.output)
    return 1 if wrong else 0


if __name__ == "__main__":
    stage.enter("check_host", inside, __doc__)
