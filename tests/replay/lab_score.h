// The labelled capture of the lab against what the program says of it: label by verdict.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"

namespace backscatter::replay {

struct LabCell {
  int count = 0;
  int right = 0;
};

struct LabScore {
  // By label ("in backscatter"), then by answer ("autoreply/unsolicited unsolicited_autoreply").
  std::map<std::string, std::map<std::string, LabCell>> cells;
  int right = 0;
  int wrong = 0;
  std::vector<std::string> unmatched;  // lines of truth without a transaction
  int left_over = 0;                   // transactions without a line of truth
  std::vector<std::string> misses;     // one line for each wrong answer
};

// `truth` in its order, `transactions` as the program wrote them. A line of an inbound connection
// meets the transactions of the same client and port, one of an outbound connection those of the
// same server, sender and first recipient; both in their order.
LabScore ScoreLab(const std::vector<nlohmann::json>& truth,
                  const std::vector<nlohmann::json>& transactions);
std::string LabScoreText(const LabScore& score);

// Runs the built program over `directory`/gateway.pcap.gz, configured as the lab was, and scores
// it. `error` says what went wrong; empty where nothing did.
LabScore ScoreLabDirectory(const std::filesystem::path& directory, std::string& error);

// The capture that is part of the tests.
std::filesystem::path Lab();

}  // namespace backscatter::replay
