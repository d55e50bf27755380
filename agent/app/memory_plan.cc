#include "agent/app/memory_plan.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "absl/status/status.h"

#include "agent/app/batch_queue.h"
#include "agent/app/room_options.h"
#include "agent/mail/message_readers.h"
#include "agent/report/live_counts.h"
#include "agent/smtp/sessions.h"
#include "agent/tcp/reassembler.h"

namespace backscatter {
namespace {

// Lists of domains and hosts, fragments of IP, and other small tables, all with caps of their own:
// fragments 4 MiB, domains of emitted bounces 16,384 names, tagging domains 4,096 names.
constexpr std::uint64_t kSmallTables = 10 << 20;
constexpr std::uint64_t kNoFloor = std::numeric_limits<std::uint64_t>::max();

// A number that a table grows to, and how far it may be cut down.
struct Knob {
  std::string_view name;
  std::uint64_t* value;
  std::uint64_t floor;  // kNoFloor: as it was given
  std::uint64_t (*bytes)(const Config& config);
  std::uint64_t weight = 1;  // its share beside the others: what is counted exactly matters most
};

TallyOptions TallyWith(std::uint64_t targets, std::uint64_t sources, std::uint64_t pairs) {
  TallyOptions options;
  options.targets_capacity = targets;
  options.sources_capacity = sources;
  options.pairs_capacity = pairs;
  return options;
}

std::uint64_t ConnectionBytes(const Config& config) {
  ReassemblerOptions options;
  options.max_connections = config.tables.connections;
  options.max_notes = 0;
  options.max_held = 0;
  return Reassembler::MostBytes(options) + Sessions::MostBytes(config.tables.connections, 0);
}
std::uint64_t NoteBytes(const Config& config) { return FlowNotes::MostBytes(config.tables.notes); }
std::uint64_t HeldBytes(const Config& config) { return config.tables.held_bytes; }
std::uint64_t DialogueBytes(const Config& config) { return 2 * config.tables.dialogue_bytes; }
std::uint64_t ReaderBytes(const Config& config) {
  return config.tables.readers * MessageReaders::kMostBytesEach;
}
// Even empty tables have something; that is counted with the pairs.
std::uint64_t LeastTally() { return Tally::MostBytes(TallyWith(1, 1, 1)); }
std::uint64_t TargetBytes(const Config& config) {
  return Tally::MostBytes(TallyWith(config.targets_capacity, 1, 1)) - LeastTally();
}
std::uint64_t SourceBytes(const Config& config) {
  return Tally::MostBytes(TallyWith(1, config.sources_capacity, 1)) - LeastTally();
}
std::uint64_t PairBytes(const Config& config) {
  return Tally::MostBytes(TallyWith(1, 1, config.tables.pairs));
}
std::uint64_t RetryBytes(const Config& config) {
  RetryOptions options;
  options.capacity = config.tables.retries;
  return RetryMemory::MostBytes(options);
}
std::uint64_t AcceptedBytes(const Config& config) {
  AcceptedMailOptions options;
  options.capacity = config.tables.accepted;
  return AcceptedMail::MostBytes(options);
}
std::uint64_t LoopBytes(const Config& config) {
  EvidenceOptions options;
  options.loops_capacity = config.tables.loops;
  return EvidenceCollector::MostBytes(options);
}
std::uint64_t FloodBytes(const Config& config) {
  return FloodDetector::MostBytes(MakeFloodOptions(config, {}));
}
// Names in lines, their overflow, and what changed since the last save (SentSet, SentLedger).
std::uint64_t SentBytes(const Config& config) {
  const std::uint64_t keys = config.sent_capacity * SentLedger::kKeysPerMail;
  constexpr std::uint64_t kBytesAKey = 6;
  const std::uint64_t changes = std::min<std::uint64_t>(keys, SentLedger::kMaxChanges);
  return keys * kBytesAKey + changes * sizeof(SentLedger::Change) + (64 << 10);
}
std::uint64_t QueueBytes(const Config& config) {
  return BatchQueue::MemoryBytes(config.tables.queue_batches);
}

std::vector<Knob> KnobsOf(Config& config, const LoadedConfig& loaded) {
  const auto floor = [&](const char* key, std::uint64_t least) {
    return loaded.given.contains(key) ? kNoFloor : least;
  };
  TableCaps& tables = config.tables;
  return {
      {"open connections", &tables.connections, 2048, ConnectionBytes, 2},
      {"handshakes", &tables.notes, 4096, NoteBytes},
      {"packets out of order", &tables.held_bytes, 1 << 20, HeldBytes},
      {"lines and commands that wait", &tables.dialogue_bytes, 512 << 10, DialogueBytes},
      {"messages that are read", &tables.readers, 16, ReaderBytes},
      {"targets and domains", &config.targets_capacity, floor("targets.capacity", 1024),
       TargetBytes, 4},
      {"sources", &config.sources_capacity, floor("sources.capacity", 1024), SourceBytes, 4},
      {"pairs of target and source", &tables.pairs, 4096, PairBytes, 4},
      {"deferred mail", &tables.retries, 1024, RetryBytes},
      {"accepted mail", &tables.accepted, 1024, AcceptedBytes},
      {"loops", &tables.loops, 1024, LoopBytes},
      {"windows of floods", &tables.flood_keys, 512, FloodBytes, 4},
      {"mail that was sent", &config.sent_capacity, floor("sent.capacity", 1000), SentBytes},
      {"queue of packets", &tables.queue_batches, 4, QueueBytes, 4},
  };
}

// While a table grows it is there one and a half times; only one grows at a time.
std::uint64_t Total(const std::vector<Knob>& knobs, const Config& config) {
  std::uint64_t sum = kSmallTables + LiveCounts::MostBytes(config.labels_top_k);
  std::uint64_t largest = 0;
  for (const Knob& knob : knobs) {
    const std::uint64_t bytes = knob.bytes(config);
    sum += bytes;
    largest = std::max(largest, bytes);
  }
  return sum + largest / 2;
}

std::string Mebibytes(std::uint64_t bytes) {
  return std::to_string((bytes + (1 << 20) - 1) >> 20) + "MiB";
}

absl::Status DoesNotFit(const std::vector<Knob>& knobs, const Config& config, std::uint64_t total) {
  std::string text = "memory.max " + Mebibytes(config.memory_max) +
                     " is too small for what the tables need at the least, " + Mebibytes(total);
  for (const Knob& knob : knobs) {
    if (knob.floor != kNoFloor) continue;
    text += "; " + std::string(knob.name) + ", whose capacity was given as " +
            std::to_string(*knob.value) + ", need " + Mebibytes(knob.bytes(config));
  }
  return absl::InvalidArgumentError(text + "; set memory.max to " + Mebibytes(total) +
                                    " or more, or give smaller capacities");
}

}  // namespace

absl::StatusOr<MemoryPlan> PlanMemory(const LoadedConfig& loaded) {
  MemoryPlan plan{.config = loaded.config};
  Config& config = plan.config;
  config.tables.dialogue_bytes = 64 << 20;
  const std::vector<Knob> knobs = KnobsOf(config, loaded);
  plan.total = Total(knobs, config);
  while (plan.total > config.memory_max) {
    const Knob* largest = nullptr;
    for (const Knob& knob : knobs) {
      if (knob.floor == kNoFloor || *knob.value / 2 < knob.floor) continue;
      const auto share = [&](const Knob& of) { return of.bytes(config) / of.weight; };
      if (largest == nullptr || share(knob) > share(*largest)) largest = &knob;
    }
    if (largest == nullptr) return DoesNotFit(knobs, config, plan.total);
    *largest->value /= 2;
    plan.total = Total(knobs, config);
  }
  for (const Knob& knob : knobs) plan.parts.push_back({knob.name, knob.bytes(config)});
  plan.parts.push_back({"lists of metrics", LiveCounts::MostBytes(config.labels_top_k)});
  plan.parts.push_back({"small tables", kSmallTables});
  return plan;
}

}  // namespace backscatter
