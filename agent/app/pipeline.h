// Everything between a source and the report: what `replay` and `run` share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "agent/app/config.h"
#include "agent/app/engine.h"
#include "agent/app/feed_file.h"
#include "agent/app/kept_floods.h"
#include "agent/app/kept_ledger.h"
#include "agent/app/output_file.h"
#include "agent/base/keyed_hash.h"
#include "agent/base/ledger.h"
#include "agent/base/packet_time.h"
#include "agent/detect/flood_detector.h"
#include "agent/detect/judge.h"
#include "agent/mail/batv.h"
#include "agent/mail/message_readers.h"
#include "agent/mail/sent_feed.h"
#include "agent/report/report.h"
#include "agent/report/tally.h"
#include "agent/source/source.h"

namespace backscatter {

// Owns the ledger of losses, the engine, the judge, the tally and what is known of sent mail. One
// thread. The only clock is packet time, or what AdvanceTo says.
class Pipeline final : public PacketSink {
 public:
  struct Options {
    Config config;
    BatvKeys batv_keys;
    HashKey hash_key;
    // Of the sampling: the same key chooses the same sessions.
    HashKey sampling_key = {};
    // Only chosen sessions come (LiveSource::samples): all that comes counts.
    bool source_samples = false;
    FloodListener* flood_listener = nullptr;  // hears of floods; null: nobody; must outlive this
    JudgedTransactionSink* live = nullptr;    // hears of everything, behind the tally; likewise
    OutputFile* lines = nullptr;  // takes each transaction as a line of JSON; must outlive this
    // Once, where the reader of `lines` went away: nobody is left to read for.
    void (*on_reader_gone)() = nullptr;
  };
  // `floods`: null where nothing is kept of them.
  Pipeline(Options options, std::unique_ptr<KeptLedger> sent,
           std::unique_ptr<KeptFloods> floods = nullptr);
  ~Pipeline() override;
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  void OnPacket(const Packet& packet) override {
    if (packet.captured_at > latest_) latest_ = packet.captured_at;
    engine_.OnPacket(packet);
  }
  void OnSegment(const Segment& segment) override {
    if (segment.captured_at > latest_) latest_ = segment.captured_at;
    engine_.OnSegment(segment);
  }
  void OnLoss(Loss loss, std::uint64_t count) override { ledger_.Add(loss, count); }

  // A feed kept in a file, which is read along with the packets; null: none.
  void SetFeed(std::unique_ptr<FeedFile> feed);
  // A mail that we sent, told by a feed.
  void LearnSent(const SentMail& mail) { sent_->state().ledger.Add(mail); }

  // Handles what waits for more packets; to be called when there are none for now.
  void Flush();
  // Time-outs while no packet comes, and slices of what was sent. `now` may not go back.
  void AdvanceTo(PacketTime now);
  // The host's clock went back: what packets said of later times was wrong.
  void SetBack(PacketTime now);
  // The input has ended: everything that is open is settled and counted.
  void Finish();

  // Rules, lists, ports and networks of `config` from now on; what is open goes on. Sizes of tables
  // stay, and so does the memory of what was sent.
  void Reconfigure(Config config, BatvKeys batv_keys);

  // Everything counted up to now; `top` rows a list (0 = all). The sampling of `run` becomes the
  // least ratio that ever held. Cost: O(rows), and their sort.
  Report Snapshot(RunInfo run, std::vector<CaptureInfo> captures, std::size_t top);

  absl::Status SaveSent() { return sent_->Save(); }
  absl::Status SaveFloods();
  std::size_t floods_on() const { return floods_.state().open.size(); }

  Ledger& ledger() { return ledger_; }
  // With what is counted elsewhere until a report asks for it.
  Ledger Losses() const;
  SentState& sent() { return sent_->state(); }
  const SentState& sent() const { return sent_->state(); }
  // Those that are on and the latest that ended, by start.
  std::vector<Flood> Floods() const { return floods_.Floods(); }
  // What all tables hold now, but for the queue before this.
  std::uint64_t MemoryBytes();
  // Of the packets so far; 0 before the first.
  PacketTime latest() const { return latest_; }
  std::size_t open_connections() const { return engine_.open_connections(); }

 private:
  class TransactionFan;
  class FeedAhead;

  EngineOptions EngineOptionsOf(const Config& config) const;
  JudgeOptions JudgeOptionsOf(Config config, BatvKeys batv_keys);

  const HashKey hash_key_;
  const HashKey sampling_key_;
  const bool source_samples_;
  const OutputFile* const lines_;
  double least_ratio_ = 1;  // of the sampling, that ever held
  PacketTime latest_ = 0;
  std::unique_ptr<KeptLedger> sent_;
  const std::uint64_t dropped_before_;
  Ledger ledger_;
  std::unique_ptr<FeedFile> feed_;
  Tally tally_;
  std::unique_ptr<KeptFloods> kept_floods_;
  FloodDetector floods_;
  std::unique_ptr<TransactionFan> fan_;
  Judge judge_;
  std::unique_ptr<FeedAhead> feed_ahead_;
  MessageReaders readers_;
  Engine engine_;
};

}  // namespace backscatter
