#include <gtest/gtest.h>

#include "tests/unit/net/decode_helpers.h"

namespace backscatter {
namespace {

using support::Big16;
using support::Big32;
using support::PacketBuilder;

TEST(EveryForm, GivesItsSegmentAndNothingElseIsCounted) {
  for (const Form& form : AllForms()) {
    SCOPED_TRACE(form.name);
    FrameDecoder decoder;
    ExpectTheSegment(decoder.Decode(form.frame, form.link_type), form.is_v6);
    EXPECT_EQ(decoder.AllLosses(), 0u);
    EXPECT_EQ(decoder.AllAnomalies(), 0u);
  }
}

TEST(EveryForm, ATrailerBehindTheIpLengthIsNoPayload) {
  for (const Form& form : AllForms()) {
    SCOPED_TRACE(form.name);
    FrameDecoder decoder;
    const std::string frame = form.frame + "MAIL FROM:<> padding of the frame";
    ExpectTheSegment(decoder.Decode(frame, form.link_type), form.is_v6);
  }
}

TEST(EveryForm, CutAtEveryByteGivesAPrefixOfThePayloadOrOneLoss) {
  const std::string text = kText;
  for (const Form& form : AllForms()) {
    for (std::size_t length = 0; length < form.frame.size(); ++length) {
      SCOPED_TRACE(form.name + " cut at " + std::to_string(length));
      FrameDecoder decoder;
      const std::string cut = form.frame.substr(0, length);
      Packet packet = support::AsPacket(cut, form.link_type);
      packet.wire_length = static_cast<std::uint32_t>(form.frame.size());
      const auto got = decoder.Decode(packet);
      EXPECT_EQ(decoder.AllLosses(), got ? 0u : 1u);
      EXPECT_EQ(decoder.AllAnomalies(), 0u);
      if (!got) continue;
      EXPECT_EQ(got->payload, text.substr(0, got->payload.size()));
      EXPECT_EQ(got->segment.payload_wire_length, text.size());
      EXPECT_EQ(got->segment.sequence, 7000u);
    }
  }
}

TEST(EveryForm, CutWithoutAKnownWireLengthNeverGivesOtherBytes) {
  const std::string text = kText;
  for (const Form& form : AllForms()) {
    for (std::size_t length = 0; length < form.frame.size(); ++length) {
      SCOPED_TRACE(form.name + " cut at " + std::to_string(length));
      FrameDecoder decoder;
      const auto got = decoder.Decode(form.frame.substr(0, length), form.link_type);
      if (!got) continue;
      EXPECT_EQ(got->payload, text.substr(0, got->payload.size()));
      EXPECT_EQ(got->segment.payload_wire_length, text.size());
      EXPECT_GT(decoder.Count(Anomaly::kIpLengthBeyondFrame), 0u);
    }
  }
}

struct Silent {
  const char* name;
  std::string frame;
};

TEST(LinkHeaders, FramesKnownToBeWithoutTcpAreNoLoss) {
  const std::string rest(60, '\x01');
  const std::vector<Silent> frames = {
      {"arp", PacketBuilder().Ethernet(0x0806).Payload(rest).Build()},
      {"lldp", PacketBuilder().Ethernet(0x88cc).Payload(rest).Build()},
      {"pppoe discovery", PacketBuilder().Ethernet(0x8863).Payload(rest).Build()},
      {"pppoe code", PacketBuilder().Ethernet(0x8864).Payload("\x11\x09" + rest).Build()},
      {"spanning tree", PacketBuilder().Dot3().Payload("\x42\x42\x03" + rest).Build()},
      {"cisco discovery", PacketBuilder()
                              .Dot3()
                              .Payload(std::string("\xaa\xaa\x03\x00\x00\x0c\x20\x00", 8) + rest)
                              .Build()},
      {"associated channel", PacketBuilder().Ethernet().Mpls(13).Payload("\x10" + rest).Build()},
      {"arp in vlan",
       PacketBuilder().Ethernet(0x8100).Payload(Big16(3) + Big16(0x0806) + rest).Build()},
  };
  for (const Silent& frame : frames) {
    FrameDecoder decoder;
    EXPECT_FALSE(decoder.Decode(frame.frame, LinkType::kEthernet)) << frame.name;
    EXPECT_EQ(decoder.AllLosses(), 0u) << frame.name;
  }
}

TEST(LinkHeaders, UnknownEncapsulationsAreCountedAsSuch) {
  const std::string rest(60, '\x01');
  FrameDecoder decoder;
  EXPECT_FALSE(decoder.Decode(PacketBuilder().Ethernet(0x88e5).Payload(rest)));  // MACsec
  EXPECT_FALSE(decoder.Decode(PacketBuilder().Null(7, false).Payload(rest), LinkType::kNull));
  EXPECT_FALSE(decoder.Decode(Big16(0x002d) + rest, LinkType::kPpp));  // VJ compressed TCP
  EXPECT_EQ(decoder.Count(Loss::kDecodeUnknownProtocol), 3u);
}

TEST(LinkHeaders, PppControlProtocolsAreNoLoss) {
  FrameDecoder decoder;
  EXPECT_FALSE(decoder.Decode(Big16(0xc021) + std::string(20, '\x01'), LinkType::kPpp));
  EXPECT_EQ(decoder.AllLosses(), 0u);
}

TEST(LinkHeaders, UnknownLinkTypesAreCounted) {
  FrameDecoder decoder;
  EXPECT_FALSE(decoder.Decode(std::string(100, 'x'), LinkType{107}));  // frame relay
  EXPECT_FALSE(decoder.Decode(std::string(), LinkType{0xffffffff}));
  EXPECT_EQ(decoder.Count(Loss::kDecodeUnknownLinkType), 2u);
  EXPECT_EQ(decoder.AllLosses(), 2u);
}

TEST(LinkHeaders, NflogLengthsThatCannotBeAreMalformed) {
  FrameDecoder decoder;
  const std::string head("\x02\0\0\x07", 4);
  EXPECT_FALSE(decoder.Decode(head + std::string("\x03\0\x01\0", 4), LinkType::kNflog));
  EXPECT_FALSE(decoder.Decode(head + std::string("\xff\x7f\x01\0", 4), LinkType::kNflog));
  EXPECT_FALSE(decoder.Decode(head + std::string("\x00\x00\x09\0", 4), LinkType::kNflog));
  EXPECT_EQ(decoder.Count(Loss::kDecodeMalformed), 3u);
}

TEST(LinkHeaders, NflogWithoutPayloadIsNoLoss) {
  FrameDecoder decoder;
  EXPECT_FALSE(
      decoder.Decode(std::string("\x02\0\0\x07\x08\0\x01\0\x08\0\x01\0", 12), LinkType::kNflog));
  EXPECT_EQ(decoder.AllLosses(), 0u);
}

TEST(LinkHeaders, ALabelStackWithoutEndIsTooDeep) {
  FrameDecoder decoder;
  std::string stack;
  for (int i = 0; i < 200; ++i) stack += Big32(0x00010040);
  EXPECT_FALSE(decoder.Decode(PacketBuilder().Ethernet(0x8847).Payload(stack)));
  EXPECT_EQ(decoder.Count(Loss::kDecodeTooDeep), 1u);
}

TEST(LinkHeaders, TagsWithoutEndAreTooDeep) {
  FrameDecoder decoder;
  PacketBuilder builder;
  builder.Ethernet();
  for (std::uint16_t i = 0; i < 300; ++i) builder.Vlan(i);
  EXPECT_FALSE(decoder.Decode(EndV4(builder)));
  EXPECT_EQ(decoder.Count(Loss::kDecodeTooDeep), 1u);
}

TEST(LinkHeaders, APseudoWireIsOnlyGuessedWhereAKnownEtherTypeIsInPlace) {
  FrameDecoder decoder;
  EXPECT_FALSE(decoder.Decode(PacketBuilder().Ethernet().Mpls(9).Payload(std::string(60, '\x22'))));
  EXPECT_FALSE(decoder.Decode(PacketBuilder().Ethernet().Mpls(9).Payload(std::string(60, '\0'))));
  EXPECT_EQ(decoder.Count(Loss::kDecodeUnknownProtocol), 2u);
}

}  // namespace
}  // namespace backscatter
