// A stream consumer for tests: it keeps everything, and checks what every consumer may rely on.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "agent/net/stream_chunk.h"

namespace backscatter::testing {

struct RecordedChunk {
  Direction direction = Direction::kFromClient;
  std::uint64_t offset = 0;
  std::string text;
  std::uint64_t gap_before = 0;
  bool left_out = false;
  std::uint64_t acked = 0;
  PacketTime at = 0;
};

struct RecordedFlow {
  ConnectionInfo info;  // as of the last call
  std::vector<RecordedChunk> chunks;
  std::string text[2];         // by Direction, gaps left out
  std::uint64_t end[2] = {};   // by Direction
  std::uint64_t gaps[2] = {};  // bytes, by Direction
  bool open = true;
  CloseReason reason = CloseReason::kEndOfInput;
};

class StreamRecorder : public StreamSink {
 public:
  Speaker Judge(std::string_view payload, bool on_smtp_port) override {
    ++judged;
    if (payload.starts_with("220 ")) return Speaker::kServer;
    if (payload.starts_with("EHLO ")) return Speaker::kClient;
    return on_smtp_port ? Speaker::kUnknown : Speaker::kNotSmtp;
  }

  StreamVerdict OnChunk(ConnectionInfo& connection, const StreamChunk& chunk) override {
    if (connection.session == 0) {
      flows.emplace_back();
      connection.session = static_cast<std::uint32_t>(flows.size());
    }
    RecordedFlow& flow = flows[connection.session - 1];
    const int d = static_cast<int>(chunk.direction);
    if (!flow.open) throw std::logic_error("a chunk behind the close");
    if (stopped_.contains(connection.session)) throw std::logic_error("a chunk behind a verdict");
    const std::uint64_t jump = chunk.offset - flow.end[d] - chunk.gap_before;
    if (jump > (urgent ? 3 : 0)) throw std::logic_error("offsets jump");
    if (!urgent && chunk.acked > flow.end[1 - d]) throw std::logic_error("acked what was not told");
    if (chunk.text.empty() && chunk.gap_before == 0) throw std::logic_error("an empty chunk");
    flow.end[d] = chunk.offset + chunk.text.size();
    flow.gaps[d] += chunk.gap_before;
    flow.text[d] += chunk.text;
    flow.info = connection;
    flow.chunks.push_back({chunk.direction, chunk.offset, std::string(chunk.text), chunk.gap_before,
                           chunk.left_out, chunk.acked, chunk.at});
    const auto verdict = verdicts.find(std::string(chunk.text));
    if (verdict == verdicts.end()) return StreamVerdict::kContinue;
    stopped_.insert(connection.session);
    return verdict->second;
  }

  void OnClose(ConnectionInfo& connection, CloseReason reason, PacketTime) override {
    closes.push_back(reason);
    if (connection.session == 0) return;
    RecordedFlow& flow = flows[connection.session - 1];
    if (!flow.open) throw std::logic_error("closed twice");
    flow.open = false;
    flow.reason = reason;
    flow.info = connection;
    closed_order.push_back(connection.session);
  }

  // "C:EHLO a|S:[7]250", gaps in brackets, in the order of the calls.
  std::string Transcript(std::size_t flow = 0) const {
    std::string out;
    if (flow >= flows.size()) return out;
    for (const RecordedChunk& chunk : flows[flow].chunks) {
      if (!out.empty()) out += '|';
      out += chunk.direction == Direction::kFromClient ? "C:" : "S:";
      if (chunk.gap_before > 0) {
        out += (chunk.left_out ? "[cut " : "[") + std::to_string(chunk.gap_before) + ']';
      }
      out += chunk.text;
    }
    return out;
  }

  std::vector<RecordedFlow> flows;
  std::vector<CloseReason> closes;
  std::vector<std::uint32_t> closed_order;
  std::map<std::string, StreamVerdict> verdicts;  // by the text of a chunk
  int judged = 0;
  bool urgent = false;  // urgent bytes take an offset and are not told

 private:
  std::set<std::uint32_t> stopped_;
};

}  // namespace backscatter::testing
