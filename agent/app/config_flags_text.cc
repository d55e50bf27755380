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
       backscatterd version          print the version
       backscatterd --help           print this text; `backscatterd replay --help` has the flags

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

std::string VersionText() { return "backscatterd " BACKSCATTER_VERSION "\n"; }

}  // namespace backscatter
