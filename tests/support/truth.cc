#include "tests/support/truth.h"

#include <algorithm>
#include <numeric>

namespace backscatter::support {
namespace {

// The generator's addresses are printable ASCII; only these two need care.
void AppendQuoted(std::string_view text, std::string& out) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
}

void AppendField(std::string_view key, std::uint64_t value, bool first, std::string& out) {
  if (!first) out += ", ";
  AppendQuoted(key, out);
  out += ": ";
  out += std::to_string(value);
}

void Count(RecipientCounts& counts, std::uint16_t reply, bool delivered) {
  ++counts.recipients;
  if (reply == 0) {
    ++counts.unknown;
  } else if (reply < 300) {
    ++counts.accepted;
    if (delivered) ++counts.delivered;
  } else if (reply < 500) {
    ++counts.deferred;
  } else {
    ++counts.refused;
  }
}

}  // namespace

std::uint32_t Truth::Table::Id(std::string_view name) {
  const auto [place, is_new] =
      ids.try_emplace(std::string(name), static_cast<std::uint32_t>(names.size()));
  if (is_new) {
    names.emplace_back(name);
    counts.emplace_back();
  }
  return place->second;
}

void Truth::AddSession(bool encrypted, bool with_gaps) {
  ++(encrypted ? encrypted_ : plain_);
  if (with_gaps) ++with_gaps_;
}

void Truth::AddTransaction(const TrueTransaction& transaction, std::string_view source) {
  ++transactions_;
  ++outcomes_[static_cast<std::size_t>(transaction.outcome)];
  recipients_ += transaction.recipients.size();
  if (!transaction.null_sender) return;
  ++null_senders_;
  null_recipients_ += transaction.recipients.size();
  if (transaction.recipients.empty()) return;
  const bool delivered = transaction.final_reply >= 200 && transaction.final_reply < 300;
  const std::uint32_t source_id = sources_.Id(source);
  for (const TrueRecipient& recipient : transaction.recipients) {
    const std::uint32_t target_id = targets_.Id(recipient.target);
    Count(targets_.counts[target_id], recipient.reply, delivered);
    Count(sources_.counts[source_id], recipient.reply, delivered);
    if (pairs_.insert((std::uint64_t{target_id} << 32) | source_id).second) {
      ++targets_.counts[target_id].others;
      ++sources_.counts[source_id].others;
    }
  }
}

void Truth::AppendTable(const Table& table, std::string_view others, std::string& out) {
  std::vector<std::uint32_t> order(table.names.size());
  std::iota(order.begin(), order.end(), 0u);
  std::sort(order.begin(), order.end(),
            [&](std::uint32_t a, std::uint32_t b) { return table.names[a] < table.names[b]; });
  out += '{';
  for (std::size_t i = 0; i < order.size(); ++i) {
    const RecipientCounts& counts = table.counts[order[i]];
    out += i == 0 ? "\n  " : ",\n  ";
    AppendQuoted(table.names[order[i]], out);
    out += ": {";
    AppendField("recipients", counts.recipients, true, out);
    AppendField("accepted", counts.accepted, false, out);
    AppendField("deferred", counts.deferred, false, out);
    AppendField("refused", counts.refused, false, out);
    AppendField("unknown", counts.unknown, false, out);
    AppendField("delivered", counts.delivered, false, out);
    AppendField(others, counts.others, false, out);
    out += '}';
  }
  out += "\n }";
}

std::string Truth::ToJson() const {
  std::string out = "{\n \"sessions\": {";
  AppendField("total", sessions(), true, out);
  AppendField("plain", plain_, false, out);
  AppendField("encrypted", encrypted_, false, out);
  AppendField("with_gaps", with_gaps_, false, out);
  out += "},\n \"transactions\": {";
  AppendField("total", transactions_, true, out);
  AppendField("null_sender", null_senders_, false, out);
  AppendField("null_sender_recipients", null_recipients_, false, out);
  AppendField("accepted", outcome(TrueOutcome::kAccepted), false, out);
  AppendField("rejected", outcome(TrueOutcome::kRejected), false, out);
  AppendField("aborted", outcome(TrueOutcome::kAborted), false, out);
  AppendField("unfinished", outcome(TrueOutcome::kUnfinished), false, out);
  out += "},\n \"recipients\": " + std::to_string(recipients_) + ",\n \"targets\": ";
  AppendTable(targets_, "sources", out);
  out += ",\n \"sources\": ";
  AppendTable(sources_, "targets", out);
  out += "\n}\n";
  return out;
}

}  // namespace backscatter::support
