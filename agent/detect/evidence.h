// All that a verdict is decided on, gathered from one transaction and from what was learnt before.
#pragma once

#include <cstddef>
#include <cstdint>

#include "agent/smtp/message_facts.h"
#include "agent/smtp/transaction.h"

namespace backscatter {

enum class SenderClass : std::uint8_t {
  kNull,
  kProbe,  // double-bounce@: how Postfix verifies an address
  kOther,
};

// The tag of the address that a bounce comes to (DETECTION section 1.1).
enum class TargetTag : std::uint8_t {
  kNone,
  kValid,
  kWrong,  // made with another key, or tampered with
  kExpired,
  kUnverified,  // the shape of a tag that no key of ours can judge
};

struct Evidence {
  const Transaction* transaction = nullptr;  // never null
  const MessageFacts* facts = nullptr;       // null: the body was not read
  SenderClass sender = SenderClass::kOther;
  std::size_t recipients = 0;
  bool any_accepted = false;  // of the RCPTs
  bool all_refused = false;   // 4xx or 5xx, and there is at least one
  bool unknown_user = false;  // one was refused since there is no such user
  TargetTag tag = TargetTag::kNone;

  // What we sent.
  bool message_id_sent = false;  // a returned Message-ID
  bool envelope_id_sent = false;
  bool queue_id_sent = false;    // a returned Received header names our host and its queue id
  bool pair_sent = false;        // from the target to the failed recipient
  bool reference_sent = false;   // In-Reply-To or References
  bool target_has_sent = false;  // the target is an envelope sender of ours
  bool forwarder = false;        // the target is an SRS address of ours

  bool names_our_relay = false;         // a returned Received header does; anybody can write that
  bool forged_proof = false;            // ... with an address that is not ours
  bool would_have_seen = false;         // the coverage gate: what is not known was not sent
  bool would_surely_have_seen = false;  // the same, and next to nothing went out unread
  bool target_tags_all = false;         // its domain tags whatever it sends
  bool target_flood = false;            // a flood on the target was on at the last tick
  bool answers_our_report = false;      // it returns a report of ours: nobody bounces those rightly
  bool loop = false;                    // the same report about the same message again and again

  bool sent() const { return message_id_sent || envelope_id_sent || queue_id_sent || pair_sent; }
  // The pair alone is no more than likely: a bounce of something else may name the same two.
  bool sent_for_sure() const { return message_id_sent || envelope_id_sent || queue_id_sent; }
};

}  // namespace backscatter
