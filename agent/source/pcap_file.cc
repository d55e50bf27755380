#include "agent/source/pcap_file.h"

#include <pcap/pcap.h>
#include <stdio_ext.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <vector>

#include "absl/strings/str_format.h"

#include "agent/source/byte_order.h"
#include "agent/source/link_type_name.h"

namespace backscatter {
namespace {

constexpr std::size_t kFileHeader = 24;
constexpr std::size_t kSnaplenAt = 16;
constexpr std::size_t kLinkTypeAt = 20;
constexpr std::size_t kRecordHeader = 16;
constexpr std::size_t kModifiedRecordHeader = 24;  // + interface, protocol, packet type

constexpr std::uint32_t kMicroseconds = 0xa1b2c3d4;
constexpr std::uint32_t kNanoseconds = 0xa1b23c4d;
constexpr std::uint32_t kModified = 0xa1b2cd34;

bool IsKnownMagic(std::uint32_t magic) {
  return magic == kMicroseconds || magic == kNanoseconds || magic == kModified;
}

struct PcapCloser {
  void operator()(pcap_t* pcap) const { pcap_close(pcap); }
};
struct FileCloser {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

class PcapReader final : public RecordReader {
 public:
  PcapReader(ByteStream* stream, std::uint32_t origin) : stream_(*stream) {
    packet_.origin = origin;
  }

  absl::Status Open(std::size_t buffer_size);
  absl::StatusOr<PollResult> Read(PacketSink& sink, std::size_t limit) override;

 private:
  static ssize_t ReadCookie(void* cookie, char* out, std::size_t size);
  static void OnRecord(u_char* user, const pcap_pkthdr* header, const u_char* bytes);
  absl::Status TakeFileHeader();
  absl::StatusOr<PollResult> ReadInPlace(PacketSink& sink, std::size_t limit);
  absl::Status TruncatedRecord(std::string_view what, std::size_t wanted, std::size_t got) const;
  std::uint64_t NextRecordOffset() const {
    return kFileHeader + stats().packets * record_header_ + stats().bytes;
  }

