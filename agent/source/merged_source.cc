#include "agent/source/merged_source.h"

#include <algorithm>
#include <utility>

namespace backscatter {
namespace {

// With many files: for a look at the first packet, and for the file whose turn has come.
constexpr std::size_t kPeekBuffer = std::size_t{64} << 10;
constexpr std::size_t kTurnBuffer = std::size_t{256} << 10;

std::string Message(const absl::Status& status) {
  return std::string(status.message().data(), status.message().size());
}

void Add(SourceStats& sum, const SourceStats& part) {
  if (part.packets > 0) {
    sum.first = sum.packets == 0 ? part.first : std::min(sum.first, part.first);
    sum.last = sum.packets == 0 ? part.last : std::max(sum.last, part.last);
  }
  sum.packets += part.packets;
  sum.bytes += part.bytes;
  sum.input_bytes += part.input_bytes;
  sum.input_size += part.input_size;
  for (const std::uint32_t type : part.link_types) {
    const bool known =
        std::find(sum.link_types.begin(), sum.link_types.end(), type) != sum.link_types.end();
    if (!known && sum.link_types.size() < SourceStats::kMaxLinkTypes) {
      sum.link_types.push_back(type);
    }
  }
}

}  // namespace

MergedSource::MergedSource(std::vector<std::string> paths, const CaptureFileOptions& options)
    : options_(options) {
  for (std::string& path : paths) {
    auto input = std::make_unique<Input>();
    input->path = std::move(path);
    inputs_.push_back(std::move(input));
  }
}

absl::Status MergedSource::Start() {
  const bool many = inputs_.size() > kMaxOpen;
  bool stdin_taken = false;
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    Input& input = *inputs_[i];
    if (input.path == "-" && std::exchange(stdin_taken, true)) {
      input.result.error = "standard input: named twice; it can be read only once";
      continue;
    }
    if (!Open(i, many ? kPeekBuffer : options_.buffer_size)) continue;
    if (inputs_.size() > 1 && !Advance(input)) continue;
    if (many && input.file->can_reopen()) Park(input);
    Push(i);
  }
  return absl::OkStatus();
}

bool MergedSource::Open(std::size_t index, std::size_t buffer_size) {
  Input& input = *inputs_[index];
  CaptureFileOptions options = options_;
  options.buffer_size = buffer_size;
  absl::StatusOr<std::unique_ptr<CaptureFile>> file =
      OpenCaptureFile(input.path, static_cast<std::uint32_t>(index), options);
  if (file.ok()) {
    input.file = *std::move(file);
  } else {
    input.result.error = Message(file.status());
  }
  return input.file != nullptr;
}

// Reads the next packet; without one the file is closed and false returned.
bool MergedSource::Advance(Input& input) {
  input.has_next = false;
  const absl::StatusOr<PollResult> result = input.file->Read(input, 1);
  if (!result.ok()) input.result.error = Message(result.status());
  if (!input.has_next) Close(input);
  return input.has_next;
}

void MergedSource::Deliver(Input& input, PacketSink& sink) {
  sink.OnPacket(input.next);
  if (input.truncated > 0) {
    sink.OnLoss(Loss::kSourceTruncatedPackets, std::exchange(input.truncated, 0));
  }
}

void MergedSource::Close(Input& input) {
  input.result.stats = input.file->Stats();
  input.result.stopped = input.file->stopped();
  input.file.reset();
}

// Keeps the time of the first packet, by which the file waits in the heap, and nothing else.
void MergedSource::Park(Input& input) {
  input.result.stats = SourceStats{};
  input.result.stats.input_size = input.file->Stats().input_size;
  input.next.bytes = {};
  input.has_next = false;
  input.truncated = 0;
  input.file.reset();
}

bool MergedSource::Before(std::size_t a, std::size_t b) const {
  const PacketTime time_a = inputs_[a]->next.captured_at;
  const PacketTime time_b = inputs_[b]->next.captured_at;
  return time_a != time_b ? time_a < time_b : a < b;
}

void MergedSource::Push(std::size_t index) {
  heap_.push_back(index);
  std::push_heap(heap_.begin(), heap_.end(),
                 [this](std::size_t a, std::size_t b) { return Before(b, a); });
}

std::size_t MergedSource::Pop() {
  std::pop_heap(heap_.begin(), heap_.end(),
                [this](std::size_t a, std::size_t b) { return Before(b, a); });
  const std::size_t index = heap_.back();
  heap_.pop_back();
  return index;
}

absl::StatusOr<PollResult> MergedSource::Poll(PacketSink& sink, std::int64_t /*max_wait*/) {
  if (heap_.empty()) return PollResult::kEnded;
  if (heap_.size() == 1) {
    PollLast(sink);
  } else {
    PollMerged(sink);
  }
  return heap_.empty() ? PollResult::kEnded : PollResult::kProgressed;
}

void MergedSource::PollMerged(PacketSink& sink) {
  for (std::size_t delivered = 0; delivered < kBatch && heap_.size() > 1;) {
    const std::size_t index = Pop();
    Input& input = *inputs_[index];
    if (input.file == nullptr) {  // parked: its turn has come
      if (Open(index, kTurnBuffer) && Advance(input)) Push(index);
      continue;
    }
    bool more = true;
    do {
      Deliver(input, sink);
      ++delivered;
      more = Advance(input);
    } while (more && delivered < kBatch && !Before(heap_.front(), index));
    if (more) Push(index);
  }
}

// Nothing to merge with, or no longer: straight through, in the file's own batches.
void MergedSource::PollLast(PacketSink& sink) {
  const std::size_t index = heap_.front();
  Input& input = *inputs_[index];
  if (input.file == nullptr && !Open(index, options_.buffer_size)) {
    heap_.clear();
    return;
  }
  if (std::exchange(input.has_next, false)) Deliver(input, sink);
  const absl::StatusOr<PollResult> result = input.file->Read(sink, kBatch);
  if (result.ok() && *result != PollResult::kEnded) return;
  if (!result.ok()) input.result.error = Message(result.status());
  Close(input);
  heap_.clear();
}

SourceStats MergedSource::Stats() const {
  SourceStats sum;
  bool size_known = true;
  for (const std::unique_ptr<Input>& input : inputs_) {
    const SourceStats part = input->file == nullptr ? input->result.stats : input->file->Stats();
    Add(sum, part);
    size_known = size_known && (part.input_size > 0 || !input->result.error.empty());
  }
  if (!size_known) sum.input_size = 0;
  return sum;
}

std::vector<CaptureResult> MergedSource::Results() const {
  std::vector<CaptureResult> results;
  for (const std::unique_ptr<Input>& input : inputs_) {
    CaptureResult result = input->result;
    result.path = input->path;
    if (input->file != nullptr) result.stats = input->file->Stats();
    results.push_back(std::move(result));
  }
  return results;
}

}  // namespace backscatter
