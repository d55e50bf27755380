// What a full sent ledger costs and how often it is wrong: Done-when 6 of the verdicts.
//   sent_ledger_bench [MAILS...]     default: 1000000 10000000
// Mails have their own Message-ID and pair, one of 2,000 senders, and no ENVID, spread over eight
// days. Every mail is then asked for, and 20 million Message-IDs that were never sent.
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <chrono>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "agent/mail/sent_file.h"

namespace backscatter {
namespace {

constexpr std::uint64_t kStrangers = 20'000'000;

// Of this thread's CPU time: other work on the machine does not count.
double Cpu() {
  timespec time = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

double Now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

struct Names {
  char message_id[64];
  char sender[48];
  char recipient[64];

  explicit Names(std::uint64_t mail, const char* kind = "sent") {
    std::snprintf(message_id, sizeof message_id, "<%" PRIx64 ".%s@mail.example.com>",
                  mail * 0x9e3779b97f4a7c15, kind);
    std::snprintf(sender, sizeof sender, "user%" PRIu64 "@example.com", mail % 2000);
    std::snprintf(recipient, sizeof recipient, "r%" PRIu64 "@host%" PRIu64 ".example.net", mail,
                  mail % 5003);
  }
};

void Fill(SentState& state, std::uint64_t mails) {
  const double start = Cpu();
  double slowest = 0;
  for (std::uint64_t i = 0; i < mails; ++i) {
    const Names names(i);
    const double before = i % 64 == 0 ? Cpu() : 0;
    state.ledger.Add({.at = static_cast<PacketTime>(i * 8 / mails) * kDay,
                      .message_id = names.message_id,
                      .sender = names.sender,
                      .recipient = names.recipient});
    if (i % 64 == 0) slowest = std::max(slowest, Cpu() - before);
  }
  const double each = (Cpu() - start) / static_cast<double>(mails) * 1e9;
  std::printf(
      "  add: %.0f ns a mail, with the making of its names; slowest of each 64th: %.1f ms\n", each,
      slowest * 1e3);
}

void Ask(const SentState& state, std::uint64_t mails) {
  std::uint64_t missing = 0;
  for (std::uint64_t i = 0; i < mails; ++i) {
    const Names names(i);
    if (!state.ledger.HasMessageId(names.message_id)) ++missing;
    if (!state.ledger.HasPair(names.sender, names.recipient)) ++missing;
  }
  std::printf("  of what was sent: %" PRIu64 " of %" PRIu64 " keys not found, %" PRIu64
              " refused\n",
              missing, 2 * mails, state.ledger.dropped());
  std::uint64_t wrong = 0;
  double busy = 0;
  std::vector<std::string> ids(100'000);
  for (std::uint64_t i = 0; i < kStrangers; i += ids.size()) {
    for (std::size_t j = 0; j < ids.size(); ++j) ids[j] = Names(i + j, "forged").message_id;
    const double start = Cpu();
    for (const std::string& id : ids) wrong += state.ledger.HasMessageId(id) ? 1U : 0U;
    busy += Cpu() - start;
  }
  std::printf("  of %" PRIu64 " never sent: %" PRIu64 " found, rate %.2e; %.0f ns a look-up\n",
              kStrangers, wrong, static_cast<double>(wrong) / static_cast<double>(kStrangers),
              busy / static_cast<double>(kStrangers) * 1e9);
}

void Save(SentState& state) {
  const std::string path = "sent_ledger_bench.tmp." + std::to_string(getpid());
  SentFile file(path);
  double start = Now();
  absl::Status status = file.Save(state);
  std::printf("  save: whole %.2f s, %.1f MB", Now() - start,
              static_cast<double>(file.bytes()) / 1e6);
  const std::uint64_t whole = file.bytes();
  for (std::uint64_t i = 0; i < 600 && status.ok(); ++i) {
    const Names names(i, "later");
    state.ledger.Add({.at = 7 * kDay, .message_id = names.message_id});
  }
  start = Now();
  if (status.ok()) status = file.Save(state);
  std::printf("; a minute of 600 mails %.1f ms, %.1f kB\n", (Now() - start) * 1e3,
              static_cast<double>(file.bytes() - whole) / 1e3);
  start = Now();
  const auto loaded = SentFile(path).Load(state.ledger.options());
  std::printf("  load: %.2f s, %s\n", Now() - start,
              !loaded.ok()                                                ? "failed"
              : loaded->state->ledger.entries() == state.ledger.entries() ? "the same entries"
                                                                          : "OTHER ENTRIES");
  if (!status.ok()) std::printf("  %s\n", std::string(status.message()).c_str());
  unlink(path.c_str());
}

void Run(std::uint64_t mails, std::size_t capacity) {
  std::printf("%" PRIu64 " mails, sent.capacity %zu\n", mails, capacity);
  SentState state({.capacity = capacity, .key = HashKey::Random()});
  Fill(state, mails);
  const auto bytes = static_cast<double>(state.ledger.MemoryBytes());
  const auto entries = static_cast<double>(state.ledger.entries());
  std::printf("  %.0f keys in %.1f MB: %.1f bytes a mail, %.1f bits a key; %.2f %% in overflow\n",
              entries, bytes / 1e6, bytes / static_cast<double>(mails), bytes * 8 / entries,
              static_cast<double>(state.ledger.set().overflowed()) / entries * 100);
  Ask(state, mails);
  Save(state);
  const double start = Cpu();
  state.ledger.AdvanceTo(8 * kDay);
  std::printf("  turning a slice: %.0f ms\n", (Cpu() - start) * 1e3);
}

}  // namespace
}  // namespace backscatter

int main(int argc, char** argv) {
  std::vector<std::uint64_t> sizes;
  for (int i = 1; i < argc; ++i) sizes.push_back(std::strtoull(argv[i], nullptr, 10));
  if (sizes.empty()) sizes = {1'000'000, 10'000'000};
  for (const std::uint64_t mails : sizes) {
    backscatter::Run(mails, mails);
    backscatter::Run(mails, mails / 2);  // two keys a mail fill it to the last
  }
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  std::printf("peak of the process: %.0f MB\n", static_cast<double>(usage.ru_maxrss) / 1e3);
  return 0;
}
