// The server's side of a dialogue: replies, and what they say of the client's bytes.
#include <algorithm>
#include <utility>

#include "agent/base/ascii.h"
#include "agent/smtp/dialogue.h"
#include "agent/smtp/proxy_header.h"

namespace backscatter {
namespace {

constexpr std::size_t kMaxReplyLine = 2048;
constexpr std::uint64_t kMaxForeignServerBytes = 1024;
constexpr std::uint16_t kServiceClosing = 421;

bool LooksLikeTlsRecord(std::string_view text) {
  return text.size() >= 3 && text[0] >= 0x14 && text[0] <= 0x17 && text[1] == 3 && text[2] <= 4;
}

}  // namespace

bool Dialogue::IsTrusted(const DialogueContext& context, const ConnectionInfo& info) const {
  return std::any_of(
      context.trusted_proxies->begin(), context.trusted_proxies->end(),
      [&](const IpNetwork& network) { return network.Contains(info.client.address); });
}

void Dialogue::OnServerChunk(const DialogueContext& context, const ConnectionInfo& info,
                             const StreamChunk& chunk) {
  std::string_view text = chunk.text;
  server_read_ = chunk.offset;
  const bool client_unseen = !info.payload_seen[static_cast<int>(Direction::kFromClient)];
  if (LooksLikeTlsRecord(text)) {
    const bool agreed = mode_ == Mode::kAwaitTls || (client_unseen && last_code_ == 220);
    starttls_accepted_ |= agreed;
    ignore_ = agreed || mode_ == Mode::kHello;
    if (ignore_) {
      DropHeld();
      return;
    }
  }
  if (!ignore_) envelope_.Foretell(context.envelope);
  while (!text.empty() && !ignore_) {
    const std::size_t feed = text.find('\n');
    std::string_view piece = text.substr(0, feed);
    const std::size_t used = feed == std::string_view::npos ? text.size() : feed + 1;
    text.remove_prefix(used);
    server_read_ += used;
    const bool joined = buffers_ != nullptr && !buffers_->server_line.empty();
    std::string whole;
    if (feed == std::string_view::npos || joined) {
      std::string& line = Buffers(context).server_line;
      const std::size_t room = kMaxReplyLine - std::min(kMaxReplyLine, line.size());
      if (piece.size() > room) {
        if (!server_line_long_) context.ledger->Add(Anomaly::kLongLine);
        server_line_long_ = true;
        context.ledger->Add(Loss::kSmtpLineBytesDropped, piece.size() - room);
      }
      line.append(piece.substr(0, room));
      if (feed == std::string_view::npos) break;
      whole = std::move(line);
      line.clear();
      server_line_long_ = false;
      piece = whole;
    }
    while (!piece.empty() && (piece.back() == '\r' || piece.back() == '\0')) piece.remove_suffix(1);
    OnReplyLine(context, info, piece, chunk.at);
  }
  if (!saw_reply_ && !saw_verb_ && server_read_ > kMaxForeignServerBytes) {
    refuse_ = true;
  }
}

void Dialogue::OnReplyLine(const DialogueContext& context, const ConnectionInfo& info,
                           std::string_view line, PacketTime at) {
  ReplyLine reply;
  if (!ParseReplyLine(line, reply)) {
    if (!line.empty()) context.ledger->Add(Anomaly::kBadReply);
    return;
  }
  if (mode_ == Mode::kHello) NoHello(context, info, at);
  saw_reply_ = true;
  if (multiline_.code != 0 && multiline_.code != reply.code) {
    context.ledger->Add(Anomaly::kBrokenMultilineReply);
    CloseMultiline(context, info, at);
  }
  if (multiline_.code == 0) {
    multiline_.code = reply.code;
    multiline_.enhanced = ParseEnhancedStatus(reply.text);
  }
  if (reply.code >= 500) {
    multiline_.unknown_user |= SaysUnknownUser(reply.code, multiline_.enhanced, reply.text);
  }
  if (reply.last) CloseMultiline(context, info, at);
}

void Dialogue::CloseMultiline(const DialogueContext& context, const ConnectionInfo& info,
                              PacketTime at) {
  Reply reply = std::exchange(multiline_, Reply{});
  reply.at = at;
  OnReply(context, info, reply);
  last_code_ = reply.code;
  reply_end_ = server_read_;
}

void Dialogue::OnReply(const DialogueContext& context, const ConnectionInfo& info,
                       const Reply& reply) {
  if (awaiting_banner_) {
    awaiting_banner_ = false;
    // The first reply of a connection answers nothing. In mid-stream only a 220 looks like one.
    const bool at_start = info.start_seen[static_cast<int>(Direction::kFromServer)];
    if (at_start || (reply.code == 220 && pending_empty())) return;
  }
  if (deaf_) return;
  if (skip_replies_ > 0) {
    --skip_replies_;
    return;
  }
  if (alternate_on_ && Reinterpret(context, info, reply)) return;
  if (pending_empty()) {
    OnUnsolicited(context, info, reply);
    return;
  }
  // 354 and 334 answer only DATA and AUTH: a pairing that slipped is put right here.
  const bool for_data = reply.code == 354;
  const bool for_auth = reply.code == 334;
  if (for_data || for_auth) {
    const Verb wanted = for_data ? Verb::kData : Verb::kAuth;
    const Verb front = pending_->front_verb();
    if (front != wanted && !(for_auth && front == Verb::kAuthExchange) &&
        pending_->Find(wanted) < pending_->size()) {
      context.ledger->Add(Anomaly::kUnsolicitedReply);
      Reply unknown;
      unknown.at = reply.at;
      while (pending_->front_verb() != wanted) ApplyFront(context, info, unknown);
    }
  }
  const Verb verb = pending_->front_verb();
  ApplyFront(context, info, reply);
  if (mode_ == Mode::kHeld && pending_empty()) AfterHeldReply(context, info, verb, reply);
}

// A reply that no command waits for.
void Dialogue::OnUnsolicited(const DialogueContext& context, const ConnectionInfo& info,
                             const Reply& reply) {
  switch (mode_) {
    case Mode::kBody:
      OnReplyInBody(context, info, reply);
      return;
    case Mode::kUnsynced:
      ++lost_replies_;
      return;
    case Mode::kChunk:
      context.ledger->Add(Anomaly::kReplyInsideBody);
      return;
    case Mode::kHeld:  // the command that it waits for was given up
      AfterHeldReply(context, info, Verb::kData, reply);
      return;
    case Mode::kStart:
    case Mode::kHello:
    case Mode::kCommands:
    case Mode::kUndecided:
    case Mode::kAuthLine:
    case Mode::kAwaitTls:
      if (reply.code != kServiceClosing) context.ledger->Add(Anomaly::kUnsolicitedReply);
      return;
  }
}

// Commands were smuggled behind a lenient end of data (CVE-2023-51764) if the server goes on
// replying when nothing waits for a reply, or answers QUIT with something else than 221.
bool Dialogue::Reinterpret(const DialogueContext& context, const ConnectionInfo& info,
                           const Reply& reply) {
  if (mode_ == Mode::kBody) return false;  // the body has not ended yet in any reading
  if (!alternate_replied_) return false;   // this reply is the one to the body
  const bool quit_waits = !pending_empty() && pending_->front_verb() == Verb::kQuit;
  const bool odd = pending_empty() || (quit_waits && reply.code != 221);
  if (!odd || reply.code == kServiceClosing) return false;
  context.ledger->Add(Anomaly::kLenientEndOfData);
  context.ledger->Add(Anomaly::kSmuggledTransaction);
  if (pending_ != nullptr) pending_->Clear();
  const std::string tail = TakeAlternate();
  mode_ = Mode::kCommands;
  Hold(context, ReadClient(context, info, tail, reply.at));
  if (pending_empty()) return false;
  OnReply(context, info, reply);
  return true;
}

// The server answered while, to us, the body goes on.
void Dialogue::OnReplyInBody(const DialogueContext& context, const ConnectionInfo& info,
                             const Reply& reply) {
  if (swallow_) return;
  if (alternate_on_) {
    const std::string tail = TakeAlternate();
    const Verb verb =
        ParseCommand(std::string_view(tail).substr(0, tail.find_first_of("\r\n"))).verb;
    if (reply.positive() || verb != Verb::kUnknown) {
      // The lone dot with bare line feeds was the end for this server.
      context.ledger->Add(Anomaly::kLenientEndOfData);
      if (MessageBody* const body = envelope_.body()) body->End();
      envelope_.OnBodyReply(context.envelope, reply, reply.at);
      mode_ = Mode::kCommands;
      body_gap_ = false;
      Hold(context, ReadClient(context, info, tail, reply.at));
      return;
    }
    ReadBehindDot(tail);
  }
  envelope_.OnBodyReply(context.envelope, reply, reply.at);
  if (body_gap_) {  // the end was among the lost bytes
    body_gap_ = false;
    LoseSync(context);
    lost_replies_ = 0;
    return;
  }
  context.ledger->Add(Anomaly::kReplyInsideBody);
  swallow_ = true;
}

void Dialogue::ApplyFront(const DialogueContext& context, const ConnectionInfo& info,
                          const Reply& reply) {
  envelope_.SetBelieved(is_session(info));
  const PendingCommand command = pending_->Front();
  switch (command.verb) {
    case Verb::kHelo:
      envelope_.OnHello(context.envelope, Protocol::kSmtp, command.rest, reply, command.at);
      break;
    case Verb::kEhlo:
      envelope_.OnHello(context.envelope, Protocol::kEsmtp, command.rest, reply, command.at);
      break;
    case Verb::kLhlo:
      envelope_.OnHello(context.envelope, Protocol::kLmtp, command.rest, reply, command.at);
      break;
    case Verb::kMail:
      envelope_.OnMail(context.envelope, info, command.rest, reply, command.at);
      break;
    case Verb::kRcpt:
      envelope_.OnRcpt(context.envelope, command.rest, reply, command.at);
      break;
    case Verb::kData:
      envelope_.OnData(context.envelope, reply, command.at);
      break;
    case Verb::kBdat:
      if (pending_->has_bodies()) envelope_.AttachBody(pending_->TakeFrontBody());
      envelope_.OnBdat(context.envelope, command.bdat_size, reply, command.at);
      if (command.bdat_last && !OnLastReply(context, reply, command.at)) return;
      break;
    case Verb::kEndOfData:
      if (alternate_on_) {
        alternate_replied_ = true;
        DecideAlternate();
      }
      if (!OnLastReply(context, reply, command.at)) return;
      break;
    case Verb::kRset:
      envelope_.OnReset(context.envelope, command.at);
      break;
    case Verb::kQuit:
      envelope_.OnReset(context.envelope, command.at);
      break;
    case Verb::kXclient:
      if (reply.code == 220) {
        envelope_.OnReset(context.envelope, command.at);
        OnXclient(context, info, command.rest);
      }
      break;
    case Verb::kAuth:
    case Verb::kAuthExchange:
      if (reply.code == 235) envelope_.OnAuthenticated();
      break;
    case Verb::kUnknown:
    case Verb::kEmpty:
    case Verb::kNoop:
    case Verb::kVrfy:
    case Verb::kExpn:
    case Verb::kHelp:
    case Verb::kEtrn:
    case Verb::kStarttls:
    case Verb::kXforward:
    case Verb::kBadBdat:
      break;
  }
  pending_->Pop();
}

// The reply to a whole body. False: LMTP owes more of them, and the command stays in front.
bool Dialogue::OnLastReply(const DialogueContext& context, const Reply& reply, PacketTime at) {
  // A connection that closes instead of answering aborts the transaction: OnClose says so.
  if (reply.code == 0 && closing_ && pending_->Find(Verb::kMail) == pending_->size()) return true;
  if (envelope_.OnBodyReply(context.envelope, reply, at)) return true;
  pending_->TurnFrontIntoEndOfData();
  return false;
}

// What was held behind DATA, AUTH or STARTTLS can be read now. `reply.code` 0: it is not known.
void Dialogue::AfterHeldReply(const DialogueContext& context, const ConnectionInfo& info, Verb verb,
                              const Reply& reply) {
  const std::string_view held = buffers_ == nullptr
                                    ? std::string_view()
                                    : std::string_view(buffers_->held).substr(held_from_);
  const bool tls_held = !held.empty() && held[0] == 0x16;
  const bool silent = !info.packets_seen[static_cast<int>(Direction::kFromServer)];
  const bool lost_some = body_gap_;
  const bool lost_behind =
      lost_some && buffers_ != nullptr && held_from_ == 0 && buffers_->held.size() == kMaxHeldText;
  undecided_auth_ = false;
  if (verb == Verb::kStarttls) {
    if (reply.code == 220) {
      envelope_.OnStarttls(context.envelope, reply.at);
      starttls_accepted_ = true;
      if (!held.empty() && !tls_held) {
        context.ledger->Add(Anomaly::kStarttlsInjection);  // servers discard it (CVE-2011-0411)
        DropHeld();
      }
      mode_ = Mode::kAwaitTls;
    } else if (reply.code == 0) {
      if (!tls_held && !silent) DropHeld();
      mode_ = Mode::kAwaitTls;
    } else {
      mode_ = Mode::kCommands;
    }
  } else if (verb == Verb::kData) {
    if (reply.code >= 300 && reply.code < 400) {
      StartBody(context, false, lost_behind);
    } else if (reply.code != 0) {
      mode_ = Mode::kCommands;
      if (lost_some) {  // commands were lost behind a refused DATA
        body_gap_ = false;
        LoseSync(context);
      }
    } else if (silent) {
      StartBody(context, true, lost_behind);
    } else {
      mode_ = Mode::kUndecided;
    }
  } else if (reply.code == 334) {
    mode_ = Mode::kAuthLine;
  } else if (reply.code == 0) {
    mode_ = Mode::kUndecided;
    undecided_auth_ = true;
  } else {
    mode_ = Mode::kCommands;
  }
  if (mode_ != Mode::kBody) body_gap_ = false;
  ReadHeld(context, info, reply.at);
  if (lost_behind && mode_ == Mode::kBody) {
    if (MessageBody* const body = envelope_.body()) body->OnGap();
  }
}

void Dialogue::OnXclient(const DialogueContext& context, const ConnectionInfo& info,
                         std::string_view rest) {
  if (!IsTrusted(context, info)) {
    context.ledger->Add(Anomaly::kUntrustedProxyHeader);
    return;
  }
  if (const std::optional<IpAddress> address = XclientAddress(rest)) envelope_.SetSource(*address);
}

}  // namespace backscatter
