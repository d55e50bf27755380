// Classic pcap: opened and judged by libpcap, which also reads every unusual kind.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "absl/status/statusor.h"

#include "agent/source/byte_stream.h"
#include "agent/source/record_reader.h"

namespace backscatter {

// True if a file that begins with these bytes (at least 4) is one that libpcap's classic reader
// knows: microseconds, nanoseconds, or the records of Kuznetzov's patch, in either byte order.
bool IsPcapMagic(std::span<const std::uint8_t> head);

// A reader over `stream`, which stands at the file header and must outlive it. Plain records in our
// own byte order are taken from the stream's buffer in place; the others come through libpcap and a
// FILE*. `buffer_size` is that of either: 1 MB costs less than half of stdio's default of 4 KB.
//
// The file header is handed to libpcap with its snaplen and the upper half of its link-type word
// cleared: the snaplen is only what the writer meant to keep (libpcap would cut longer records and
// call it a day), and old writers left bits in the upper half that libpcap refuses. A record of
// more than 262,144 bytes (128 MB for USB and D-Bus) is damage.
absl::StatusOr<std::unique_ptr<RecordReader>> OpenPcap(ByteStream* stream, std::uint32_t origin,
                                                       std::size_t buffer_size);

}  // namespace backscatter
