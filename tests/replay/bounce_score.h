// How well the program understands real messages of which it is known what they are: each is sent
// over SMTP, captured, replayed, and what the transaction says is held against TRUTH.tsv.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"

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
  std::size_t false_bounces = 0;                                     // also among files `fp*`
  Rate kind;
  Rate final_recipient;
  Rate message_id;
  Rate status;
  Rate read;                        // body.read is head or whole, and the mail was accepted
  std::vector<std::string> misses;  // a line each
};

std::vector<BounceTruth> ReadBounceTruth(const std::filesystem::path& directory);

// The message of `text` as a client writes it behind 354: CRLF, no mbox "From " line, dots stuffed,
// the lone dot at the end.
std::string WireMessage(const std::string& text);

// A capture of one session for each row, in the order of `truth`; row i comes from the client
// BounceClient(i).
std::string BounceCapture(const std::filesystem::path& directory,
                          const std::vector<BounceTruth>& truth);
std::string BounceClient(std::size_t row);  // "address:port"

// `transactions` as the program wrote them, in any order; a row without its one transaction is
// wrong in everything.
BounceScore ScoreBounces(const std::vector<BounceTruth>& truth,
                         const std::vector<nlohmann::json>& transactions);
std::string BounceScoreText(const BounceScore& score, bool with_misses);

// Runs the built program over the messages of `directory`, with `--set bounce.read=` `read`.
// `error` says what went wrong; empty where nothing did.
BounceScore ScoreBounceDirectory(const std::filesystem::path& directory, const std::string& read,
                                 std::string& error);

// $BACKSCATTER_SHARED/bounces, else ../shared/bounces beside the sources.
std::filesystem::path SharedBounces();

}  // namespace backscatter::replay
