// The answers of the API as JSON (docs/API.md has their keys).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/detect/verdict.h"
#include "agent/mail/canonical_target.h"
#include "agent/report/live_snapshot.h"
#include "agent/report/report.h"
#include "exporters/api_page.h"
#include "exporters/http_server.h"

namespace backscatter {

// A report with at most kApiMostRows rows a list, and how its targets are named outside.
struct ApiReport {
  Report report;
  std::vector<TargetLabel> labels;  // of report.targets, in their order
};

// Of a canonical address.
using TargetNamer = std::function<TargetLabel(std::string_view address)>;

std::string RenderApiError(int status, std::string_view text);
// `stage`: "starting", "capturing", "ending". `now`: wall clock.
std::string RenderApiStatus(const LiveSnapshot& snapshot, std::string_view stage,
                            const HttpFigures& http, PacketTime now);
std::string RenderApiTargets(const ApiReport& report, const ApiPage& page);
std::string RenderApiSources(const ApiReport& report, const ApiPage& page);

// Which floods are wanted: those that are on, those that have ended; nullopt: both.
std::string RenderApiFloods(const LiveSnapshot& snapshot, std::optional<bool> on,
                            const ApiPage& page);

// What of a transaction may be told: no address but by its label, nothing that the message says.
std::string RenderApiTransaction(const JudgedTransaction& judged, const TargetOptions& targets,
                                 const TargetNamer& name);
struct ApiTransactions {
  std::uint64_t capacity = 0;  // api.transactions; 0: none are kept
  std::uint64_t seen = 0;      // since they are kept
  std::uint64_t kept = 0;
  std::vector<std::shared_ptr<const std::string>> rows = {};  // of the page, the newest first
};
std::string RenderApiTransactions(const ApiTransactions& transactions, const ApiPage& page);

}  // namespace backscatter
