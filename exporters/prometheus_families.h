// The metric families of a snapshot, as prometheus-cpp writes them.
#pragma once

#include <vector>

#include "agent/report/live_snapshot.h"
#include "prometheus/metric_family.h"

namespace backscatter {

// In the order of the catalogue; those without a series are left out.
std::vector<prometheus::MetricFamily> MetricFamilies(const LiveSnapshot& snapshot);

}  // namespace backscatter
