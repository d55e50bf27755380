#include "agent/app/check_report.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_format.h"

#include "agent/app/progress.h"
#include "agent/app/rights.h"
#include "agent/base/escape.h"

namespace backscatter {
namespace {

using State = CheckFinding::State;
using Findings = std::vector<CheckFinding>;
using Answer = MailListener::Answer;

constexpr int kFloorMajor = 5;
constexpr int kFloorMinor = 17;

bool IsAtLeast(const HostFacts& facts, int major, int minor) {
  return facts.kernel_major > major || (facts.kernel_major == major && facts.kernel_minor >= minor);
}

std::string Message(const absl::Status& status) {
  std::string text(status.message());
  std::ranges::replace(text, '\n', ' ');
  return EscapeForTerminal(text);
}

std::string Seconds(PacketTime time) {
  return absl::StrFormat("%.1f s", static_cast<double>(time) / static_cast<double>(kSecond));
}

void Kernel(const HostFacts& facts, Findings& out) {
  const std::string kernel = "Linux " + EscapeForTerminal(facts.kernel);
  if (!IsAtLeast(facts, kFloorMajor, kFloorMinor)) {
    out.push_back({State::kNo, "kernel", kernel + " is older than 5.17: no kernel probes",
                   "take packet capture (source: pcap), or a kernel of 5.17 or later"});
  } else if (IsAtLeast(facts, 6, 6)) {
    out.push_back({State::kYes, "kernel", kernel + ": kernel probes by TCX, gone with the agent"});
  } else {
    out.push_back({State::kYes, "kernel",
                   kernel + ": kernel probes by clsact; what a killed agent leaves is removed at "
                            "the next start"});
  }
  if (facts.has_btf) {
    out.push_back({State::kYes, "kernel", "type information (BTF) is there"});
  } else {
    out.push_back({State::kNote, "kernel",
                   "no type information (BTF) at " + EscapeForTerminal(facts.btf_path) +
                       ": packets need none; reading TLS in a later release will",
                   "a kernel with CONFIG_DEBUG_INFO_BTF=y, such as that of the distribution"});
  }
}

void Rights(const HostFacts& facts, const Config& config, Findings& out) {
  const auto each = [&](Capability capability, const std::string& unlocks) {
    const std::string name(CapabilityName(capability));
    if (facts.capabilities.Has(capability)) {
      out.push_back({State::kYes, "rights", name + ": " + unlocks});
    } else {
      std::string flag = name;
      std::ranges::transform(flag, flag.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
      });
      out.push_back({State::kNo, "rights", name + " is missing: " + unlocks,
                     "AmbientCapabilities=" + name + " in the unit, or: setcap " + flag +
                         "+ep backscatterd"});
    }
  };
  each(Capability::kBpf, "loads the kernel probes");
  each(Capability::kNetAdmin, "attaches them to interfaces");
  each(Capability::kPerfmon, "lets the kernel accept them");
  each(Capability::kNetRaw, "packet capture, which works with this one alone");
  if (facts.probes.ok()) {
    out.push_back({State::kYes, "rights", "the kernel takes the probes"});
  } else {
    out.push_back({State::kNo, "rights", "the kernel refuses the probes: " + Message(facts.probes),
                   facts.packets.ok() ? "packet capture works instead (source: auto takes it)"
                                      : MissingRights("bpf", facts.capabilities)});
  }
  if (facts.packets.ok()) {
    out.push_back({State::kYes, "rights", "packet capture opens"});
  } else {
    out.push_back({State::kNo, "rights", "packet capture is refused: " + Message(facts.packets),
                   MissingRights("pcap", facts.capabilities)});
  }
  if (facts.source.empty()) {
    out.push_back({State::kNo, "rights", "source: " + config.source + " cannot capture here",
                   MissingRights(config.source, facts.capabilities)});
  }
}

bool CouldBeWatched(const SeenInterface& seen) { return seen.wanted && seen.interface.up; }

bool AnyWatched(const HostFacts& facts) {
  return std::ranges::any_of(facts.interfaces, [](const SeenInterface& seen) {
    return CouldBeWatched(seen) && seen.watched;
  });
}

// There are such interfaces, and not one of them could be taken up.
bool AllRefused(const HostFacts& facts) {
  return std::ranges::any_of(facts.interfaces, CouldBeWatched) && !AnyWatched(facts);
}

bool IsThere(const HostFacts& facts, const std::string& name) {
  return std::ranges::any_of(
      facts.interfaces, [&](const SeenInterface& seen) { return seen.interface.name == name; });
}

void Interfaces(const HostFacts& facts, const Config& config, Findings& out) {
  for (const std::string& name : config.interfaces) {
    if (!IsThere(facts, name)) {
      out.push_back({State::kNo, "interfaces", EscapeForTerminal(name) + " is not there",
                     "correct `interfaces`, or leave it out to watch all of them"});
    }
  }
  for (const SeenInterface& seen : facts.interfaces) {
    const std::string name = EscapeForTerminal(seen.interface.name);
    if (!seen.interface.up) {
      if (seen.wanted && !config.interfaces.empty()) {
        out.push_back({State::kNo, "interfaces", name + " is down", "ip link set " + name + " up"});
      }
      continue;
    }
    if (!seen.wanted) {
      out.push_back({State::kNote, "interfaces", name + " is up, and not in `interfaces`"});
    } else if (!facts.source.empty() && !seen.watched) {
      out.push_back({State::kNo, "interfaces", name + " cannot be watched",
                     "list the others in `interfaces`, or change what is said below"});
    } else if (facts.looked_for > 0) {
      out.push_back({State::kYes, "interfaces",
                     name + ": " + std::to_string(seen.packets) + " packets in " +
                         Seconds(facts.looked_for) + ", " + std::to_string(seen.mail) +
                         " of mail"});
    }
  }
  if (absl::IsAlreadyExists(facts.capture)) {
    out.push_back({State::kNo, "interfaces", Message(facts.capture),
                   "end the one that runs; what it sees is in its own report (kill -USR1 PID)"});
  } else if (!facts.source.empty() && !facts.capture.ok()) {
    out.push_back(
        {State::kNo, "interfaces", Message(facts.capture), "list the others in `interfaces`"});
  }
  if (facts.foreign_segments > 0) {
    out.push_back({State::kNote, "interfaces",
                   std::to_string(facts.foreign_segments) +
                       " segments of mail between other hosts " +
                       "passed by (a mirror port, a bridge, a router, containers): they count too",
                   config.local_networks.empty()
                       ? "name the networks whose mail servers are yours in `local.networks`"
                       : ""});
  }
}

std::string Describe(const MailListener& listener) {
  return "port " + std::to_string(listener.port) + " (" +
         (listener.process.empty() ? "a program that cannot be seen with these rights"
                                   : EscapeForTerminal(listener.process)) +
         ", " + listener.address + ")";
}

void Servers(const HostFacts& facts, Findings& out) {
  for (const MailListener& listener : facts.listeners) {
    if (listener.configured_port) {
      out.push_back({State::kYes, "servers", Describe(listener)});
    } else if (listener.answer == Answer::kAnswered) {
      out.push_back({State::kNo, "servers", Describe(listener) + " is not in `ports`",
                     "add " + std::to_string(listener.port) + " to `ports`"});
    }
  }
  const bool any = std::ranges::any_of(
      facts.listeners, [](const MailListener& listener) { return listener.configured_port; });
  if (!any && facts.segments == 0) {
    out.push_back({State::kNo, "servers",
                   "no mail server listens here at a port of `ports`, and no mail passed by",
                   "run it where the mail server is, or on the host or namespace that its mail "
                   "passes; set `ports` if it listens elsewhere"});
  } else if (!any) {
    out.push_back({State::kNote, "servers", "no mail server listens here, but mail passes by"});
  }
  if (!facts.sees_all_processes) {
    out.push_back({State::kNote, "servers", "programs of other users have no names here",
                   "run `backscatterd check` as root to see them"});
  }
}

void Encrypted(const HostFacts& facts, Findings& out) {
  constexpr const char* kInstead =
      "this release cannot read TLS. Verdicts need what was sent: set sent.feed to a feed from the "
      "mail log (packaging/sent-feed); or watch the hop behind the TLS, such as a content filter";
  for (const MailListener& listener : facts.listeners) {
    if (!listener.configured_port) continue;
    const std::string port = "port " + std::to_string(listener.port);
    if (listener.port == 465 || listener.answer == Answer::kTls) {
      out.push_back({State::kNo, "encrypted", port + ": every session is TLS, and stays invisible",
                     kInstead});
    } else if (listener.answer == Answer::kAnswered && listener.offers_starttls) {
      out.push_back({State::kNo, "encrypted",
                     port + " offers STARTTLS: sessions that take it are counted as encrypted, and "
                            "what is in them stays invisible",
                     kInstead});
    } else if (listener.answer == Answer::kAnswered) {
      out.push_back({State::kYes, "encrypted", port + " offers no STARTTLS: all of it is visible"});
    } else if (listener.answer == Answer::kSilent) {
      out.push_back({State::kNote, "encrypted",
                     port + " (" + listener.address + ") did not answer within " +
                         std::to_string(kAnswerWithin.count()) +
                         " s: whether it offers STARTTLS is not known"});
    } else if (listener.answer == Answer::kNotAsked) {
      out.push_back({State::kNote, "encrypted",
                     port + " (" + listener.address +
                         ") was not asked whether it offers STARTTLS: " +
                         std::to_string(kMostAsked) + " others were"});
    } else {
      out.push_back({State::kNote, "encrypted", port + " did not say whether it offers STARTTLS"});
    }
  }
  if (facts.tls_starts > 0) {
    out.push_back({State::kNote, "encrypted",
                   std::to_string(facts.tls_starts) + " TLS sessions began during the look"});
  }
}

void Memory(const HostFacts& facts, const Config& config, const absl::StatusOr<MemoryPlan>& memory,
            Findings& out) {
  if (!memory.ok()) {
    out.push_back({State::kNo, "memory", std::string(memory.status().message()),
                   "set memory.max higher, or the capacities lower"});
    return;
  }
  const std::uint64_t all = memory->total + config.bpf_ring_bytes;
  std::string text =
      "at the most " + FormatBytes(static_cast<double>(memory->total)) + " of tables (memory.max " +
      FormatBytes(static_cast<double>(config.memory_max)) + ") and " +
      FormatBytes(static_cast<double>(config.bpf_ring_bytes)) + " of ring; " +
      std::to_string(memory->config.targets_capacity) + " targets and " +
      std::to_string(memory->config.sources_capacity) + " sources are counted exactly";
  if (facts.available_memory != 0 && facts.available_memory < all) {
    out.push_back({State::kNo, "memory",
                   text + "; this host has " +
                       FormatBytes(static_cast<double>(facts.available_memory)) + " left",
                   "set memory.max lower"});
  } else {
    out.push_back({State::kYes, "memory", std::move(text)});
  }
}

bool AnyReadableServer(const HostFacts& facts) {
  return std::ranges::any_of(facts.listeners, [](const MailListener& listener) {
    return listener.configured_port && listener.port != 465 && listener.answer != Answer::kTls;
  });
}

}  // namespace

