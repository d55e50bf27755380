// What the agent says where the kernel refuses the program.
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "agent/source/bpf_program.h"
#include "agent/source/bpf_refusal.h"

namespace backscatter::bpf_test {
namespace {

using testing::HasSubstr;

// What `say` gives in a process without any capability; empty where none can be made.
std::string AsNobody(const std::function<std::string()>& say) {
  int ends[2];
  if (pipe(ends) != 0) return "";
  const pid_t child = fork();
  if (child == 0) {
    const std::string text =
        geteuid() != 0 || setresuid(65534, 65534, 65534) == 0 ? say() : std::string();
    const ssize_t written = write(ends[1], text.data(), text.size());
    _exit(written < 0 ? 1 : 0);
  }
  close(ends[1]);
  std::string text;
  char buffer[512];
  for (ssize_t length = 0; (length = read(ends[0], buffer, sizeof buffer)) > 0;) {
    text.append(buffer, static_cast<std::size_t>(length));
  }
  close(ends[0]);
  waitpid(child, nullptr, 0);
  return text;
}

TEST(Refusal, WithoutCapabilitiesItNamesThem) {
  const std::string text =
      AsNobody([] { return BpfProgram::Open(BpfKind::kEthernet).status().ToString(); });
  if (text.empty()) GTEST_SKIP() << "no process without capabilities can be made here";
  if (text.starts_with("UNIMPLEMENTED")) GTEST_SKIP() << text;
  EXPECT_THAT(text, testing::StartsWith("PERMISSION_DENIED"));
  EXPECT_THAT(text, HasSubstr("missing: CAP_NET_ADMIN, CAP_PERFMON and CAP_BPF"));
}

TEST(Refusal, WithAllCapabilitiesNoneIsMissing) {
  if (geteuid() != 0) GTEST_SKIP() << "not root";
  const std::string missing = MissingBpfCapabilities();
  if (!missing.empty()) GTEST_SKIP() << "root without " << missing;
  EXPECT_THAT(std::string(ExplainBpfRefusal(EPERM, "loading", "").message()),
              HasSubstr("security module"));
}

TEST(Refusal, TheVerifiersLastWordsAreKept) {
  const absl::Status status = ExplainBpfRefusal(
      EINVAL, "loading", "1: r0 = 1\nR1 is no pointer\nprocessed 2 insns (limit 1000000)\n");
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_THAT(std::string(status.message()), testing::EndsWith("R1 is no pointer"));
}

TEST(Refusal, ThisKernelIsNewEnoughOrSaysWhichIsNeeded) {
  const absl::Status status = CheckBpfKernel();
  EXPECT_TRUE(status.ok() || std::string(status.message()).find("5.17") != std::string::npos)
      << status;
}

}  // namespace
}  // namespace backscatter::bpf_test
