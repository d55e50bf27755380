// One SMTP or LMTP dialogue: both sides of a connection, paired command by command.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/ip_address.h"
#include "agent/base/ledger.h"
#include "agent/net/stream_chunk.h"
#include "agent/smtp/body_scanner.h"
#include "agent/smtp/command.h"
#include "agent/smtp/envelope.h"
#include "agent/smtp/pending_commands.h"
#include "agent/smtp/pool.h"
#include "agent/smtp/reply.h"

namespace backscatter {

// Limits of one dialogue. What goes beyond is counted, and parsing goes on.
inline constexpr std::size_t kMaxLine = 8192;              // kept of a line; Postfix takes 2,048
inline constexpr std::size_t kMaxPending = 4096;           // commands without a reply
inline constexpr std::size_t kMaxPendingText = 256 << 10;  // their arguments
inline constexpr std::size_t kMaxHeldText = 64 << 10;   // bytes behind DATA that wait for its reply
inline constexpr std::size_t kMaxAlternate = 32 << 10;  // bytes behind a lenient end of data

// Buffers that a dialogue needs only while something is split or uncertain.
struct DialogueBuffers {
  std::string client_line;  // the start of a line whose end has not come
  std::string server_line;
  std::string held;       // client bytes whose meaning depends on a reply
  std::string alternate;  // body bytes behind a lenient end of data

  std::uint64_t MemoryBytes() const {
    return sizeof *this + client_line.capacity() + server_line.capacity() + held.capacity() +
           alternate.capacity();
  }
  bool empty() const {
    return client_line.empty() && server_line.empty() && held.empty() && alternate.empty();
  }
};

// What the dialogues of one engine share.
struct DialogueContext {
  EnvelopeContext envelope;
  Ledger* ledger;
  Pool<PendingCommands>* pending;
  Pool<DialogueBuffers>* buffers;
  const std::vector<IpNetwork>* trusted_proxies;
};

// Commands go into a queue; a reply completes the oldest one, and only then the envelope changes:
// state follows the pair. What a client sends behind DATA, AUTH or STARTTLS cannot be read before
// the reply is known, so it is held. The end of a body is what the server took it to be: a lenient
// end is believed only if replies follow that nothing else explains. After lost bytes nothing is
// read as a command before a reply shows again where the dialogue stands.
class Dialogue {
 public:
  void Start(const ConnectionInfo& info);
  StreamVerdict OnChunk(const DialogueContext& context, const ConnectionInfo& info,
                        const StreamChunk& chunk);
  // Settles everything that still waits. The session counts if it was one (see `is_session`).
  void OnClose(const DialogueContext& context, const ConnectionInfo& info, CloseReason reason,
               PacketTime at);

  // On the heap, for what waits or is open; a few loads.
  std::uint64_t held_bytes() const {
    return (pending_ == nullptr ? 0 : pending_->MemoryBytes()) +
           (buffers_ == nullptr ? 0 : buffers_->MemoryBytes()) + envelope_.held_bytes();
  }
  // What of it is in the sum over all dialogues.
  std::uint64_t counted_held() const { return counted_held_; }
  void set_counted_held(std::uint64_t bytes) { counted_held_ = bytes; }
  bool encrypted() const { return implicit_tls_ || starttls_accepted_; }
  bool with_gaps() const { return with_gaps_; }
  // A verb or a reply was seen, or a ClientHello on a configured port; elsewhere a verb and a
  // reply.
  bool is_session(const ConnectionInfo& info) const;
  std::uint64_t orphan_recipients() const { return envelope_.orphan_recipients(); }
  std::uint32_t messages() const { return envelope_.messages(); }
  const IpAddress& source() const { return envelope_.source(); }

 private:
  enum class Mode : std::uint8_t {
    kStart,  // nothing was read yet: a PROXY header, TLS, or a command
    kHello,  // TLS, it seems: the server's first bytes decide
    kCommands,
    kHeld,       // behind DATA, AUTH or STARTTLS: a reply decides
    kUndecided,  // behind DATA whose reply was lost: the next line decides
    kBody,
    kChunk,     // octets of BDAT
    kAuthLine,  // the next line belongs to an AUTH exchange
    kAwaitTls,  // STARTTLS was accepted
    kUnsynced,  // a reply must show where we are
  };

  // dialogue.cc
  void OnGap(const DialogueContext& context, const ConnectionInfo& info, const StreamChunk& chunk);
  void OnClientGap(const DialogueContext& context, std::uint64_t bytes, bool left_out);
  void LoseSync(const DialogueContext& context);
  void Resync(const DialogueContext& context, PacketTime at);
  void SettleUnknown(const DialogueContext& context, const ConnectionInfo& info, PacketTime at);
  DialogueBuffers& Buffers(const DialogueContext& context);
  void ReleaseBuffers(const DialogueContext& context);

