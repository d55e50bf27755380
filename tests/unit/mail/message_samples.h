// Messages written for these tests.
#pragma once

#include <string>
#include <string_view>

#include "agent/mail/message_reader.h"

namespace backscatter {

// "\n" to CRLF.
inline std::string Wire(std::string_view text) {
  std::string wire;
  for (const char c : text) {
    if (c == '\n') wire += '\r';
    wire += c;
  }
  return wire;
}

inline MessageFacts FactsOf(std::string_view message, ReaderOptions options = {},
                            std::size_t piece = 0) {
  MessageReader reader;
  reader.Reset(options);
  if (piece == 0) piece = message.size() + 1;
  for (std::size_t i = 0; i < message.size(); i += piece) reader.Read(message.substr(i, piece));
  return reader.Finish(true);
}

inline constexpr std::string_view kDsn =
    "Return-Path: <>\n"
    "Received: from mx.far.example (mx.far.example [192.0.2.7])\n"
    "\tby in.near.example with ESMTP id AB12; Mon, 6 Jul 2026 10:00:00 +0000\n"
    "From: MAILER-DAEMON@mx.far.example (Mail Delivery System)\n"
    "To: ann@near.example\n"
    "Subject: =?utf-8?Q?Undelivered_Mail?=\n"
    " =?utf-8?Q?_Returned_to_Sender?=\n"
    "Auto-Submitted: auto-replied\n"
    "Message-Id: <report1@mx.far.example>\n"
    "MIME-Version: 1.0\n"
    "Content-Type: multipart/report; report-type=delivery-status;\n"
    "\tboundary=\"cut/1\"\n"
    "\n"
    "A MIME message.\n"
    "\n"
    "--cut/1\n"
    "Content-Type: text/plain\n"
    "\n"
    "<bob@far.example>: mailbox unavailable\n"
    "\n"
    "--cut/1\n"
    "Content-Type: message/delivery-status\n"
    "\n"
    "Reporting-MTA: dns; mx.far.example\n"
    "Original-Envelope-Id: tag+2B7\n"
    "\n"
    "Final-Recipient: rfc822; <bob@far.example>\n"
    "Original-Recipient: rfc822;robert@far.example\n"
    "Action: failed\n"
    "Status: 5.1.1\n"
    "\n"
    "Final-Recipient: rfc822; eve@far.example\n"
    "Action: delayed\n"
    "Status: 4.4.1 (no route)\n"
    "\n"
    "--cut/1\n"
    "Content-Type: message/rfc822\n"
    "\n"
    "Return-Path: <ann@near.example>\n"
    "Received: from pc.near.example (unknown [198.51.100.3]) by out.near.example\n"
    "\twith ESMTPSA id Q77 for <bob@far.example>; Mon, 6 Jul 2026 09:59:00 +0000\n"
    "From: Ann <ann@near.example>\n"
    "To: bob@far.example\n"
    "Subject: hello\n"
    "Message-ID: <first1@near.example>\n"
    "\n"
    "Hello Bob.\n"
    "--cut/1--\n";

}  // namespace backscatter
