// From transactions to verdicts: the one place that knows what was learnt, in the order of time.
#pragma once

#include <cstddef>
#include <cstdint>

#include "agent/detect/accepted_mail.h"
#include "agent/detect/evidence_collector.h"
#include "agent/detect/retry_memory.h"
#include "agent/detect/verdict.h"
#include "agent/mail/sent_coverage.h"
#include "agent/mail/sent_ledger.h"
#include "agent/smtp/transaction.h"

namespace backscatter {

struct JudgeOptions {
  EvidenceOptions evidence;
  RetryOptions retries;
  AcceptedMailOptions accepted;
};

// Learns from each transaction what later ones need, gives each a verdict and hands it on. Owned by
// one thread. `ledger`, `coverage` and `next` must outlive it.
class Judge final : public TransactionSink {
 public:
  Judge(JudgeOptions options, SentLedger* ledger, SentCoverage* coverage,
        JudgedTransactionSink* next);

  void OnTransaction(const Transaction& transaction) override;
  void Foretell(const Transaction& transaction) override { evidence_.Prepare(transaction); }
  void OnSession(const SessionSummary& session) override;

  // Instead of JudgeOptions::evidence, from now on; what was learnt stays.
  void Reconfigure(EvidenceOptions evidence);

  void SetFloods(const FloodView* floods) { evidence_.SetFloods(floods); }
  const EvidenceCollector& evidence() const { return evidence_; }
  // What had to make room before its time: 0 means that every memory was long enough.
  std::uint64_t forgotten() const { return retries_.forgotten() + accepted_.forgotten(); }
  std::size_t MemoryBytes() const;
  // What that can grow to; while one table grows, half of it comes on top.
  static std::uint64_t MostBytes(const JudgeOptions& options);

 private:
  Judgement JudgeOne(const Transaction& transaction, MailDirection direction);
  Judgement JudgeSent(const Transaction& transaction, MailDirection direction);
  void Learn(const Transaction& transaction, MailDirection direction, bool submitted);

  LocalNetworks local_;
  SentLedger& ledger_;
  JudgedTransactionSink& next_;
  EvidenceCollector evidence_;
  RetryMemory retries_;
  AcceptedMail accepted_;
};

}  // namespace backscatter