  // dialogue_client.cc
  void OnClientChunk(const DialogueContext& context, const ConnectionInfo& info,
                     const StreamChunk& chunk);
  std::string_view ReadClient(const DialogueContext& context, const ConnectionInfo& info,
                              std::string_view text, PacketTime at);
  std::size_t ReadStart(const DialogueContext& context, const ConnectionInfo& info,
                        std::string_view text);
  std::size_t ReadLine(const DialogueContext& context, const ConnectionInfo& info,
                       std::string_view text, PacketTime at);
  void OnLine(const DialogueContext& context, const ConnectionInfo& info, std::string_view raw,
              PacketTime at);
  std::size_t ReadAwaitTls(const DialogueContext& context, std::string_view text);
  void NoHello(const DialogueContext& context, const ConnectionInfo& info, PacketTime at);
  std::size_t ReadUnsynced(const DialogueContext& context, const ConnectionInfo& info,
                           std::string_view text, PacketTime at);
  void Hold(const DialogueContext& context, std::string_view text);
  void ReadHeld(const DialogueContext& context, const ConnectionInfo& info, PacketTime at);
  void DropHeld();
  void Decide(const DialogueContext& context, std::string_view text);
  void Push(const DialogueContext& context, const ConnectionInfo& info, Verb verb,
            std::string_view rest, PacketTime at, std::uint64_t bdat_size = 0,
            bool bdat_last = false);

  // dialogue_body.cc
  void StartBody(const DialogueContext& context, bool lenient_ends, bool gap_is_later = false);
  std::size_t ReadBody(const DialogueContext& context, const ConnectionInfo& info,
                       std::string_view text, PacketTime at);
  void EndBody(const DialogueContext& context, const ConnectionInfo& info, PacketTime at);
  std::string TakeAlternate();
  void DecideAlternate();
  void EndAlternate();
  void ReadBehindDot(std::string_view text);
  void StartChunk(const DialogueContext& context, const ConnectionInfo& info,
                  const BdatArgument& argument, PacketTime at);
  std::size_t ReadChunk(std::string_view text);
  void EndChunk();
  MessageBody* LatestBody();
  MessageBody BodyOfChunk(const DialogueContext& context, const ConnectionInfo& info);

  // dialogue_server.cc
  void OnServerChunk(const DialogueContext& context, const ConnectionInfo& info,
                     const StreamChunk& chunk);
  void OnReplyLine(const DialogueContext& context, const ConnectionInfo& info,
                   std::string_view line, PacketTime at);
  void CloseMultiline(const DialogueContext& context, const ConnectionInfo& info, PacketTime at);
  void OnReply(const DialogueContext& context, const ConnectionInfo& info, const Reply& reply);
  void OnUnsolicited(const DialogueContext& context, const ConnectionInfo& info,
                     const Reply& reply);
  void OnReplyInBody(const DialogueContext& context, const ConnectionInfo& info,
                     const Reply& reply);
  bool Reinterpret(const DialogueContext& context, const ConnectionInfo& info, const Reply& reply);
  void ApplyFront(const DialogueContext& context, const ConnectionInfo& info, const Reply& reply);
  bool OnLastReply(const DialogueContext& context, const Reply& reply, PacketTime at);
  void AfterHeldReply(const DialogueContext& context, const ConnectionInfo& info, Verb verb,
                      const Reply& reply);
  void OnXclient(const DialogueContext& context, const ConnectionInfo& info, std::string_view rest);
  bool IsTrusted(const DialogueContext& context, const ConnectionInfo& info) const;
  bool pending_empty() const { return pending_ == nullptr || pending_->empty(); }

  Envelope envelope_;
  std::unique_ptr<PendingCommands> pending_;
  std::unique_ptr<DialogueBuffers> buffers_;
  std::uint64_t chunk_left_ = 0;   // kChunk: octets to come
  std::uint64_t server_read_ = 0;  // server offset behind the last byte read
  std::uint64_t reply_end_ = 0;    // server offset behind the last complete reply
  std::uint64_t deaf_until_ = 0;   // replies count again when the client acknowledged this
  std::uint64_t counted_held_ = 0;
  std::size_t held_from_ = 0;       // buffers_->held is read up to here
  std::uint32_t skip_replies_ = 0;  // replies to commands that were given up
  std::uint32_t lost_replies_ = 0;  // kUnsynced: replies to commands that were never seen
  Reply multiline_;                 // code 0: none is open
  BodyScanner scanner_;
  Mode mode_ = Mode::kStart;
  std::uint16_t last_code_ = 0;  // of the last complete reply
  bool awaiting_banner_ = true;
  bool deaf_ = false;  // replies were lost: which command the next belongs to is open
  bool saw_verb_ = false;
  bool saw_greeting_ = false;
  bool saw_reply_ = false;
  bool saw_foreign_line_ = false;  // the first line of the client is no verb
  bool implicit_tls_ = false;
  bool starttls_accepted_ = false;
  bool with_gaps_ = false;
  bool body_gap_ = false;           // bytes of this body were lost
  bool lenient_ends_ = false;       // no server to follow: any lone dot line ends the body
  bool swallow_ = false;            // the body was answered before its end
  bool alternate_on_ = false;       // a lenient end was seen; buffers_->alternate grows
  bool alternate_replied_ = false;  // ... and the strict end behind it was answered
  bool client_line_long_ = false;   // the line in buffers_ is being cut
  bool server_line_long_ = false;
  bool undecided_auth_ = false;  // kUndecided: behind AUTH, not DATA
  bool closing_ = false;
  bool ignore_ = false;
  bool refuse_ = false;
};

}  // namespace backscatter
