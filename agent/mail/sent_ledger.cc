#include "agent/mail/sent_ledger.h"

#include <algorithm>
#include <numeric>

#include "agent/base/ascii.h"

namespace backscatter {
namespace {

constexpr std::size_t kMaxText = 998;  // a line of RFC 5322 section 2.1.1; longer IDs are no IDs
constexpr TargetOptions kAddressForm{.fold_case = false, .fold_detail = false};

std::string_view WithoutBrackets(std::string_view text) {
  text = TrimBlanks(text);
  if (text.size() >= 2 && text.front() == '<' && text.back() == '>') {
    text = TrimBlanks(text.substr(1, text.size() - 2));
  }
  return text;
}

int HexDigit(char c) {
  if (IsDigit(c)) return c - '0';
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;  // RFC 3461 section 4: upper case only
}

}  // namespace

SentLedger::SentLedger(const SentLedgerOptions& options)
    : options_(options),
      clock_(options.window_ns),
      set_(std::min(options.capacity, SentSet::kMaxCapacity / kKeysPerMail) * kKeysPerMail) {}

// ---- keys ---------------------------------------------------------------------------------------

std::uint64_t SentLedger::Tagged(Kind kind, std::uint64_t first, std::uint64_t second) const {
  const std::uint64_t tag = (static_cast<std::uint64_t>(kind) + 1) * 0x9e3779b97f4a7c15;
  return MixWords(first ^ options_.key.a ^ tag, MixWords(second ^ tag, options_.key.b) ^ ~tag);
}

void SentLedger::Fold(std::string_view text) const {
  folded_.resize(text.size());
  LowerAscii(text, folded_.data());
}

SentLedger::Key SentLedger::TextHash(std::string_view text) const {
  if (text.empty() || text.size() > kMaxText) return {};
  Fold(text);
  return Key(HashBytes(options_.key, folded_));
}

// In lower case first: then nearly every address takes the short way to its canonical form.
SentLedger::Key SentLedger::AddressHash(std::string_view path) const {
  path = WithoutBrackets(path);
  if (path.empty() || path.size() > kMaxPathLength) return {};
  if (IsPlainLowerTarget(path)) return Key(HashBytes(options_.key, path));
  Fold(path);
  if (!MakeCanonicalTarget(folded_, kAddressForm, canonical_)) return {};
  return Key(HashBytes(options_.key, canonical_.address));
}

SentLedger::Key SentLedger::KeyOfSender(Key address) const {
  return address ? Key(Tagged(Kind::kSender, *address)) : Key();
}

SentLedger::Key SentLedger::KeyOfPair(Key sender, Key recipient) const {
  return sender && recipient ? Key(Tagged(Kind::kPair, *sender, *recipient)) : Key();
}

SentLedger::Key SentLedger::KeyOfMessageId(std::string_view text) const {
  const Key hash = TextHash(WithoutBrackets(text));
  return hash ? Key(Tagged(Kind::kMessageId, *hash)) : Key();
}

SentLedger::Key SentLedger::KeyOfEnvelopeId(std::string_view text, bool undo_xtext) const {
  text = TrimBlanks(text);
  if (text.empty() || text.size() > kMaxText) return {};
  folded_.clear();
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (undo_xtext && text[i] == '+' && i + 2 < text.size() && HexDigit(text[i + 1]) >= 0 &&
        HexDigit(text[i + 2]) >= 0) {
      folded_ += ToLower(static_cast<char>(HexDigit(text[i + 1]) * 16 + HexDigit(text[i + 2])));
      i += 2;
    } else {
      folded_ += ToLower(text[i]);
    }
  }
  return Key(Tagged(Kind::kEnvelopeId, HashBytes(options_.key, folded_)));
}

SentLedger::Key SentLedger::KeyOfQueueId(std::string_view queue_id, std::string_view host) const {
  const Key id = TextHash(TrimBlanks(queue_id));
  host = TrimBlanks(host);
  if (host.ends_with('.')) host.remove_suffix(1);
  const Key name = TextHash(host);
  return id && name ? Key(Tagged(Kind::kQueueId, *id, *name)) : Key();
}

// ---- learning -----------------------------------------------------------------------------------

void SentLedger::Add(const SentMail& mail) {
  const Key sender = AddressHash(mail.sender);
  const Key recipient = sender ? AddressHash(mail.recipient) : Key();
  const Key message_id = KeyOfMessageId(mail.message_id);
  const Key envelope_id = KeyOfEnvelopeId(mail.envelope_id, true);
  const Key queue_id = KeyOfQueueId(mail.queue_id, mail.host);
  if (!sender && !message_id && !envelope_id && !queue_id) return;
  const std::int64_t before = clock_.current();
  const bool started = clock_.started();
  const std::optional<std::int64_t> slice = clock_.Place(mail.at);
  if (!started || clock_.current() != before) TurnTo(clock_.current());
  if (!slice) {
    ++too_old_;
    return;
  }
  // A time that the clock does not believe says nothing about the history either.
  const PacketTime at =
      std::clamp(mail.at, clock_.StartOf(*slice), clock_.StartOf(*slice) + clock_.slice_ns() - 1);
  first_ = first_ ? std::min(*first_, at) : at;
  ++mails_;
  Learn(message_id, *slice);
  Learn(KeyOfSender(sender), *slice);
  Learn(KeyOfPair(sender, recipient), *slice);
  Learn(envelope_id, *slice);
  Learn(queue_id, *slice);
}

