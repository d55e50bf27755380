"""Real mail servers, each with a configuration and a queue of its own."""

import shutil
import time

import dovecot
import logs
from sandbox import BOX, EXIM_CONFIGURATION

UNREACHABLE = "192.0.2.250"  # nobody has it


def wait_for(condition, what, seconds, detail=lambda: ""):
    """Polls until `condition()` is true; raises with `what` when it takes too long."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds:.0f} s in vain for {what}\n{detail()}")
        time.sleep(0.05)


def _wait_for_port(server):
    wait_for(lambda: server.host.reaches(server.address, 25), f"{server.name} to listen", 120)


def _directory(host, name, owner=None):
    directory = host.directory / name
    directory.mkdir(parents=True)
    if owner:
        shutil.chown(directory, owner, owner)
    return directory


def _rows(log):
    return log.read_text(errors="replace").splitlines() if log.exists() else []


def _table(path, rows):
    path.write_text("".join(f"{key} {value}\n" for key, value in rows.items()))
    return f"texthash:{path}"


_MASTER = """\
smtp       inet  n - n -    - smtpd
587        inet  n - n -    - smtpd
pickup     unix  n - n 60   1 pickup
cleanup    unix  n - n -    0 cleanup
qmgr       unix  n - n 300  1 qmgr
rewrite    unix  - - n -    - trivial-rewrite
bounce     unix  - - n -    0 bounce
defer      unix  - - n -    0 bounce
trace      unix  - - n -    0 bounce
verify     unix  - - n -    1 verify
flush      unix  n - n 1000? 0 flush
proxymap   unix  - - n -    - proxymap
smtp       unix  - - n -    - smtp
error      unix  - - n -    - error
retry      unix  - - n -    - error
discard    unix  - - n -    - discard
local      unix  - n n -    - local
virtual    unix  - n n -    - virtual
anvil      unix  - - n -    1 anvil
scache     unix  - - n -    1 scache
tlsmgr     unix  - - n 1000? 1 tlsmgr
postlog    unix-dgram n - n - 1 postlogd
"""


class Postfix:
    """Postfix on one address of a host. `settings`: main.cf; a dictionary becomes a table."""

    def __init__(self, host, address, name, routes, settings, vacation=None):
        self.host, self.address, self.name = host, address, name
        self.directory = _directory(host, name)
        self.log = self.directory / "log"
        self.vacation_log = self.directory / "vacation/dovecot.log"
        queue = _directory(host, f"{name}/queue")
        data = _directory(host, f"{name}/data", "postfix")
        mail = _directory(host, f"{name}/mail", "vmail")
        master = _MASTER
        routes = {domain: f"smtp:[{where}]" for domain, where in routes.items()}
        if vacation:
            local, text = vacation
            routes[local] = "vacation:"
            master += dovecot.vacation(_directory(host, f"{name}/vacation", "vmail"), name, address,
                                       local, text)
        settings = {
            "compatibility_level": "3.6",
            "queue_directory": queue,
            "data_directory": data,
            "meta_directory": "/etc/postfix",
            "daemon_directory": "/usr/lib/postfix/sbin",
            "command_directory": "/usr/sbin",
            "shlib_directory": "/usr/lib/postfix",
            "mail_owner": "postfix",
            "setgid_group": "postdrop",
            "maillog_file": self.log,
            "maillog_file_prefixes": BOX,
            "myhostname": name,
            "mydestination": "",
            "mynetworks": f"127.0.0.0/8 {address}/32",
            "inet_interfaces": address,
            "inet_protocols": "ipv4",
            "smtp_bind_address": address,
            "smtp_dns_support_level": "disabled",
            "smtp_host_lookup": "native",
            "smtp_tls_security_level": "none",
            "smtp_connect_timeout": "5s",
            "smtpd_client_port_logging": "yes",
            "smtpd_relay_restrictions": "permit_mynetworks, reject_unauth_destination",
            "mail_spool_directory": mail,
            "alias_maps": "",
            "alias_database": "",
            "transport_maps": routes,
            "virtual_mailbox_base": mail,
            "virtual_uid_maps": "static:65534",
            "virtual_gid_maps": "static:65534",
            "minimal_backoff_time": "2s",
            "maximal_backoff_time": "2s",
            "queue_run_delay": "2s",
            "address_verify_map": "",
            "address_verify_poll_delay": "1s",
            "address_verify_poll_count": "60",
        } | settings
        with open(self.directory / "main.cf", "w") as main:
            for key, value in settings.items():
                if isinstance(value, dict):
                    value = _table(self.directory / key, value)
                main.write(f"{key} = {value}\n")
        (self.directory / "master.cf").write_text(master)
        mail.chmod(0o777)

    def start(self):
        self.host.start("postfix", "-c", self.directory, "start-fg")

    def wait(self):
        _wait_for_port(self)

    def queued(self):
        """How many messages it still has to do with."""
        queue = self.host.directory / self.name / "queue"
        return sum(1 for part in ("maildrop", "incoming", "active", "deferred")
                   for path in (queue / part).rglob("*") if path.is_file())

    def history(self):
        history = logs.read_postfix(_rows(self.log))
        history.vacations = logs.read_dovecot(_rows(self.vacation_log))
        return history


_EXIM = """\
primary_hostname = {name}
exim_path = /usr/sbin/exim4
spool_directory = {directory}/spool
log_file_path = {directory}/%slog
log_selector = +smtp_confirmation +outgoing_port +incoming_port +received_sender
local_interfaces = {address}
daemon_smtp_ports = 25
tls_advertise_hosts = {tls}
dsn_advertise_hosts = *
host_lookup =
rfc1413_query_timeout = 0s
ignore_bounce_errors_after = 0s
delay_warning = 3s:24h
deliver_drop_privilege = true
keep_environment =
add_environment =
domainlist local_domains = {domains}
acl_smtp_rcpt = rcpt
{certificate}

