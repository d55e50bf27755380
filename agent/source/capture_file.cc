#include "agent/source/capture_file.h"

#include <algorithm>
#include <span>
#include <utility>

#include "absl/strings/str_format.h"

#include "agent/source/pcap_file.h"
#include "agent/source/pcapng_reader.h"

namespace backscatter {
namespace {

// What people are likely to hand over by mistake, and the way out.
struct Lookalike {
  std::string_view magic;
  std::string_view advice;
};
constexpr Lookalike kLookalikes[] = {
    {"\x28\xb5\x2f\xfd", "is compressed with zstd; pipe it in: zstd -dc FILE | ... -"},
    {std::string_view("\xfd"
                      "7zXZ\0",
                      6),
     "is compressed with xz; pipe it in: xz -dc FILE | ... -"},
    {"BZh", "is compressed with bzip2; pipe it in: bzip2 -dc FILE | ... -"},
    {"\x04\x22\x4d\x18", "is compressed with lz4; pipe it in: lz4 -dc FILE | ... -"},
    {"\x1f\x8b", "is compressed twice; pipe it in: gzip -dc FILE | ... -"},
    {"PK\x03\x04", "is a zip archive; unpack it first"},
    {"snoop", "is a snoop capture; convert it: editcap -F pcap FILE OUT"},
    {"GMBU", "is a Network Monitor capture; convert it: editcap -F pcap FILE OUT"},
};

std::string DescribeHead(std::span<const std::uint8_t> head) {
  const std::string_view text(reinterpret_cast<const char*>(head.data()), head.size());
  for (const Lookalike& known : kLookalikes) {
    if (text.starts_with(known.magic)) return std::string(known.advice);
  }
  std::string hex;
  for (const std::uint8_t byte : head.first(std::min<std::size_t>(head.size(), 4))) {
    absl::StrAppendFormat(&hex, " %02x", byte);
  }
  return absl::StrFormat("not a capture: it begins with%s; pcap and pcapng are read, also in gzip",
                         hex);
}

absl::Status WithName(std::string_view name, const absl::Status& status, std::string_view tail) {
  std::string text(name);
  text += ": ";
  text += std::string_view(status.message().data(), status.message().size());
  text += tail;
  return absl::Status(status.code(), text);
}

}  // namespace

absl::StatusOr<std::unique_ptr<CaptureFile>> CaptureFile::FromStream(
    std::string name, std::unique_ptr<ByteStream> stream, std::uint32_t origin,
    std::size_t buffer_size) {
  std::unique_ptr<CaptureFile> file(new CaptureFile(std::move(name), std::move(stream)));
  const absl::Status status = file->Sniff(origin, buffer_size);
  if (file->stopped() && file->reader_ == nullptr) file->ended_ = true;
  if (!status.ok() && !file->ended_) return WithName(file->name_, status, "");
  return file;
}

absl::Status CaptureFile::Sniff(std::uint32_t origin, std::size_t buffer_size) {
  const std::span<const std::uint8_t> head = stream_->Fill(8);
  if (IsPcapMagic(head)) {
    absl::StatusOr<std::unique_ptr<RecordReader>> pcap =
        OpenPcap(stream_.get(), origin, buffer_size);
    if (pcap.ok()) reader_ = *std::move(pcap);
    return pcap.status();
  }
  if (PcapngReader::IsMagic(head)) {
    stream_->set_buffer_size(buffer_size);
    reader_ = std::make_unique<PcapngReader>(stream_.get(), origin);
    return absl::OkStatus();
  }
  if (!stream_->status().ok()) return stream_->status();
  if (head.empty()) {
    return absl::InvalidArgumentError(
        "offset 0: empty, not even a file header; did its writer fail, or not flush yet?");
  }
  return absl::InvalidArgumentError("offset 0: " + DescribeHead(head));
}

absl::StatusOr<PollResult> CaptureFile::Poll(PacketSink& sink, std::int64_t /*max_wait*/) {
  return Read(sink, kBatch);
}

absl::StatusOr<PollResult> CaptureFile::Read(PacketSink& sink, std::size_t limit) {
  if (!error_.ok()) return error_;
  if (ended_) return PollResult::kEnded;
  absl::StatusOr<PollResult> result = reader_->Read(sink, limit);
  if (const std::uint64_t news = reader_->truncated() - truncated_reported_; news > 0) {
    truncated_reported_ += news;
    sink.OnLoss(Loss::kSourceTruncatedPackets, news);
  }
  if (result.ok() && *result != PollResult::kEnded) return result;
  if (result.ok() || stream_->stopped()) {
    ended_ = true;
    return PollResult::kEnded;
  }
  return error_ = Explain(result.status());
}

absl::Status CaptureFile::Explain(const absl::Status& status) const {
  const std::uint64_t packets = reader_->stats().packets;
  return WithName(name_, status,
                  absl::StrFormat("; the file is damaged or incomplete there, what came before (%d "
                                  "packet%s) was read; copy it again if a whole one exists",
                                  packets, packets == 1 ? "" : "s"));
}

SourceStats CaptureFile::Stats() const {
  SourceStats stats = reader_ == nullptr ? SourceStats{} : reader_->stats();
  stats.input_bytes = stream_->input_bytes();
  stats.input_size = stream_->input_size();
  if (stats.input_size > 0)
    stats.input_size = std::max(stats.input_size, stats.input_bytes);  // grew
  return stats;
}

absl::StatusOr<std::unique_ptr<CaptureFile>> OpenCaptureFile(const std::string& path,
                                                             std::uint32_t origin,
                                                             const CaptureFileOptions& options) {
  const std::string name = path == "-" ? "standard input" : path;
  absl::StatusOr<std::unique_ptr<ByteStream>> stream = ByteStream::Open(path, options.stop);
  if (!stream.ok()) return WithName(name, stream.status(), "");
  return CaptureFile::FromStream(name, *std::move(stream), origin, options.buffer_size);
}

}  // namespace backscatter
