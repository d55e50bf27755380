#include "exporters/prometheus.h"

#include <sstream>
#include <utility>

#include "exporters/prometheus_families.h"
#include "prometheus/text_serializer.h"

namespace backscatter {

std::string RenderMetrics(const LiveSnapshot& snapshot) {
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, MetricFamilies(snapshot));
  return std::move(out).str();
}

}  // namespace backscatter
