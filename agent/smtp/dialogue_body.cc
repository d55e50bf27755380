// Message bodies: DATA to its dot, BDAT by its octets, and who reads them.
#include <algorithm>
#include <utility>

#include "agent/smtp/dialogue.h"

namespace backscatter {
namespace {

// Whether a mail can have been smuggled in these lines: none is without this command.
bool HoldsMail(std::string_view lines) {
  while (!lines.empty()) {
    const std::size_t feed = std::min(lines.size() - 1, lines.find('\n'));
    if (ParseCommand(lines.substr(0, feed)).verb == Verb::kMail) return true;
    lines.remove_prefix(feed + 1);
  }
  return false;
}

// Whether chunks behind this command belong to no message unless a MAIL stands between.
bool EndsMessage(Verb verb) {
  return verb == Verb::kHelo || verb == Verb::kEhlo || verb == Verb::kLhlo || verb == Verb::kRset ||
         verb == Verb::kQuit || verb == Verb::kXclient || verb == Verb::kEndOfData;
}

}  // namespace

// `gap_is_later`: the bytes that were lost stood behind what is held, not before it.
void Dialogue::StartBody(const DialogueContext& context, bool lenient_ends, bool gap_is_later) {
  mode_ = Mode::kBody;
  scanner_.Start();
  MessageBody* const body = envelope_.OpenBody(context.envelope);
  if (body_gap_) {
    scanner_.Resume();
    if (body != nullptr && !gap_is_later) body->OnGap();
  }
  lenient_ends_ = lenient_ends;
  swallow_ = false;
  alternate_on_ = alternate_replied_ = false;
}

std::size_t Dialogue::ReadBody(const DialogueContext& context, const ConnectionInfo& info,
                               std::string_view text, PacketTime at) {
  const BodyScanner::Result found = scanner_.Scan(text);
  const std::string_view read = text.substr(0, found.consumed);
  MessageBody* const body = envelope_.body();
  envelope_.AddBodyBytes(found.consumed);
  if (alternate_on_) {
    std::string& alternate = Buffers(context).alternate;
    if (alternate.size() + found.consumed > kMaxAlternate) {
      if (body != nullptr) body->ReadLines(alternate);
      alternate_on_ = false;  // so much more body: the dot was none
      alternate.clear();
    } else {
      alternate.append(read);
    }
  }
  if (body != nullptr && !alternate_on_) body->ReadLines(read, found.dotless);
  switch (found.end) {
    case EndOfData::kNone:
      break;
    case EndOfData::kStrict:
      EndBody(context, info, at);
      break;
    case EndOfData::kLenient:
      if (lenient_ends_) {
        context.ledger->Add(Anomaly::kLenientEndOfData);
        EndBody(context, info, at);
      } else if (!alternate_on_ && !swallow_ &&
                 (buffers_ == nullptr || buffers_->alternate.empty())) {
        alternate_on_ = true;
      }
      break;
  }
  return found.consumed;
}

void Dialogue::EndBody(const DialogueContext& context, const ConnectionInfo& info, PacketTime at) {
  mode_ = Mode::kCommands;
  body_gap_ = false;
  if (swallow_) {
    swallow_ = false;  // answered long ago
    return;
  }
  MessageBody* const body = envelope_.body();
  if (body != nullptr && !alternate_on_) body->End();
  Push(context, info, Verb::kEndOfData, {}, at);
}

std::string Dialogue::TakeAlternate() {
  alternate_on_ = alternate_replied_ = false;
  return buffers_ == nullptr ? std::string() : std::exchange(buffers_->alternate, std::string());
}

// The reader cannot wait any longer for what the server makes of a lenient end. The text stays:
// a later reply may still show that it was commands.
void Dialogue::DecideAlternate() {
  if (buffers_ != nullptr) ReadBehindDot(buffers_->alternate);
  MessageBody* const body = envelope_.body();
  if (body != nullptr && mode_ != Mode::kBody) body->End();
}

// Nothing is going to say any more what the server took for the end.
void Dialogue::EndAlternate() {
  DecideAlternate();
  alternate_on_ = alternate_replied_ = false;
  if (buffers_ != nullptr) buffers_->alternate.clear();
}

// What stands behind a lone dot that seems to have been content. Where it may hold a smuggled mail
// nobody can tell whose octets these are: to the reader they are lost.
void Dialogue::ReadBehindDot(std::string_view text) {
  MessageBody* const body = envelope_.body();
  if (body == nullptr) return;
  if (HoldsMail(text)) {
    body->OnGap();
  } else {
    body->ReadLines(text);
  }
}

void Dialogue::StartChunk(const DialogueContext& context, const ConnectionInfo& info,
                          const BdatArgument& argument, PacketTime at) {
  MessageBody body = BodyOfChunk(context, info);
  Push(context, info, Verb::kBdat, {}, at, argument.size, argument.last);
  if (context.envelope.readers != nullptr) pending_->PushBody(std::move(body));
  chunk_left_ = argument.size;
  mode_ = Mode::kChunk;
  if (chunk_left_ == 0) EndChunk();
}

std::size_t Dialogue::ReadChunk(std::string_view text) {
  const auto octets = static_cast<std::size_t>(std::min<std::uint64_t>(chunk_left_, text.size()));
  if (MessageBody* const body = LatestBody()) body->ReadOctets(text.substr(0, octets));
  chunk_left_ -= octets;
  if (chunk_left_ == 0) EndChunk();
  return octets;
}

void Dialogue::EndChunk() {
  mode_ = Mode::kCommands;
  MessageBody* const body = LatestBody();
  if (body != nullptr && !pending_empty() && pending_->At(pending_->size() - 1).bdat_last) {
    body->End();
  }
}

// Of the message whose octets come, or came last.
MessageBody* Dialogue::LatestBody() {
  if (pending_ == nullptr || !pending_->has_bodies()) return envelope_.body();
  return pending_->last_body() ? &pending_->last_body() : nullptr;
}

// A client may send chunks before MAIL is answered, or those of two messages at once.
MessageBody Dialogue::BodyOfChunk(const DialogueContext& context, const ConnectionInfo& info) {
  if (context.envelope.readers == nullptr) return {};
  for (std::size_t i = pending_empty() ? 0 : pending_->size(); i-- > 0;) {
    const PendingCommand command = pending_->At(i);
    if (command.verb == Verb::kBdat)
      return command.bdat_last ? MessageBody() : pending_->last_body();
    if (command.verb == Verb::kMail) {
      return envelope_.OpenBodyOfMail(context.envelope, info, command.rest);
    }
    if (EndsMessage(command.verb)) return {};
  }
  const MessageBody* const body = envelope_.OpenBody(context.envelope);
  return body == nullptr ? MessageBody() : *body;
}

}  // namespace backscatter
