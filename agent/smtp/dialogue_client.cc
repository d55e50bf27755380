// The client's side of a dialogue: commands, bodies, chunks, TLS.
#include <algorithm>
#include <cstring>
#include <utility>

#include "agent/base/ascii.h"
#include "agent/smtp/dialogue.h"
#include "agent/smtp/proxy_header.h"

namespace backscatter {
namespace {

// Bytes of a client without any verb, or of a server without any reply, after which a connection
// is not SMTP. A server's banner line has at most 512 (RFC 5321 section 4.5.3.1.5).
constexpr std::uint64_t kMaxForeignClientBytes = 4096;

// A TLS record of the handshake, an alert or data: type, then version 3.x (RFC 8446 section 5.1).
bool LooksLikeTls(std::string_view text) {
  const auto type = static_cast<unsigned char>(text[0]);
  return type >= 0x14 && type <= 0x17 && (text.size() < 2 || text[1] == 3);
}

bool IsClientHello(std::string_view text) {
  return text[0] == 0x16 && (text.size() < 2 || text[1] == 3) && (text.size() < 6 || text[5] == 1);
}

std::string_view WithoutLineEnd(std::string_view line) {
  while (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

bool KeepsArgument(Verb verb) {
  return verb == Verb::kMail || verb == Verb::kRcpt || verb == Verb::kHelo || verb == Verb::kEhlo ||
         verb == Verb::kLhlo || verb == Verb::kXclient;
}

}  // namespace

void Dialogue::OnClientChunk(const DialogueContext& context, const ConnectionInfo& info,
                             const StreamChunk& chunk) {
  const bool silent = !info.packets_seen[static_cast<int>(Direction::kFromServer)];
  // No reply will come; but octets that come belong to the BDAT that waits.
  if (silent && !pending_empty() && mode_ != Mode::kChunk) SettleUnknown(context, info, chunk.at);
  if (deaf_ && chunk.acked >= deaf_until_) deaf_ = false;
  // The client went on behind a reply that was never ended: to it, the reply was complete.
  if (multiline_.code != 0 && chunk.acked >= server_read_ && pending_ != nullptr &&
      pending_->size() == 1 && (buffers_ == nullptr || buffers_->server_line.empty())) {
    context.ledger->Add(Anomaly::kBrokenMultilineReply);
    CloseMultiline(context, info, chunk.at);
  }
  if (swallow_ && mode_ == Mode::kBody && chunk.acked >= reply_end_) {
    const Verb verb = ParseCommand(chunk.text.substr(0, chunk.text.find_first_of("\r\n"))).verb;
    if (verb == Verb::kQuit || verb == Verb::kRset) mode_ = Mode::kCommands;
  }
  if (mode_ == Mode::kUnsynced) {
    const std::string_view rest = chunk.text;
    if (info.on_smtp_port && !saw_verb_ && !saw_reply_ && chunk.offset == 0 &&
        IsClientHello(rest)) {
      mode_ = Mode::kStart;
    } else if (last_code_ != 0 && chunk.acked >= reply_end_) {
      Resync(context, chunk.at);
    }
  }
  Hold(context, ReadClient(context, info, chunk.text, chunk.at));
  if (!saw_verb_ && !saw_reply_ && !encrypted() &&
      info.start_seen[static_cast<int>(Direction::kFromClient)] &&
      chunk.offset + chunk.text.size() > kMaxForeignClientBytes) {
    refuse_ = true;
  }
  // Elsewhere than on an SMTP port the first line decides.
  if (!info.on_smtp_port && saw_foreign_line_) refuse_ = true;
}

// Returns what cannot be read before a reply comes (empty in every other mode).
std::string_view Dialogue::ReadClient(const DialogueContext& context, const ConnectionInfo& info,
                                      std::string_view text, PacketTime at) {
  while (!text.empty() && !ignore_) {
    switch (mode_) {
      case Mode::kStart:
        text.remove_prefix(ReadStart(context, info, text));
        break;
      case Mode::kUndecided:
        Decide(context, text);
        break;
      case Mode::kCommands:
      case Mode::kAuthLine:
        text.remove_prefix(ReadLine(context, info, text, at));
        break;
      case Mode::kBody:
        text.remove_prefix(ReadBody(context, info, text, at));
        break;
      case Mode::kChunk:
        text.remove_prefix(ReadChunk(text));
        break;
      case Mode::kAwaitTls:
        text.remove_prefix(ReadAwaitTls(context, text));
        break;
      case Mode::kHeld:
      case Mode::kHello:
        return text;
      case Mode::kUnsynced:
        text.remove_prefix(ReadUnsynced(context, info, text, at));
        break;
    }
  }
  return {};
}

// Returns how much was consumed; 0 means that the mode changed.
std::size_t Dialogue::ReadStart(const DialogueContext& context, const ConnectionInfo& info,
                                std::string_view text) {
  DialogueBuffers* const buffers = buffers_.get();
  std::string joined;
  std::string_view whole = text;
  const std::size_t before = buffers != nullptr ? buffers->client_line.size() : 0;
  if (before > 0) {
    joined = buffers->client_line;
    joined.append(text);
    whole = joined;
  }
  ProxyHeader header;
  switch (ParseProxyHeader(whole, header)) {
    case ProxyParse::kIncomplete:
      Buffers(context).client_line.append(text);
      return text.size();
    case ProxyParse::kHeader:
      if (buffers != nullptr) buffers->client_line.clear();
      if (!IsTrusted(context, info)) {
        context.ledger->Add(Anomaly::kUntrustedProxyHeader);
      } else if (header.address) {
        envelope_.SetSource(*header.address);
      }
      return header.length - before;
    case ProxyParse::kBroken:
    case ProxyParse::kNone:
      break;
  }
  // Behind a greeting it is no hello, but a line of rubbish like any other.
  if (info.on_smtp_port && !saw_reply_ && IsClientHello(whole)) {
    implicit_tls_ = true;
    envelope_.MarkTls(TlsState::kImplicit);
    ignore_ = !info.packets_seen[static_cast<int>(Direction::kFromServer)];  // nobody will say
    mode_ = Mode::kHello;
    return 0;
  }
  mode_ = Mode::kCommands;  // what was kept of a header that was none is the start of a line
  return 0;
}

std::size_t Dialogue::ReadLine(const DialogueContext& context, const ConnectionInfo& info,
                               std::string_view text, PacketTime at) {
  const std::size_t feed = text.find('\n');
  const std::string_view piece = text.substr(0, feed);  // npos: all of it
  const bool joined = buffers_ != nullptr && !buffers_->client_line.empty();
  if (feed == std::string_view::npos || joined) {
    std::string& line = Buffers(context).client_line;
    const std::size_t room = kMaxLine - std::min(kMaxLine, line.size());
    if (piece.size() > room) {
      if (!client_line_long_) context.ledger->Add(Anomaly::kLongLine);
      client_line_long_ = true;
      context.ledger->Add(Loss::kSmtpLineBytesDropped, piece.size() - room);
    }
    line.append(piece.substr(0, room));
    if (feed == std::string_view::npos) return text.size();
    std::string whole = std::move(line);
    line.clear();
    client_line_long_ = false;
    OnLine(context, info, whole, at);
    if (buffers_ != nullptr && buffers_->client_line.empty()) {  // keep the capacity
      whole.clear();
      buffers_->client_line = std::move(whole);
    }
    return feed + 1;
  }
  if (piece.size() > kMaxLine) {
    context.ledger->Add(Anomaly::kLongLine);
    context.ledger->Add(Loss::kSmtpLineBytesDropped, piece.size() - kMaxLine);
  }
  OnLine(context, info, piece.substr(0, kMaxLine), at);
  return feed + 1;
}

// `raw` without its LF.
void Dialogue::OnLine(const DialogueContext& context, const ConnectionInfo& info,
                      std::string_view raw, PacketTime at) {
  if (mode_ == Mode::kAuthLine) {  // not even looked at
    Push(context, info, Verb::kAuthExchange, {}, at);
    mode_ = Mode::kHeld;
    return;
  }
  if (raw.empty() || raw.back() != '\r') context.ledger->Add(Anomaly::kBareLineFeed);
  const std::string_view line = WithoutLineEnd(raw);
  if (std::memchr(line.data(), 0, line.size()) != nullptr) context.ledger->Add(Anomaly::kNulByte);
  const Command command = ParseCommand(line);
  const bool known = command.verb != Verb::kUnknown && command.verb != Verb::kEmpty;
  if (!known) {
    context.ledger->Add(Anomaly::kBadCommand);
    saw_foreign_line_ |= !saw_verb_;
  }
  saw_verb_ |= known;
  if (command.verb == Verb::kHelo || command.verb == Verb::kEhlo || command.verb == Verb::kLhlo) {
    saw_greeting_ = true;
  }
  if (alternate_on_ && command.verb != Verb::kQuit && command.verb != Verb::kNoop) {
    // The client took its mail for done and went on with another.
    EndAlternate();
  }
  if (command.verb == Verb::kBdat) {
    BdatArgument argument;
    if (!ParseBdat(command.rest, argument)) {
      context.ledger->Add(Anomaly::kBadBdat);
      Push(context, info, Verb::kBadBdat, {}, at);
      return;
    }
    StartChunk(context, info, argument, at);
    return;
  }
  Push(context, info, command.verb, KeepsArgument(command.verb) ? command.rest : std::string_view(),
       at);
  if (command.verb == Verb::kData || command.verb == Verb::kAuth ||
      command.verb == Verb::kStarttls) {
    mode_ = Mode::kHeld;
  }
}

void Dialogue::Push(const DialogueContext& context, const ConnectionInfo& info, Verb verb,
                    std::string_view rest, PacketTime at, std::uint64_t bdat_size, bool bdat_last) {
  if (pending_ == nullptr) pending_ = context.pending->Take();
  while (pending_->size() >= kMaxPending ||
         (pending_->text_bytes() + rest.size() > kMaxPendingText && !pending_->empty())) {
    // The oldest one is given up; its reply, if it comes, must not be taken for another's.
    context.ledger->Add(Loss::kSmtpRepliesDropped);
    ++skip_replies_;
    Reply unknown;
    unknown.at = at;
    ApplyFront(context, info, unknown);
  }
  pending_->Push(verb, rest, at, bdat_size, bdat_last);
}

void Dialogue::Hold(const DialogueContext& context, std::string_view text) {
  if (text.empty()) return;
  std::string& held = Buffers(context).held;
  if (held_from_ > 0) {
    held.erase(0, held_from_);
    held_from_ = 0;
  }
  const std::size_t room = kMaxHeldText - std::min(kMaxHeldText, held.size());
  held.append(text.substr(0, room));
  if (text.size() > room) {
    context.ledger->Add(Loss::kSmtpHeldBytesDropped, text.size() - room);
    body_gap_ = true;  // what follows is not all of it
  }
}

// Reads what was held; what must go on waiting stays where it is, so that a long run of commands
// that each wait for a reply is not copied again and again.
void Dialogue::ReadHeld(const DialogueContext& context, const ConnectionInfo& info, PacketTime at) {
  if (buffers_ == nullptr || buffers_->held.empty()) return;
  std::string held = std::move(buffers_->held);
  buffers_->held.clear();
  const std::size_t from = std::exchange(held_from_, 0);
  const std::string_view rest = ReadClient(context, info, std::string_view(held).substr(from), at);
  if (rest.empty()) return;
  held_from_ = held.size() - rest.size();
  Buffers(context).held = std::move(held);
}

void Dialogue::DropHeld() {
  if (buffers_ != nullptr) buffers_->held.clear();
  held_from_ = 0;
}

// Behind a DATA whose reply was not seen: a client that was refused goes on with one of these.
void Dialogue::Decide(const DialogueContext& context, std::string_view text) {
  const Command command = ParseCommand(text.substr(0, text.find_first_of("\r\n")));
  const bool goes_on = command.verb == Verb::kRset || command.verb == Verb::kQuit ||
                       command.verb == Verb::kEhlo || command.verb == Verb::kHelo ||
                       command.verb == Verb::kMail || command.verb == Verb::kRcpt;
  if (goes_on) {
    mode_ = Mode::kCommands;
  } else if (undecided_auth_) {
    mode_ = Mode::kAuthLine;
  } else {
    StartBody(context, closing_);
  }
}

std::size_t Dialogue::ReadAwaitTls(const DialogueContext& context, std::string_view text) {
  if (LooksLikeTls(text)) {
    starttls_accepted_ = true;
    ignore_ = true;
    return text.size();
  }
  // A mirror that decrypts: the dialogue goes on in the clear.
  if (starttls_accepted_) context.ledger->Add(Anomaly::kPlaintextAfterStarttls);
  starttls_accepted_ = false;
  mode_ = Mode::kCommands;
  return 0;
}

// The server answers in the clear what looked like a hello: two octets must not hide a session.
void Dialogue::NoHello(const DialogueContext& context, const ConnectionInfo& info, PacketTime at) {
  implicit_tls_ = false;
  envelope_.MarkTls(TlsState::kNone);
  const bool lost_some = std::exchange(body_gap_, false);
  if (info.start_seen[static_cast<int>(Direction::kFromClient)]) {
    mode_ = Mode::kCommands;
    ReadHeld(context, info, at);
    if (!lost_some) return;
  }
  // What was held is not all of it, or was the middle of a body.
  with_gaps_ |= lost_some;  // also where it was left out on purpose: it was no TLS
  if (lost_some) envelope_.MarkGap();
  LoseSync(context);
}

// Nothing here is read as a command: it may be a body that quotes some. Returns how much was
// consumed; 0 means that the mode changed.
std::size_t Dialogue::ReadUnsynced(const DialogueContext& context, const ConnectionInfo& info,
                                   std::string_view text, PacketTime at) {
  std::size_t consumed = text.size();
  // Without a server there is no reply to wait for. A greeting at the start of a segment, or a lone
  // dot, is the best that such a capture has.
  if (!info.packets_seen[static_cast<int>(Direction::kFromServer)]) {
    if (LooksLikeGreeting(text)) {
      mode_ = Mode::kCommands;
      return 0;
    }
    const BodyScanner::Result found = scanner_.Scan(text);
    consumed = found.consumed;
    if (found.end != EndOfData::kNone) {
      mode_ = Mode::kCommands;
      Push(context, info, Verb::kEndOfData, {}, at);
    }
  }
  context.ledger->Add(Loss::kSmtpUnsyncedBytes, consumed);
  return consumed;
}

}  // namespace backscatter
