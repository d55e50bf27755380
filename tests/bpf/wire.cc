#include "tests/bpf/wire.h"

#include <algorithm>

#include "tests/support/packet_builder.h"

namespace backscatter::bpf_test {
namespace {

std::uint16_t NextPort() {
  static std::uint16_t port = 40000;
  return port++;
}

std::uint32_t Length(std::string_view text) { return static_cast<std::uint32_t>(text.size()); }

std::string MailLines(std::size_t bytes) {
  std::string text;
  while (text.size() < bytes) text += std::string(Wire::kMarker) + " the quick brown fox\r\n";
  text.resize(bytes - 2);
  return text + "\r\n";
}

}  // namespace

Wire::Wire(Kernel& kernel, const WireOptions& options)
    : kernel_(kernel),
      options_(options),
      client_port_(NextPort()),
      client_next_(options.client_start),
      server_next_(options.server_start) {
  records_.Begin(this, 0);
}

std::string Wire::Frame(bool from_client, std::uint32_t sequence, std::uint32_t acknowledgment,
                        std::string_view text, std::uint8_t flags) const {
  support::PacketBuilder frame;
  frame.Ethernet();
  const std::string& source = from_client ? options_.client : options_.server;
  const std::string& destination = from_client ? options_.server : options_.client;
  if (source.find(':') != std::string::npos) {
    frame.Ipv6(source, destination);
  } else {
    frame.Ipv4(source, destination);
  }
  frame.Tcp(from_client ? client_port_ : options_.server_port,
            from_client ? options_.server_port : client_port_,
            {.sequence = sequence, .acknowledgment = acknowledgment, .flags = flags});
  return frame.Payload(text).Build();
}

void Wire::Send(bool from_client, std::uint32_t sequence, std::uint32_t acknowledgment,
                std::string_view text, std::uint8_t flags) {
  const std::string frame = Frame(from_client, sequence, acknowledgment, text, flags);
  headers_ = frame.size() - text.size();
  const auto kept = kernel_.Run(frame);
  ASSERT_TRUE(kept) << "the kernel refused a frame of " << frame.size() << " bytes";
  kept_ = *kept;
  for (const RecordCopy& copy : kernel_.Records()) {
    records_.OnRecord(copy.header, {reinterpret_cast<const std::uint8_t*>(copy.payload.data()),
                                    copy.payload.size()});
  }
}

void Wire::OnSegment(const Segment& segment) {
  ++segments_;
  const bool from_client = segment.source.port == client_port_;
  std::string& text = from_client ? client_ : server_;
  if (segment.cut) {
    text += "[" + std::to_string(segment.payload_wire_length) + "]";
    return;
  }
  text.append(segment.payload.begin(), segment.payload.end());
  saw_end_ = saw_end_ || segment.has(tcp_flags::kFin);
  weight_ = segment.weight;
}

Wire& Wire::C(std::string_view text, std::uint8_t flags) {
  Send(true, client_next_, server_next_, text, flags);
  client_next_ += Length(text);
  return *this;
}

Wire& Wire::S(std::string_view text, std::uint8_t flags) {
  Send(false, server_next_, client_next_, text, flags);
  server_next_ += Length(text);
  return *this;
}

Wire& Wire::MissC(std::string_view text) {
  client_next_ += Length(text);
  return *this;
}

Wire& Wire::AgainC(std::size_t back, std::string_view text) {
  Send(true, client_next_ - static_cast<std::uint32_t>(back), server_next_, text, 0x18);
  return *this;
}

Wire& Wire::ForgeC(std::uint32_t ahead, std::string_view text) {
  Send(true, client_next_ + ahead, server_next_, text, 0x18);
  return *this;
}

Wire& Wire::AgainS(std::size_t back, std::string_view text) {
  Send(false, server_next_ - static_cast<std::uint32_t>(back), client_next_, text, 0x18);
  return *this;
}

Wire& Wire::SBehind(std::size_t back, std::string_view text) {
  Send(false, server_next_, client_next_ - static_cast<std::uint32_t>(back), text, 0x18);
  server_next_ += Length(text);
  return *this;
}

Wire& Wire::Body(std::size_t bytes) {
  const std::string text = MailLines(bytes);
  for (std::size_t at = 0; at < text.size(); at += 1400) C(std::string_view(text).substr(at, 1400));
  return *this;
}

Wire& Wire::UpToData(std::string_view sender) {
  S("220 mx\r\n").C("EHLO a\r\n").S("250-mx\r\n250 PIPELINING\r\n");
  C("MAIL FROM:" + std::string(sender) + "\r\n").S("250 ok\r\n");
  C("RCPT TO:<c@d.test>\r\n").S("250 ok\r\n").C("DATA\r\n");
  Client();
  return *this;
}

std::string Wire::Client() {
  std::string text = client_.substr(read_);
  read_ = client_.size();
  return text;
}

std::string Wire::FrameC(std::string_view text, std::uint8_t flags) const {
  return Frame(true, client_next_, server_next_, text, flags);
}

std::string Wire::FrameS(std::string_view text, std::uint8_t flags) const {
  return Frame(false, server_next_, client_next_, text, flags);
}

}  // namespace backscatter::bpf_test
