// Short ways to say what a transaction was.
#pragma once

#include <cstdint>
#include <string_view>

#include "agent/base/ip_address.h"
#include "agent/base/keyed_hash.h"
#include "agent/smtp/transaction.h"

namespace backscatter {

inline IpAddress Ip(std::string_view text) { return IpAddress::Parse(text).value(); }

// A hash key with as many bits as a random one.
inline HashKey KeyOf(std::uint64_t seed) {
  return {MixWords(seed + 1, 0x9e3779b97f4a7c15), MixWords(seed + 2, 0xd1b54a32d192ed03) | 1};
}

// A null-sender transaction over IPv4 with an accepted body and no recipients yet.
inline Transaction Bounce(std::string_view source, PacketTime at = 0) {
  Transaction transaction;
  transaction.start = transaction.end = at;
  transaction.source = Ip(source);
  transaction.client = {transaction.source, 40000};
  transaction.server = {Ip("192.0.2.25"), 25};
  transaction.has_mail_from = true;
  transaction.null_sender = true;
  transaction.mail_reply = 250;
  transaction.body_command = BodyCommand::kData;
  transaction.body_started = true;
  transaction.body_reply = 250;
  transaction.outcome = Outcome::kAccepted;
  return transaction;
}

inline Recipient& AddRecipient(Transaction& transaction, std::string_view address,
                               std::uint16_t reply = 250) {
  Recipient recipient;
  recipient.address = transaction.Store(address);
  recipient.reply = reply;
  return transaction.recipients.emplace_back(recipient);
}

inline Transaction BounceTo(std::string_view address, std::string_view source,
                            std::uint16_t reply = 250, PacketTime at = 0) {
  Transaction transaction = Bounce(source, at);
  AddRecipient(transaction, address, reply);
  return transaction;
}

}  // namespace backscatter
