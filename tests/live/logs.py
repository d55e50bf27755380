"""What the servers wrote in their logs: who handed what to whom, and what came of it."""

import collections
import dataclasses
import re


@dataclasses.dataclass
class Delivery:
    """One attempt to hand a message to another server."""
    queue_id: str
    recipient: str
    server: str  # address
    taken_as: str  # queue id over there; empty: not taken
    sender: str = ""
    status: str = ""


class Log:
    """`message_ids`, `senders`, `clients` (addresses), `parents` (of a report: what it is about) by
    queue id; `deliveries` in order; `arrivals`: by (address, port) of a client, what became of each
    RCPT of its, in order: a queue id, or None where it was refused; `vacations`: of each notice by
    Dovecot its target and the Message-ID that it answers."""

    def __init__(self):
        self.message_ids, self.senders, self.parents, self.clients = {}, {}, {}, {}
        self.deliveries, self.vacations = [], []
        self.arrivals = collections.defaultdict(list)

    def origin(self, queue_id):
        """The Message-ID of what `queue_id` is about."""
        return self.message_ids.get(self.parents.get(queue_id))


_QUEUED = re.compile(r"250 2\.0\.0 Ok: (?:\d+ bytes )?queued as (\w+)|250 OK id=([\w-]+)")
_POSTFIX = re.compile(r"postfix[\w-]*/(?:[\w-]+/)?(\w+)\[\d+\]: (\w+): (.*)")
_CLIENT = re.compile(r"client=\S*\[([\d.]+)\]:(\d+)")
_REJECT = re.compile(r"reject: RCPT from \S*\[([\d.]+)\]:(\d+): \d+")
_DELIVERY = re.compile(
    r"to=<([^>]*)>,.* relay=\S+?\[([\d.]+)\]:25,.* status=(\w+) \((.*)\)")
_REPORT = re.compile(r"sender (?:non-delivery|delay|delivery status) notification: (\w+)")


def _taken_as(text):
    found = _QUEUED.search(text)
    return (found.group(1) or found.group(2)) if found else ""


def read_postfix(rows):
    log = Log()
    for row in rows:
        parts = _POSTFIX.search(row)
        if not parts:
            continue
        service, queue_id, text = parts.groups()
        if service == "smtpd":
            client, refused = _CLIENT.match(text), _REJECT.search(text)
            if client:
                log.clients[queue_id] = client.group(1)
                log.arrivals[client.group(1), int(client.group(2))].append(queue_id)
            elif refused:
                log.arrivals[refused.group(1), int(refused.group(2))].append(None)
        elif service == "cleanup" and text.startswith("message-id="):
            log.message_ids.setdefault(queue_id, text.partition("=")[2])
        elif service == "qmgr" and text.startswith("from=<"):
            log.senders[queue_id] = text[len("from=<"):text.index(">")]
        elif service == "smtp" and (found := _DELIVERY.match(text)):
            recipient, server, status, reply = found.groups()
            log.deliveries.append(Delivery(queue_id, recipient, server, _taken_as(reply),
                                           log.senders.get(queue_id, ""), status))
        elif found := _REPORT.match(text):
            log.parents[found.group(1)] = queue_id
    return log


_VACATION = re.compile(r"msgid=(<[^>]*>): .*sent vacation response to <([^>]*)>")


def read_dovecot(rows):
    return [(found.group(2), found.group(1)) for row in rows if (found := _VACATION.search(row))]


_EXIM = re.compile(r"^\S+ \S+ ([\w-]{16,}) (<=|=>|->|\*\*|==) (.*)$")
_FIELD = re.compile(r" (R|id)=(\S+)")
_HOST = re.compile(r" H=\S+ \[([\d.]+)\]")


def read_exim(rows):
    log = Log()
    for row in rows:
        parts = _EXIM.match(row)
        if not parts:
            continue
        queue_id, what, text = parts.groups()
        host = _HOST.search(text)
        if what == "<=":
            sender, _, rest = text.partition(" ")
            log.senders[queue_id] = "" if sender == "<>" else sender
            fields = dict(_FIELD.findall(" " + rest))
            if sender == "<>":
                log.parents[queue_id] = fields.get("R", "")
            if "id" in fields:
                log.message_ids[queue_id] = f"<{fields['id']}>"
        elif host:
            log.deliveries.append(Delivery(
                queue_id, text.split()[0].rstrip(":"), host.group(1),
                _taken_as(text) if what == "=>" else "", log.senders.get(queue_id, ""), what))
    return log
