// Several capture files as one stream of packets in order of time.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "agent/source/capture_file.h"
#include "agent/source/source.h"

namespace backscatter {

// What became of one file of a run.
struct CaptureResult {
  std::string path;  // as given ("-" is standard input)
  SourceStats stats;
  std::string error;     // empty: read to its end; else the line to show, which names the file
  bool stopped = false;  // ended by the stop request
};

// Merges packet by packet; equal times come in the order of the files, and a file whose clock goes
// backwards keeps its own order. Packet::origin is the index of the file. Nothing is copied: the
// merge holds a view into each file, and a single file is polled straight through.
//
// A file that fails is noted in Results() and the others go on, so Start and Poll never fail: look
// at Results() when Poll says kEnded.
//
// Of many files (tcpdump -C/-G writes hundreds) only those that overlap in time are open at once:
// beyond kMaxOpen a regular file is opened, its first time noted, and closed until its turn comes.
class MergedSource final : public Source {
 public:
  static constexpr std::size_t kBatch = 1024;  // packets per Poll
  static constexpr std::size_t kMaxOpen = 16;

  explicit MergedSource(std::vector<std::string> paths, const CaptureFileOptions& options = {});

  // Opens every file and reads its first packet; waits for the first packet of a pipe.
  absl::Status Start() override;
  absl::StatusOr<PollResult> Poll(PacketSink& sink, std::int64_t max_wait) override;
  // The sum over all files. input_size is 0 if that of any file is not known.
  SourceStats Stats() const override;
  std::string_view Name() const override { return "files"; }

  std::vector<CaptureResult> Results() const;

 private:
  // One file with its next packet. `file` is null before its turn and after its end.
  struct Input final : PacketSink {
    void OnPacket(const Packet& packet) override {
      next = packet;
      has_next = true;
    }
    // Passed on with the packet: one that is read twice (see Park) must not count twice.
    void OnLoss(Loss /*loss*/, std::uint64_t count) override { truncated += count; }

    std::string path;
    std::unique_ptr<CaptureFile> file;
    Packet next;
    bool has_next = false;
    std::uint64_t truncated = 0;  // kSourceTruncatedPackets, the only loss of a capture file
    CaptureResult result;         // once the file is closed
  };

  bool Open(std::size_t index, std::size_t buffer_size);
  bool Advance(Input& input);
  void Deliver(Input& input, PacketSink& sink);
  void Close(Input& input);
  void Park(Input& input);
  bool Before(std::size_t a, std::size_t b) const;
  void Push(std::size_t index);
  std::size_t Pop();
  void PollMerged(PacketSink& sink);
  void PollLast(PacketSink& sink);

  CaptureFileOptions options_;
  std::vector<std::unique_ptr<Input>> inputs_;
  std::vector<std::size_t> heap_;  // the files that have more, the earliest packet in front
};

}  // namespace backscatter
