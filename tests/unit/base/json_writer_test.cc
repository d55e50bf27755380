#include "agent/base/json_writer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

#include <nlohmann/json.hpp>

namespace backscatter {
namespace {

TEST(JsonWriter, CommasAndNestingAreRight) {
  std::string out;
  JsonWriter json(&out);
  json.BeginObject();
  json.Field("a", std::uint64_t{1});
  json.Key("list");
  json.BeginArray();
  json.BeginObject();
  json.EndObject();
  json.String("x\ny");
  json.BeginArray();
  json.EndArray();
  json.Null();
  json.EndArray();
  json.Field("yes", true);
  json.NullField("none");
  json.Field("k\"ey", "v");
  json.EndObject();
  EXPECT_EQ(out, R"({"a":1,"list":[{},"x\ny",[],null],"yes":true,"none":null,"k\"ey":"v"})");
}

TEST(JsonWriter, NumbersRoundTripAtTheirLimits) {
  std::string out;
  JsonWriter json(&out);
  json.BeginArray();
  json.Unsigned(std::numeric_limits<std::uint64_t>::max());
  json.Signed(std::numeric_limits<std::int64_t>::min());
  json.Double(0.1);
  json.Double(1e300);
  json.Double(1.0);
  json.Double(std::nan(""));
  json.Double(std::numeric_limits<double>::infinity());
  json.EndArray();
  const nlohmann::json parsed = nlohmann::json::parse(out);
  EXPECT_EQ(parsed[0].get<std::uint64_t>(), std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(parsed[1].get<std::int64_t>(), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(parsed[2].get<double>(), 0.1);
  EXPECT_EQ(parsed[3].get<double>(), 1e300);
  EXPECT_EQ(parsed[4].get<double>(), 1.0);
  EXPECT_TRUE(parsed[5].is_null());
  EXPECT_TRUE(parsed[6].is_null());
}

TEST(JsonWriter, TheCallerMayTakeTheTextAwayBetweenValues) {
  std::string out;
  std::string whole;
  JsonWriter json(&out);
  json.BeginArray();
  for (std::uint64_t i = 0; i < 3; ++i) {
    json.Unsigned(i);
    whole += out;
    out.clear();
  }
  json.EndArray();
  EXPECT_EQ(whole + out, "[0,1,2]");
}

TEST(JsonWriterDeathTest, MisuseIsABugAndAborts) {
  std::string out;
  EXPECT_DEATH(
      {
        JsonWriter json(&out);
        json.BeginObject();
        json.Unsigned(1);
      },
      "a value without a key");
  EXPECT_DEATH(
      {
        JsonWriter json(&out);
        json.EndArray();
      },
      "EndArray without BeginArray");
  EXPECT_DEATH(
      {
        JsonWriter json(&out);
        json.BeginArray();
        json.Key("k");
      },
      "a key outside of an object");
}

}  // namespace
}  // namespace backscatter
