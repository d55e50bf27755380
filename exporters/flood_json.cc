#include "exporters/flood_json.h"

#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>

#include "agent/detect/distinct_counter.h"

namespace backscatter {
namespace {

void Number(std::string_view key, double value, JsonWriter& json) {
  json.Key(key);
  json.Double(value);
}

std::uint64_t Rounded(double value) { return static_cast<std::uint64_t>(std::llround(value)); }

}  // namespace

void WriteFlood(const Flood& flood, bool sampled, JsonWriter& json) {
  json.BeginObject();
  json.Field("kind", FloodKindName(flood.kind));
  json.TextOrNull("domain", flood.domain);
  json.TextOrNull("target", flood.target);
  json.TextOrNull("network", flood.network);
  json.Field("confidence", ConfidenceName(flood.confidence));
  json.Field("start", FormatRfc3339(flood.start));
  if (flood.end) {
    json.Field("end", FormatRfc3339(*flood.end));
  } else {
    json.NullField("end");
  }
  json.Field("last", FormatRfc3339(flood.last));
  json.Field("recipients", flood.recipients);
  json.Field("beginning_seen", flood.beginning_seen);
  if (sampled) Number("estimated_recipients", flood.estimated_recipients, json);
  json.Field("sources", Rounded(flood.sources));
  json.Field("networks", Rounded(flood.networks));
  const bool exact = Rounded(flood.sources) <= kMostExactThings;
  Number("distinct_error_bound", exact ? 0 : kSketchErrorBound, json);
  if (flood.share_unsolicited) {
    Number("share_unsolicited", *flood.share_unsolicited, json);
  } else {
    json.NullField("share_unsolicited");
  }
  Number("peak_per_minute", flood.peak_per_minute, json);
  json.Key("top_sources");
  json.BeginArray();
  for (const FloodSource& source : flood.top_sources) {
    json.BeginObject();
    json.Field("address", source.address.ToString());
    json.Field("recipients", source.recipients);
    json.EndObject();
  }
  json.EndArray();
  json.Key("example_message_ids");
  json.BeginArray();
  for (const std::string& id : flood.example_message_ids) json.String(id);
  json.EndArray();
  json.EndObject();
}

}  // namespace backscatter
