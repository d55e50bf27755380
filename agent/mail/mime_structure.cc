#include "agent/mail/mime_structure.h"

#include <cstring>

namespace backscatter {
namespace {

struct KnownType {
  std::string_view type;
  PartContent content;
};
constexpr KnownType kKnownTypes[] = {
    {"message/rfc822", PartContent::kMessage},
    {"message/global", PartContent::kMessage},
    {"message/news", PartContent::kMessage},
    {"message/partial", PartContent::kMessage},
    {"text/rfc822-headers", PartContent::kReturnedHeaders},
    {"text/rfc822-header", PartContent::kReturnedHeaders},
    {"message/rfc822-headers", PartContent::kReturnedHeaders},
    {"message/global-headers", PartContent::kReturnedHeaders},
    {"message/delivery-status", PartContent::kDeliveryStatus},
    {"message/global-delivery-status", PartContent::kDeliveryStatus},
    {"message/disposition-notification", PartContent::kDisposition},
    {"message/global-disposition-notification", PartContent::kDisposition},
    {"message/feedback-report", PartContent::kFeedback},
    {"application/tlsrpt+gzip", PartContent::kTlsReport},
    {"application/tlsrpt+json", PartContent::kTlsReport},
    {"text/html", PartContent::kHtml},
};

constexpr std::string_view kOpaqueTypes[] = {"application/", "image/", "audio/", "video/", "font/"};

PartContent ContentOf(std::string_view type) {
  if (EqualsIgnoreCase(type, "text/plain")) return PartContent::kText;  // mostly
  if (StartsWithIgnoreCase(type, "multipart/")) return PartContent::kMultipart;
  for (const KnownType& known : kKnownTypes) {
    if (EqualsIgnoreCase(type, known.type)) return known.content;
  }
  for (const std::string_view opaque : kOpaqueTypes) {
    if (StartsWithIgnoreCase(type, opaque)) return PartContent::kOpaque;
  }
  return PartContent::kText;
}

}  // namespace

void PartHeaders::Reset(bool in_digest) {
  content = in_digest ? PartContent::kMessage : PartContent::kText;
  encoding = TransferEncoding::kNone;
  charset.clear();
  boundary.clear();
  report_type.clear();
  report = false;
  digest = false;
}

void PartHeaders::OnContentType(std::string_view value) {
  const std::string_view type = MediaType(value);
  content = ContentOf(type);
  const bool multipart = content == PartContent::kMultipart;
  charset.clear();
  if (multipart) {
    boundary.clear();
    report_type.clear();
  }
  // Of several with one name the first counts.
  const auto take = [](const Parameter& parameter, std::string_view name, std::size_t limit,
                       std::string& to) {
    const bool is = to.empty() && EqualsIgnoreCase(parameter.name, name);
    if (is) to.assign(parameter.Value(), 0, limit);
    return is;
  };
  std::size_t position = type.size();
  Parameter parameter;
  while (NextParameter(value, &position, &parameter)) {
    if (take(parameter, "charset", 32, charset) || !multipart) continue;
    if (take(parameter, "boundary", kMaxBoundaryBytes, boundary)) continue;
    take(parameter, "report-type", 64, report_type);
  }
  if (!multipart) return;
  digest = EqualsIgnoreCase(type, "multipart/digest");
  report = EqualsIgnoreCase(type, "multipart/report");
}

void MimeStructure::Reset() {
  open_.clear();
  parts_ = 0;
  cut_ = false;
}

bool MimeStructure::Enter(std::string_view boundary, bool digest, std::uint8_t level) {
  if (boundary.empty()) return false;
  if (open_.size() >= kMaxMimeDepth || parts_ >= kMaxMimeParts) {
    cut_ = true;
    return false;
  }
  open_.push_back({std::string(boundary), level, digest});
  return true;
}

std::optional<MimeStructure::Edge> MimeStructure::OnLine(std::string_view line) {
  line.remove_prefix(2);  // the dashes
  while (!line.empty() && IsBlank(line.back())) line.remove_suffix(1);
  for (std::size_t i = open_.size(); i-- > 0;) {
    const Multipart& multipart = open_[i];
    const std::string& boundary = multipart.boundary;
    if (line.size() < boundary.size()) continue;
    if (std::memcmp(line.data(), boundary.data(), boundary.size()) != 0) continue;
    const bool closes = line.size() == boundary.size() + 2 && line.ends_with("--");
    if (!closes && line.size() != boundary.size()) continue;
    Edge edge{closes, multipart.digest, multipart.level};
    while (open_.size() > (edge.closes ? i : i + 1)) open_.pop_back();
    if (!edge.closes && ++parts_ > kMaxMimeParts) {
      cut_ = true;
      return std::nullopt;
    }
    return edge;
  }
  return std::nullopt;
}

}  // namespace backscatter
