#include "tests/replay/bounce_score.h"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <sstream>

#include "agent/mail/message_reader.h"

namespace backscatter::replay {
namespace {

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
  return kind.rfind("dsn", 0) == 0 || kind == "nonstandard_bounce" || kind == "list_bounce";
}

// The words of TRUTH.tsv for the kinds of MessageKind.
std::string KindWord(const std::string& truth) {
  if (truth == "non-standard-bounce") return "nonstandard_bounce";
  if (truth == "not-a-bounce") return "other";
  std::string word = truth;
  std::replace(word.begin(), word.end(), '-', '_');
  return word;
}

std::string SaidKind(MessageKind kind) {
  switch (kind) {
    case MessageKind::kOther:
    case MessageKind::kTlsReport:
    case MessageKind::kDmarcReport:
      return "other";  // TRUTH.tsv does not tell them apart
    case MessageKind::kDsnFailed:
    case MessageKind::kDsnDelayed:
    case MessageKind::kDsnDelivered:
    case MessageKind::kDsnRelayed:
    case MessageKind::kDsnExpanded:
    case MessageKind::kNonstandardBounce:
    case MessageKind::kListBounce:
    case MessageKind::kAutoReply:
    case MessageKind::kChallengeResponse:
    case MessageKind::kMdn:
    case MessageKind::kArf:
      break;
  }
  return std::string(MessageKindName(kind));
}

std::string StatusText(const EnhancedStatus& status) {
  if (status.class_digit == 0) return {};
  return std::to_string(status.class_digit) + "." + std::to_string(status.subject) + "." +
         std::to_string(status.detail);
}

struct Scorer {
  BounceScore score;
  const BounceTruth* truth = nullptr;

  void Count(BounceScore::Rate* rate, const char* what, const std::string& expected,
             const std::string& got, bool right) {
    ++rate->all;
    if (right) {
      ++rate->right;
    } else {
      score.misses.push_back(truth->file + ": " + what + " is " + expected + ", got " + got);
    }
  }
  void Row(const MessageFacts& facts);
};

void Scorer::Row(const MessageFacts& facts) {
  const std::string expected = KindWord(truth->kind);
  const std::string got = SaidKind(facts.kind);
  ++score.matrix[expected][got];
  Count(&score.kind, "kind", expected, got, expected == got);
  if (IsBounceWord(expected)) {
    ++score.recall.all;
    if (IsBounceWord(got)) ++score.recall.right;
  } else if (IsBounceWord(got)) {
    ++score.false_bounces;
  }
  if (!truth->final_recipient.empty()) {
    const std::string first = facts.recipients.empty() ? "" : facts.recipients[0].final_recipient;
    Count(&score.final_recipient, "recipient", truth->final_recipient, first,
          EqualsIgnoreCase(first, truth->final_recipient));
  }
  if (!truth->message_id.empty()) {
    std::string first;
    if (!facts.original_message_ids.empty()) first = facts.original_message_ids[0];
    if (first.empty() && !facts.references.empty()) first = facts.references[0];
    Count(&score.message_id, "id", truth->message_id, first, first == truth->message_id);
  }
  if (!truth->status.empty()) {
    std::string first;
    for (const ReportedRecipient& recipient : facts.recipients) {
      if (first.empty()) first = StatusText(recipient.status);
    }
    Count(&score.status, "status", truth->status, first, first == truth->status);
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

std::string WireMessage(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  std::string wire;
  wire.reserve(text.size() + text.size() / 32);
  std::size_t from = 0;
  if (text.rfind("From ", 0) == 0) from = std::min(text.find('\n'), text.size() - 1) + 1;
  for (; from < text.size(); ++from) {
    if (text[from] == '\n' && (wire.empty() || wire.back() != '\r')) wire += '\r';
    wire += text[from];
  }
  return wire;
}

BounceScore ScoreBounces(const std::filesystem::path& directory) {
  Scorer scorer;
  MessageReader reader;
  for (const BounceTruth& truth : ReadBounceTruth(directory)) {
    scorer.truth = &truth;
    ReaderOptions options;
    options.null_sender = truth.mail_from == "<>";
    reader.Reset(options);
    reader.Read(WireMessage(directory / truth.file));
    scorer.Row(reader.Finish(true));
  }
  return std::move(scorer.score);
}

std::string ScoreText(const BounceScore& score) {
  std::ostringstream out;
  for (const auto& [truth, said] : score.matrix) {
    for (const auto& [got, count] : said) out << truth << " -> " << got << ": " << count << "\n";
  }
  const auto rate = [&](const char* name, const BounceScore::Rate& r) {
    char text[128];
    std::snprintf(text, sizeof text, "%s %zu/%zu %.2f %%\n", name, r.right, r.all, 100 * r.value());
    out << text;
  };
  rate("recall", score.recall);
  out << "false bounces " << score.false_bounces << "\n";
  rate("kind", score.kind);
  rate("final_recipient", score.final_recipient);
  rate("orig_message_id", score.message_id);
  rate("status", score.status);
  for (const std::string& miss : score.misses) out << miss << "\n";
  return out.str();
}

}  // namespace backscatter::replay
