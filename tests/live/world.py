"""The hosts of a run and the mail servers on them."""

import actors
from sandbox import Host
from servers import UNREACHABLE, Exim, Postfix

OURS = "ours.example"
GATEWAY, BACKUP, USERS = "203.0.113.25", "203.0.113.26", "203.0.113.100"
POSTFIX, PROBER, CHALLENGER = "192.0.2.10", "192.0.2.20", "192.0.2.30"
EXIM, SPAMMER = "198.51.100.20", "198.51.100.66"
NAMES = {
    GATEWAY: "gw.ours.example",
    BACKUP: "backup.ours.example",
    USERS: "users.ours.example",
    POSTFIX: "mx.postfix.example",
    PROBER: "mx.prober.example",
    CHALLENGER: "mx.challenge.example",
    EXIM: "mx.exim.example",
    SPAMMER: "pool-66.spammer.example",
}
_ROUTES = {  # instead of MX records
    OURS: GATEWAY,
    "postfix.example": POSTFIX,
    "strict.postfix.example": POSTFIX,
    "prober.example": PROBER,
    "exim.example": EXIM,
    "careful.exim.example": EXIM,
    "random.exim.example": EXIM,
    "challenge.example": CHALLENGER,
}
_USERS = ("anna", "ben", "carl", "dora", "tina", "grey1", "grey2", "grey3", "grey4")
INNOCENTS = 5


def _routes_from(address):
    return {domain: to for domain, to in _ROUTES.items() if to != address}


def _probing(recipient):
    return f"check_recipient_access inline:{{{recipient}=reject_unverified_sender}}"


class World:
    """`challenge`: called for each mail that the challenge-response system took."""

    def __init__(self, challenge):
        self.users = Host("users", USERS)
        self.spammer = Host("spammer", SPAMMER)
        self.ours = Host("gateway", GATEWAY, BACKUP)
        self.challenger = Host("challenger", CHALLENGER)
        self.postfix_host = Host("postfix", POSTFIX)
        self.exim_host = Host("exim", EXIM)
        witness = self.ours.directory / "witness.sock"
        self.witness = actors.Witness(witness, lambda recipient: recipient.startswith("grey"))
        self._witness = f"check_policy_service unix:{witness}"
        self._challenges = actors.Challenger(self.challenger, NAMES[CHALLENGER], challenge)
        self.gateway = self._gateway()
        self.backup = self._backup()
        self.postfix = self._postfix()
        self.prober = self._prober()
        self.exim = self._exim()
        self.gateways = (self.gateway, self.backup)
        self.others = (self.postfix, self.prober, self.exim)

    def start(self):
        self.witness.start()
        self._challenges.start()
        servers = self.gateways + self.others
        for server in servers:
            server.start()
        for server in servers:
            server.wait()

    def _gateway(self):
        """Ours as it should be: knows its users, greylists some."""
        return Postfix(
            self.ours, GATEWAY, NAMES[GATEWAY], _routes_from(GATEWAY), {
                "mynetworks": f"127.0.0.0/8 {GATEWAY}/32 {BACKUP}/32 {USERS}/32",
                "virtual_mailbox_domains": OURS,
                "virtual_mailbox_maps": {f"{user}@{OURS}": f"{user}/" for user in _USERS},
                "virtual_alias_maps": {f"moved@{OURS}": "gone@strict.postfix.example"},
                "smtpd_recipient_restrictions": self._witness,
            }, vacation=(f"tina@{OURS}", "I am in the mountains."))

    def _backup(self):
        """Ours as it should not be: takes in mail for anybody, verifies senders by call-outs."""
        return Postfix(
            self.ours, BACKUP, NAMES[BACKUP], _routes_from(GATEWAY), {
                "mydestination": OURS,
                "local_recipient_maps": "",
                "alias_maps": {"checked": "/dev/null"},
                "address_verify_sender": "",
                "smtpd_recipient_restrictions":
                    f"{self._witness}, {_probing('checked@' + OURS)}",
            })

    def _postfix(self):
        """Takes in mail for anybody at postfix.example, probes the senders of some."""
        silent = ["bob", "checked", *(f"innocent{i}" for i in range(INNOCENTS))]
        return Postfix(
            self.postfix_host, POSTFIX, NAMES[POSTFIX],
            _routes_from(POSTFIX) | {"slow@postfix.example": UNREACHABLE}, {
                "mydestination": "postfix.example",
                "local_recipient_maps": "",
                "alias_maps": {name: "/dev/null" for name in silent},
                "virtual_mailbox_domains": "strict.postfix.example",
                "virtual_mailbox_maps": {"eva@strict.postfix.example": "eva/"},
                "delay_warning_time": "3s",
                "smtpd_recipient_restrictions": _probing("checked@postfix.example"),
            }, vacation=("vera@postfix.example", "I am on a boat."))

    def _prober(self):
        """Probes with the null sender."""
        return Postfix(
            Host("prober", PROBER), PROBER, NAMES[PROBER], _routes_from(PROBER), {
                "mydestination": "prober.example",
                "local_recipient_maps": "",
                "alias_maps": {"checked": "/dev/null"},
                "address_verify_sender": "",
                "smtpd_recipient_restrictions": _probing("checked@prober.example"),
            })

    def _exim(self):
        """Takes in mail for anybody, at two of its domains after a call-out to the sender."""
        return Exim(
            self.exim_host, EXIM, NAMES[EXIM], routes=_routes_from(EXIM),
            careful="careful.exim.example", random="random.exim.example", vacation="oof",
            domains="exim.example : careful.exim.example : random.exim.example",
            mailboxes="bob : carol : oof : private : ^innocent")
