#!/usr/bin/env python3
"""The report of a live run equals that of a replay of the same packets: see README.md.

Postfix's smtp-source sends to its smtp-sink in network namespaces; `backscatterd run` watches by
each way of capturing, tcpdump writes the same packets beside it, and `backscatterd replay` reads
what it wrote. Exit code 0: all were equal; 1: some were not; 77: this cannot run here (with
BACKSCATTER_LIVE=required that is a failure).
"""

import sys
sys.dont_write_bytecode = True  # the source tree stays as it is

import time

import sandbox
import servers
import stage
import watching

GATEWAY, SENDER = "203.0.113.25", "192.0.2.10"
# What is sent: flags of smtp-source, and the part of all messages.
LOADS = ((["-f", "", "-N", "-t", "user@ours.example"], 0.5),
         (["-f", "ann@sender.example", "-t", "user@ours.example"], 0.3),
         (["-f", "", "-N", "-r", "3", "-t", "team@ours.example"], 0.1),
         (["-f", "ann@sender.example", "-d", "-t", "user@ours.example"], 0.1))
ATTEMPTS = (1, 4, 16)


def play(agent, way, messages, gateway, sender, output):
    """One way of capturing. Returns (what is wrong, why it was skipped); raises watching.Lost."""
    capture = stage.Capture(gateway, output / f"{way}-{messages}.pcap")
    live = watching.Agent(agent, gateway, way, output, *watching.WAYS[way])
    if live.refused is not None:
        capture.end()
        return [], live.refused
    rights = live.rights()
    start = time.monotonic()
    for flags, part in LOADS:
        source = sender.start("smtp-source", "-s", "8", "-l", "4000", "-m",
                              max(1, int(messages * part)), *flags, f"{GATEWAY}:25")
        if source.wait(300) != 0:
            raise RuntimeError("smtp-source failed: " + (sender.directory / "output").read_text())
    took = time.monotonic() - start
    time.sleep(1)
    code, end_took = live.end()
    try:
        capture.end()
    except RuntimeError as lost:
        raise watching.Lost(str(lost)) from None
    lived = live.report()
    lost = watching.lost_by(lived)
    if lost:
        raise watching.Lost(f"run lost {lost}")
    wrong = list(watching.differences(lived, watching.replay(agent, capture.path)))
    if code != 0:
        wrong.append(f"run ended with {code}")
    if end_took >= 3:
        wrong.append(f"it took {end_took:.1f} s to end")
    if way != "bpf-clsact" and rights != watching.NO_RIGHTS:
        wrong.append(f"it kept capabilities with a list of interfaces: {rights}")
    print(f"{way}: {lived['sessions']['total']} sessions in {took:.1f} s, "
          f"{lived['transactions']['null_sender_recipients']} null-sender recipients, "
          f"ended in {end_took:.2f} s: " + ("equal" if not wrong else "NOT EQUAL"), flush=True)
    return wrong, None


def play_without_loss(agent, way, messages, gateway, sender, output):
    try:
        return watching.without_loss(
            way, ATTEMPTS,
            lambda part: play(agent, way, messages // part, gateway, sender, output))
    except watching.Lost as lost:
        return [str(lost)], None


def inside(options):
    output = options.output
    sandbox.close_in(options.tree, {GATEWAY: "mx.ours.example"}, output)
    gateway = sandbox.Host("gateway", GATEWAY)
    sender = sandbox.Host("sender", SENDER)
    gateway.start("smtp-sink", "-u", "postfix", f"{GATEWAY}:25", "256")
    servers.wait_for(lambda: sender.reaches(GATEWAY, 25), "smtp-sink", 30)
    failed, ran = False, 0
    for way in watching.WAYS:
        wrong, skipped = play_without_loss(options.agent, way, options.messages, gateway, sender,
                                           output)
        ran += skipped is None
        if skipped is not None:
            print(f"skipped: {way}: {skipped}", flush=True)
        for line in wrong:
            print(f"  {line}", flush=True)
        failed = failed or bool(wrong)
    if failed:
        return 1
    return 0 if ran else stage.skip("no way of capturing works here")


if __name__ == "__main__":
    stage.enter("run_equals_replay", inside, __doc__,
                lambda parser: parser.add_argument("--messages", type=int, default=4000))
