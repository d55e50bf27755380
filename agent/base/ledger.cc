#include "agent/base/ledger.h"

namespace backscatter {

std::string_view LossName(Loss loss) {
  switch (loss) {
    case Loss::kSourceTruncatedPackets:
      return "source.truncated_packets";
    case Loss::kQueueFullPackets:
      return "queue.full_packets";
    case Loss::kDecodeUnknownLinkType:
      return "decode.unknown_link_type";
    case Loss::kDecodeTruncated:
      return "decode.truncated";
    case Loss::kDecodeMalformed:
      return "decode.malformed";
    case Loss::kDecodeTooDeep:
      return "decode.too_deep";
    case Loss::kDecodeUnknownProtocol:
      return "decode.unknown_protocol";
    case Loss::kFragmentExpired:
      return "fragment.expired";
    case Loss::kFragmentEvicted:
      return "fragment.evicted";
    case Loss::kFragmentTooLarge:
      return "fragment.too_large";
    case Loss::kTcpGapBytes:
      return "tcp.gap_bytes";
    case Loss::kTcpGaps:
      return "tcp.gaps";
    case Loss::kTcpBeforeStartBytes:
      return "tcp.before_start_bytes";
    case Loss::kTcpStrayBytes:
      return "tcp.stray_bytes";
    case Loss::kTcpConnectionsEvicted:
      return "tcp.connections_evicted";
    case Loss::kTcpNotesEvicted:
      return "tcp.notes_evicted";
    case Loss::kSmtpUnsyncedBytes:
      return "smtp.unsynced_bytes";
    case Loss::kSmtpLineBytesDropped:
      return "smtp.line_bytes_dropped";
    case Loss::kSmtpRepliesDropped:
      return "smtp.replies_dropped";
    case Loss::kSmtpRecipientsDropped:
      return "smtp.recipients_dropped";
    case Loss::kSmtpHeldBytesDropped:
      return "smtp.held_bytes_dropped";
    case Loss::kTallyTargetsEvicted:
      return "tally.targets_evicted";
    case Loss::kTallySourcesEvicted:
      return "tally.sources_evicted";
    case Loss::kTallyDomainsEvicted:
      return "tally.domains_evicted";
    case Loss::kTallyPairsDropped:
      return "tally.pairs_dropped";
    case Loss::kSentFeedLines:
      return "sent.feed_lines";
    case Loss::kSentFeedClients:
      return "sent.feed_clients";
    case Loss::kSentKeysDropped:
      return "sent.keys_dropped";
    case Loss::kMailMessagesNotRead:
      return "mail.messages_not_read";
    case Loss::kDetectForgotten:
      return "detect.forgotten";
  }
  return "unknown";
}

std::string_view AnomalyName(Anomaly anomaly) {
  switch (anomaly) {
    case Anomaly::kBadIpChecksum:
      return "bad_ip_checksum";
    case Anomaly::kBadTcpChecksum:
      return "bad_tcp_checksum";
    case Anomaly::kTcpChecksumOffloaded:
      return "tcp_checksum_offloaded";
    case Anomaly::kIpLengthZero:
      return "ip_length_zero";
    case Anomaly::kIpLengthBeyondFrame:
      return "ip_length_beyond_frame";
    case Anomaly::kFragmentOverlap:
      return "fragment_overlap";
    case Anomaly::kFragmentHole:
      return "fragment_hole";
    case Anomaly::kTcpOverlapConflict:
      return "tcp_overlap_conflict";
    case Anomaly::kTcpUrgent:
      return "tcp_urgent";
    case Anomaly::kTcpSynResent:
      return "tcp_syn_resent";
    case Anomaly::kTcpAckUnseen:
      return "tcp_ack_unseen";
    case Anomaly::kNotSmtp:
      return "not_smtp";
    case Anomaly::kBadCommand:
      return "bad_command";
    case Anomaly::kBadReply:
      return "bad_reply";
    case Anomaly::kBrokenMultilineReply:
      return "broken_multiline_reply";
    case Anomaly::kUnsolicitedReply:
      return "unsolicited_reply";
    case Anomaly::kLongLine:
      return "long_line";
    case Anomaly::kBareLineFeed:
      return "bare_line_feed";
    case Anomaly::kNulByte:
      return "nul_byte";
    case Anomaly::kLenientEndOfData:
      return "lenient_end_of_data";
    case Anomaly::kSmuggledTransaction:
      return "smuggled_transaction";
    case Anomaly::kRcptWithoutMail:
      return "rcpt_without_mail";
    case Anomaly::kTransactionLost:
      return "transaction_lost";
    case Anomaly::kNestedMail:
      return "nested_mail";
    case Anomaly::kBadBdat:
      return "bad_bdat";
    case Anomaly::kStarttlsInjection:
      return "starttls_injection";
    case Anomaly::kPlaintextAfterStarttls:
      return "plaintext_after_starttls";
    case Anomaly::kReplyInsideBody:
      return "reply_inside_body";
    case Anomaly::kUntrustedProxyHeader:
      return "untrusted_proxy_header";
    case Anomaly::kAddressUnparsable:
      return "address_unparsable";
  }
  return "unknown";
}

}  // namespace backscatter
