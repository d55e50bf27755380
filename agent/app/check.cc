#include "agent/app/check.h"

#include <unistd.h>

#include <csignal>
#include <string>

#include "agent/app/batv_key_files.h"
#include "agent/app/check_report.h"
#include "agent/app/host_facts.h"
#include "agent/app/memory_plan.h"
#include "agent/app/output_file.h"
#include "agent/app/say.h"

namespace backscatter {
namespace {

constexpr PacketTime kLook = 5 * kSecond;

bool Print(const std::string& text) {
  OutputFile out(STDOUT_FILENO, "standard output");
  out.buffer() = text;
  const absl::Status status = out.Close();
  if (!status.ok() && !out.reader_gone()) Say(status);
  return status.ok();
}

}  // namespace

ExitCode RunCheck(const CheckFlags& flags, const LoadedConfig& loaded) {
  std::signal(SIGPIPE, SIG_IGN);
  const absl::StatusOr<BatvKeys> keys = ReadBatvKeys(loaded.config.batv_keys);
  const absl::StatusOr<MemoryPlan> memory = PlanMemory(loaded);
  if (!keys.ok()) Say(keys.status());
  if (flags.config_only) {
    if (!memory.ok()) Say(memory.status());
    if (!keys.ok() || !memory.ok()) return ExitCode::kUsage;
    return Print("the configuration is right\n") ? ExitCode::kDone : ExitCode::kDamaged;
  }
  if (!keys.ok()) return ExitCode::kUsage;
  const HostFacts facts = GatherHostFacts(loaded.config, kLook);
  const CheckReport report = ConcludeCheck(facts, loaded.config, memory);
  const bool printed = Print(flags.format == ReportFormat::kJson ? RenderCheckJson(report)
                                                                 : RenderCheckTable(report));
  if (report.exit_code == ExitCode::kDone && !printed) return ExitCode::kDamaged;
  return report.exit_code;
}

}  // namespace backscatter
