// What this host is and offers, gathered in one place so that what follows from it can be tested.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"

#include "agent/app/config.h"
#include "agent/base/capabilities.h"
#include "agent/base/packet_time.h"
#include "agent/source/capture_rules.h"
#include "agent/source/host_interface.h"

namespace backscatter {

// A program that waits for connections at a port.
struct MailListener {
  std::uint16_t port = 0;
  std::string address = {};      // "0.0.0.0", "::1", ...
  std::string process = {};      // its name; empty: not to be seen with these rights
  bool known_server = false;     // by its name a mail server
  bool configured_port = false;  // of `ports`
  // What it said when it was asked (EHLO); by kAnswered.
  enum class Answer : std::uint8_t {
    kNotAsked,
    kNone,    // not that of a mail server
    kSilent,  // none within kAnswerWithin
    kTls,
    kAnswered,
  };
  Answer answer = Answer::kNotAsked;
  bool offers_starttls = false;
};

struct SeenInterface {
  HostInterface interface = {};
  bool wanted = true;         // by `interfaces`
  bool watched = false;       // taken up for the look
  std::uint64_t packets = 0;  // of any kind in the time of the look, both ways
  std::uint64_t mail = 0;     // segments of mail ports among what the agent captured
};

struct HostFacts {
  std::string kernel;  // "6.1.0-18-amd64"
  int kernel_major = 0;
  int kernel_minor = 0;
  bool has_btf = false;
  std::string btf_path;
  CapabilitySet capabilities;
  absl::Status probes;        // the kernel program loads: OK, or why not
  absl::Status packets;       // packet sockets open: OK, or why not
  std::string source;         // what captured during the look; empty: nothing could
  absl::Status capture;       // of that look
  PacketTime looked_for = 0;  // how long that was; 0: it could not begin
  std::vector<SeenInterface> interfaces;
  std::vector<MailListener> listeners;
  bool sees_all_processes = false;     // else names of listeners may be missing
  std::uint64_t segments = 0;          // of mail ports, seen in that time
  std::uint64_t foreign_segments = 0;  // those of them between other hosts
  std::uint64_t tls_starts = 0;        // ClientHellos among them
  std::uint64_t available_memory = 0;  // bytes; 0: not known
};

// Where facts are read from; a test has folders of its own.
struct HostPaths {
  std::string proc = "/proc";
  std::string sys = "/sys";
};

// Looks for `look` (5 s) at what passes, at every session whatever sampling.ratio says, and asks
// the listeners what they offer. Never fails: what could not be found out is said in its place.
HostFacts GatherHostFacts(const Config& config, PacketTime look, const HostPaths& paths = {});

// ---- parts of it ----

// What the look captures: as `run` would, but every session, since one that is not chosen is mail
// all the same.
CaptureRules LookRules(const Config& config);

// Listening TCP sockets by /proc/net/tcp and tcp6, with the names of their processes.
std::vector<MailListener> FindListeners(const HostPaths& paths,
                                        const std::vector<std::uint16_t>& ports,
                                        bool& sees_all_processes);
inline constexpr std::chrono::seconds kAnswerWithin{2};
inline constexpr std::size_t kMostAsked = 32;
// Says EHLO and QUIT, politely, and notes what came within kAnswerWithin.
void AskListener(MailListener& listener);
// At most kMostAsked, those at configured ports before the others.
void AskListeners(std::vector<MailListener>& listeners);
bool IsMailServer(std::string_view process);

}  // namespace backscatter
