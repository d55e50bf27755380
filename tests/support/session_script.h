// What the two sides of one TCP connection write, in order, before it is cut into segments.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/net/stream_chunk.h"

namespace backscatter::support {

constexpr std::size_t Index(Direction direction) { return static_cast<std::size_t>(direction); }

enum class Ending : std::uint8_t { kServerFin, kClientFin, kClientReset, kServerReset, kNone };

// Short texts are copied into the script; long ones may be shared and must outlive it.
// Clear() keeps all capacity, so that one script serves many sessions.
class SessionScript {
 public:
  // One write() of one side. `unseen`: so many of the other side's latest writes had not reached
  // the writer yet (they cross on the wire); the writer's acknowledgment says so.
  struct Write {
    Direction from = Direction::kFromClient;
    std::uint8_t unseen = 0;
    std::uint32_t begin = 0;  // offset in the writer's stream
    std::uint32_t length = 0;
    std::uint32_t lossy_begin = 0;  // a capture may miss segments inside [lossy_begin, lossy_end)
    std::uint32_t lossy_end = 0;    // of the writer's stream without changing any count
  };

  void Clear();

  // Starts a write; what is appended until the next Begin belongs to it.
  void Begin(Direction from, std::uint8_t unseen = 0);
  void Append(std::string_view text);
  void AppendShared(std::string_view text);
  // The text appended between these two calls may be lost in the capture.
  void BeginLossy();
  void EndLossy();

  void Client(std::string_view text) { Begin(Direction::kFromClient), Append(text); }
  void Server(std::string_view text) { Begin(Direction::kFromServer), Append(text); }

  const std::vector<Write>& writes() const { return writes_; }
  std::uint32_t stream_length(Direction from) const { return lengths_[Index(from)]; }

  // Copies `length` bytes of one stream from `offset` to `out`. `piece` is a hint where to look
  // (0 is always right); it is moved to the piece where the range ends.
  void CopyOut(Direction from, std::uint32_t offset, std::uint32_t length, std::uint32_t& piece,
               char* out) const;

  Ending ending = Ending::kServerFin;

 private:
  struct Piece {
    const char* shared = nullptr;  // null: in arena_
    std::uint32_t arena_begin = 0;
    std::uint32_t stream_begin = 0;
    std::uint32_t length = 0;
  };
  void Extend(std::uint32_t length);

  std::string arena_;
  std::vector<Write> writes_;
  std::vector<Piece> pieces_[2];
  std::uint32_t lengths_[2] = {0, 0};
};

}  // namespace backscatter::support
