// Files of ours are a row of blocks, each with its kind, its size and a checksum:
//   block = magic:4 kind:u32 size:u64 check:u64 payload      numbers little endian
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace backscatter {

inline constexpr std::size_t kBlockHead = 24;

// Takes octets of a file in their order; false ends the writing.
using ByteWriter = std::function<bool(std::string_view bytes)>;
// Fills `bytes` from a file; fewer than asked for only at its end.
using ByteReader = std::function<std::size_t(char* bytes, std::size_t size)>;

// HashBytes of the payload, keyed by the kind.
std::uint64_t BlockCheck(std::uint32_t kind, std::string_view payload);
// `magic`: four octets.
std::string MakeBlock(std::string_view magic, std::uint32_t kind, std::string_view payload);

class BlockReader {
 public:
  // Cut off is a block that the file does not hold to its end, or a wrong one with nothing but
  // zeros behind it: what a crash, or a loss of power, leaves of an addition.
  enum class Next : std::uint8_t { kBlock, kEnd, kCutOff, kDamaged };

  // No payload is larger than `most`. `read` must outlive it.
  BlockReader(std::string_view magic, std::size_t most, const ByteReader* read)
      : magic_(magic), most_(most), read_(*read) {}

  Next ReadNext();
  // Of the latest kBlock.
  std::uint32_t kind() const { return kind_; }
  std::string_view payload() const { return payload_; }
  // Of one that was cut off.
  std::uint64_t unfinished_bytes() const { return unfinished_; }

 private:
  bool OnlyZerosLeft();

  std::string_view magic_;
  std::size_t most_;
  const ByteReader& read_;
  std::uint32_t kind_ = 0;
  std::uint64_t unfinished_ = 0;
  std::string payload_;
};

}  // namespace backscatter
