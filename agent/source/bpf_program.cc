#include "agent/source/bpf_program.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agent/source/bpf_prefixes.h"
#include "agent/source/bpf_refusal.h"

// bpf/packet.bpf.c, compiled (cmake/KernelPrograms.cmake).
extern "C" const std::uint8_t backscatter_packet_object[];
extern "C" const std::uint8_t backscatter_packet_object_end[];

namespace backscatter {
namespace {

constexpr std::size_t kMaxWake = std::size_t{256} << 10;
constexpr const char* kSharedMaps[] = {"bs_settings", "bs_counters", "bs_ring",   "bs_local",
                                       "bs_daemons",  "bs_flows",    "bs_windows"};

const char* NameOf(BpfKind kind) {
  switch (kind) {
    case BpfKind::kEthernet:
      return "bs_ethernet";
    case BpfKind::kIp:
      return "bs_ip";
    case BpfKind::kSocket:
      return "bs_socket";
    case BpfKind::kSocketIp:
      return "bs_socket_ip";
    case BpfKind::kNothing:
      return "bs_nothing";
  }
  return "";
}

bool WritesRing(BpfKind kind) { return kind == BpfKind::kEthernet || kind == BpfKind::kIp; }

std::size_t RingBytes(BpfKind kind, const BpfOptions& options) {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  if (!WritesRing(kind)) return page;
  const std::size_t most = std::size_t{1} << 30;
  return std::bit_ceil(std::clamp(options.ring_bytes, page, most));
}

std::uint32_t ThresholdOf(double ratio) {
  if (!(ratio < 1.0)) return 0xffffffffu;
  const double scaled = std::floor(ratio * 4294967296.0);
  return scaled < 1.0 ? 0 : static_cast<std::uint32_t>(scaled - 1.0);
}

struct CloseObject {
  void operator()(bpf_object* object) const { bpf_object__close(object); }
};

// Adds what is new, then removes what is gone: what is in both never leaves the table. What finds
// no room beside the old is tried again when that is gone.
template <typename Keys, typename Add>
absl::Status Replace(int map, Keys& held, const Keys& wanted, const char* what, const Add& add) {
  Keys in_table;
  Keys refused;
  for (const auto& key : wanted) {
    (held.contains(key) || add(key) == 0 ? in_table : refused).insert(key);
  }
  for (const auto& key : held) {
    if (!wanted.contains(key)) bpf_map_delete_elem(map, &key);
  }
  std::size_t left_out = 0;
  for (const auto& key : refused) {
    if (add(key) == 0) {
      in_table.insert(key);
    } else {
      ++left_out;
    }
  }
  held = std::move(in_table);
  if (left_out == 0) return absl::OkStatus();
  return absl::ResourceExhaustedError("the kernel's table of " + std::string(what) +
                                      " is full or refuses an entry: " + std::to_string(left_out) +
                                      " of " + std::to_string(wanted.size()) + " are left out");
}

}  // namespace

struct BpfProgram::Object {
  ~Object() {
    if (settings != nullptr) munmap(settings, settings_bytes);
  }
  int MapFd(const char* name) const { return bpf_object__find_map_fd_by_name(object.get(), name); }

