#include "tests/support/pcap_writer.h"

#include <cstring>

namespace backscatter::support {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{1} << 20;

struct FileHeader {
  std::uint32_t magic = 0;
  std::uint16_t major = 2;
  std::uint16_t minor = 4;
  std::int32_t zone = 0;
  std::uint32_t accuracy = 0;
  std::uint32_t snap_length = 262144;
  std::uint32_t link_type = 1;
};

struct RecordHeader {
  std::uint32_t seconds = 0;
  std::uint32_t fraction = 0;
  std::uint32_t captured = 0;
  std::uint32_t length = 0;
};

}  // namespace

PcapWriter::PcapWriter(const std::string& path, TimeUnit unit)
    : in_memory_(path.empty()), unit_(unit), buffer_(kBufferBytes) {
  if (path == "-") {
    file_ = stdout;
  } else if (!in_memory_) {
    file_ = std::fopen(path.c_str(), "wb");
    failed_ = file_ == nullptr;
  }
  if (file_ != nullptr) std::setvbuf(file_, nullptr, _IONBF, 0);
  FileHeader header;
  header.magic = unit == TimeUnit::kNanoseconds ? 0xa1b23c4d : 0xa1b2c3d4;
  std::memcpy(buffer_.data(), &header, sizeof header);
  bytes_ = used_ = sizeof header;
}

PcapWriter::~PcapWriter() {
  if (file_ != nullptr && file_ != stdout) std::fclose(file_);
}

char* PcapWriter::Reserve(std::size_t maximum) {
  const std::size_t needed = used_ + sizeof(RecordHeader) + maximum;
  if (needed > buffer_.size()) {
    if (in_memory_) {
      buffer_.resize(needed + buffer_.size());
    } else {
      Flush();
    }
  }
  return buffer_.data() + used_ + sizeof(RecordHeader);
}

void PcapWriter::Commit(PacketTime at, std::size_t length) {
  RecordHeader record;
  record.seconds = static_cast<std::uint32_t>(at / kSecond);
  record.fraction = static_cast<std::uint32_t>(
      unit_ == TimeUnit::kNanoseconds ? at % kSecond : at % kSecond / kMicrosecond);
  record.captured = record.length = static_cast<std::uint32_t>(length);
  std::memcpy(buffer_.data() + used_, &record, sizeof record);
  used_ += sizeof record + length;
  bytes_ += sizeof record + length;
  ++packets_;
}

void PcapWriter::Flush() {
  if (file_ != nullptr && std::fwrite(buffer_.data(), 1, used_, file_) != used_) failed_ = true;
  used_ = 0;
}

bool PcapWriter::Finish() {
  if (in_memory_) return true;
  Flush();
  if (file_ != nullptr && file_ != stdout) {
    if (std::fclose(file_) != 0) failed_ = true;
    file_ = nullptr;
  }
  return !failed_;
}

}  // namespace backscatter::support
