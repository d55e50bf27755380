// A kernel program, loaded once a process, run on single frames (BPF_PROG_TEST_RUN).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"

#include "agent/source/bpf_program.h"
#include "agent/source/capture_rules.h"

namespace backscatter::bpf_test {

// Longer frames the kernel refuses to run a program on: they must fit a page with what surrounds
// them.
inline constexpr std::size_t kLongestFrame = 3500;

struct RecordCopy {
  bs_record header;
  std::string payload;
};

class Kernel {
 public:
  // Null where it cannot be loaded; WhyNot says the reason.
  static Kernel* Get(BpfKind kind = BpfKind::kEthernet);
  static const std::string& WhyNot();
  // A program of its own, not shared with other tests, so with settings of its own.
  static std::unique_ptr<Kernel> Open(BpfKind kind, const BpfOptions& options);

  // What the program returned; nullopt where the kernel would not run it on this frame. With
  // `segments` > 1 the frame poses as one of segmentation offload.
  std::optional<std::uint32_t> Run(std::string_view frame, std::uint32_t segments = 1);
  // Nanoseconds a run, over `repeat` of them.
  std::uint32_t Time(std::string_view frame, std::uint32_t repeat);

  // The records since the last call.
  std::vector<RecordCopy> Records();
  // What was counted since the last call of Count.
  std::uint64_t Counted(bs_counter counter) const;
  void Count() { before_ = program_->Counters(); }

  void Apply(const CaptureRules& rules);
  BpfProgram& program() { return *program_; }

 private:
  explicit Kernel(std::unique_ptr<BpfProgram> program) : program_(std::move(program)) {}

  std::unique_ptr<BpfProgram> program_;
  BpfCounters before_ = {};
};

// Ports 25, 465, 587 and 2525; 203.0.113.0/24 and 2001:db8:5::/48 are ours; 2000 body bytes.
CaptureRules DefaultRules();

// Tests of the kernel programs: `kernel` has the default rules and nothing counted.
class KernelTest : public testing::Test {
 protected:
  explicit KernelTest(BpfKind kind = BpfKind::kEthernet) : kind_(kind) {}
  void SetUp() override;

  BpfKind kind_;
  Kernel* kernel = nullptr;
};

}  // namespace backscatter::bpf_test
