// The tree of a MIME message as a stack of boundaries: RFC 2046, bounded and forgiving.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/mail/header_fields.h"
#include "agent/mail/transfer_decoder.h"

namespace backscatter {

inline constexpr std::size_t kMaxMimeDepth = 8;
inline constexpr std::size_t kMaxMimeParts = 64;
inline constexpr std::size_t kMaxBoundaryBytes = 128;  // RFC 2046 says 70

enum class PartContent : std::uint8_t {
  kText,
  kHtml,
  kMultipart,
  kMessage,          // message/rfc822 and message/global
  kReturnedHeaders,  // text/rfc822-headers and message/global-headers
  kDeliveryStatus,
  kDisposition,
  kFeedback,
  kTlsReport,
  kOpaque,  // not read
};

// What the header fields of one entity say about its body.
struct PartHeaders {
  PartContent content = PartContent::kText;
  TransferEncoding encoding = TransferEncoding::kNone;
  std::string charset;
  std::string boundary;
  std::string report_type;
  bool report = false;  // multipart/report
  bool digest = false;  // its parts are messages unless they say otherwise

  void Reset(bool in_digest);
  // Content-Type, Content-Transfer-Encoding; others are ignored.
  void OnField(const HeaderField& field) {
    if (field.Is(FieldName::kContentType)) {
      OnContentType(field.value);
    } else if (field.Is(FieldName::kContentTransferEncoding)) {
      encoding = TransferEncodingOf(field.value);
    }
  }
  void OnContentType(std::string_view value);
};

class MimeStructure {
 public:
  struct Edge {
    bool closes = false;
    bool digest = false;
    std::uint8_t level = 0;  // of enclosing messages
  };

  void Reset();
  // False: the limits are met, its parts will not be told apart.
  bool Enter(std::string_view boundary, bool digest, std::uint8_t level);
  // If the line is a boundary of a multipart around it (not only of the innermost one), leaves all
  // that is within that one.
  // Only of a line that MayBeEdge.
  std::optional<Edge> OnLine(std::string_view line);
  bool MayBeEdge(std::string_view line) const {
    return line.size() >= 3 && line[0] == '-' && line[1] == '-' && !open_.empty();
  }
  bool cut() const { return cut_; }

 private:
  struct Multipart {
    std::string boundary;
    std::uint8_t level = 0;
    bool digest = false;
  };

  std::vector<Multipart> open_;
  std::size_t parts_ = 0;
  bool cut_ = false;
};

}  // namespace backscatter
