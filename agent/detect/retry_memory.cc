#include "agent/detect/retry_memory.h"

#include <algorithm>

#include "agent/base/ascii.h"
#include "agent/smtp/path.h"

namespace backscatter {
namespace {

constexpr PacketTime kWindow = PacketTime{5} * 24 * 3600 * 1'000'000'000;
constexpr std::size_t kMaxRecipientsLookedAt = 64;

bool IsDeferred(std::uint16_t reply) { return reply >= 400 && reply < 500; }

// Nobody will try this recipient again: it was refused for good, or the mail was taken or refused,
// or it was a call-out, which asked no more.
bool IsSettled(const Transaction& transaction, const Recipient& recipient) {
  if (recipient.reply >= 500) return true;
  if (recipient.reply / 100 != 2) return false;
  return transaction.outcome == Outcome::kAccepted || transaction.body_reply >= 500 ||
         (transaction.body_command == BodyCommand::kNone &&
          transaction.outcome == Outcome::kAborted);
}

// The value of SIZE as it was written; empty without one.
std::string_view SizeOf(const Transaction& transaction) {
  std::string_view parameters = transaction.Text(transaction.mail_parameters);
  EsmtpParameter parameter;
  while (ConsumeParameter(parameters, parameter)) {
    if (EqualsIgnoreCase(parameter.key, "SIZE")) return parameter.value;
  }
  return {};
}

std::string_view BytesOf(const IpAddress& address) {
  return {reinterpret_cast<const char*>(address.bytes().data()), address.bytes().size()};
}

}  // namespace

RetryMemory::RetryMemory(const RetryOptions& options)
    : options_(options), deferred_(options.capacity, kWindow) {}

bool RetryMemory::OnTransaction(const Transaction& transaction) {
  // RCPTs may be refused for the time being, or the body, or the sender.
  const bool all_deferred =
      IsDeferred(transaction.mail_reply) || IsDeferred(transaction.body_reply);
  const std::size_t count = std::min(transaction.recipients.size(), kMaxRecipientsLookedAt);
  bool retry = false;
  for (std::size_t i = 0; i < count; ++i) {
    const Recipient& recipient = transaction.recipients[i];
    const bool deferred =
        all_deferred || IsDeferred(recipient.reply) || IsDeferred(recipient.final_reply);
    if (deferred_.empty() && !deferred) continue;
    std::string_view target = transaction.Text(recipient.address);
    if (!IsPlainTarget(target)) {
      if (!MakeCanonicalTarget(target, {}, target_)) continue;
      target = target_.address;
    }
    const std::uint64_t target_hash = HashBytes(options_.hash_key, target);
    if (!deferred && !targets_[target_hash % kFilterBits]) continue;
    std::uint64_t by_id = 0;
    std::uint64_t by_size = 0;
    MakeKeys(transaction, target_hash, by_id, by_size);
    const PacketTime now = transaction.start;
    const bool settled = !deferred && IsSettled(transaction, recipient);
    const bool renamed = deferred && by_id != 0;  // it is known by its Message-ID from now on
    const bool known =
        (by_id != 0 && Recall(by_id, now, settled)) || Recall(by_size, now, settled || renamed);
    retry = retry || known;
    // Without a Message-ID the size must do; where there is one, the size would say less.
    if (!deferred) continue;
    if (deferred_.empty()) {
      targets_.reset();
      keys_.reset();
    }
    const std::uint64_t key = by_id != 0 ? by_id : by_size;
    targets_.set(target_hash % kFilterBits);
    keys_.set(FilterBitOf(key));
    deferred_.Put(key, {}, now);
  }
  return retry;
}

// One settled attempt ends one deferral: whichever of its keys is found first.
bool RetryMemory::Recall(std::uint64_t key, PacketTime now, bool forget) {
  const bool known = keys_[FilterBitOf(key)] && deferred_.Find(key, now) != nullptr;
  if (known && forget) deferred_.Erase(key);
  return known;
}

// `by_id` is 0 where no Message-ID was seen.
void RetryMemory::MakeKeys(const Transaction& transaction, std::uint64_t target,
                           std::uint64_t& by_id, std::uint64_t& by_size) const {
  const HashKey& key = options_.hash_key;
  const MessageFacts* const facts = transaction.facts;
  if (facts != nullptr && !facts->message_id.empty()) {
    by_id = MixWords(target ^ key.a, HashBytes(key, facts->message_id) ^ key.b) | 1;
  }
  const IpAddress network = NetworkOf(transaction.source, options_.prefix_v4, options_.prefix_v6);
  const std::uint64_t who =
      MixWords(HashBytes(key, BytesOf(network)) ^ key.b,
               HashBytes(key, transaction.Text(transaction.mail_from)) ^ key.a);
  by_size = MixWords(target ^ who, HashBytes(key, SizeOf(transaction)) ^ key.b) & ~std::uint64_t{1};
}

}  // namespace backscatter
