// The page that Prometheus scrapes.
#pragma once

#include <string>
#include <string_view>

#include "agent/report/live_snapshot.h"

namespace backscatter {

// Text format 0.0.4, UTF-8.
inline constexpr std::string_view kMetricsContentType = "text/plain; version=0.0.4; charset=utf-8";

// Every metric of the catalogue (metric_catalogue.h, METRICS.md) that the snapshot has a value for,
// and those of this process, as of now. A scrape is to be given SnapshotBox::GetForScrape(). Label
// values are escaped, valid UTF-8 and bounded. Cost: O(series), no locks.
std::string RenderMetrics(const LiveSnapshot& snapshot);

}  // namespace backscatter
