// Counters for everything that was lost or odd, from the wire to the report. Nothing is dropped
// without being counted here. Plain arrays, owned by one thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace backscatter {

// What was lost: bytes, packets or entries that never reached the count.
// Names are "<stage>.<reason>"; they are keys of the report's `losses`.
enum class Loss : std::uint8_t {
  kSourceTruncatedPackets,  // records whose captured length is below their wire length
  kSourceRingFull,          // live: records or packets that found no room between kernel and agent
  kSourceInterfaceDrops,    // live: packets of any kind that a network card or its driver lost
  kKernelRingFull,          // records of the kernel program that found no room
  kKernelRingFullBytes,     // their payload
  kKernelFragments,         // packets: fragments of TCP, which the kernel program does not join
  kKernelTruncated,         // packets: a header or a length reaches past the packet's end
  kKernelMalformed,         // packets: lengths that cannot be
  kKernelNoFlow,            // packets of sessions that found no place in the kernel's table
  kKernelUnorderedBytes,    // of clients, ahead of a hole: left out until the server spoke
  kKernelStatelessBytes,    // of clients, with an unknown place in their dialogue: left out
  kKernelBehindCutBytes,    // behind a body's end in one packet (libpcap with the kernel's cut)
  kKernelBothPorts,         // packets between two watched ports: which one serves is not known
  kQueueFullPackets,        // packets: the engine was too slow, and its queue full
  kDecodeUnknownLinkType,   // packets
  kDecodeTruncated,         // packets: a header reaches past the captured bytes
  kDecodeMalformed,         // packets: lengths or versions that cannot be
  kDecodeTooDeep,           // packets: more nested headers than the limit
  kDecodeUnknownProtocol,   // packets: an encapsulation not known here, which may carry TCP
  kFragmentExpired,         // datagrams never completed
  kFragmentEvicted,         // datagrams pushed out by the cap
  kFragmentTooLarge,        // datagrams over 64 KiB, or fragments past the end
  kTcpGapBytes,             // bytes of known streams that were never seen
  kTcpGaps,                 // number of such gaps
  kTcpBeforeStartBytes,     // bytes below the point where a stream was picked up
  kTcpStrayBytes,           // bytes whose sequence numbers lie far outside their stream
  kTcpConnectionsEvicted,   // connections pushed out by the cap
  kTcpNotesEvicted,         // notes of handshakes pushed out by the cap
  kTcpViewsEvicted,         // connections forgotten before a second view of them could show
  kSmtpUnsyncedBytes,       // bytes that could not be placed in a dialogue
  kSmtpLineBytesDropped,    // bytes of over-long lines
  kSmtpRepliesDropped,      // replies not waited for: too many commands were under way
  kSmtpRecipientsDropped,   // recipients of one transaction beyond the cap, counted but not kept
  kSmtpHeldBytesDropped,    // bytes held for a reply that never came
  kSmtpSessionsGivenUp,     // sessions ended early, since they wanted more memory than is left
  kTallyTargetsEvicted,     // target keys pushed out by the cap
  kTallySourcesEvicted,     // source keys pushed out by the cap
  kTallyDomainsEvicted,     // domain keys pushed out by the cap
  kTallyPairsDropped,       // (target or domain, source) pairs beyond the cap, or of evicted keys
  kSentFeedLines,           // lines of sent.feed that could not be read: mails not learnt
  kSentFeedClients,         // connections to sent.feed beyond the cap, closed at once
  kSentKeysDropped,         // what we sent, beyond sent.capacity: it is not known again
  kMailMessagesNotRead,     // messages not read since too many were under way
  kDetectForgotten,         // deferred or accepted mail forgotten before its five days
  kDetectLate,              // recipients told too late for the windows of the flood detector
  kDetectWindowsGivenUp,    // targets, domains and networks that made room with counts in them
  kDetectSketchesRefused,   // things not told apart in a window, for want of sketches
  kDetectFloodsNotRaised,   // looks that found a flood for which there was no room
  kDetectFloodsForgotten,   // floods that ended, and are told no more
  kOutputTransactions,      // lines of --transactions that were not written, or not whole
  kOutputEvents,            // lines of events.file, likewise
  kLiveSketchesRefused,     // sources not told apart in the lists of metrics, for want of sketches
};
inline constexpr std::size_t kLossCount = static_cast<std::size_t>(Loss::kLiveSketchesRefused) + 1;
std::string_view LossName(Loss loss);

// What was odd but understood (or skipped): keys of the report's `anomalies`.
enum class Anomaly : std::uint8_t {
  kBadIpChecksum,
  kBadTcpChecksum,        // of those verified: whole segments with at most 64 bytes of payload
  kTcpChecksumOffloaded,  // of the same: left to the network card (normal where we send)
  kIpLengthZero,          // segmentation offload: the captured length was taken
  kIpLengthBeyondFrame,   // an IP length over the frame's wire length: the rest is missing
  kFragmentOverlap,       // fragments that repeat bytes in part, or with other contents
  kFragmentHole,          // datagrams given up with bytes missing before the last one seen
  kTcpOverlapConflict,
  kTcpUrgent,
  kTcpSynResent,
  kTcpAckUnseen,
  kTcpSecondView,  // sessions that were also seen under another server address (DNAT)
  kNotSmtp,
  kBadCommand,
  kBadReply,
  kBrokenMultilineReply,
  kUnsolicitedReply,
  kLongLine,
  kBareLineFeed,
  kNulByte,
  kLenientEndOfData,
  kSmuggledTransaction,
  kRcptWithoutMail,
  kTransactionLost,
  kNestedMail,
  kBadBdat,
  kStarttlsInjection,
  kPlaintextAfterStarttls,
  kReplyInsideBody,
  kUntrustedProxyHeader,
  kAddressUnparsable,
};
inline constexpr std::size_t kAnomalyCount =
    static_cast<std::size_t>(Anomaly::kAddressUnparsable) + 1;
std::string_view AnomalyName(Anomaly anomaly);

class Ledger {
 public:
  void Add(Loss loss, std::uint64_t n = 1) { losses_[static_cast<std::size_t>(loss)] += n; }
  void Add(Anomaly anomaly, std::uint64_t n = 1) {
    anomalies_[static_cast<std::size_t>(anomaly)] += n;
  }
  std::uint64_t Get(Loss loss) const { return losses_[static_cast<std::size_t>(loss)]; }
  std::uint64_t Get(Anomaly anomaly) const { return anomalies_[static_cast<std::size_t>(anomaly)]; }

 private:
  std::array<std::uint64_t, kLossCount> losses_{};
  std::array<std::uint64_t, kAnomalyCount> anomalies_{};
};

}  // namespace backscatter
