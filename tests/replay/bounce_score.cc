#include "tests/replay/bounce_score.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <utility>

#include "agent/base/ascii.h"
#include "tests/replay/replayed.h"
#include "tests/replay/run_program.h"
#include "tests/support/dialogue_capture.h"

namespace backscatter::replay {
namespace {

using nlohmann::json;
using support::DialogueCapture;
using support::DialogueOptions;
using support::TimedFrame;

constexpr std::size_t kFirstPort = 2000;

std::string WithoutBrackets(std::string text) {
  if (text.size() >= 2 && text.front() == '<' && text.back() == '>') {
    return text.substr(1, text.size() - 2);
  }
  return text;
}

std::string Column(const std::vector<std::string>& row, std::size_t i) {
  return i < row.size() ? row[i] : std::string();
}

bool IsBounceWord(const std::string& kind) {
  return kind.starts_with("dsn_") || kind == "nonstandard_bounce" || kind == "list_bounce";
}

// The words of TRUTH.tsv in those of the transaction schema.
std::string KindWord(const std::string& truth) {
  if (truth == "non-standard-bounce") return "nonstandard_bounce";
  if (truth == "not-a-bounce") return "other";
  std::string word = truth;
  std::replace(word.begin(), word.end(), '-', '_');
  return word;
}

std::string TextOf(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// What one transaction says of its message.
struct Said {
  std::string kind = "other";
  std::string final_recipient;
  std::string message_id;
  std::string status;
};

Said SaidBy(const json& bounce) {
  Said said;
  if (!bounce.is_object()) return said;
  const std::string kind = TextOf(bounce, "kind");
  if (kind != "tls_report" && kind != "dmarc_report") said.kind = kind;  // one with `other` there
  const json& recipients = bounce["recipients"];
  if (!recipients.empty()) said.final_recipient = TextOf(recipients[0], "final_recipient");
  for (const json& recipient : recipients) {
    if (said.status.empty()) said.status = TextOf(recipient, "status");
  }
  const json& ids = bounce["original_message_ids"];
  if (!ids.empty()) said.message_id = ids[0].get<std::string>();
  return said;
}

class Scorer {
 public:
  explicit Scorer(BounceScore* score) : score_(*score) {}

  void Row(const BounceTruth& truth, const json& transaction);

 private:
  void Count(BounceScore::Rate* rate, const char* what, const std::string& expected,
             const std::string& got, bool right) {
    ++rate->all;
    if (right) {
      ++rate->right;
    } else {
      score_.misses.push_back(file_ + ": " + what + " is " + expected + ", got " + got);
    }
  }

  BounceScore& score_;
  std::string file_;
};

void Scorer::Row(const BounceTruth& truth, const json& transaction) {
  file_ = truth.file;
  const json body = transaction.value("body", json::object());
  const std::string read = TextOf(body, "read");
  Count(&score_.read, "body", "head or whole of an accepted mail",
        read + " " + TextOf(transaction, "outcome"),
        (read == "head" || read == "whole") && TextOf(transaction, "outcome") == "accepted");

  const Said said = SaidBy(transaction.value("bounce", json()));
  const std::string expected = KindWord(truth.kind);
  ++score_.matrix[expected][said.kind];
  Count(&score_.kind, "kind", expected, said.kind, expected == said.kind);
  if (IsBounceWord(expected)) {
    Count(&score_.recall, "a bounce", expected, said.kind, IsBounceWord(said.kind));
  } else if (IsBounceWord(said.kind)) {
    ++score_.false_bounces;
  }
  if (!truth.final_recipient.empty()) {
    Count(&score_.final_recipient, "recipient", truth.final_recipient, said.final_recipient,
          EqualsIgnoreCase(said.final_recipient, truth.final_recipient));
  }
  if (!truth.message_id.empty()) {
    Count(&score_.message_id, "id", truth.message_id, said.message_id,
          said.message_id == truth.message_id);
  }
  if (!truth.status.empty()) {
    Count(&score_.status, "status", truth.status, said.status, said.status == truth.status);
  }
}

}  // namespace

std::vector<BounceTruth> ReadBounceTruth(const std::filesystem::path& directory) {
  std::ifstream file(directory / "TRUTH.tsv");
  std::vector<BounceTruth> rows;
  std::string line;
  std::getline(file, line);  // names of the columns
  while (std::getline(file, line)) {
    std::vector<std::string> row;
    std::istringstream columns(line);
    for (std::string column; std::getline(columns, column, '\t');) row.push_back(column);
    rows.push_back({Column(row, 0), Column(row, 1), Column(row, 4), WithoutBrackets(Column(row, 5)),
                    Column(row, 6), Column(row, 9)});
  }
  return rows;
}

std::string WireMessage(const std::string& text) {
  std::string wire;
  wire.reserve(text.size() + text.size() / 32);
  std::size_t from = 0;
  if (text.starts_with("From ")) from = std::min(text.find('\n'), text.size() - 1) + 1;
  for (; from < text.size(); ++from) {
    const char before = wire.empty() ? '\n' : wire.back();
    if (text[from] == '\n' && before != '\r') wire += '\r';
    if (text[from] == '.' && before == '\n') wire += '.';
    wire += text[from];
  }
  if (!wire.ends_with("\r\n")) wire += "\r\n";
  return wire + ".\r\n";
}

std::string BounceClient(std::size_t row) {
  return "198.51.100.7:" + std::to_string(kFirstPort + row);
}

std::string BounceCapture(const std::filesystem::path& directory,
                          const std::vector<BounceTruth>& truth) {
  std::vector<TimedFrame> frames;
  DialogueOptions options;
  for (std::size_t i = 0; i < truth.size(); ++i) {
    options.client_port = static_cast<std::uint16_t>(kFirstPort + i);
    options.start += kSecond;
    DialogueCapture session(options);
    session.Server("220 mx.ours.test ESMTP\r\n").Client("EHLO relay.example\r\n");
    session.Server("250-mx.ours.test\r\n250 8BITMIME\r\n");
    session.Client("MAIL FROM:" + truth[i].mail_from + "\r\n").Server("250 2.1.0 Ok\r\n");
    session.Client("RCPT TO:<user@ours.test>\r\n").Server("250 2.1.5 Ok\r\n");
    session.Client("DATA\r\n").Server("354 End data with <CR><LF>.<CR><LF>\r\n");
    session.Client(WireMessage(ReadWholeFile(directory / truth[i].file)));
    session.Server("250 2.0.0 Ok: queued\r\n").Client("QUIT\r\n").Server("221 2.0.0 Bye\r\n");
    std::vector<TimedFrame> more = session.Frames();
    options.start = std::max(options.start, more.back().at);
    std::move(more.begin(), more.end(), std::back_inserter(frames));
  }
  return support::ToPcap(frames);
}

BounceScore ScoreBounces(const std::vector<BounceTruth>& truth,
                         const std::vector<json>& transactions) {
  std::map<std::string, std::vector<const json*>> by_client;
  for (const json& transaction : transactions) {
    by_client[TextOf(transaction, "client")].push_back(&transaction);
  }
  BounceScore score;
  Scorer scorer(&score);
  for (std::size_t i = 0; i < truth.size(); ++i) {
    const std::vector<const json*>& own = by_client[BounceClient(i)];
    scorer.Row(truth[i], own.size() == 1 ? *own.front() : json::object());
  }
  return score;
}

std::string BounceScoreText(const BounceScore& score, bool with_misses) {
  std::ostringstream out;
  for (const auto& [truth, said] : score.matrix) {
    for (const auto& [got, count] : said) out << truth << " -> " << got << ": " << count << "\n";
  }
  const auto rate = [&](const char* name, const BounceScore::Rate& r) {
    char text[128];
    std::snprintf(text, sizeof text, "%s %zu/%zu %.2f %%\n", name, r.right, r.all, 100 * r.value());
    out << text;
  };
  rate("read", score.read);
  rate("recall", score.recall);
  out << "false bounces " << score.false_bounces << "\n";
  rate("kind", score.kind);
  rate("final_recipient", score.final_recipient);
  rate("orig_message_id", score.message_id);
  rate("status", score.status);
  if (!with_misses) return out.str();
  for (const std::string& miss : score.misses) out << miss << "\n";
  return out.str();
}

BounceScore ScoreBounceDirectory(const std::filesystem::path& directory, const std::string& read,
                                 std::string& error) {
  const std::vector<BounceTruth> truth = ReadBounceTruth(directory);
  const ScratchDirectory scratch;
  const std::string capture = scratch.File("bounces.pcap");
  std::ofstream(capture, std::ios::binary) << BounceCapture(directory, truth);
  const Replayed replayed = Replay(capture, true, {}, {"--set", "bounce.read=" + read});
  error = replayed.exit_code == 0 ? std::string() : "the program failed: " + replayed.errors;
  return ScoreBounces(truth, replayed.transactions);
}

std::filesystem::path SharedBounces() { return SharedCaptures().parent_path() / "bounces"; }

}  // namespace backscatter::replay