void SentLedger::Learn(Key key, std::int64_t slice) {
  if (!key) return;
  const std::uint64_t name = set_.NameOf(*key);
  const SentAdd added = set_.AddName(name, slice);
  if (added == SentAdd::kFull) ++DropsOf(slice);
  if (!recording_ || added == SentAdd::kKnown || added == SentAdd::kFull) return;
  if (changes_.size() >= kMaxChanges) {
    changes_lost_ = true;
  } else if (!changes_lost_) {
    changes_.push_back({name, slice});
  }
}

// A history that was forgotten whole begins again with what comes next.
void SentLedger::TurnTo(std::int64_t slice) {
  const std::int64_t before = set_.current_slice();
  if (slice >= before + kSentSlices || slice < before) {
    first_.reset();
    drops_ = {};
  } else {
    for (std::int64_t begun = before + 1; begun <= slice; ++begun) DropsOf(begun) = 0;
  }
  set_.TurnTo(slice);
  changes_.clear();
  changes_lost_ = true;
}

void SentLedger::AdvanceTo(PacketTime now) {
  clock_.AdvanceTo(now);
  if (clock_.current() != set_.current_slice()) TurnTo(clock_.current());
}

// ---- asking -------------------------------------------------------------------------------------

bool SentLedger::HasMessageId(std::string_view message_id) const {
  return Has(KeyOfMessageId(message_id));
}

bool SentLedger::HasPair(std::string_view sender, std::string_view recipient) const {
  const Key from = AddressHash(sender);
  return Has(KeyOfPair(from, from ? AddressHash(recipient) : Key()));
}

bool SentLedger::HasSender(std::string_view sender) const {
  return Has(KeyOfSender(AddressHash(sender)));
}

bool SentLedger::HasEnvelopeId(std::string_view envelope_id) const {
  return Has(KeyOfEnvelopeId(envelope_id, false)) ||
         (envelope_id.find('+') != std::string_view::npos &&
          Has(KeyOfEnvelopeId(envelope_id, true)));
}

bool SentLedger::HasQueueId(std::string_view queue_id, std::string_view host) const {
  return Has(KeyOfQueueId(queue_id, host));
}

std::optional<PacketTime> SentLedger::history_start() const {
  if (!first_) return std::nullopt;
  return std::max(*first_, clock_.StartOf(clock_.oldest()));
}

double SentLedger::KeptShare() const {
  const std::uint64_t dropped = std::accumulate(drops_.begin(), drops_.end(), std::uint64_t{0});
  if (dropped == 0) return 1;
  const auto kept = static_cast<double>(set_.size());
  return kept / (kept + static_cast<double>(dropped));
}

std::optional<PacketTime> SentLedger::newest_slice_start() const {
  if (!clock_.started()) return std::nullopt;
  return clock_.StartOf(clock_.current());
}

std::size_t SentLedger::MemoryBytes() const {
  return sizeof *this + set_.MemoryBytes() + changes_.capacity() * sizeof(Change);
}

// ---- for the file -------------------------------------------------------------------------------

std::optional<std::vector<SentLedger::Change>> SentLedger::TakeChanges() {
  std::vector<Change> taken;
  taken.swap(changes_);
  const bool lost = changes_lost_;
  changes_lost_ = false;
  if (lost) return std::nullopt;
  return taken;
}

bool SentLedger::RestoreName(std::uint64_t name, PacketTime slice_start) {
  const std::int64_t slice = clock_.SliceOf(slice_start);
  if (!set_.IsName(name) || slice < clock_.oldest() || slice > clock_.current()) return false;
  return set_.AddName(name, slice) != SentAdd::kFull;
}

SentLedger::Drops SentLedger::drops() const {
  Drops drops;
  for (int i = 0; i < kSentSlices; ++i) {
    drops[static_cast<std::size_t>(i)] =
        drops_[static_cast<std::size_t>(set_.current_slice() + 1 + i) & 7];
  }
  return drops;
}

void SentLedger::RestoreHistory(PacketTime newest, std::optional<PacketTime> first,
                                std::uint64_t mails, std::uint64_t refused, const Drops& drops) {
  clock_.Restore(clock_.SliceOf(newest));
  set_.TurnTo(clock_.current());
  set_.RestoreRefused(refused);
  for (int i = 0; i < kSentSlices; ++i) {
    DropsOf(clock_.current() + 1 + i) = drops[static_cast<std::size_t>(i)];
  }
  first_ = first;
  mails_ = mails;
}

}  // namespace backscatter
