#include "agent/mail/message_reader.h"

#include "agent/mail/phrases.h"

namespace backscatter {
namespace {

constexpr std::uint8_t kMaxMessageLevel = 8;
constexpr std::uint8_t kMaxOddLines = 16;

void ClearKeepingCapacity(MessageFacts* facts) {
  facts->read = BodyRead::kNone;
  facts->headers_ended = facts->has_gap = facts->cut = false;
  facts->kind = MessageKind::kOther;
  facts->looks_bounce = facts->auto_submitted = false;
  facts->subject.clear();
  facts->message_id.clear();
  facts->from.clear();
  facts->references.clear();
  facts->received_count = 0;
  facts->last_hop.from_name.clear();
  facts->last_hop.from_address.reset();
  facts->last_hop.by_name.clear();
  facts->last_hop.id.clear();
  facts->reporting_mta.clear();
  facts->original_envelope_id.clear();
  facts->recipients.clear();
  facts->original_message_ids.clear();
  facts->returned_received.clear();
  facts->returned_return_path.clear();
  facts->returned_from.clear();
  facts->returned_received_count = 0;
}

}  // namespace

void MessageReader::Reset(const ReaderOptions& options) {
  options_ = options;
  ClearKeepingCapacity(&facts_);
  signs_ = {};
  signs_.null_sender = options.null_sender;
  lines_.Reset();
  decoded_lines_.Reset();
  fields_.Reset();
  report_fields_.Reset();
  part_.Reset(false);
  mime_.Reset();
  report_.Reset();
  text_.Reset();
  html_.Reset();
  base64_.Reset();
  to_.clear();
  octets_ = 0;
  level_ = odd_lines_ = 0;
  in_headers_ = message_headers_ = true;
  any_field_ = has_plain_ = beyond_ = done_ = finished_ = false;
}

void MessageReader::Read(std::string_view octets) {
  if (done_ || octets.empty()) {
    beyond_ = beyond_ || !octets.empty();
    return;
  }
  const std::size_t room = options_.capture_bytes - octets_;
  const bool more = octets.size() > room;
  octets = octets.substr(0, room);
  octets_ += octets.size();
  Borrow(octets);
  lines_.Add(octets, [&](std::string_view line) {
    if (!done_) OnLine(line);
  });
  Settle();
  if (!more) return;
  beyond_ = true;
  done_ = true;
}

void MessageReader::Borrow(std::string_view octets) {
  fields_.Borrow(octets);
  report_fields_.Borrow(octets);
  text_.Borrow(octets);
}

void MessageReader::Settle() {
  fields_.Settle();
  report_fields_.Settle();
  text_.Settle();
}

void MessageReader::OnGap() {
  facts_.has_gap = true;
  if (done_) return;
  lines_.Lose();
  fields_.Flush([&](const HeaderField& field) { OnField(field); });
  report_fields_.Flush([&](const HeaderField& field) { OnReportField(field); });
}

const MessageFacts& MessageReader::Finish(bool ended) {
  if (finished_) return facts_;
  finished_ = true;
  const bool whole = ended && !beyond_;
  if (whole && !done_) {
    lines_.Finish([&](std::string_view line) { OnLine(line); });
  }
  // The line that was cut is dropped: half a Message-ID would lie. The blank line may be among what
  // was lost.
  if (in_headers_ && whole && !facts_.has_gap) {
    EndHeaders();
  } else if (in_headers_) {
    fields_.Flush([&](const HeaderField& field) { OnField(field); });
  }
  EndPart();
  facts_.cut = facts_.cut || mime_.cut() || lines_.too_long() || decoded_lines_.too_long();
  if (options_.headers_only) {
    facts_.read = BodyRead::kHeaders;
    return facts_;
  }
  facts_.read = whole && !facts_.has_gap ? BodyRead::kWhole : BodyRead::kHead;
  if (facts_.recipients.empty() && text_.naming() != Naming::kNobody) {
    for (const std::string& name : text_.named()) {
      ReportedRecipient& recipient = facts_.recipients.emplace_back();
      recipient.final_recipient = name;
      recipient.status = text_.status();
    }
    Classify(signs_, text_, &facts_);
    if (!facts_.looks_bounce) facts_.recipients.clear();
  } else {
    Classify(signs_, text_, &facts_);
  }
  return facts_;
}

void MessageReader::OnLine(std::string_view line) {
  if (mime_.MayBeEdge(line) && TakeEdge(line)) return;
  if (in_headers_) {
    OnHeaderLine(line);
  } else {
    OnBodyLine(line);
  }
}

bool MessageReader::TakeEdge(std::string_view line) {
  const std::optional<MimeStructure::Edge> edge = mime_.OnLine(line);
  if (!edge) return false;
  if (in_headers_) EndHeaders();
  BeginPart(*edge);
  return true;
}

void MessageReader::BeginPart(const MimeStructure::Edge& edge) {
  EndPart();
  level_ = edge.level;
  part_.Reset(edge.digest && !edge.closes);
  in_headers_ = !edge.closes;
  message_headers_ = false;
  any_field_ = false;
  odd_lines_ = 0;
}

void MessageReader::OnHeaderLine(std::string_view line) {
  const FieldStart start = FindField(line);
  if (!start) {
    OnOtherHeaderLine(line);
    return;
  }
  fields_.Begin(line, start, [&](const HeaderField& field) { OnField(field); });
  any_field_ = true;
  odd_lines_ = 0;
}

// No field begins here.
void MessageReader::OnOtherHeaderLine(std::string_view line) {
  if (line.empty() || (!any_field_ && IsBlank(line.front()) && TrimBlanks(line).empty())) {
    if (message_headers_ && !any_field_ && odd_lines_++ < 2) return;  // blank lines before it
    EndHeaders();
    return;
  }
  if (fields_.IsFolded(line)) {
    fields_.Continue(line);
    any_field_ = true;
    odd_lines_ = 0;
    return;
  }
  // "From " of a mailbox, perhaps quoted.
  if (!any_field_ && message_headers_ &&
      (line.starts_with("From ") || line.starts_with(">From "))) {
    return;
  }
  if (any_field_ && ++odd_lines_ < kMaxOddLines) {  // continuations without indentation
    fields_.Continue(line);
    return;
  }
  EndHeaders();  // the blank line is missing
  OnBodyLine(line);
}

void MessageReader::EndHeaders() {
  fields_.Flush([&](const HeaderField& field) { OnField(field); });
  in_headers_ = false;
  if (own() && message_headers_) {
    facts_.headers_ended = true;
    text_.SetCorrespondents(to_, facts_.from);  // both stay as they are now
    if (options_.headers_only) {
      done_ = true;
      return;
    }
  }
  if (own()) NoteContent();
  if (part_.content == PartContent::kMultipart) {
    mime_.Enter(part_.boundary, part_.digest, level_);
    part_.content = PartContent::kText;  // what stands before its first part
    part_.encoding = TransferEncoding::kNone;
    return;
  }
  const bool encloses =
      part_.content == PartContent::kMessage || part_.content == PartContent::kReturnedHeaders;
  if (!encloses || part_.encoding != TransferEncoding::kNone) return;
  if (level_ >= kMaxMessageLevel) {
    facts_.cut = true;
    part_.content = PartContent::kOpaque;
    return;
  }
  ++level_;
  part_.Reset(false);
  in_headers_ = message_headers_ = true;
  any_field_ = false;
  odd_lines_ = 0;
}

void MessageReader::NoteContent() {
  signs_.multipart_report = signs_.multipart_report || part_.report;
  if (!part_.report_type.empty()) NoteReportType();
  switch (part_.content) {
    case PartContent::kDeliveryStatus:
      signs_.delivery_part = true;
      break;
    case PartContent::kDisposition:
      signs_.disposition_part = true;
      break;
    case PartContent::kFeedback:
      signs_.feedback_part = true;
      break;
    case PartContent::kTlsReport:
      signs_.tls_part = true;
      break;
    case PartContent::kMessage:
    case PartContent::kReturnedHeaders:
      signs_.returned_part = true;
      break;
    case PartContent::kText:
    case PartContent::kHtml:
    case PartContent::kMultipart:
    case PartContent::kOpaque:
      break;
  }
}

void MessageReader::NoteReportType() {
  const auto reports = [&](std::string_view type) {
    return EqualsIgnoreCase(part_.report_type, type);
  };
  signs_.report_delivery = signs_.report_delivery || reports("delivery-status");
  signs_.report_disposition = signs_.report_disposition || reports("disposition-notification");
  signs_.report_feedback = signs_.report_feedback || reports("feedback-report");
  signs_.report_tls = signs_.report_tls || reports("tlsrpt");
}

void MessageReader::EndPart() {
  const auto report_sink = [&](const HeaderField& field) { OnReportField(field); };
  if (part_.encoding != TransferEncoding::kNone) {
    decoded_lines_.Finish([&](std::string_view line) { OnContentLine(line); });
    base64_.Reset();
  }
  report_fields_.Flush(report_sink);
  if (part_.content == PartContent::kHtml) {
    html_.Finish([&](std::string_view line) { OnWrittenLine(line); });
  }
  const bool machine = part_.content == PartContent::kDeliveryStatus;
  text_.EndPart(&report_, &facts_);
  if (own()) signs_.reported = report_.groups();
  if (own() && !machine && part_.content == PartContent::kText && text_.sayings() != 0) {
    has_plain_ = true;
  }
}

void MessageReader::OnBodyLine(std::string_view line) {
  if (part_.encoding == TransferEncoding::kNone) {
    OnContentLine(line);
  } else if (part_.content != PartContent::kOpaque && part_.content != PartContent::kTlsReport) {
    OnEncodedLine(line);
  }
}

void MessageReader::OnEncodedLine(std::string_view line) {
  decoded_.clear();
  if (part_.encoding == TransferEncoding::kBase64) {
    base64_.Decode(line, &decoded_);
  } else if (DecodeQuotedPrintableLine(line, &decoded_)) {
    decoded_ += '\n';
  }
  decoded_lines_.Add(decoded_, [&](std::string_view written) { OnContentLine(written); });
}

void MessageReader::OnContentLine(std::string_view line) {
  switch (part_.content) {
    case PartContent::kDeliveryStatus:
    case PartContent::kDisposition:
    case PartContent::kFeedback:
      OnReportLine(line);
      return;
    case PartContent::kMessage:
    case PartContent::kReturnedHeaders:
      text_.OnReturnedLine(line, &facts_);
      return;
    case PartContent::kHtml:
      OnHtmlLine(line);
      return;
    case PartContent::kText:
      OnWrittenLine(line);
      return;
    case PartContent::kMultipart:
    case PartContent::kTlsReport:
    case PartContent::kOpaque:
      return;
  }
}

void MessageReader::OnReportLine(std::string_view line) {
  const auto sink = [&](const HeaderField& field) { OnReportField(field); };
  if (line.empty() || (IsBlank(line.front()) && TrimBlanks(line).empty())) {
    report_fields_.Flush(sink);
    report_.EndGroup(&facts_);
  } else if (line.size() > 4 && line[0] == '-' && line[1] == '-') {  // a boundary that is damaged
    BeginPart({false, false, level_});
  } else if (!report_fields_.Add(line, sink)) {
    report_fields_.Continue(line);
  }
}

void MessageReader::OnHtmlLine(std::string_view line) {
  if (own() && has_plain_) return;
  html_.Add(line, [&](std::string_view text) { OnWrittenLine(text); });
}

void MessageReader::OnWrittenLine(std::string_view line) {
  if (own()) {
    text_.OnLine(line, part_.charset, &report_, &facts_);
  } else {
    text_.OnReturnedLine(line, &facts_);
  }
}

}  // namespace backscatter
