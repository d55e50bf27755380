#include "tests/unit/detect/verdict_script.h"

#include <algorithm>
#include <utility>

#include "tests/unit/detect/verdict_messages.h"

namespace backscatter {
namespace {

const HashKey kKey = KeyOf(7);

Endpoint FarAway() { return {Ip("198.51.100.7"), 40000}; }
Endpoint OurGateway() { return {Ip("192.0.2.25"), 25}; }

LocalNetworks Networks(const std::vector<std::string>& texts) {
  std::vector<IpNetwork> networks;
  for (const std::string& text : texts) networks.push_back(IpNetwork::Parse(text).value());
  return LocalNetworks(std::move(networks));
}

SentLedgerOptions SentOptions() { return {.capacity = 10'000, .key = kKey}; }

JudgeOptions MakeJudgeOptions(const GatewayOptions& options) {
  JudgeOptions judge;
  judge.evidence = {.local = Networks(options.networks),
                    .relays = options.relays,
                    .batv_keys = options.batv_keys,
                    .srs_domains = SrsDomains(options.srs_domains),
                    .verp_patterns = VerpPatterns(options.verp_patterns),
                    .min_history_ns = options.min_history,
                    .min_coverage = options.min_coverage,
                    .feed_tells_all = options.feed_tells_all,
                    .hash_key = kKey};
  judge.retries.hash_key = kKey;
  judge.accepted.hash_key = kKey;
  return judge;
}

std::string TextOf(const Judgement& judgement) {
  std::string text(VerdictName(judgement.verdict));
  text.append(" ").append(ConfidenceName(judgement.confidence));
  text.append(" ").append(judgement.reason);
  if (judgement.solicited) text.append(*judgement.solicited ? " solicited" : " unsolicited");
  if (judgement.retry) text.append(" retry");
  return text;
}

const std::string& ReplyTo(const Letter& letter, std::size_t recipient) {
  return letter.rcpt_replies[std::min(recipient, letter.rcpt_replies.size() - 1)];
}

// RFC 5321 section 4.5.2.
std::string DotStuffed(const std::string& text) {
  std::string stuffed;
  bool line_start = true;
  for (const char c : text) {
    if (line_start && c == '.') stuffed += '.';
    stuffed += c;
    line_start = c == '\n';
  }
  return stuffed;
}

std::string MailCommand(const Letter& letter) {
  const std::string parameters = letter.mail_parameters.empty() ? "" : " " + letter.mail_parameters;
  return "MAIL FROM:<" + letter.from + ">" + parameters + "\r\n";
}

// MAIL, RCPT and what follows in one segment; then all replies.
bool PlayPipelined(const Letter& letter, Gateway::Talk& talk) {
  std::string commands = MailCommand(letter);
  std::string replies = "250 2.1.0 ok\r\n";
  bool accepted = false;
  for (std::size_t i = 0; i < letter.to.size(); ++i) {
    commands += "RCPT TO:<" + letter.to[i] + ">\r\n";
    replies += ReplyTo(letter, i) + "\r\n";
    accepted = accepted || ReplyTo(letter, i).starts_with('2');
  }
  if (letter.body == Body::kBdat) {
    commands += "BDAT " + std::to_string(letter.text.size()) + " LAST\r\n" + letter.text;
    talk.C(commands);
    talk.S(replies + (accepted ? letter.final_reply : "554 5.5.1 no valid recipients") + "\r\n");
    return false;
  }
  talk.C(commands + "DATA\r\n");
  if (!accepted) {
    talk.S(replies + "554 5.5.1 no valid recipients\r\n");
    return false;
  }
  talk.S(replies + letter.data_reply + "\r\n");
  return letter.data_reply.starts_with('3');
}

// Command by command. True where the message may come.
bool PlayInTurn(const Letter& letter, Gateway::Talk& talk) {
  talk.C(MailCommand(letter)).S("250 2.1.0 ok\r\n");
  for (std::size_t i = 0; i < letter.to.size(); ++i) {
    talk.C("RCPT TO:<" + letter.to[i] + ">\r\n").S(ReplyTo(letter, i) + "\r\n");
  }
  if (letter.body == Body::kNone) return false;
  talk.C("DATA\r\n").S(letter.data_reply + "\r\n");
  return letter.data_reply.starts_with('3');
}

}  // namespace

Letter OwnMail(const std::string& message_id, std::string from, std::string to) {
  const std::string queue_id = "Q" + message_id.substr(0, message_id.find('@'));
  return {.from = std::move(from),
          .to = {std::move(to)},
          .text = Mail(message_id,
                       "from pc.ours.example (pc.ours.example [192.0.2.77]) by "
                       "mx.ours.example (Postfix) with ESMTP id " +
                           queue_id + "; Tue, 24 Nov 2026 12:00:00 +0000"),
          .helo = "mx.ours.example"};
}

Letter FromNobody(std::string text, std::vector<std::string> to) {
  return {.to = std::move(to), .text = std::move(text)};
}

Letter RefusedData(const char* reply) {
  return {.to = {"nobody@ours.example"}, .body = Body::kPipelinedData, .rcpt_replies = {reply}};
}

Letter RefusedBdat(std::string text, const char* reply) {
  return {.to = {"nobody@ours.example"},
          .text = std::move(text),
          .body = Body::kBdat,
          .rcpt_replies = {reply}};
}

Gateway::Gateway(GatewayOptions options)
    : sent_(SentOptions()),
      coverage_(SentOptions().window_ns, kKey),
      tally_({.targets_capacity = 1000,
              .sources_capacity = 1000,
              .pairs_capacity = 1000,
              .target = {},
              .hash_key = kKey},
             &ledger_),
      judge_(MakeJudgeOptions(options), &sent_, &coverage_, this),
      readers_({.read_all = options.read_all,
                .capture_bytes = options.capture_bytes,
                .daemon_senders = {"mailer-daemon", "postmaster", "double-bounce", "autoreply"},
                .local = Networks(options.networks)}),
      sessions_({}, &ledger_, &judge_, &readers_),
      now_(options.start) {}

std::string Gateway::Receive(const Letter& letter, std::string_view from) {
  return Between({Ip(from), 40000}, OurGateway(), letter);
}

std::string Gateway::Send(const Letter& letter, std::string_view to) {
  return Between({Ip("192.0.2.25"), 41000}, {Ip(to), 25}, letter);
}

std::string Gateway::Submit(const Letter& letter, std::uint16_t port, std::string_view from) {
  return Between({Ip(from), 42000}, {Ip("192.0.2.25"), port}, letter);
}

std::string Gateway::SendEncrypted(std::string_view to) {
  Talk talk(*this, {Ip("192.0.2.25"), 41000}, {Ip(to), 25});
  talk.S("220 mx.far.example\r\n").C("EHLO mx.ours.example\r\n").S("250 STARTTLS\r\n");
  talk.C("STARTTLS\r\n").S("220 go on\r\n").C("\x16\x03\x01\x02\x01\x01rest");
  return talk.Close();
}

std::string Gateway::SendNothing(std::string_view to) {
  Talk talk(*this, {Ip("192.0.2.25"), 41000}, {Ip(to), 25});
  talk.S("220 mx.far.example\r\n").C("EHLO mx.ours.example\r\n").S("250 ok\r\n");
  return talk.C("QUIT\r\n").S("221 bye\r\n").Close();
}

std::string Gateway::Between(const Endpoint& client, const Endpoint& server, const Letter& letter) {
  Talk talk(*this, client, server);
  talk.S("220 ready\r\n").C("EHLO " + letter.helo + "\r\n").S("250-ready\r\n250 PIPELINING\r\n");
  const bool at_once = letter.body == Body::kPipelinedData || letter.body == Body::kBdat;
  const bool wanted = at_once ? PlayPipelined(letter, talk) : PlayInTurn(letter, talk);
  if (wanted) talk.C(DotStuffed(letter.text) + ".\r\n").S(letter.final_reply + "\r\n");
  switch (letter.end) {
    case End::kRset:
      talk.C("RSET\r\n").S("250 ok\r\n");
      [[fallthrough]];
    case End::kQuit:
      talk.C("QUIT\r\n").S("221 bye\r\n");
      [[fallthrough]];
    case End::kClose:
      return talk.Close();
    case End::kReset:
      return talk.Close(CloseReason::kReset);
    case End::kCutOff:
      return talk.Close(CloseReason::kEndOfInput);
  }
  return {};
}

Report Gateway::Counted() {
  Report report;
  tally_.FillReport(0, report);
  return report;
}

void Gateway::OnTransaction(const JudgedTransaction& judged) {
  seen_.push_back({judged.direction, judged.judgement, TextOf(judged.judgement)});
  tally_.OnTransaction(judged);
}

std::string Gateway::TextsSince(std::size_t first) const {
  std::string texts;
  for (std::size_t i = first; i < seen_.size(); ++i) {
    texts.append(i == first ? "" : " | ").append(seen_[i].text);
  }
  return texts;
}

Gateway::Talk::Talk(Gateway& gateway, const Endpoint& client, const Endpoint& server)
    : gateway_(gateway), first_(gateway.seen_.size()) {
  info_.client = client;
  info_.server = server;
  info_.on_smtp_port = true;
  info_.start_seen[0] = info_.start_seen[1] = true;
  info_.packets_seen[0] = info_.packets_seen[1] = true;
  info_.opened_at = gateway.now_;
}

Gateway::Talk::Talk(Gateway& gateway) : Talk(gateway, FarAway(), OurGateway()) {}

Gateway::Talk& Gateway::Talk::Open() {
  S("220 ready\r\n").C("EHLO far.example\r\n").S("250 PIPELINING\r\n");
  C("MAIL FROM:<>\r\n").S("250 ok\r\n");
  return C("RCPT TO:<anna@ours.example>\r\n").S("250 ok\r\n");
}

Gateway::Talk& Gateway::Talk::Play(Direction direction, std::string_view text, std::uint64_t lost) {
  const auto i = static_cast<int>(direction);
  info_.packets_seen[i] = info_.payload_seen[i] = true;
  info_.last_packet_at = gateway_.now_;
  next_[i] += lost;
  StreamChunk chunk;
  chunk.direction = direction;
  chunk.offset = next_[i];
  chunk.text = text;
  chunk.gap_before = lost;
  chunk.acked = next_[static_cast<int>(Opposite(direction))];
  chunk.at = gateway_.now_;
  next_[i] += text.size();
  gateway_.sessions_.OnChunk(info_, chunk);
  return *this;
}

std::string Gateway::Talk::Close(CloseReason reason) {
  gateway_.sessions_.OnClose(info_, reason, gateway_.now_);
  return gateway_.TextsSince(first_);
}

}  // namespace backscatter
