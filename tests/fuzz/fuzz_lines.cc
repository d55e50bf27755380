// The pure parsers of one line: commands, BDAT, replies, PROXY headers, XCLIENT, and the scanner.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "agent/smtp/body_scanner.h"
#include "agent/smtp/command.h"
#include "agent/smtp/proxy_header.h"
#include "agent/smtp/reply.h"

namespace backscatter {
namespace {

void Check(bool holds) {
  if (!holds) std::abort();
}

bool Within(std::string_view part, std::string_view whole) {
  return part.empty() ||
         (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

void Run(std::string_view text) {
  const Command command = ParseCommand(text);
  Check(Within(command.rest, text));
  BdatArgument bdat;
  if (ParseBdat(text, bdat)) Check(bdat.size <= std::uint64_t{1} << 62);
  ReplyLine reply;
  if (ParseReplyLine(text, reply)) {
    Check(reply.code >= 100 && reply.code <= 999);
    Check(Within(reply.text, text));
    const EnhancedStatus status = ParseEnhancedStatus(reply.text);
    Check(status.subject < 1000 && status.detail < 1000);
    SaysUnknownUser(reply.code, status, reply.text);
  }
  ProxyHeader header;
  const ProxyParse parse = ParseProxyHeader(text, header);
  if (parse == ProxyParse::kHeader) Check(header.length > 0 && header.length <= text.size());
  if (parse == ProxyParse::kIncomplete) Check(text.size() < kMaxProxyHeader);
  XclientAddress(text);

  // In one piece or byte by byte: the same end.
  BodyScanner whole;
  whole.Start();
  const BodyScanner::Result expected = whole.Scan(text);
  Check(expected.consumed <= text.size());
  Check(expected.dotless <= FindDotLine(text, 0));
  BodyScanner bytes;
  bytes.Start();
  for (std::size_t i = 0; i < text.size(); ++i) {
    const BodyScanner::Result found = bytes.Scan(text.substr(i, 1));
    if (found.end == EndOfData::kNone) continue;
    Check(found.end == expected.end && i + 1 == expected.consumed);
    return;
  }
  Check(expected.end == EndOfData::kNone);
}

}  // namespace
}  // namespace backscatter

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  backscatter::Run({reinterpret_cast<const char*>(data), size});
  return 0;
}
