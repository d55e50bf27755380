#include "tests/replay/lab_score.h"

#include <algorithm>
#include <deque>
#include <fstream>
#include <set>
#include <sstream>

#include "tests/replay/replayed.h"

namespace backscatter::replay {
namespace {

using nlohmann::json;

std::string Text(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

bool IsTrue(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && *found == true;
}

int Code(const json& value) { return value.is_number() ? value.get<int>() : 0; }

std::string KeyOfTruth(const json& line) {
  if (line["dir"] == "out") {
    const json& rcpts = line["rcpts"];
    return Text(line, "server") + " " + Text(line, "mail_from") + " " +
           (rcpts.empty() ? std::string() : Text(rcpts[0], "rcpt"));
  }
  return Text(line, "client") + ":" + std::to_string(Code(line["client_port"]));
}

// The gateway is the client of what goes out.
std::string KeyOfTransaction(const json& line, const std::string& gateway) {
  const std::string client = Text(line, "client");
  if (client.substr(0, client.rfind(':')) != gateway) return client;
  const std::string server = Text(line, "server");
  const json& recipients = line["recipients"];
  return server.substr(0, server.rfind(':')) + " " + Text(line, "mail_from") + " " +
         (recipients.empty() ? std::string() : Text(recipients[0], "address"));
}

std::string Gateway(const std::vector<json>& truth) {
  for (const json& line : truth) {
    if (line["dir"] == "out") return Text(line, "client");
  }
  return {};
}

std::string Answer(const json& transaction) {
  if (IsTrue(transaction, "retry")) return "retry";
  std::string answer = Text(transaction, "verdict");
  if (answer.empty()) return "none";
  const auto solicited = transaction.find("solicited");
  if (solicited != transaction.end() && solicited->is_boolean()) {
    answer += *solicited == true ? "/solicited" : "/unsolicited";
  }
  const std::string reason = Text(transaction, "reason");
  return reason.empty() ? answer : answer + " " + reason;
}

bool Deferred(const json& truth) {
  const auto later = [](int code) { return code >= 400 && code < 500; };
  const json& rcpts = truth["rcpts"];
  return later(Code(truth.value("data_code", json()))) ||
         std::any_of(rcpts.begin(), rcpts.end(),
                     [&](const json& r) { return later(Code(r.value("code", json()))); });
}

// A bounce whose recipients were all refused and that sent no content looks like a probe.
bool HasOnlyAnEnvelope(const json& truth, const json& transaction) {
  const json& rcpts = truth["rcpts"];
  return IsTrue(truth, "null_sender") && truth["dir"] == "in" &&
         Text(transaction["body"], "read") == "none" &&
         std::all_of(rcpts.begin(), rcpts.end(),
                     [](const json& r) { return Code(r.value("code", json())) >= 400; });
}

bool IsRight(const json& truth, const json& transaction) {
  const std::string label = Text(truth, "label");
  const std::string verdict = Text(transaction, "verdict");
  const std::string reason = Text(transaction, "reason");
  const bool out = truth["dir"] == "out";
  if (verdict == "null_rejected_rcpt") return HasOnlyAnEnvelope(truth, transaction);
  // Bodies are read where the sender is null or looks like a daemon's; other mail is mail.
  if (verdict == "normal" && !IsTrue(truth, "null_sender") &&
      (label == "report" || label.starts_with("challenge_response_"))) {
    return true;
  }
  if (label.starts_with("normal_")) return verdict == "normal";
  if (label == "solicited_bounce") return verdict == "solicited";
  if (label.starts_with("backscatter")) return verdict == "backscatter";
  if (label.ends_with("_probe")) return verdict == "callout_probe";
  if (label == "dsn_success") return verdict == (out ? "emitted" : "dsn_success");
  if (label.starts_with("autoreply_")) {
    const bool solicited = label == "autoreply_solicited";
    return verdict == "autoreply" && transaction.value("solicited", json()) == solicited;
  }
  if (label.starts_with("challenge_response_")) return verdict == "challenge_response";
  if (label == "null_other") return verdict == "null_other" || verdict == "null_bulk";
  if (label == "emitted_accept_then_bounce") {
    return verdict == "emitted" && reason == "accept_then_bounce";
  }
  if (label == "callout_out") return verdict == "emitted" && reason == "callout";
  if (label == "bounce_loop") {
    return out ? verdict == "emitted" : verdict == "bounce_loop" || verdict == "normal";
  }
  if (Text(truth["detail"], "kind") == "mdn_unsolicited") return verdict == "backscatter";
  return verdict == label;  // mdn, report
}

std::vector<json> ReadLines(const std::filesystem::path& path) {
  std::vector<json> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    lines.push_back(json::parse(line, nullptr, false));
  }
  return lines;
}

}  // namespace

LabScore ScoreLab(const std::vector<json>& truth, const std::vector<json>& transactions) {
  LabScore score;
  const std::string gateway = Gateway(truth);
  std::map<std::string, std::deque<const json*>> waiting;
  for (const json& line : transactions) {
    waiting[KeyOfTransaction(line, gateway)].push_back(&line);
  }
  score.left_over = static_cast<int>(transactions.size());
  std::set<std::string> deferred;  // causes and queue ids that got a 4xx
  for (const json& line : truth) {
    const std::string dir = Text(line, "dir");
    const std::string id = dir + " " + Text(line, dir == "in" ? "cause" : "qid");
    const bool tried_before = deferred.count(id) > 0;
    if (Deferred(line) && id.size() > dir.size() + 1) deferred.insert(id);
    const std::string key = KeyOfTruth(line);
    std::deque<const json*>& candidates = waiting[key];
    if (candidates.empty() ||
        IsTrue(*candidates.front(), "null_sender") != IsTrue(line, "null_sender")) {
      score.unmatched.push_back(key);
      continue;
    }
    const json& transaction = *candidates.front();
    candidates.pop_front();
    --score.left_over;
    const std::string answer = Answer(transaction);
    const bool right = answer == "retry" ? tried_before : IsRight(line, transaction);
    LabCell& cell = score.cells[dir + " " + Text(line, "label")][answer];
    ++cell.count;
    cell.right += right;
    ++(right ? score.right : score.wrong);
    if (!right) {
      score.misses.push_back(dir + " " + Text(line, "label") + " " + Text(line["detail"], "kind") +
                             " " + Text(line, "mta") + " " + key + ": " + answer);
    }
  }
  return score;
}

std::string LabScoreText(const LabScore& score) {
  std::ostringstream text;
  for (const auto& [label, answers] : score.cells) {
    LabCell sum;
    for (const auto& [answer, cell] : answers) {
      sum.count += cell.count;
      sum.right += cell.right;
    }
    text << label << "  " << sum.right << "/" << sum.count << "\n";
    for (const auto& [answer, cell] : answers) {
      text << "    " << answer << "  " << cell.count;
      if (cell.right != cell.count) text << "  (wrong: " << cell.count - cell.right << ")";
      text << "\n";
    }
  }
  text << "right " << score.right << ", wrong " << score.wrong << ", without a transaction "
       << score.unmatched.size() << ", without a label " << score.left_over << "\n";
  return text.str();
}

LabScore ScoreLabDirectory(const std::filesystem::path& directory, std::string& error) {
  const Replayed replayed =
      Replay(directory / "gateway.pcap.gz", true, {},
             {"--set", "sent.min_history=0s", "--set", "local.domains=[ours.test,second.test]",
              "--set", "local.networks=[203.0.113.0/24]"});
  error = replayed.exit_code == 0 ? std::string() : "the program failed: " + replayed.errors;
  return ScoreLab(ReadLines(directory / "truth.jsonl"), replayed.transactions);
}

std::filesystem::path Lab() { return BACKSCATTER_SOURCE_DIR "/tests/replay/lab"; }

}  // namespace backscatter::replay
