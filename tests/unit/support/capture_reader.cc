#include "tests/unit/support/capture_reader.h"

#include <algorithm>
#include <cstring>

namespace backscatter::support {
namespace {

constexpr std::uint8_t kSyn = 0x02;
constexpr std::uint8_t kAck = 0x10;

std::uint32_t Get16(std::string_view b, std::size_t i) {
  return (std::uint32_t{static_cast<std::uint8_t>(b[i])} << 8) |
         static_cast<std::uint8_t>(b[i + 1]);
}
std::uint32_t Get32(std::string_view b, std::size_t i) {
  return (Get16(b, i) << 16) | Get16(b, i + 2);
}
std::uint32_t Native32(std::string_view b, std::size_t i) {
  std::uint32_t value;
  std::memcpy(&value, b.data() + i, sizeof value);
  return value;
}

// RFC 1071, octet by octet.
std::uint32_t Sum(std::string_view bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const std::uint32_t octet = static_cast<std::uint8_t>(bytes[i]);
    sum += i % 2 == 0 ? octet << 8 : octet;
  }
  return sum;
}
bool Folds(std::uint32_t sum) {
  while ((sum >> 16) != 0) sum = (sum & 0xffff) + (sum >> 16);
  return sum == 0xffff;
}

bool ReadFrame(std::string_view frame, ReadSegment& segment) {
  if (frame.size() < 14 + 40) return false;
  const std::uint32_t type = Get16(frame, 12);
  std::string_view ip = frame.substr(14);
  std::string_view tcp;
  std::size_t address = 4;
  if (type == 0x0800 && ip[0] == 0x45 && ip[9] == 6) {
    if (Get16(ip, 2) != ip.size()) return false;
    segment.ip_checksum_right = Folds(Sum(ip.substr(0, 20)));
    segment.source = ip.substr(12, 4);
    segment.destination = ip.substr(16, 4);
    tcp = ip.substr(20);
  } else if (type == 0x86dd && (ip[0] & 0xf0) == 0x60 && ip[6] == 6 && ip.size() >= 60) {
    if (Get16(ip, 4) + 40 != ip.size()) return false;
    address = 16;
    segment.ip_checksum_right = true;
    segment.source = ip.substr(8, 16);
    segment.destination = ip.substr(24, 16);
    tcp = ip.substr(40);
  } else {
    return false;
  }
  const std::string pseudo = segment.source + segment.destination;
  segment.tcp_checksum_right =
      pseudo.size() == 2 * address &&
      Folds(Sum(pseudo) + 6 + static_cast<std::uint32_t>(tcp.size()) + Sum(tcp));
  const std::size_t header = std::size_t{static_cast<std::uint8_t>(tcp[12])} >> 4 << 2;
  if (header < 20 || header > tcp.size()) return false;
  segment.source_port = static_cast<std::uint16_t>(Get16(tcp, 0));
  segment.destination_port = static_cast<std::uint16_t>(Get16(tcp, 2));
  segment.sequence = Get32(tcp, 4);
  segment.acknowledgment = Get32(tcp, 8);
  segment.flags = static_cast<std::uint8_t>(tcp[13]);
  segment.payload = tcp.substr(header);
  return true;
}

struct Side {
  std::uint32_t initial = 0;
  bool started = false;
  std::string stream;
  std::string seen;           // by byte: 1 = in the capture
  std::uint32_t highest = 0;  // end of what was sent, FIN included
};

void Take(const ReadSegment& segment, Side& me, const Side& other, ReadConnection& connection) {
  if ((segment.flags & kSyn) != 0) {
    me.initial = segment.sequence;
    me.started = true;
  }
  const std::uint32_t offset =
      segment.sequence - me.initial - ((segment.flags & kSyn) != 0 ? 0 : 1);
  const auto length = static_cast<std::uint32_t>(segment.payload.size());
  const std::uint32_t end = offset + length + ((segment.flags & 0x01) != 0 ? 1 : 0);
  if (length > 0 && me.stream.size() < offset + length) {
    me.stream.resize(offset + length);
    me.seen.resize(offset + length);
  }
  std::copy(segment.payload.begin(), segment.payload.end(), me.stream.begin() + offset);
  std::fill_n(me.seen.begin() + offset, length, '\1');
  if ((segment.flags & kSyn) == 0) me.highest = std::max(me.highest, end);
  if ((segment.flags & kAck) != 0 && other.started) {
    const std::uint32_t acknowledged = segment.acknowledgment - other.initial - 1;
    // What the capture missed may be acknowledged only if later bytes were seen or it is inside
    // a stream that goes on; the generator never loses the last segment of a write.
    if (acknowledged > other.highest + 2 * 1448) connection.acknowledgments_causal = false;
  }
}

}  // namespace

std::vector<ReadSegment> ReadPcap(std::string_view file) {
  std::vector<ReadSegment> segments;
  if (file.size() < 24) return {};
  const std::uint32_t magic = Native32(file, 0);
  const bool nano = magic == 0xa1b23c4d;
  if (!nano && magic != 0xa1b2c3d4) return {};
  std::size_t at = 24;
  while (at < file.size()) {
    if (at + 16 > file.size()) return {};
    const std::uint32_t length = Native32(file, at + 8);
    if (length != Native32(file, at + 12) || at + 16 + length > file.size()) return {};
    ReadSegment segment;
    segment.at = std::int64_t{Native32(file, at)} * 1'000'000'000 +
                 std::int64_t{Native32(file, at + 4)} * (nano ? 1 : 1'000);
    if (!ReadFrame(file.substr(at + 16, length), segment)) return {};
    segments.push_back(std::move(segment));
    at += 16 + length;
  }
  return segments;
}

std::vector<ReadConnection> Connections(const std::vector<ReadSegment>& segments) {
  using Key = std::tuple<std::string, std::uint16_t, std::string, std::uint16_t>;
  struct Open {
    ReadConnection connection;
    Side sides[2];
  };
  std::vector<Open> all;
  std::map<Key, std::size_t> current;
  for (const ReadSegment& s : segments) {
    const Key forward{s.source, s.source_port, s.destination, s.destination_port};
    const Key backward{s.destination, s.destination_port, s.source, s.source_port};
    const bool syn = (s.flags & (kSyn | kAck)) == kSyn;
    const auto known = current.find(forward);
    if (syn && (known == current.end() || all[known->second].sides[0].initial != s.sequence)) {
      current[forward] = all.size();
      all.emplace_back();
    }
    const bool from_client = current.count(forward) > 0;
    Open& open = all[current.at(from_client ? forward : backward)];
    Take(s, open.sides[from_client ? 0 : 1], open.sides[from_client ? 1 : 0], open.connection);
    open.connection.segments.push_back(s);
  }
  std::vector<ReadConnection> connections;
  for (Open& open : all) {
    if (open.sides[0].stream.empty() && open.sides[1].stream.empty()) continue;
    for (const Side& side : open.sides) {
      open.connection.missing +=
          static_cast<std::uint64_t>(std::count(side.seen.begin(), side.seen.end(), '\0'));
    }
    open.connection.covered = open.connection.missing == 0;
    open.connection.client_stream = open.sides[0].stream;
    open.connection.server_stream = open.sides[1].stream;
    connections.push_back(std::move(open.connection));
  }
  return connections;
}

}  // namespace backscatter::support