  ByteStream& stream_;
  std::array<std::uint8_t, kFileHeader> header_{};
  std::size_t header_given_ = 0;  // bytes of header_ that libpcap has had
  std::size_t record_header_ = kRecordHeader;
  std::uint32_t nanoseconds_per_tick_ = 1000;
  std::uint32_t max_record_ = 0;  // libpcap's limit for this link type
  bool in_place_ = false;         // plain records in our own byte order
  Packet packet_;
  PacketSink* sink_ = nullptr;
  std::vector<char> buffer_;  // outlives pcap_, which owns the FILE that uses it
  std::unique_ptr<pcap_t, PcapCloser> pcap_;
};

absl::Status PcapReader::TakeFileHeader() {
  const std::span<const std::uint8_t> head = stream_.Fill(kFileHeader);
  if (head.size() < kFileHeader) {
    if (!stream_.status().ok()) return stream_.status();
    return absl::DataLossError(absl::StrFormat("%s: the file ends inside its header of %d bytes",
                                               stream_.Where(head.size()), kFileHeader));
  }
  std::copy_n(head.begin(), kFileHeader, header_.begin());
  stream_.Consume(kFileHeader);

  const FileOrder order(!IsKnownMagic(FileOrder().U32(header_.data())));
  const bool big_endian = header_[0] == 0xa1;  // as in each of the magics
  const std::uint32_t magic = order.U32(header_.data());
  if (magic == kModified) record_header_ = kModifiedRecordHeader;
  if (magic == kNanoseconds) nanoseconds_per_tick_ = 1;
  in_place_ = magic != kModified && IsKnownMagic(FileOrder().U32(header_.data()));
  const std::uint32_t link_word = order.U32(&header_[kLinkTypeAt]);
  packet_.link_type = LinkTypeFromFile(static_cast<std::uint16_t>(link_word & 0xffff));
  std::memset(&header_[kLinkTypeAt + (big_endian ? 0 : 2)], 0, 2);  // the upper half
  std::memset(&header_[kSnaplenAt], 0, sizeof(std::uint32_t));
  return absl::OkStatus();
}

absl::Status PcapReader::Open(std::size_t buffer_size) {
  if (absl::Status status = TakeFileHeader(); !status.ok()) return status;
  const cookie_io_functions_t functions{ReadCookie, nullptr, nullptr, nullptr};
  std::unique_ptr<std::FILE, FileCloser> file(fopencookie(this, "rb", functions));
  if (file == nullptr) return absl::ResourceExhaustedError("no memory for a file buffer");
  buffer_.resize(buffer_size);
  std::setvbuf(file.get(), buffer_.data(), _IOFBF, buffer_.size());
  __fsetlocking(file.get(), FSETLOCKING_BYCALLER);  // one thread reads: no lock a call

  char error[PCAP_ERRBUF_SIZE] = "";
  pcap_.reset(
      pcap_fopen_offline_with_tstamp_precision(file.get(), PCAP_TSTAMP_PRECISION_NANO, error));
  if (pcap_ == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%s: libpcap cannot read it: %s", stream_.Where(0), error));
  }
  file.release();  // pcap_ closes it
  if (in_place_) stream_.set_buffer_size(buffer_size);
  max_record_ = static_cast<std::uint32_t>(pcap_snapshot(pcap_.get()));
  return absl::OkStatus();
}

absl::Status PcapReader::TruncatedRecord(std::string_view what, std::size_t wanted,
                                         std::size_t got) const {
  if (!stream_.status().ok()) return stream_.status();
  return absl::DataLossError(absl::StrFormat("%s: truncated dump file; tried to read %d %s, got %d",
                                             stream_.Where(NextRecordOffset()), wanted, what, got));
}

// libpcap has judged the file; nearly all of them hold plain records in our own byte order, and
// these are taken from the buffer where they lie. libpcap copies each twice through stdio: a fifth
// of the whole program's instructions on small packets (measured).
absl::StatusOr<PollResult> PcapReader::ReadInPlace(PacketSink& sink, std::size_t limit) {
  const FileOrder order;
  for (std::size_t n = 0; n < limit; ++n) {
    std::span<const std::uint8_t> record = stream_.Fill(kRecordHeader);
    if (record.empty() && stream_.status().ok()) {
      return n > 0 ? PollResult::kProgressed : PollResult::kEnded;
    }
    if (record.size() < kRecordHeader) {
      return TruncatedRecord("header bytes", kRecordHeader, record.size());
    }
    const std::uint32_t captured = order.U32(&record[8]);
    if (captured > max_record_) {
      return absl::DataLossError(
          absl::StrFormat("%s: invalid packet capture length %d, bigger than maximum of %d",
                          stream_.Where(NextRecordOffset()), captured, max_record_));
    }
    record = stream_.Fill(kRecordHeader + captured);
    if (record.size() < kRecordHeader + captured) {
      return TruncatedRecord("captured bytes", captured, record.size() - kRecordHeader);
    }
    packet_.captured_at = static_cast<PacketTime>(order.U32(&record[0])) * kSecond +
                          static_cast<PacketTime>(order.U32(&record[4])) * nanoseconds_per_tick_;
    packet_.bytes = record.subspan(kRecordHeader, captured);
    packet_.wire_length = std::max(captured, order.U32(&record[12]));
    stream_.Consume(kRecordHeader + captured);
    Count(packet_);
    if (stats().packets == 1) NoteLinkType(packet_.link_type);
    sink.OnPacket(packet_);
  }
  return PollResult::kProgressed;
}

// First the corrected file header, then the stream. A short count is fine for stdio.
ssize_t PcapReader::ReadCookie(void* cookie, char* out, std::size_t size) {
  PcapReader& self = *static_cast<PcapReader*>(cookie);
  std::size_t count = std::min(size, kFileHeader - self.header_given_);
  if (count > 0) {
    std::memcpy(out, self.header_.data() + self.header_given_, count);
    self.header_given_ += count;
  } else {
    count = self.stream_.Read({reinterpret_cast<std::uint8_t*>(out), size});
  }
  if (count == 0 && !self.stream_.status().ok()) {
    errno = EIO;
    return -1;
  }
  return static_cast<ssize_t>(count);
}

void PcapReader::OnRecord(u_char* user, const pcap_pkthdr* header, const u_char* bytes) {
  PcapReader& self = *reinterpret_cast<PcapReader*>(user);
  Packet& packet = self.packet_;
  packet.bytes = {bytes, header->caplen};
  packet.wire_length = std::max(header->caplen, header->len);
  // The field is unsigned in the file, libpcap's is signed: without this 2038 would be 1901.
  const auto seconds = static_cast<std::uint32_t>(header->ts.tv_sec);
  packet.captured_at = static_cast<PacketTime>(seconds) * kSecond + header->ts.tv_usec;
  self.Count(packet);
  self.sink_->OnPacket(packet);
}

absl::StatusOr<PollResult> PcapReader::Read(PacketSink& sink, std::size_t limit) {
  if (in_place_) return ReadInPlace(sink, limit);
  sink_ = &sink;
  const int result = pcap_dispatch(pcap_.get(), static_cast<int>(limit), OnRecord,
                                   reinterpret_cast<u_char*>(this));
  if (stats().packets > 0 && stats().link_types.empty()) NoteLinkType(packet_.link_type);
  if (result > 0) return PollResult::kProgressed;
  if (!stream_.status().ok()) return stream_.status();
  if (result == 0) return PollResult::kEnded;
  return absl::DataLossError(
      absl::StrFormat("%s: %s", stream_.Where(NextRecordOffset()), pcap_geterr(pcap_.get())));
}

}  // namespace

bool IsPcapMagic(std::span<const std::uint8_t> head) {
  return head.size() >= 4 && (IsKnownMagic(FileOrder(false).U32(head.data())) ||
                              IsKnownMagic(FileOrder(true).U32(head.data())));
}

absl::StatusOr<std::unique_ptr<RecordReader>> OpenPcap(ByteStream* stream, std::uint32_t origin,
                                                       std::size_t buffer_size) {
  auto reader = std::make_unique<PcapReader>(stream, origin);
  if (absl::Status status = reader->Open(buffer_size); !status.ok()) return status;
  return reader;
}

}  // namespace backscatter