begin acl
rcpt:
  deny domains = +local_domains
       local_parts = refused
  accept hosts = {address}
  require domains = +local_domains
  deny domains = {careful}
       !verify = sender/callout=20s,no_cache
  deny domains = {random}
       !verify = sender/callout=20s,random,no_cache
  accept

begin routers
slow:
  driver = manualroute
  domains = +local_domains
  local_parts = slow
  route_list = * {unreachable}
  transport = remote
vacation:
  driver = accept
  domains = +local_domains
  local_parts = {vacation}
  senders = ! :
  transport = vacation
  unseen
mailbox:
  driver = accept
  domains = +local_domains
  local_parts = {mailboxes}
  transport = mailbox
elsewhere:
  driver = manualroute
  domains = ! +local_domains
  route_list = {routes}
  transport = remote
  no_more

begin transports
remote:
  driver = smtp
  interface = {address}
  connect_timeout = 5s
  hosts_avoid_tls = *
mailbox:
  driver = appendfile
  file = /dev/null
  user = Debian-exim
vacation:
  driver = autoreply
  from = $local_part@$domain
  to = $sender_address
  subject = Out of office
  text = I am away until Monday. Your mail waits for me.
  once = {directory}/mail/once
  once_repeat = 7d
  user = Debian-exim

begin retry
* * F,1h,2s
"""


class Exim:
    """Exim on one address of a host. It refuses mail for `refused`, and offers TLS where it has a
    certificate."""

    def __init__(self, host, address, name, routes, domains, mailboxes, careful="", random="",
                 vacation="", certificate=None):
        self.host, self.address, self.name = host, address, name
        self.directory = _directory(host, name, "Debian-exim")
        self.log = self.directory / "mainlog"
        for part in ("spool", "mail"):
            _directory(host, f"{name}/{part}", "Debian-exim")
        self._configuration = self.directory / "exim4.conf"
        self._configuration.write_text(_EXIM.format(
            name=name, directory=self.directory, address=address, unreachable=UNREACHABLE,
            routes=" ; ".join(f"{domain} {to}" for domain, to in routes.items()), domains=domains,
            mailboxes=mailboxes, careful=careful, random=random, vacation=vacation,
            tls="*" if certificate else "",
            certificate=f"tls_certificate = {certificate}" if certificate else ""))

    def start(self):
        self.host.start("/usr/sbin/exim4", "-bdf", "-q2s",
                        mounts={EXIM_CONFIGURATION: self._configuration})

    def wait(self):
        _wait_for_port(self)

    def queued(self):
        return len(list((self.directory / "spool/input").glob("*-H")))

    def history(self):
        return logs.read_exim(_rows(self.log))


_OPENSMTPD = """\
table users {{ "@" = "vmail" }}
bounce warn-interval 1h
listen on {address} hostname {name}
action "mailbox" mda "cat > /dev/null" virtual <users>
action "nobody" mda "exit 67" virtual <users>
match from any for domain "{domain}" rcpt-to "refused@{domain}" reject
match from any for domain "{domain}" rcpt-to regex "^gone" action "nobody"
match from any for domain "{domain}" action "mailbox"
"""
_OPENSMTPD_ROUTE = """\
action "{domain}" relay host "{url}" src {address} helo "{name}"
match from any for domain "{domain}" action "{domain}"
"""


class OpenSmtpd:
    """OpenSMTPD on one address of a host: takes mail for anybody at `domain` but `refused`, and
    bounces what is for `gone...`. It takes TLS where it is offered."""

    def __init__(self, host, address, name, routes, domain):
        self.host, self.address, self.name = host, address, name
        self.directory = _directory(host, name)
        self._spool = _directory(host, f"{name}/spool")
        self._state = _directory(host, f"{name}/data")
        _directory(host, f"{name}/data/opensmtpd/empty")
        self._run = _directory(host, f"{name}/run")
        self._temporary = _directory(host, f"{name}/tmp")
        self._temporary.chmod(0o1777)
        self._configuration = self.directory / "smtpd.conf"
        self._configuration.write_text(
            _OPENSMTPD.format(address=address, name=name, domain=domain) + "".join(
                _OPENSMTPD_ROUTE.format(domain=other, url=f"smtp://{where}", address=address,
                                        name=name) for other, where in routes.items()))

    def start(self):
        # Its places are built in. /run is the last: what the others come from is below it.
        self.host.start("/usr/sbin/smtpd", "-d", stdout=open(self.directory / "log", "wb"),
                        mounts={"/etc/smtpd.conf": self._configuration, "/var/spool": self._spool,
                                "/var/lib": self._state, "/tmp": self._temporary,
                                "/run": self._run})

    def wait(self):
        _wait_for_port(self)

    def queued(self):
        return len(list((self._spool / "smtpd/queue").glob("*/*/message")))
