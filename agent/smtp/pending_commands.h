// Commands that wait for their replies, in order (RFC 2920 pipelining).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/base/packet_time.h"
#include "agent/smtp/command.h"
#include "agent/smtp/message_body.h"

namespace backscatter {

struct PendingCommand {
  std::string_view rest;  // a view into the queue; valid until the next Push or Pop
  PacketTime at = 0;
  std::uint64_t bdat_size = 0;
  Verb verb = Verb::kUnknown;
  bool bdat_last = false;
};

// A FIFO over one flat buffer. Bounded by its user (see size and text_bytes).
class PendingCommands {
 public:
  bool empty() const { return head_ == entries_.size(); }
  std::size_t size() const { return entries_.size() - head_; }
  std::size_t text_bytes() const { return text_.size(); }
  std::uint64_t MemoryBytes() const {
    return sizeof *this + entries_.capacity() * sizeof(Entry) + text_.capacity() +
           bodies_.capacity() * sizeof(MessageBody);
  }

  void Push(Verb verb, std::string_view rest, PacketTime at, std::uint64_t bdat_size = 0,
            bool bdat_last = false) {
    entries_.push_back({at, bdat_size, static_cast<std::uint32_t>(text_.size()),
                        static_cast<std::uint32_t>(rest.size()), verb, bdat_last});
    text_.append(rest);
  }
  // Of the BDAT that was pushed last; each BDAT has one (empty: nobody reads it) or none has.
  void PushBody(MessageBody body) { bodies_.push_back(std::move(body)); }
  MessageBody& last_body() { return bodies_.back(); }
  bool has_bodies() const { return body_head_ < bodies_.size(); }
  // Of the BDAT in front.
  MessageBody TakeFrontBody() {
    MessageBody body = std::move(bodies_[body_head_++]);
    if (body_head_ == bodies_.size()) ClearBodies();
    return body;
  }
  Verb front_verb() const { return entries_[head_].verb; }
  // LMTP: what follows are the further replies to a body.
  void TurnFrontIntoEndOfData() { entries_[head_].verb = Verb::kEndOfData; }
  PendingCommand Front() const { return At(0); }
  PendingCommand At(std::size_t i) const {
    const Entry& e = entries_[head_ + i];
    return {std::string_view(text_).substr(e.offset, e.length), e.at, e.bdat_size, e.verb,
            e.bdat_last};
  }
  void Pop() {
    if (++head_ == entries_.size()) Clear();
  }
  void Clear() {
    entries_.clear();
    text_.clear();
    head_ = 0;
    if (!bodies_.empty()) ClearBodies();
  }
  // Position of the first waiting command with this verb, or size().
  std::size_t Find(Verb verb) const {
    for (std::size_t i = head_; i < entries_.size(); ++i) {
      if (entries_[i].verb == verb) return i - head_;
    }
    return size();
  }

 private:
  void ClearBodies() {
    bodies_.clear();
    body_head_ = 0;
  }

  struct Entry {
    PacketTime at;
    std::uint64_t bdat_size;
    std::uint32_t offset;
    std::uint32_t length;
    Verb verb;
    bool bdat_last;
  };
  std::vector<Entry> entries_;
  std::string text_;
  std::vector<MessageBody> bodies_;  // of the BDATs, in their order
  std::size_t head_ = 0;
  std::size_t body_head_ = 0;
};

}  // namespace backscatter
