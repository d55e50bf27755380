// What we sent, as far as it was seen or told: the evidence that a bounce answers a mail of ours.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/keyed_hash.h"
#include "agent/base/packet_time.h"
#include "agent/mail/canonical_target.h"
#include "agent/mail/sent_clock.h"
#include "agent/mail/sent_set.h"

namespace backscatter {

// One recipient of one mail. Empty parts (and a sender `<>`) are not learnt.
struct SentMail {
  PacketTime at = 0;
  std::string_view message_id{};  // with or without angle brackets
  std::string_view sender{};      // paths as sent, with or without angle brackets
  std::string_view recipient{};
  std::string_view envelope_id{};  // ENVID, xtext as sent
  std::string_view queue_id{};     // of the top Received, with `host`, the name behind its `by`
  std::string_view host{};
};

struct SentLedgerOptions {
  std::int64_t window_ns = std::int64_t{8} * 24 * 3600 * 1'000'000'000;  // sent.window
  std::size_t capacity = 1'000'000;  // sent.capacity: mails of the window, kKeysPerMail keys each
  HashKey key{};
};

// What is asked for: a hash, or nothing. In one register, unlike an optional.
class SentKey {
 public:
  SentKey() = default;
  explicit SentKey(std::uint64_t hash) : hash_(hash != 0 ? hash : 1) {}
  explicit operator bool() const { return hash_ != 0; }
  std::uint64_t operator*() const { return hash_; }

 private:
  std::uint64_t hash_ = 0;
};

// Keys are compared in one form: Message-IDs without brackets and blanks around; addresses as
// canonical targets (so BATV and SRS tags are undone); ENVIDs with their xtext undone; all in lower
// case. Only 64-bit keyed hashes are kept, and of these at most 44 bits (SentSet): a `true` is
// wrong with a chance of at most 1e-5, a `false` only where the mail was not seen, is older than
// the window, or came when the ledger was full (`dropped`). Packet time only (SentClock says what
// it believes). Not thread-safe, not even its const members. Plain addresses and IDs allocate
// nothing once the scratch strings have capacity.
class SentLedger {
 public:
  static constexpr std::size_t kKeysPerMail = 4;  // Message-ID, pair, ENVID or queue id, sender

  explicit SentLedger(const SentLedgerOptions& options);

  void Add(const SentMail& mail);
  // The host's own clock: lets slices turn although nothing is sent.
  void AdvanceTo(PacketTime now);

  bool HasMessageId(std::string_view message_id) const;
  bool HasPair(std::string_view sender, std::string_view recipient) const;
  bool HasSender(std::string_view sender) const;
  // As sent, or as an Original-Envelope-Id shows it (its xtext undone).
  bool HasEnvelopeId(std::string_view envelope_id) const;
  bool HasQueueId(std::string_view queue_id, std::string_view host) const;

  // The same in two steps, for whoever asks several things of one address, or knows what it will
  // ask a while before it needs the answer.
  using Key = SentKey;
  Key AddressHash(std::string_view path) const;  // canonical; no key by itself
  Key KeyOfSender(Key address) const;
  Key KeyOfPair(Key sender, Key recipient) const;  // of two addresses
  Key KeyOfMessageId(std::string_view text) const;
  bool Has(Key key) const { return key && set_.Contains(*key); }
  // Lets main memory fetch what Has(key) will read.
  void Prefetch(Key key) const {
    if (key) set_.Prefetch(*key);
  }

  // The time of the first mail, or the start of the oldest slice where that is later; nullopt
  // before the first. How long the ledger has been learning, not how complete it is.
  std::optional<PacketTime> history_start() const;
  std::uint64_t entries() const { return set_.size(); }     // keys
  std::uint64_t mails() const { return mails_; }            // calls of Add that had a key
  std::uint64_t dropped() const { return set_.refused(); }  // keys that came when it was full
  std::uint64_t too_old() const { return too_old_; }        // mails before the oldest slice
  // Of the keys of the window, those that are here: below 1, what is not found may have been
  // dropped. Too low where a key was dropped again and again.
  double KeptShare() const;
  std::size_t MemoryBytes() const;
  const SentLedgerOptions& options() const { return options_; }
  const SentSet& set() const { return set_; }

  // ---- for SentFile ----

  // From here on the names of new and refreshed keys are remembered for TakeChanges, with their
  // slices, up to kMaxChanges.
  static constexpr std::size_t kMaxChanges = std::size_t{1} << 20;
  struct Change {
    std::uint64_t name;
    std::int64_t slice;
  };
  void RecordChanges() { recording_ = true; }
  // The changes since the last call; nullopt where there were too many, or where slices turned:
  // then only the whole says what is there.
  std::optional<std::vector<Change>> TakeChanges();
  // Puts a loaded name back. False where it is not a name of this ledger, or too old.
  bool RestoreName(std::uint64_t name, PacketTime slice_start);
  using Drops = std::array<std::uint64_t, kSentSlices>;  // keys, by slice, the oldest first
  void RestoreHistory(PacketTime newest, std::optional<PacketTime> first, std::uint64_t mails,
                      std::uint64_t refused, const Drops& drops);
  Drops drops() const;
  // nullopt before the first mail.
  std::optional<PacketTime> newest_slice_start() const;
  std::int64_t slice_ns() const { return clock_.slice_ns(); }

 private:
  enum class Kind : std::uint8_t { kMessageId, kPair, kSender, kEnvelopeId, kQueueId };

  std::uint64_t Tagged(Kind kind, std::uint64_t first, std::uint64_t second = 0) const;
  void Fold(std::string_view text) const;     // into folded_
  Key TextHash(std::string_view text) const;  // folded, bounded
  Key KeyOfEnvelopeId(std::string_view text, bool undo_xtext) const;
  Key KeyOfQueueId(std::string_view queue_id, std::string_view host) const;
  void Learn(Key key, std::int64_t slice);
  void TurnTo(std::int64_t slice);
  std::uint64_t& DropsOf(std::int64_t slice) { return drops_[static_cast<std::size_t>(slice) & 7]; }

  const SentLedgerOptions options_;
  SentClock clock_;
  SentSet set_;
  std::optional<PacketTime> first_;
  std::uint64_t mails_ = 0;
  std::uint64_t too_old_ = 0;
  Drops drops_{};  // by slice number modulo 8
  bool recording_ = false;
  bool changes_lost_ = false;
  std::vector<Change> changes_;
  mutable std::string folded_;         // scratch
  mutable CanonicalTarget canonical_;  // scratch
};

}  // namespace backscatter
