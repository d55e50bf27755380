#!/usr/bin/env python3
"""Real mail servers, real backscatter, and what the agent says of it: see README.md.

Exit code 0: every verdict was right; 1: some were not; 77: this cannot run here (with
BACKSCATTER_LIVE=required that is a failure).
"""

import sys
sys.dont_write_bytecode = True  # the source tree stays as it is

import json
import time

import sandbox
import scenario
import score
import servers
import stage
import truth
import world

def play(output):
    """Plays the scenario. Returns its truth; the capture and the logs are in `output` then."""
    start = time.monotonic()
    acts = scenario.Scenario()
    try:
        capture = stage.Capture(acts.world.ours, output / "gateway.pcap")
        acts.world.start()
        print(f"servers up in {time.monotonic() - start:.1f} s", flush=True)
        acts.run()
        servers.wait_for(lambda: not truth.Truth(acts).missing(), "all answers", 120,
                         detail=lambda: "\n".join(truth.Truth(acts).missing()))
        time.sleep(1)  # for what nobody planned, and for the last packets
        capture.end()
    finally:
        sandbox.keep(output)
    print(f"all traffic over in {time.monotonic() - start:.1f} s", flush=True)
    return truth.Truth(acts).facts


def inside(options):
    output = options.output
    sandbox.close_in(options.tree, world.NAMES, output)
    facts = play(output)
    with open(output / "truth.jsonl", "w") as file:
        file.writelines(json.dumps(vars(fact)) + "\n" for fact in facts)
    report, transactions = score.replay(options.agent, output / "gateway.pcap", output)
    scored = score.Score(facts, transactions)
    wrong = scored.wrong + score.check_emitted(facts, report)
    print(scored.text())
    for line in wrong:
        print("WRONG:", line)
    print(f"{len(transactions)} transactions, {len(wrong)} wrong; kept in {output}")
    return 1 if wrong else 0


if __name__ == "__main__":
    stage.enter("run", inside, __doc__)
