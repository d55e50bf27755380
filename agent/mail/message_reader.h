// Understands one message as it passes: header fields, MIME structure, reports, returned messages.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "agent/mail/bounce_text.h"
#include "agent/mail/charset.h"
#include "agent/mail/classify.h"
#include "agent/mail/delivery_status.h"
#include "agent/mail/header_fields.h"
#include "agent/mail/html_text.h"
#include "agent/mail/line_assembler.h"
#include "agent/mail/mime_structure.h"
#include "agent/smtp/body_reader.h"

namespace backscatter {

struct ReaderOptions {
  bool headers_only = false;
  std::size_t capture_bytes = 65536;  // with headers_only: kMaxHeaderBytes
  bool null_sender = false;           // what the envelope said
  bool sent = false;                  // mail of ours, on its way out or handed to us
};

// Of the header block where only that is read; the longest of 994 bounces had 15 KB.
inline constexpr std::size_t kMaxHeaderBytes = 65536;

// One pass, bounded memory: a line, a field, the facts. The facts do not depend on how the octets
// are cut into pieces. Not for several threads at once.
class MessageReader : public BodyReader {
 public:
  MessageReader() : MessageReader(std::make_shared<CharsetConverter>()) {}
  // Shares the converter with other readers of the same thread.
  explicit MessageReader(std::shared_ptr<CharsetConverter> converter)
      : converter_(std::move(converter)), text_(converter_.get()) {
    Reset({});
  }
  // For the next message; keeps capacity.
  void Reset(const ReaderOptions& options);

  void Read(std::string_view octets) override;
  void OnGap() override;
  const MessageFacts& Finish(bool ended) override;

 private:
  // Octets that lines lie in, until Settle.
  void Borrow(std::string_view octets);
  void Settle();
  void OnLine(std::string_view line);
  // What few lines ask for stays out of the way of all others.
  [[gnu::noinline]] bool TakeEdge(std::string_view line);
  [[gnu::noinline]] void OnHeaderLine(std::string_view line);
  [[gnu::noinline]] void OnOtherHeaderLine(std::string_view line);
  [[gnu::noinline]] void EndHeaders();
  void OnField(const HeaderField& field);
  void OnTopField(const HeaderField& field);
  void OnSubject(std::string_view value);
  void OnFrom(std::string_view value);
  void OnReferences(const HeaderField& field);
  void OnFailedRecipients(std::string_view value);
  void OnSign(const HeaderField& field);
  void NoteContent();
  void NoteReportType();

  void BeginPart(const MimeStructure::Edge& edge);
  void EndPart();
  void OnBodyLine(std::string_view line);
  [[gnu::noinline]] void OnEncodedLine(std::string_view line);
  [[gnu::noinline]] void OnHtmlLine(std::string_view line);
  void OnContentLine(std::string_view line);
  [[gnu::noinline]] void OnReportLine(std::string_view line);
  void OnReportField(const HeaderField& field);
  void OnWrittenLine(std::string_view line);
  bool own() const { return level_ == 0; }

  ReaderOptions options_;
  std::shared_ptr<CharsetConverter> converter_;
  BounceText text_;
  MessageFacts facts_;
  MessageSigns signs_;
  LineAssembler lines_;
  LineAssembler decoded_lines_;
  FieldAssembler fields_;         // of a header block
  FieldAssembler report_fields_;  // of a machine-readable part
  PartHeaders part_;
  MimeStructure mime_;
  DeliveryStatus report_;
  HtmlText html_;
  Base64Decoder base64_;
  std::string decoded_;  // scratch
  std::string to_;
  std::size_t octets_ = 0;
  std::uint8_t level_ = 0;      // of enclosing messages
  std::uint8_t odd_lines_ = 0;  // in a row within a header block
  bool in_headers_ = true;
  bool message_headers_ = true;  // of a message, not of a part of one
  bool any_field_ = false;       // in this header block
  bool has_plain_ = false;       // text/plain of the message itself came already
  bool beyond_ = false;          // octets came that were not read
  bool done_ = false;
  bool finished_ = false;
};

}  // namespace backscatter
