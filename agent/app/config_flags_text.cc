// What --help and --version say.
#include <string>
#include <string_view>

#include "agent/app/config_flags.h"

namespace backscatter {

std::string_view HelpText() {
  return R"(backscatterd sees mail backscatter on the wire: it rebuilds SMTP envelopes from packets and counts
bounces (mail from the null sender) per target address and per source, and says which are bounces
of mail that we sent and which are not.

usage: backscatterd replay FILE...   read captures, print the report
       backscatterd run              watch the mail of this host as it passes
       backscatterd check            say what this host lets the agent see, and what to do about it
       backscatterd lookup HASH      tell the address behind a hashed label
       backscatterd version          print the version
       backscatterd --help           print this text; `backscatterd COMMAND --help` has the flags

Exit status: 0 done; 1 some input was damaged or some output could not be written (what was read is
still reported); 2 usage or configuration; 3 the system refused.
)";
}

std::string_view ReplayHelpText() {
  return R"(usage: backscatterd replay FILE... [FLAGS]

Reads capture files (pcap or pcapng, also in gzip), rebuilds every SMTP envelope and prints the
report. Several files are merged by time. FILE - is standard input, for instance:
  tcpdump -i eth0 -w - port 25 | backscatterd replay -
The first Ctrl-C ends the input and the report is printed.

  --format table|json      the report for people (default) or for machines
  --top N                  length of the report's lists; 0: all (default: 20 in the table, all in
                           JSON)
  --transactions FILE|-    write each transaction as a line of JSON; with - they go to standard
                           output and the report to standard error
  --sent-ledger FILE       remember from run to run what was sent: read FILE, where it exists, and
                           write it at the end
  --config.file FILE       configuration (default: /etc/backscatterd/backscatterd.yaml where it
                           exists)
  --set KEY=VALUE          set one key of the configuration to a YAML value, for instance
                           --set ports=[25,26] or --set targets.fold_case=true; repeatable, over
                           what the file says
  --help, -h               print this text

Exit status: 0 done; 1 some input was damaged or some output could not be written (what was read is
still reported); 2 usage or configuration; 3 the system refused.
)";
}

std::string_view RunHelpText() {
  return R"(usage: backscatterd run [FLAGS]

Watches the mail that passes through this host and counts, until it is told to end.
SIGTERM or SIGINT ends it with a last summary; SIGUSR1 writes the report; SIGHUP reads the
configuration again, all of it or nothing. It needs CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON for the
kernel probes, or CAP_NET_RAW alone for packet capture; `backscatterd check` says what there is.

  --source auto|bpf|pcap   how packets are taken: kernel probes, packet capture, or the best that
                           this host allows (default: auto)
  --interface NAME         watch this interface only; repeatable (default: any, which is all that
                           are up, also those that come later)
  --duration D             end after D, for instance 90s, 10m or 1h30m
  --report FILE|-          write the report as JSON to FILE, at the end and on SIGUSR1
  --transactions FILE|-    add each transaction to FILE as a line of JSON; SIGHUP opens it anew
  --log.level L            debug, info, warn or error (default: info)
  --log.format F           logfmt or json (default: logfmt); the log goes to standard error
  --config.file FILE       configuration (default: /etc/backscatterd/backscatterd.yaml where it
                           exists)
  --set KEY=VALUE          set one key of the configuration to a YAML value, for instance
                           --set local.networks=[203.0.113.0/24]; repeatable, over what the file
                           says
  --web.listen-address A   serve /metrics, the API and a page on HOST:PORT, :PORT or [IPV6]:PORT;
                           repeatable; none: nothing is served (default: 127.0.0.1:19025)
  --web.config.file FILE   TLS, users and headers for it, as in the exporters of Prometheus
  --web.enable-lifecycle   allow POST /-/reload, which does what SIGHUP does
  --help, -h               print this text

Exit status: 0 done; 1 some output could not be written; 2 usage or configuration; 3 the system
refused (a capability that is missing is named).
)";
}

std::string_view CheckHelpText() {
  return R"(usage: backscatterd check [FLAGS]

Looks at this host for five seconds and says what `backscatterd run` would see here: kernel,
capabilities, interfaces, mail servers, sessions that stay invisible, memory. Each "no" comes with
the command or the line that changes it.

  --format table|json      the answer for people (default) or for machines
  --config-only            only say whether the configuration is right
  --config.file FILE       configuration (default: /etc/backscatterd/backscatterd.yaml where it
                           exists)
  --set KEY=VALUE          set one key of the configuration to a YAML value; repeatable
  --help, -h               print this text

Exit status: 0 `run` would see mail (with --config-only: the configuration is right); 1 it could
capture, but there is no mail to see; 2 usage or configuration, also where memory.max is too small
or an interface is not there; 3 the system does not let it capture.
)";
}

std::string_view LookupHelpText() {
  return R"(usage: backscatterd lookup HASH [FILE...] [FLAGS]

Tells which address the label of a target stands for, on a host that has the key of the labels
(labels.key_file), to a user who may read it. HASH is the label's 16 hex digits, also as
HASH@DOMAIN. A hash cannot be undone, so addresses are tried:
  1. those behind the labels that the agent showed within the last week (labels.names_file)
  2. all that stand in the files given: logs, tables of aliases or users; FILE - is standard input:
       backscatterd lookup 0123456789abcdef /var/log/mail.log
       zcat /var/log/mail.log.*.gz | backscatterd lookup 0123456789abcdef -
       backscatterd lookup 0123456789abcdef@example.org /etc/passwd /etc/aliases

  --domain DOMAIN          the domain of words in the files that have none
  --config.file FILE       configuration (default: /etc/backscatterd/backscatterd.yaml where it
                           exists)
  --set KEY=VALUE          set one key of the configuration to a YAML value; repeatable
  --help, -h               print this text

Exit status: 0 the address is printed; 1 it was not found, or a file could not be read; 2 usage or
configuration, or there is no key.
)";
}

std::string_view VersionNumber() { return BACKSCATTER_VERSION; }

std::string VersionText() { return "backscatterd " BACKSCATTER_VERSION "\n"; }

}  // namespace backscatter