  BpfKind kind = BpfKind::kNothing;
  std::unique_ptr<bpf_object, CloseObject> object;
  int program = -1;
  std::size_t ring_bytes = 0;
  bs_settings* settings = nullptr;  // the map itself
  std::size_t settings_bytes = 0;
  std::unique_ptr<BpfRing> ring;  // only of the first of those that share one
  std::set<BpfPrefixKey> prefixes;
  std::set<BpfDaemonKey> daemons;
};

BpfProgram::BpfProgram(std::unique_ptr<Object> object) : object_(std::move(object)) {}
BpfProgram::~BpfProgram() = default;

absl::StatusOr<std::unique_ptr<BpfProgram>> BpfProgram::Open(BpfKind kind,
                                                             const BpfOptions& options) {
  if (absl::Status status = CheckBpfKernel(); !status.ok()) return status;
  return Load(kind, options, nullptr);
}

absl::StatusOr<std::unique_ptr<BpfProgram>> BpfProgram::OpenBeside(BpfKind kind) const {
  return Load(kind, {}, object_.get());
}

absl::StatusOr<std::unique_ptr<BpfProgram>> BpfProgram::Load(BpfKind kind,
                                                             const BpfOptions& options,
                                                             const Object* shared) {
  libbpf_set_print(nullptr);  // what it would say on standard error is in our own words
  auto made = std::make_unique<Object>();
  made->kind = kind;
  const auto size =
      static_cast<std::size_t>(backscatter_packet_object_end - backscatter_packet_object);
  made->object.reset(bpf_object__open_mem(backscatter_packet_object, size, nullptr));
  if (made->object == nullptr) {
    return ExplainBpfRefusal(errno, "reading the kernel programs", "");
  }
  bpf_object* const object = made->object.get();
  std::vector<char> log(std::size_t{1} << 16);
  bpf_program* program = nullptr;
  bpf_program* each = nullptr;
  bpf_object__for_each_program(each, object) {
    const bool wanted = std::string_view(bpf_program__name(each)) == NameOf(kind);
    bpf_program__set_autoload(each, wanted);
    if (!wanted) continue;
    program = each;
    bpf_program__set_log_buf(each, log.data(), log.size());
  }
  made->ring_bytes = shared != nullptr ? shared->ring_bytes : RingBytes(kind, options);
  for (const char* const name : kSharedMaps) {
    bpf_map* const map = bpf_object__find_map_by_name(object, name);
    if (shared != nullptr) bpf_map__reuse_fd(map, shared->MapFd(name));
  }
  if (shared == nullptr) {
    bpf_map__set_max_entries(bpf_object__find_map_by_name(object, "bs_ring"),
                             static_cast<std::uint32_t>(made->ring_bytes));
    bpf_map__set_max_entries(bpf_object__find_map_by_name(object, "bs_flows"),
                             std::max(options.flow_capacity, 1u));
  }
  if (const int error = bpf_object__load(object); error != 0) {
    return ExplainBpfRefusal(-error, std::string("loading the kernel program ") + NameOf(kind),
                             log.data());
  }
  made->program = bpf_program__fd(program);
  made->settings_bytes =
      (sizeof(bs_settings) + static_cast<std::size_t>(sysconf(_SC_PAGESIZE)) - 1) /
      static_cast<std::size_t>(sysconf(_SC_PAGESIZE)) *
      static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  void* const settings = mmap(nullptr, made->settings_bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
                              made->MapFd("bs_settings"), 0);
  if (settings == MAP_FAILED) {
    return ExplainBpfRefusal(errno, "mapping the settings of the kernel program", "");
  }
  made->settings = static_cast<bs_settings*>(settings);
  if (shared == nullptr) {
    auto ring = BpfRing::Open(made->MapFd("bs_ring"), made->ring_bytes);
    if (!ring.ok()) return ring.status();
    made->ring = *std::move(ring);
  }
  return std::unique_ptr<BpfProgram>(new BpfProgram(std::move(made)));
}

absl::Status BpfProgram::Apply(const CaptureRules& rules) {
  const int local = object_->MapFd("bs_local");
  absl::Status status = Replace(local, object_->prefixes, BpfPrefixKeys(rules.local),
                                "local networks", [local](const BpfPrefixKey& key) {
                                  const std::uint8_t present = 1;
                                  return bpf_map_update_elem(local, &key, &present, BPF_ANY);
                                });
  const int daemons = object_->MapFd("bs_daemons");
  std::size_t too_long = 0;
  const auto lengths = BpfDaemonKeys(rules.daemon_senders, &too_long);
  std::set<BpfDaemonKey> words;
  for (const auto& [key, length] : lengths) words.insert(key);
  status.Update(Replace(daemons, object_->daemons, words, "daemon senders",
                        [&lengths, daemons](const BpfDaemonKey& key) {
                          return bpf_map_update_elem(daemons, &key, &lengths.at(key), BPF_ANY);
                        }));
  if (too_long > 0) {
    status.Update(absl::InvalidArgumentError(
        std::to_string(too_long) +
        " of bounce.daemon_senders are longer than a local part can be (" +
        std::to_string(BS_DAEMON_BYTES) + " octets)"));
  }
  std::vector<std::uint64_t> ports(BS_PORT_WORDS);
  for (const std::uint16_t port : rules.ports) ports[port / 64u] |= std::uint64_t{1} << (port % 64);
  // Words are stored whole, and each holds by itself: a packet may see some of them new, some old.
  volatile bs_settings& settings = *object_->settings;
  const std::uint32_t threshold = ThresholdOf(rules.sampling_ratio);
  settings.seed = rules.seed;
  if (settings.highest < threshold) settings.highest = threshold;
  settings.threshold = threshold;
  settings.capture_bytes = rules.capture_bytes;
  settings.cut = rules.read_all ? 0 : 1;
  settings.wake_bytes = std::min(object_->ring_bytes / 4, kMaxWake);
  for (std::size_t i = 0; i < ports.size(); ++i) settings.ports[i] = ports[i];
  return status;
}

BpfCounters BpfProgram::Counters() const {
  BpfCounters sums = {};
  const int processors = libbpf_num_possible_cpus();
  if (processors <= 0) return sums;
  std::vector<bs_counts> counts(static_cast<std::size_t>(processors));
  const std::uint32_t zero = 0;
  if (bpf_map_lookup_elem(object_->MapFd("bs_counters"), &zero, counts.data()) != 0) return sums;
  for (const bs_counts& one : counts) {
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += one.of[i];
  }
  return sums;
}

int BpfProgram::fd() const { return object_->program; }
BpfKind BpfProgram::kind() const { return object_->kind; }
int BpfProgram::ring_fd() const { return object_->MapFd("bs_ring"); }
BpfRing& BpfProgram::ring() { return *object_->ring; }

}  // namespace backscatter
