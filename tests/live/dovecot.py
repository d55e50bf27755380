"""Vacation notices by Dovecot's Sieve, as a transport of Postfix."""

import subprocess

_SCRIPT = """\
require ["vacation"];
vacation :days 7 :addresses ["{address}"] "{text}";
"""

_COMMON = """\
protocols =
base_dir = {directory}/run
log_path = {directory}/dovecot.log
hostname = {host}
postmaster_address = postmaster@{domain}
submission_host = {server}:25
ssl = no
"""

_OLD = _COMMON + """\
mail_location = maildir:{directory}/mail
protocol lda {{
  mail_plugins = sieve
}}
plugin {{
  sieve = file:{directory}/sieve;active={script}
}}
"""

# From 2.4 on the configuration is another language, whose version comes first.
_NEW = """\
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
""" + _COMMON + """\
mail_driver = maildir
mail_path = {directory}/mail
protocol lda {{
  mail_plugins {{
    sieve = yes
  }}
}}
sieve_script personal {{
  path = {script}
}}
"""


def _version():
    said = subprocess.run(["/usr/sbin/dovecot", "--version"], capture_output=True, text=True,
                          check=True).stdout
    return tuple(int(number) for number in said.split(".")[:2])


def vacation(directory, host, server, address, text):
    """Answers what is delivered to `address`, by way of the SMTP server at `server`.

    `directory` is the user vmail's. Returns the transport `vacation` for master.cf.
    """
    script = directory / "vacation.sieve"
    script.write_text(_SCRIPT.format(address=address, text=text))
    configuration = directory / "dovecot.conf"
    language = _NEW if _version() >= (2, 4) else _OLD
    configuration.write_text(language.format(
        directory=directory, host=host, domain=address.partition("@")[2], server=server,
        script=script))
    return ("vacation unix - n n - 1 pipe\n"
            f"  flags=DRhu user=vmail argv=/usr/bin/env HOME={directory}\n"
            f"  /usr/lib/dovecot/dovecot-lda -c {configuration}\n"
            "  -f ${sender} -a ${original_recipient} -e\n")
