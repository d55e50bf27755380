// Writes classic pcap (Ethernet, version 2.4, the machine's byte order), to a file or to memory.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "agent/base/packet_time.h"

namespace backscatter::support {

enum class TimeUnit : std::uint8_t { kMicroseconds, kNanoseconds };

// Frames are built in place in a large buffer: Reserve, write, Commit.
class PcapWriter {
 public:
  // Writes to `path` ("-" is standard output), or keeps everything in memory where it is empty.
  PcapWriter(const std::string& path, TimeUnit unit);
  ~PcapWriter();
  PcapWriter(const PcapWriter&) = delete;
  PcapWriter& operator=(const PcapWriter&) = delete;

  // Room for a frame of up to `maximum` bytes, valid until the next call.
  char* Reserve(std::size_t maximum);
  // The frame just built has `length` bytes.
  void Commit(PacketTime at, std::size_t length);

  // False if the file could not be opened or some write failed; errno says why.
  bool Finish();

  std::uint64_t packets() const { return packets_; }
  std::uint64_t bytes() const { return bytes_; }  // of the file, headers included
  // Everything so far; only in memory.
  std::string contents() const { return std::string(buffer_.begin(), buffer_.begin() + Fill()); }

 private:
  std::ptrdiff_t Fill() const { return static_cast<std::ptrdiff_t>(used_); }
  void Flush();

  std::FILE* file_ = nullptr;
  bool in_memory_ = false;
  bool failed_ = false;
  TimeUnit unit_;
  std::vector<char> buffer_;
  std::size_t used_ = 0;
  std::uint64_t packets_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace backscatter::support
