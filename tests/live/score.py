"""Sets the agent's verdicts beside the truth."""

import collections
import json
import subprocess

# What a verdict must say of each label: (verdict, reason or None for any, solicited).
_RIGHT = {
    "normal": ("normal", None, None),
    "solicited_bounce": ("solicited", None, True),
    "solicited_delay": ("solicited", None, True),
    "dsn_success": ("dsn_success", None, True),
    "backscatter": ("backscatter", None, False),
    "callout": ("callout_probe", None, None),
    "probe": ("callout_probe", "probe_sender", None),
    "autoreply_solicited": ("autoreply", None, True),
    "autoreply_unsolicited": ("autoreply", None, False),
    "challenge_solicited": ("challenge_response", None, True),
    "challenge_unsolicited": ("challenge_response", None, False),
}
# Refused before anything of a message was on the wire: nobody could tell more.
_ENVELOPE_ONLY = ("null_rejected_rcpt", None, None)

# So many transactions of each label there must be, or the run has shown nothing.
_LEAST = {
    "normal": 90,
    "solicited_bounce": 12,
    "solicited_delay": 2,
    "dsn_success": 2,
    "backscatter": 32,
    "callout": 6,
    "probe": 3,
    "autoreply_solicited": 2,
    "autoreply_unsolicited": 2,
    "challenge_solicited": 2,
    "challenge_unsolicited": 2,
    "emitted_accept_then_bounce": 12,
    "emitted_forward": 1,
    "emitted_own_user": 1,
    "emitted_autoreply": 1,
    "emitted_dsn_success": 1,
    "emitted_callout": 2,
}


def replay(agent, capture, output):
    """Runs the agent over the capture. Returns (report, transactions)."""
    lines = output / "transactions.jsonl"
    done = subprocess.run(
        [agent, "replay", "--set", "sent.min_history=0s",
         "--set", "local.networks=[203.0.113.0/24]", "--set", "local.domains=[ours.example]",
         "--transactions", lines, "--format", "json", capture],
        capture_output=True, text=True, check=False)
    (output / "report.json").write_text(done.stdout)
    if done.returncode != 0:
        raise RuntimeError(f"the agent left with {done.returncode}: {done.stderr}")
    return json.loads(done.stdout), [json.loads(line) for line in open(lines)]


def _emitted_cause(fact):
    return fact.label.removeprefix("emitted_") if fact.label.startswith("emitted_") else None


def _wanted(fact):
    if cause := _emitted_cause(fact):
        return "emitted", cause, None
    if fact.sender == "" and fact.reply != "taken" and fact.shown != "message":
        # DATA makes a message of it, and an unknown user of ours never sent one.
        if not (fact.reply == "refused" and fact.shown == "command"):
            return _ENVELOPE_ONLY
    return _RIGHT.get(fact.label, ("?", None, None))


def _said(transaction):
    if transaction["retry"]:
        return "retry"
    solicited = {None: "", True: " solicited", False: " unsolicited"}[transaction["solicited"]]
    return f"{transaction['verdict']} ({transaction['reason']}){solicited}"


def _envelope(transaction):
    rcpts = transaction["recipients"]
    return transaction["mail_from"], rcpts[0]["address"] if rcpts else ""


class Score:
    """`wrong`: what is not as it should be, a text each."""

    def __init__(self, facts, transactions):
        self.wrong = []
        self._table = collections.Counter()
        self._deferred = set()
        waiting = collections.defaultdict(collections.deque)
        for fact in facts:
            waiting[self._key(fact)].append(fact)
        for transaction in transactions:
            queue = self._queue_of(transaction, waiting)
            if queue:
                self._judge(queue.popleft(), transaction)
            else:
                self.wrong.append(f"not in the truth: {json.dumps(transaction)}")
        for queue in waiting.values():
            self.wrong += [f"not seen by the agent: {fact}" for fact in queue]
        count = collections.Counter(fact.label for fact in facts)
        self.wrong += [f"{count[label]} transactions are {label}, at least {least} are needed"
                       for label, least in _LEAST.items() if count[label] < least]

    @staticmethod
    def _key(fact):
        came_in = isinstance(fact.key[1], int)
        return fact.key if came_in else (*fact.key, fact.sender, fact.recipient)

    @staticmethod
    def _queue_of(transaction, waiting):
        client, _, port = transaction["client"].rpartition(":")
        server = transaction["server"].rpartition(":")[0]
        return (waiting.get((client, int(port))) or
                waiting.get((client, server, *_envelope(transaction))))

    def _judge(self, fact, transaction):
        again = self._is_again(fact)
        row = f"{fact.label}, {fact.reply}" + (", again" if again else "")
        self._table[row, _said(transaction)] += 1
        wanted = "retry" if again else _wanted(fact)
        right = (_envelope(transaction) == (fact.sender, fact.recipient) and
                 transaction["retry"] == again and
                 (again or self._is_right(transaction, wanted)))
        if not right:
            self.wrong.append(f"{row}: said {_said(transaction)}, wanted {wanted}\n    {fact}\n    "
                              f"{json.dumps(transaction)}")

    def _is_again(self, fact):
        """The same as one that was put off before."""
        identity = (fact.about, fact.sender, fact.recipient)
        again = bool(fact.about) and identity in self._deferred
        if fact.reply == "later":
            self._deferred.add(identity)
        return again

    @staticmethod
    def _is_right(transaction, wanted):
        verdict, reason, solicited = wanted
        return (transaction["verdict"] == verdict and reason in (None, transaction["reason"]) and
                solicited in (None, transaction["solicited"]))

    def text(self):
        """What there was, what the agent said of it, and how often."""
        rows = sorted(self._table.items())
        width = max((len(row) for (row, _), _ in rows), default=0)
        return "\n".join(f"{row:<{width}}  {count:>4}  {said}" for (row, said), count in rows)


def check_emitted(facts, report):
    """The section `emitted`: the causes' counts, and from where we had what we bounced."""
    emitted = [fact for fact in facts if _emitted_cause(fact)]
    causes = dict(collections.Counter(map(_emitted_cause, emitted)))
    examples = {((example["message_id"] or "").strip("<>"), example["received_from"])
                for example in report["emitted"]["examples"]}
    wrong = []
    if report["emitted"]["causes"] != causes:
        wrong.append(f"emitted.causes: {report['emitted']['causes']}, wanted {causes}")
    for fact in emitted:
        if _emitted_cause(fact) not in ("accept_then_bounce", "forward"):
            continue
        # Where the other side refused it, its Message-ID was never on the wire.
        example = (fact.about.strip("<>") if fact.reply == "taken" else "", fact.received_from)
        if example not in examples:
            wrong.append(f"emitted.examples: {sorted(map(str, examples))} without {example}")
    return wrong
