#include "tests/unit/detect/verdict_messages.h"

namespace backscatter {
namespace {

std::string Line(std::string_view name, std::string_view value) {
  return value.empty() ? "" : std::string(name).append(": ").append(value).append("\r\n");
}

std::string Id(std::string_view id) { return id.empty() ? "" : "<" + std::string(id) + ">"; }

std::string Head(std::string_view from, std::string_view subject, std::string_view id) {
  return Line("From", from) + Line("To", "someone") + Line("Subject", subject) +
         Line("Message-ID", Id(id)) + Line("MIME-Version", "1.0");
}

std::string OwnHops(std::size_t count) {
  std::string lines;
  for (std::size_t i = 0; i < count; ++i) {
    lines += "Received: by mta" + std::to_string(i) +
             ".far.example; Tue, 24 Nov 2026 12:00:00 +0000\r\n";
  }
  return lines;
}

std::string Recipients(const Dsn& dsn) {
  std::string text;
  for (const Failed& failed : dsn.about) {
    text += "\r\n";
    if (!failed.original_recipient.empty()) {
      text += Line("Original-Recipient", "rfc822;" + failed.original_recipient);
    }
    if (!failed.final_recipient.empty()) {
      text += Line("Final-Recipient", "rfc822; " + failed.final_recipient);
    }
    text += Line("Action", failed.action.empty() ? dsn.action : failed.action);
    text += Line("Status", "5.0.0");
  }
  return text;
}

// The returned messages from `level` on, as a part of its own each.
std::string ReturnedParts(const std::vector<Returned>& returned, std::size_t level) {
  if (level == returned.size()) return {};
  const Returned& message = returned[level];
  const std::string edge = "level" + std::to_string(level);
  std::string text = "Content-Type: message/rfc822\r\n\r\n";
  for (const std::string& received : message.received) text += Line("Received", received);
  text += Head("somebody@some.example", "about lunch", message.message_id);
  for (const std::string& id : message.more_message_ids) text += Line("Message-ID", Id(id));
  if (level + 1 == returned.size()) return text + "\r\nsee you there\r\n";
  text += "Content-Type: multipart/mixed; boundary=\"" + edge + "\"\r\n\r\n";
  text += "--" + edge + "\r\nContent-Type: text/plain\r\n\r\nenclosed\r\n";
  text += "--" + edge + "\r\n" + ReturnedParts(returned, level + 1);
  return text + "\r\n--" + edge + "--\r\n";
}

std::string ReportHead(std::string_view from, std::string_view subject, std::string_view id,
                       std::string_view type) {
  return Head(from, subject, id) +
         "Content-Type: multipart/report; report-type=" + std::string(type) +
         "; boundary=\"edge\"\r\n\r\n";
}

std::string Part(std::string_view type, std::string_view text) {
  return "--edge\r\nContent-Type: " + std::string(type) + "\r\n\r\n" + std::string(text) + "\r\n";
}

}  // namespace

std::string Text(const Dsn& dsn) {
  std::string text = OwnHops(dsn.hops);
  text += ReportHead("Mail Delivery System <MAILER-DAEMON@mta.far.example>",
                     "Undelivered Mail Returned to Sender", dsn.id, "delivery-status");
  text += Part("text/plain", "A message of yours is the matter of this report.");
  std::string status = Line("Reporting-MTA", "dns; " + dsn.reporting_mta);
  status += Line("Original-Envelope-Id", dsn.envelope_id);
  text += Part("message/delivery-status", status + Recipients(dsn));
  if (!dsn.returned.empty()) text += "--edge\r\n" + ReturnedParts(dsn.returned, 0);
  return text + "--edge--\r\n";
}

Dsn Misdirected() { return {.returned = {{.message_id = "forged@spam.example"}}}; }

std::string Mail(std::string_view message_id, std::string_view received) {
  return Line("Received", received) + Head("Anna <anna@ours.example>", "lunch", message_id) +
         "\r\nShall we?\r\n";
}

std::string BareBounce() {
  return Head("MAILER-DAEMON@mta.far.example", "Undelivered Mail Returned to Sender",
              "bare-1@mta.far.example") +
         "\r\nYour message could not be delivered.\r\n";
}

std::string BareBounceWith(std::string_view received) {
  return Head("MAILER-DAEMON@mta.far.example", "Undelivered Mail Returned to Sender",
              "bare-2@mta.far.example") +
         "Content-Type: multipart/mixed; boundary=\"edge\"\r\n\r\n" +
         Part("text/plain", "Your message could not be delivered.") +
         Part("message/rfc822", Line("Received", received) + "Subject: lunch\r\n\r\nShall we?") +
         "--edge--\r\n";
}

std::string Vacation(std::string_view in_reply_to, std::string_view references) {
  return Head("Joe <joe@far.example>", "Out of office", "vacation-1@far.example") +
         Line("Auto-Submitted", "auto-replied") + Line("In-Reply-To", Id(in_reply_to)) +
         Line("References", references) + "\r\nBack on Monday.\r\n";
}

std::string Challenge(std::string_view in_reply_to) {
  return Head("joe@far.example", "Your message awaits confirmation", "challenge-1@far.example") +
         Line("X-Boxtrapper", "verification") + Line("In-Reply-To", Id(in_reply_to)) +
         "\r\nPlease answer this once.\r\n";
}

std::string Mdn(std::string_view original_message_id, std::string_view final_recipient) {
  std::string status = Line("Reporting-UA", "far.example; Mail");
  if (!final_recipient.empty()) {
    status += Line("Final-Recipient", "rfc822;" + std::string(final_recipient));
  }
  status += Line("Original-Message-ID", Id(original_message_id));
  status += Line("Disposition", "manual-action/MDN-sent-manually; displayed");
  return ReportHead("joe@far.example", "Read: lunch", "mdn-1@far.example",
                    "disposition-notification") +
         Part("text/plain", "It was displayed.") +
         Part("message/disposition-notification", status) + "--edge--\r\n";
}

std::string RefusingMdn(std::string_view original_message_id) {
  return Line("Auto-Submitted", "auto-replied (rejected)") + Mdn(original_message_id);
}

std::string Complaint() {
  return ReportHead("feedback@far.example", "complaint", "arf-1@far.example", "feedback-report") +
         Part("text/plain", "This is an abuse report.") +
         Part("message/feedback-report", "Feedback-Type: abuse\r\nVersion: 1\r\n") +
         Part("message/rfc822", Mail("anything@ours.example")) + "--edge--\r\n";
}

std::string TlsReport() {
  return ReportHead("tlsrpt@far.example", "Report Domain: ours.example", "tls-1@far.example",
                    "tlsrpt") +
         Part("text/plain", "See the attachment.") + Part("application/tlsrpt+gzip", "none") +
         "--edge--\r\n";
}

std::string DmarcReport() {
  return Head("dmarc@far.example",
              "Report Domain: ours.example Submitter: far.example Report-ID: 1",
              "dmarc-1@far.example") +
         "Content-Type: application/gzip\r\n\r\nnone\r\n";
}

std::string Ticket() {
  return Head("Help desk <help@far.example>", "[#4711] printer", "ticket-1@far.example") +
         "\r\nThe printer was repaired.\r\n";
}

}  // namespace backscatter
