// What is true of a generated capture, counted where it is made, in the sense of the report.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace backscatter::support {

enum class TrueOutcome : std::uint8_t { kAccepted, kRejected, kAborted, kUnfinished };

struct TrueRecipient {
  std::string sent;         // as it stands on the wire, without angle brackets
  std::string target;       // the canonical address
  std::uint16_t reply = 0;  // 0 = none in the capture
};

struct TrueTransaction {
  bool null_sender = false;
  TrueOutcome outcome = TrueOutcome::kUnfinished;
  std::uint16_t final_reply = 0;
  std::vector<TrueRecipient> recipients;
};

struct RecipientCounts {
  std::uint64_t recipients = 0;
  std::uint64_t accepted = 0;
  std::uint64_t deferred = 0;
  std::uint64_t refused = 0;
  std::uint64_t unknown = 0;
  std::uint64_t delivered = 0;
  std::uint64_t others = 0;  // distinct sources of a target, distinct targets of a source
};

class Truth {
 public:
  void AddSession(bool encrypted, bool with_gaps);
  void AddTransaction(const TrueTransaction& transaction, std::string_view source);
  void AddOrphanRecipient() { ++recipients_; }

  // Sorted by address; one key a line, so that two files can be compared by eye.
  std::string ToJson() const;

  std::uint64_t sessions() const { return plain_ + encrypted_; }
  std::uint64_t transactions() const { return transactions_; }
  std::uint64_t outcome(TrueOutcome o) const { return outcomes_[static_cast<std::size_t>(o)]; }
  std::uint64_t null_senders() const { return null_senders_; }
  std::uint64_t null_recipients() const { return null_recipients_; }
  std::uint64_t recipients() const { return recipients_; }
  std::uint64_t encrypted() const { return encrypted_; }
  std::uint64_t with_gaps() const { return with_gaps_; }
  const std::vector<RecipientCounts>& targets() const { return targets_.counts; }
  const std::vector<RecipientCounts>& sources() const { return sources_.counts; }

 private:
  struct Table {
    std::unordered_map<std::string, std::uint32_t> ids;
    std::vector<std::string> names;
    std::vector<RecipientCounts> counts;
    std::uint32_t Id(std::string_view name);
  };
  static void AppendTable(const Table& table, std::string_view others, std::string& out);

  Table targets_;
  Table sources_;
  std::unordered_set<std::uint64_t> pairs_;
  std::uint64_t plain_ = 0;
  std::uint64_t encrypted_ = 0;
  std::uint64_t with_gaps_ = 0;
  std::uint64_t transactions_ = 0;
  std::uint64_t null_senders_ = 0;
  std::uint64_t null_recipients_ = 0;
  std::uint64_t recipients_ = 0;
  std::uint64_t outcomes_[4] = {0, 0, 0, 0};
};

}  // namespace backscatter::support
