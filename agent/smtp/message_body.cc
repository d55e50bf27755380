#include "agent/smtp/message_body.h"

#include <algorithm>

#include "agent/smtp/body_scanner.h"

namespace backscatter {

void MessageBody::GiveReturns() {
  static constexpr std::string_view kReturns = "\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r";
  while (returns_ > 0) {
    const std::string_view some = kReturns.substr(0, returns_);
    reader_->Read(some);
    returns_ -= some.size();
  }
}

void MessageBody::ReadLines(std::string_view octets, std::size_t dotless) {
  if (ended_) return;
  std::size_t at = 0;
  while (at < octets.size()) {
    switch (at_) {
      case At::kLineStart:
        if (octets[at] == '.') {
          at_ = At::kDot;
          ++at;
        } else {
          at_ = At::kInLine;
        }
        break;
      case At::kInLine: {
        const std::size_t feed = FindDotLine(octets, std::max(at, dotless));
        const std::size_t end = std::min(octets.size(), feed + 1);
        reader_->Read(octets.substr(at, end - at));
        if (octets[end - 1] == '\n') at_ = At::kLineStart;
        at = end;
        break;
      }
      case At::kDot: {
        const std::size_t other = std::min(octets.size(), octets.find_first_not_of('\r', at));
        returns_ += other - at;
        at = other;
        if (at == octets.size()) break;
        if (octets[at] == '\n') {
          at_ = At::kLoneDot;
          ++at;
        } else {
          GiveReturns();
          at_ = At::kInLine;
        }
        break;
      }
      case At::kLoneDot:
        GiveReturns();
        reader_->Read("\n");
        at_ = At::kLineStart;
        break;
    }
  }
}

void MessageBody::OnGap() {
  if (ended_) return;
  GiveReturns();
  if (at_ == At::kLoneDot) reader_->Read("\n");
  at_ = At::kInLine;
  reader_->OnGap();
}

}  // namespace backscatter
