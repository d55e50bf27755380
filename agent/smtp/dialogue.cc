#include "agent/smtp/dialogue.h"

#include <algorithm>
#include <utility>

namespace backscatter {
namespace {

constexpr std::uint64_t kKeptBytes = 4096;  // of an object that goes back to its pool

}  // namespace

void Dialogue::Start(const ConnectionInfo& info) {
  *this = Dialogue{};
  envelope_.Start(info);
  if (!info.start_seen[static_cast<int>(Direction::kFromClient)]) {
    mode_ = Mode::kUnsynced;
    scanner_.Resume();
  }
}

bool Dialogue::is_session(const ConnectionInfo& info) const {
  if (encrypted()) return info.on_smtp_port || (saw_verb_ && saw_reply_);
  if (info.on_smtp_port) return saw_verb_ || saw_reply_;
  const bool one_sided = !info.payload_seen[static_cast<int>(Direction::kFromServer)];
  return saw_verb_ && (saw_reply_ || (one_sided && saw_greeting_));
}

DialogueBuffers& Dialogue::Buffers(const DialogueContext& context) {
  if (buffers_ == nullptr) buffers_ = context.buffers->Take();
  return *buffers_;
}

void Dialogue::ReleaseBuffers(const DialogueContext& context) {
  if (buffers_ == nullptr || !buffers_->empty()) return;
  if (buffers_->MemoryBytes() > kKeptBytes) *buffers_ = DialogueBuffers{};
  context.buffers->Give(std::move(buffers_));
}

StreamVerdict Dialogue::OnChunk(const DialogueContext& context, const ConnectionInfo& info,
                                const StreamChunk& chunk) {
  envelope_.UpdateCompleteness(info);
  if (chunk.gap_before > 0) OnGap(context, info, chunk);
  if (!chunk.text.empty()) {
    if (chunk.direction == Direction::kFromClient) {
      OnClientChunk(context, info, chunk);
    } else {
      OnServerChunk(context, info, chunk);
    }
  }
  if (pending_ != nullptr && pending_->empty()) {
    if (pending_->MemoryBytes() > kKeptBytes) *pending_ = PendingCommands{};
    context.pending->Give(std::move(pending_));
  }
  ReleaseBuffers(context);
  if (refuse_) return StreamVerdict::kRefuse;
  return ignore_ ? StreamVerdict::kIgnore : StreamVerdict::kContinue;
}

// Replies tell where the dialogue stands; until then client bytes are dropped.
void Dialogue::LoseSync(const DialogueContext& context) {
  if (alternate_on_) EndAlternate();
  if (MessageBody* const body = LatestBody()) body->OnGap();  // chunks may be among what is lost
  if (buffers_ != nullptr) {
    context.ledger->Add(Loss::kSmtpHeldBytesDropped, buffers_->held.size() - held_from_);
    DropHeld();
    buffers_->client_line.clear();
  }
  client_line_long_ = false;
  mode_ = Mode::kUnsynced;
  lost_replies_ = 0;
  last_code_ = 0;
  reply_end_ = ~std::uint64_t{0};  // no reply since
  scanner_.Resume();
}

void Dialogue::OnClientGap(const DialogueContext& context, std::uint64_t bytes, bool left_out) {
  switch (mode_) {
    case Mode::kBody:
      body_gap_ = true;
      if (left_out) {
        scanner_.Start();  // a body is left out up to a lone dot, or up to a reply
      } else {
        scanner_.Resume();
      }
      envelope_.AddBodyBytes(bytes);
      ReadBehindDot(TakeAlternate());  // which lines stood behind the dot is not known any more
      if (MessageBody* const body = envelope_.body()) body->OnGap();
      return;
    case Mode::kChunk:
      if (bytes <= chunk_left_) {  // counted octets: we know exactly where we are
        if (MessageBody* const body = LatestBody()) body->OnGap();
        chunk_left_ -= bytes;
        if (chunk_left_ == 0) EndChunk();
        return;
      }
      chunk_left_ = 0;
      LoseSync(context);
      return;
    case Mode::kHello:
      body_gap_ = true;
      return;
    case Mode::kAwaitTls:
      ignore_ = starttls_accepted_;  // the start of the handshake was lost; the rest is opaque
      return;
    case Mode::kStart:
    case Mode::kCommands:
    case Mode::kHeld:
    case Mode::kUndecided:
    case Mode::kAuthLine:
    case Mode::kUnsynced: {
      const bool behind_data = mode_ == Mode::kHeld && !pending_empty();
      LoseSync(context);
      if (behind_data) mode_ = Mode::kHeld;  // the reply that it waits for still says most
      body_gap_ = behind_data;
      return;
    }
  }
}

void Dialogue::OnGap(const DialogueContext& context, const ConnectionInfo& info,
                     const StreamChunk& chunk) {
  const bool left_out =
      chunk.left_out && (mode_ == Mode::kBody || mode_ == Mode::kChunk || mode_ == Mode::kHello);
  if (!left_out) {
    with_gaps_ = true;
    envelope_.MarkGap();
  }
  if (chunk.direction == Direction::kFromClient) {
    OnClientGap(context, chunk.gap_before, left_out);
    return;
  }
  if (buffers_ != nullptr) buffers_->server_line.clear();
  server_line_long_ = false;
  multiline_ = Reply{};
  awaiting_banner_ = false;
  server_read_ = chunk.offset;
  if (pending_empty()) return;
  // Which of these were answered in the gap cannot be known: none is.
  SettleUnknown(context, info, chunk.at);
  deaf_ = true;
  deaf_until_ = chunk.offset;
}

// The replies of everything that waits are not going to be seen.
void Dialogue::SettleUnknown(const DialogueContext& context, const ConnectionInfo& info,
                             PacketTime at) {
  Reply unknown;  // code 0
  unknown.at = at;
  while (!pending_empty()) {
    const Verb verb = pending_->front_verb();
    ApplyFront(context, info, unknown);
    if (mode_ == Mode::kHeld && pending_empty()) AfterHeldReply(context, info, verb, unknown);
  }
}

// A client chunk that was sent after the last complete reply: the dialogue is known again.
void Dialogue::Resync(const DialogueContext& context, PacketTime at) {
  if (pending_ != nullptr) pending_->Clear();
  skip_replies_ = 0;
  // More than one command was lost: the open transaction may have ended among them.
  if (lost_replies_ > 1) envelope_.OnReset(context.envelope, at, EndReason::kCutOff);
  lost_replies_ = 0;
  if (last_code_ == 354) {
    Reply go;
    go.code = 354;
    go.at = at;
    envelope_.OnData(context.envelope, go, at);
    StartBody(context, false);
    body_gap_ = true;
    if (MessageBody* const body = envelope_.body()) body->OnGap();
  } else {
    mode_ = last_code_ == 334 ? Mode::kAuthLine : Mode::kCommands;
  }
}

void Dialogue::OnClose(const DialogueContext& context, const ConnectionInfo& info,
                       CloseReason reason, PacketTime at) {
  closing_ = true;
  envelope_.UpdateCompleteness(info);
  // An open multiline reply is as complete as it will get.
  if (multiline_.code != 0) CloseMultiline(context, info, at);
  while (!pending_empty()) SettleUnknown(context, info, at);
  if (alternate_on_) DecideAlternate();
  envelope_.SetBelieved(is_session(info));
  const bool closed = reason == CloseReason::kFin || reason == CloseReason::kReset ||
                      reason == CloseReason::kReused;
  envelope_.OnReset(context.envelope, at, closed ? EndReason::kReset : EndReason::kCutOff);
  if (info.on_smtp_port && !is_session(info) && (info.payload_seen[0] || info.payload_seen[1])) {
    context.ledger->Add(Anomaly::kNotSmtp);
  }
  pending_.reset();
  buffers_.reset();
}

}  // namespace backscatter
