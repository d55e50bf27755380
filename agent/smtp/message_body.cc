#include "agent/smtp/message_body.h"

#include <algorithm>

#include "agent/smtp/body_scanner.h"

namespace backscatter {

void MessageBody::GiveReturns() {
  static constexpr std::string_view kReturns = "\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r";
  std::uint64_t& returns = reader_->passage_.returns;
  while (returns > 0) {
    const std::string_view some = kReturns.substr(0, returns);
    reader_->Read(some);
    returns -= some.size();
  }
}

void MessageBody::ReadLines(std::string_view octets, std::size_t dotless) {
  BodyReader::Passage& passage = reader_->passage_;
  if (passage.ended) return;
  std::size_t at = 0;
  while (at < octets.size()) {
    switch (passage.at) {
      case At::kLineStart:
        if (octets[at] == '.') {
          passage.at = At::kDot;
          ++at;
        } else {
          passage.at = At::kInLine;
        }
        break;
      case At::kInLine: {
        const std::size_t feed = FindDotLine(octets, std::max(at, dotless));
        const std::size_t end = std::min(octets.size(), feed + 1);
        reader_->Read(octets.substr(at, end - at));
        if (octets[end - 1] == '\n') passage.at = At::kLineStart;
        at = end;
        break;
      }
      case At::kDot: {
        const std::size_t other = std::min(octets.size(), octets.find_first_not_of('\r', at));
        passage.returns += other - at;
        at = other;
        if (at == octets.size()) break;
        if (octets[at] == '\n') {
          passage.at = At::kLoneDot;
          ++at;
        } else {
          GiveReturns();
          passage.at = At::kInLine;
        }
        break;
      }
      case At::kLoneDot:
        GiveReturns();
        reader_->Read("\n");
        passage.at = At::kLineStart;
        break;
    }
  }
}

void MessageBody::OnGap() {
  BodyReader::Passage& passage = reader_->passage_;
  if (passage.ended) return;
  GiveReturns();
  if (passage.at == At::kLoneDot) reader_->Read("\n");
  passage.at = At::kInLine;
  reader_->OnGap();
}

}  // namespace backscatter
