#include "exporters/shared_json.h"

#include <cstddef>

namespace backscatter {

void WriteReply(std::string_view key, std::uint16_t reply, JsonWriter& json) {
  if (reply == 0) {
    json.NullField(key);
  } else {
    json.Field(key, std::uint64_t{reply});
  }
}

void WriteLabel(const TargetLabel& label, JsonWriter& json) {
  json.TextOrNull("domain", label.domain);
  json.TextOrNull("target", label.target);
}

void WriteLedger(const Ledger& ledger, JsonWriter& json) {
  json.Key("losses");
  json.BeginObject();
  for (std::size_t i = 0; i < kLossCount; ++i) {
    const auto loss = static_cast<Loss>(i);
    if (ledger.Get(loss) > 0) json.Field(LossName(loss), ledger.Get(loss));
  }
  json.EndObject();
  json.Key("anomalies");
  json.BeginObject();
  for (std::size_t i = 0; i < kAnomalyCount; ++i) {
    const auto anomaly = static_cast<Anomaly>(i);
    if (ledger.Get(anomaly) > 0) json.Field(AnomalyName(anomaly), ledger.Get(anomaly));
  }
  json.EndObject();
}

}  // namespace backscatter
