#include <malloc.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "agent/app/check.h"
#include "agent/app/config.h"
#include "agent/app/config_flags.h"
#include "agent/app/exit_code.h"
#include "agent/app/lookup.h"
#include "agent/app/make_source.h"
#include "agent/app/memory_plan.h"
#include "agent/app/output_file.h"
#include "agent/app/replay.h"
#include "agent/app/run.h"
#include "agent/app/say.h"
#include "agent/app/stop_signal.h"
#include "agent/app/words.h"

namespace backscatter {
namespace {

ExitCode PrintText(const std::string& text) {
  OutputFile out(STDOUT_FILENO, "standard output");
  out.buffer() = text;
  const absl::Status status = out.Close();
  if (!status.ok() && !out.reader_gone()) Say(status);
  return status.ok() ? ExitCode::kDone : ExitCode::kDamaged;
}

void SayWithoutEffect(const std::vector<std::string>& keys) {
  if (keys.empty()) return;
  Say("note: without effect in this version: " + JoinWords(keys, " "));
}

// Tables grow to tens of megabytes and stay: take their memory in large steps and never give it
// back on the way (a page that is touched anew costs more than counting an address).
void TuneAllocator() {
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  mallopt(M_TOP_PAD, 16 << 20);
}

ExitCode Run(const std::vector<std::string>& arguments) {
  TuneAllocator();
  const absl::StatusOr<CommandLine> line = ParseCommandLine(arguments);
  if (!line.ok()) {
    Say(line.status());
    return ExitCode::kUsage;
  }
  if (line->action == Action::kText) return PrintText(line->text);
  absl::StatusOr<LoadedConfig> loaded = LoadConfig(line->config());
  if (!loaded.ok()) {
    Say(loaded.status());
    return ExitCode::kUsage;
  }
  SayWithoutEffect(loaded->without_effect);
  if (line->action == Action::kLookup) return RunLookup(line->lookup, loaded->config);
  if (line->action == Action::kCheck) return RunCheck(line->check, *loaded);
  if (line->action == Action::kRun) {
    absl::StatusOr<MemoryPlan> plan = PlanMemory(*loaded);
    if (!plan.ok()) {
      Say(plan.status());
      return ExitCode::kUsage;
    }
    loaded->config = std::move(plan->config);
    return RunAgent(line->run, *std::move(loaded), {.make_source = MakeSource});
  }
  return RunReplay(line->replay, loaded->config, InstallStopSignals());
}

}  // namespace
}  // namespace backscatter

int main(int argc, char** argv) {
  return static_cast<int>(backscatter::Run({argv + (argc > 0 ? 1 : 0), argv + argc}));
}
