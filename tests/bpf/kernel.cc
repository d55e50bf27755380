#include "tests/bpf/kernel.h"

#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <span>

namespace backscatter::bpf_test {
namespace {

class Copies final : public BpfRecordSink {
 public:
  void OnRecord(const bs_record& record, std::span<const std::uint8_t> payload) override {
    records.push_back({record, std::string(payload.begin(), payload.end())});
  }
  std::vector<RecordCopy> records;
};

std::string& Reason() {
  static std::string reason;
  return reason;
}

std::uint64_t AddressOf(const void* at) { return reinterpret_cast<std::uint64_t>(at); }

// False: refused.
bool TestRun(int program, std::string_view frame, std::uint32_t segments, std::uint32_t repeat,
             bpf_attr* attributes) {
  __sk_buff context;
  std::memset(&context, 0, sizeof context);
  context.gso_segs = segments;
  context.gso_size = segments > 1 ? 1000 : 0;
  std::memset(attributes, 0, sizeof *attributes);
  attributes->test.prog_fd = static_cast<std::uint32_t>(program);
  attributes->test.data_in = AddressOf(frame.data());
  attributes->test.data_size_in = static_cast<std::uint32_t>(frame.size());
  attributes->test.repeat = repeat;
  if (segments > 1) {
    attributes->test.ctx_in = AddressOf(&context);
    attributes->test.ctx_size_in = sizeof context;
  }
  return syscall(SYS_bpf, BPF_PROG_TEST_RUN, attributes, sizeof *attributes) == 0;
}

}  // namespace

std::unique_ptr<Kernel> Kernel::Open(BpfKind kind, const BpfOptions& options) {
  auto program = BpfProgram::Open(kind, options);
  if (!program.ok()) {
    Reason() = program.status().ToString();
    return nullptr;
  }
  return std::unique_ptr<Kernel>(new Kernel(*std::move(program)));
}

Kernel* Kernel::Get(BpfKind kind) {
  static std::array<std::unique_ptr<Kernel>, 5> loaded;
  std::unique_ptr<Kernel>& kernel = loaded[static_cast<std::size_t>(kind)];
  if (kernel == nullptr && Reason().empty()) {
    BpfOptions options;
    options.ring_bytes = std::size_t{1} << 20;
    kernel = Open(kind, options);
  }
  return kernel.get();
}

const std::string& Kernel::WhyNot() { return Reason(); }

std::optional<std::uint32_t> Kernel::Run(std::string_view frame, std::uint32_t segments) {
  bpf_attr attributes;
  if (!TestRun(program_->fd(), frame, segments, 1, &attributes)) return std::nullopt;
  return attributes.test.retval;
}

std::uint32_t Kernel::Time(std::string_view frame, std::uint32_t repeat) {
  bpf_attr attributes;
  if (!TestRun(program_->fd(), frame, 1, repeat, &attributes)) return 0;
  return attributes.test.duration;
}

std::vector<RecordCopy> Kernel::Records() {
  Copies copies;
  program_->ring().Drain(copies, ~std::size_t{0});
  return std::move(copies.records);
}

std::uint64_t Kernel::Counted(bs_counter counter) const {
  return program_->Counters()[counter] - before_[counter];
}

void Kernel::Apply(const CaptureRules& rules) {
  const absl::Status status = program_->Apply(rules);
  EXPECT_TRUE(status.ok()) << status;
}

CaptureRules DefaultRules() {
  CaptureRules rules;
  rules.ports = {25, 465, 587, 2525};
  rules.local = {*IpNetwork::Parse("203.0.113.0/24"), *IpNetwork::Parse("2001:db8:5::/48")};
  rules.capture_bytes = 2000;
  rules.daemon_senders = {"mailer-daemon", "postmaster"};
  return rules;
}

void KernelTest::SetUp() {
  kernel = Kernel::Get(kind_);
  if (kernel == nullptr) GTEST_SKIP() << "the kernel program does not load: " << Kernel::WhyNot();
  kernel->Apply(DefaultRules());
  kernel->Records();
  kernel->Count();
}

}  // namespace backscatter::bpf_test
