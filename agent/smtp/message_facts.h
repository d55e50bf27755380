// What was understood of one message: the facts that a verdict is built on. Plain data; the text of
// a message is never kept beyond them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/ip_address.h"

namespace backscatter {

// How much of a body was read.
enum class BodyRead : std::uint8_t { kNone, kHeaders, kHead, kWhole };

// RFC 5321 enhanced status code, e.g. 5.1.1; class_digit 0 = none seen.
struct EnhancedStatus {
  std::uint16_t subject = 0;
  std::uint16_t detail = 0;
  std::uint8_t class_digit = 0;
};

// What a message is. Several recipients of a report: failed > delayed > relayed > expanded >
// delivered.
enum class MessageKind : std::uint8_t {
  kOther,      // none of these, or not read
  kDsnFailed,  // RFC 3464
  kDsnDelayed,
  kDsnDelivered,
  kDsnRelayed,
  kDsnExpanded,
  kNonstandardBounce,  // a failure report without message/delivery-status
  kListBounce,         // a list or its owner refuses, or reports its subscribers' bounces
  kAutoReply,          // RFC 3834: vacation, out of office, ticket receipt
  kChallengeResponse,  // asks the sender to prove that he is one
  kMdn,                // RFC 8098
  kArf,                // RFC 5965
  kTlsReport,          // RFC 8460
  kDmarcReport,        // RFC 7489 aggregate report
};

// The word of the transaction schema ("dsn_failed"); empty for kOther.
std::string_view MessageKindName(MessageKind kind);

enum class DsnAction : std::uint8_t { kNone, kFailed, kDelayed, kDelivered, kRelayed, kExpanded };
std::string_view DsnActionName(DsnAction action);  // empty for kNone

// One recipient group of a report, or an address that a non-standard bounce names.
struct ReportedRecipient {
  std::string final_recipient;     // without address type and brackets
  std::string original_recipient;  // likewise; empty: not given
  DsnAction action = DsnAction::kNone;
  EnhancedStatus status;
};

// One Received header: RFC 5321 section 4.4. All of it is what the message claims.
struct ReceivedHop {
  std::string from_name;                  // what the client called itself
  std::optional<IpAddress> from_address;  // the address beside it, as in "(name [192.0.2.1])"
  std::string by_name;
  std::string id;  // queue id
};

// Limits of one message; what goes beyond is dropped, and `cut` says so.
inline constexpr std::size_t kMaxReportedRecipients = 64;
inline constexpr std::size_t kMaxMessageIds = 16;
inline constexpr std::size_t kMaxReceivedHops = 16;
inline constexpr std::size_t kMaxFactText = 512;  // octets of one string

struct MessageFacts {
  BodyRead read = BodyRead::kNone;
  bool headers_ended = false;  // the header block was seen to its end
  bool has_gap = false;        // octets of it were lost
  bool cut = false;            // a limit was met
  MessageKind kind = MessageKind::kOther;
  // Any sign of a bounce (DETECTION section 2.2), also where the kind is another.
  bool looks_bounce = false;
  bool auto_submitted = false;  // Auto-Submitted with another value than `no`

  // Of the message itself.
  std::string subject;                  // decoded, UTF-8
  std::string message_id;               // without <>, as all of them here
  std::string from;                     // address of the From header
  std::vector<std::string> references;  // In-Reply-To first, then References from the last one
  std::uint32_t received_count = 0;
  ReceivedHop last_hop;  // the newest Received: who hands it on; read of sent mail only

  // Of a report.
  std::string reporting_mta;         // without the name type
  std::string original_envelope_id;  // Original-Envelope-Id, xtext undone
  std::vector<ReportedRecipient> recipients;

  // Of the returned messages, all nesting levels, outermost first.
  std::vector<std::string> original_message_ids;
  std::vector<ReceivedHop> returned_received;
  std::string returned_return_path;  // of the outermost one that has it; empty also for <>
  std::string returned_from;
  std::uint32_t returned_received_count = 0;  // all of them, also those not kept
};

}  // namespace backscatter