CheckReport ConcludeCheck(const HostFacts& facts, const Config& config,
                          const absl::StatusOr<MemoryPlan>& memory) {
  CheckReport report;
  Kernel(facts, report.findings);
  Rights(facts, config, report.findings);
  Interfaces(facts, config, report.findings);
  Servers(facts, report.findings);
  Encrypted(facts, report.findings);
  Memory(facts, config, memory, report.findings);
  report.looked_for = facts.looked_for;
  const bool all_there = std::ranges::all_of(
      config.interfaces, [&](const std::string& name) { return IsThere(facts, name); });
  report.can_capture = !facts.source.empty() && memory.ok() && all_there && !AllRefused(facts);
  const bool mail = AnyReadableServer(facts) || facts.segments > 0;
  report.would_see_mail = report.can_capture && AnyWatched(facts) && mail;
  // In the order in which `run` finds them.
  if (!memory.ok()) {
    report.exit_code = ExitCode::kUsage;
    report.verdict = "`backscatterd run` would not start: its tables do not fit into memory.max.";
  } else if (facts.source.empty()) {
    report.verdict = "`backscatterd run` cannot capture here.";
  } else if (!all_there) {
    report.exit_code = ExitCode::kUsage;
    report.verdict =
        "`backscatterd run` would not start: an interface of `interfaces` is not there.";
  } else if (AllRefused(facts)) {
    report.verdict = "`backscatterd run` cannot capture here: no interface lets it.";
  } else if (report.would_see_mail) {
    report.exit_code = ExitCode::kDone;
    report.verdict = "`backscatterd run` would see mail here, by source " + facts.source + ".";
  } else if (!AnyWatched(facts)) {
    report.exit_code = ExitCode::kDamaged;
    report.verdict = "`backscatterd run` would see nothing: no interface is watched.";
  } else {
    report.exit_code = ExitCode::kDamaged;
    report.verdict = "`backscatterd run` would see no mail here.";
  }
  return report;
}

}  // namespace backscatter
