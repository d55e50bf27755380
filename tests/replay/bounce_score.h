// How well MessageReader understands real messages of which it is known what they are.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace backscatter::replay {

// One row of TRUTH.tsv.
struct BounceTruth {
  std::string file;
  std::string kind;
  std::string final_recipient;
  std::string message_id;  // without <>
  std::string status;
  std::string mail_from;  // with <>
};

struct BounceScore {
  struct Rate {
    std::size_t right = 0;
    std::size_t all = 0;
    double value() const {
      return all == 0 ? 1.0 : static_cast<double>(right) / static_cast<double>(all);
    }
  };
  std::map<std::string, std::map<std::string, std::size_t>> matrix;  // truth, then what was said
  Rate recall;                                                       // bounces that were found
  std::size_t false_bounces = 0;
  Rate kind;
  Rate final_recipient;
  Rate message_id;
  Rate status;
  std::vector<std::string> misses;  // a line each
};

std::vector<BounceTruth> ReadBounceTruth(const std::filesystem::path& directory);
// The file as it would come over SMTP: CRLF, no mbox "From " line.
std::string WireMessage(const std::filesystem::path& file);
BounceScore ScoreBounces(const std::filesystem::path& directory);
std::string ScoreText(const BounceScore& score);

}  // namespace backscatter::replay
