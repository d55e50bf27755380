"""What each SMTP transaction of our gateways really was: from the actors and the servers' logs.

Nothing here looks at the capture. What came in is named by the client's address and port, as the
gateway's log and the witness have them; what went out by server, sender and recipient.
"""

import collections
import dataclasses

import world


@dataclasses.dataclass
class Fact:
    """One transaction. `reply`: taken, refused or later. `about`: Message-ID of the cause.

    `shown`: what was sent behind a RCPT that was not taken: the whole message (BDAT), a DATA that
    came to nothing, or nothing.
    """
    key: tuple
    label: str
    sender: str
    recipient: str
    reply: str
    about: str = ""
    received_from: str = ""
    shown: str = "message"


class Truth:
    def __init__(self, scenario):
        self._scenario = scenario
        there = scenario.world
        self._gateways = {server.address: server.history() for server in there.gateways}
        self._others = {server.address: server.history() for server in there.others}
        self.facts = [*self._inbound(there.witness.seen), *self._outbound()]

    def missing(self):
        """The causes whose answer has not passed yet, and the checks that were not made."""
        seen = collections.Counter((fact.about, fact.label) for fact in self.facts
                                   if fact.reply != "later")
        missing = [f"{cause.answer} to {cause.sender} -> {cause.recipient}"
                   for cause in self._scenario.causes.values()
                   if cause.answer and not seen[cause.message_id, cause.answer]]
        made = {(fact.key[0], fact.recipient) for fact in self.facts}
        missing += [f"{label} of {who}" for who, label in self._scenario.checks.items()
                    if who not in made]
        out = {fact.recipient for fact in self.facts if fact.label == "emitted_callout"}
        return missing + [f"our call-out to {address}"
                          for address in self._scenario.outbound_checks - out]

    # ---- to us -----------------------------------------------------------------------------------

    def _inbound(self, seen):
        """The witness saw each RCPT; the log tells what became of it, in the same order."""
        count = collections.Counter()
        for rcpt in list(seen):
            client, server = rcpt["client_address"], rcpt["server_address"]
            if client in self._gateways:
                continue  # from ourselves to ourselves: not on the wire
            connection = (client, int(rcpt["client_port"]))
            arrivals = self._gateways[server].arrivals[connection]
            if count[connection] == len(arrivals):
                continue  # not in the log yet
            queue_id = arrivals[count[connection]]
            count[connection] += 1
            reply = ("taken" if queue_id else
                     "later" if rcpt["action"] != "DUNNO" else "refused")
            label, about = self._came(server, client, rcpt, queue_id)
            yield Fact(connection, label, rcpt["sender"], rcpt["recipient"], reply, about,
                       shown=self._shown(client, label, reply))

    @staticmethod
    def _shown(client, label, reply):
        """Exim sends its BDAT, Postfix its DATA, before it reads the reply to RCPT."""
        if label in ("callout", "probe"):
            return "nothing"
        return "message" if reply == "taken" or client == world.EXIM else "command"

    def _came(self, server, client, rcpt, queue_id):
        message_id = self._gateways[server].message_ids.get(queue_id)
        made = self._scenario.causes.get(message_id)
        if made:
            return made.label, made.about or message_id
        if message_id is None and queue_id:  # no message came
            return self._check(client, rcpt["recipient"])
        for delivery in self._deliveries(client, server):
            was_refused = (not delivery.taken_as and delivery.recipient == rcpt["recipient"] and
                           delivery.sender == rcpt["sender"] == "" and
                           delivery.status not in ("undeliverable", "deliverable"))
            if delivery.taken_as == queue_id if queue_id else was_refused:
                return self._answer(self._others[client], delivery)
        if rcpt["sender"] in ("", f"double-bounce@{world.NAMES[client]}"):
            return self._check(client, rcpt["recipient"])
        return ("normal" if rcpt["sender"] else "unplanned"), ""

    def _deliveries(self, client, server):
        log = self._others.get(client)
        return [d for d in log.deliveries if d.server == server] if log else []

    def _answer(self, log, delivery):
        """By the report's chain in the log of the server that sent it, or by Dovecot's log."""
        origin = log.origin(delivery.queue_id)
        if origin is None and not delivery.sender:
            origin = dict(log.vacations).get(delivery.recipient)  # one notice a target
        cause = self._scenario.causes.get(origin)
        return (cause.answer or "unplanned", cause.message_id) if cause else ("unplanned", "")

    def _check(self, client, recipient):
        if client == world.EXIM and "-testing@" in recipient:
            return "callout", ""  # to an address that Exim thought up
        return self._scenario.checks.get((client, recipient), "unplanned"), ""

    # ---- from us ---------------------------------------------------------------------------------

    def _outbound(self):
        for address, log in self._gateways.items():
            for delivery in log.deliveries:
                label, about, came_from = self._went(log, delivery)
                reply = {"sent": "taken", "deferred": "later"}.get(delivery.status, "refused")
                yield Fact((address, delivery.server), label, delivery.sender,
                           delivery.recipient, reply, about, came_from)

    def _went(self, log, delivery):
        queue_id = delivery.queue_id
        if delivery.status in ("deliverable", "undeliverable"):
            return "emitted_callout", "", ""
        made = self._scenario.causes.get(log.message_ids.get(queue_id))
        if made:
            return "normal", made.message_id, ""
        parent = log.parents.get(queue_id)
        return (*self._answer(log, delivery), log.clients.get(parent, ""))
