// What `check` concludes from the facts of a host.
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

#include "agent/app/check_report.h"
#include "agent/app/host_facts.h"
#include "agent/app/rights.h"

namespace backscatter {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr CapabilitySet kAll = kForKernelProbes | kForPacketCapture;

LoadedConfig Defaults() { return *LoadConfig({.file = "/dev/null", .sets = {}}); }

// A gateway that has everything.
HostFacts Good() {
  HostFacts facts;
  facts.kernel = "6.8.0";
  facts.kernel_major = 6;
  facts.kernel_minor = 8;
  facts.has_btf = true;
  facts.btf_path = "/sys/kernel/btf/vmlinux";
  facts.capabilities = kAll;
  facts.source = "bpf";
  facts.looked_for = 5 * kSecond;
  facts.interfaces = {{.interface = {.index = 2, .name = "eth0", .up = true},
                       .watched = true,
                       .packets = 40,
                       .mail = 7}};
  facts.listeners = {{.port = 25,
                      .address = "0.0.0.0",
                      .process = "master",
                      .known_server = true,
                      .configured_port = true,
                      .answer = MailListener::Answer::kAnswered,
                      .offers_starttls = true}};
  facts.sees_all_processes = true;
  facts.segments = 7;
  return facts;
}

CheckReport Conclude(const HostFacts& facts) {
  const LoadedConfig loaded = Defaults();
  return ConcludeCheck(facts, loaded.config, PlanMemory(loaded));
}

TEST(Check, AGoodHostWouldSeeMail) {
  const CheckReport report = Conclude(Good());
  EXPECT_TRUE(report.would_see_mail);
  EXPECT_EQ(report.exit_code, ExitCode::kDone);
  const std::string table = RenderCheckTable(report);
  EXPECT_THAT(table, AllOf(HasSubstr("yes   Linux 6.8.0: kernel probes by TCX"),
                           HasSubstr("eth0: 40 packets in 5.0 s, 7 of mail"),
                           HasSubstr("port 25 (master, 0.0.0.0)"), HasSubstr("offers STARTTLS"),
                           HasSubstr("cannot read TLS"), HasSubstr("would see mail here")));
}

TEST(Check, EveryNoComesWithWhatChangesIt) {
  HostFacts facts = Good();
  facts.capabilities = {};
  facts.probes = absl::PermissionDeniedError("CAP_BPF is missing");
  facts.packets = absl::PermissionDeniedError("not permitted");
  facts.source = "";
  facts.listeners = {};
  facts.segments = 0;
  facts.kernel_major = 5;
  facts.kernel_minor = 4;
  const CheckReport report = Conclude(facts);
  for (const CheckFinding& finding : report.findings) {
    EXPECT_TRUE(finding.state != CheckFinding::State::kNo || !finding.fix.empty()) << finding.text;
  }
}

TEST(Check, AnOrdinaryUserCannotCapture) {
  HostFacts facts = Good();
  facts.capabilities = {};
  facts.probes = absl::PermissionDeniedError("CAP_BPF is missing");
  facts.packets = absl::PermissionDeniedError("not permitted");
  facts.source = "";
  const CheckReport report = Conclude(facts);
  EXPECT_FALSE(report.can_capture);
  EXPECT_FALSE(report.would_see_mail);
  EXPECT_EQ(report.exit_code, ExitCode::kRefused);
  EXPECT_THAT(
      RenderCheckTable(report),
      AllOf(HasSubstr("NO    CAP_NET_RAW is missing: packet capture"),
            HasSubstr("setcap cap_net_raw+ep backscatterd"), HasSubstr("cannot capture here")));
}

TEST(Check, PacketCaptureAloneWouldSeeMail) {
  HostFacts facts = Good();
  facts.capabilities = kForPacketCapture;
  facts.probes = absl::PermissionDeniedError("CAP_BPF is missing");
  facts.source = "pcap";
  const CheckReport report = Conclude(facts);
  EXPECT_TRUE(report.would_see_mail);
  EXPECT_THAT(RenderCheckTable(report),
              AllOf(HasSubstr("packet capture works instead"), HasSubstr("by source pcap")));
}

TEST(Check, WithoutTypeInformationPacketsAreSeenAllTheSame) {
  HostFacts facts = Good();
  facts.has_btf = false;
  const CheckReport report = Conclude(facts);
  EXPECT_TRUE(report.would_see_mail);
  EXPECT_THAT(RenderCheckTable(report), HasSubstr("note  no type information (BTF)"));
}

TEST(Check, WithoutAMailServerAndWithoutMailThereIsNothingToSee) {
  HostFacts facts = Good();
  facts.listeners = {};
  facts.segments = 0;
  EXPECT_FALSE(Conclude(facts).would_see_mail);
  EXPECT_TRUE(Conclude(facts).can_capture);
  EXPECT_EQ(Conclude(facts).exit_code, ExitCode::kDamaged);
  facts.segments = 3;  // a router, or a bridge
  EXPECT_TRUE(Conclude(facts).would_see_mail);
}

TEST(Check, ImplicitTlsAloneIsNothingToSee) {
  HostFacts facts = Good();
  facts.segments = 0;
  facts.listeners = {{.port = 465,
                      .address = "::",
                      .process = "exim4",
                      .known_server = true,
                      .configured_port = true,
                      .answer = MailListener::Answer::kTls}};
  const CheckReport report = Conclude(facts);
  EXPECT_FALSE(report.would_see_mail);
  EXPECT_THAT(RenderCheckTable(report), HasSubstr("port 465: every session is TLS"));
}

TEST(Check, AServerAtAnotherPortIsNamedWithTheLineForIt) {
  HostFacts facts = Good();
  facts.listeners.push_back({.port = 10025,
                             .address = "127.0.0.1",
                             .process = "master",
                             .known_server = true,
                             .answer = MailListener::Answer::kAnswered});
  EXPECT_THAT(RenderCheckTable(Conclude(facts)),
              AllOf(HasSubstr("port 10025 (master, 127.0.0.1) is not in `ports`"),
                    HasSubstr("add 10025 to `ports`")));
}

CheckReport ConcludeWith(const HostFacts& facts, const std::vector<std::string>& sets) {
  const LoadedConfig loaded = *LoadConfig({.file = "/dev/null", .sets = sets});
  return ConcludeCheck(facts, loaded.config, PlanMemory(loaded));
}

TEST(Check, InterfacesThatAreRefusedAreNamedAndWithoutOneNothingCanBeCaptured) {
  HostFacts facts = Good();
  facts.interfaces.push_back({.interface = {.index = 3, .name = "wg0", .up = true}});
  facts.capture = absl::PermissionDeniedError("wg0: not permitted\nand more");
  const CheckReport some = ConcludeWith(facts, {"interfaces=[eth0, wg0]"});
  EXPECT_TRUE(some.can_capture);
  EXPECT_EQ(some.exit_code, ExitCode::kDone);
  EXPECT_THAT(RenderCheckTable(some), AllOf(HasSubstr("NO    wg0 cannot be watched"),
                                            HasSubstr("wg0: not permitted and more")));
  facts.interfaces[0].watched = false;
  const CheckReport none = ConcludeWith(facts, {"interfaces=[eth0, wg0]"});
  EXPECT_FALSE(none.can_capture);
  EXPECT_EQ(none.exit_code, ExitCode::kRefused);
}

TEST(Check, AnInterfaceThatIsNotAskedForDoesNotHelp) {
  HostFacts facts = Good();
  facts.interfaces[0].wanted = false;
  facts.interfaces.push_back({.interface = {.index = 3, .name = "wg0", .up = true}});
  EXPECT_EQ(ConcludeWith(facts, {"interfaces=[wg0]"}).exit_code, ExitCode::kRefused);
}

TEST(Check, SettingsThatRunWouldRefuseEndItInTwo) {
  EXPECT_EQ(ConcludeWith(Good(), {"interfaces=[nosuch0]"}).exit_code, ExitCode::kUsage);
  EXPECT_EQ(ConcludeWith(Good(), {"memory.max=32MiB", "targets.capacity=10000000"}).exit_code,
            ExitCode::kUsage);
}

TEST(Check, MailOfOtherHostsIsNoted) {
  EXPECT_THAT(RenderCheckTable(Conclude(Good())), Not(HasSubstr("between other hosts")));
  HostFacts facts = Good();
  facts.foreign_segments = 12;
  EXPECT_THAT(RenderCheckTable(Conclude(facts)),
              AllOf(HasSubstr("note  12 segments of mail between other hosts"),
                    HasSubstr("`local.networks`")));
}

TEST(Check, WhoDidNotAnswerOrWasNotAskedIsNamed) {
  HostFacts facts = Good();
  facts.listeners[0].answer = MailListener::Answer::kSilent;
  EXPECT_THAT(RenderCheckTable(Conclude(facts)),
              HasSubstr("port 25 (0.0.0.0) did not answer within 2 s"));
  facts.listeners[0].answer = MailListener::Answer::kNotAsked;
  EXPECT_THAT(RenderCheckTable(Conclude(facts)), HasSubstr("port 25 (0.0.0.0) was not asked"));
}

TEST(Check, LinesFitAndHostileNamesAreEscaped) {
  HostFacts facts = Good();
  facts.listeners[0].process = "ma\x1b[2Jster\n";
  facts.kernel = std::string(300, 'k') + "\x9b";
  const std::string table = RenderCheckTable(Conclude(facts));
  for (const char c : table) EXPECT_TRUE(c == '\n' || (c >= ' ' && c <= '~')) << int{c};
  EXPECT_THAT(table, HasSubstr("ma\\x1b[2Jster\\x0a"));
}

TEST(Check, JsonHasEveryFinding) {
  const CheckReport report = Conclude(Good());
  const nlohmann::json json = nlohmann::json::parse(RenderCheckJson(report));
  EXPECT_EQ(json.at("schema"), "backscatter.check/1");
  EXPECT_EQ(json.at("would_see_mail"), true);
  EXPECT_EQ(json.at("look_seconds"), 5.0);
  EXPECT_EQ(json.at("findings").size(), report.findings.size());
}

// ---- gathering ----

TEST(Check, LooksAtEverySessionOfThePorts) {
  const LoadedConfig loaded =
      *LoadConfig({.file = "/dev/null", .sets = {"sampling.ratio=0.01", "ports=[2626]"}});
  const CaptureRules rules = LookRules(loaded.config);
  EXPECT_EQ(rules.sampling_ratio, 1);
  EXPECT_THAT(rules.ports, testing::ElementsAre(2626));
}

class Listener : public testing::Test {
 protected:
  // A server on a port of its own that answers with `replies`, one for each thing it is told.
  std::uint16_t Serve(std::vector<std::string> replies) {
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address), length), 0);
    EXPECT_EQ(listen(fd_, 1), 0);
    getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &length);
    thread_ = std::thread([this, replies] {
      const int peer = accept(fd_, nullptr, nullptr);
      for (const std::string& reply : replies) {
        (void)!write(peer, reply.data(), reply.size());
        char buffer[512];
        if (read(peer, buffer, sizeof buffer) <= 0) break;
      }
      close(peer);
    });
    return ntohs(address.sin_port);
  }
  ~Listener() override {
    if (thread_.joinable()) thread_.join();
    if (fd_ >= 0) close(fd_);
  }
  int fd_ = -1;
  std::thread thread_;
};

TEST_F(Listener, IsAskedWhetherItOffersStarttls) {
  MailListener listener{.address = "127.0.0.1"};
  listener.port =
      Serve({"220 mx ESMTP\r\n", "250-mx\r\n250-STARTTLS\r\n250 HELP\r\n", "221 bye\r\n"});
  AskListener(listener);
  EXPECT_EQ(listener.answer, MailListener::Answer::kAnswered);
  EXPECT_TRUE(listener.offers_starttls);
}

TEST_F(Listener, MayWriteTheKeywordAsItLikesButNotInsideOfAnother) {
  MailListener listener{.address = "127.0.0.1"};
  listener.port = Serve({"220 mx ESMTP\r\n", "250-mx\r\n250 StartTLS\r\n", "221 bye\r\n"});
  AskListener(listener);
  EXPECT_TRUE(listener.offers_starttls);
}

TEST_F(Listener, ThatOffersAnotherKeywordOffersNoTls) {
  MailListener listener{.address = "127.0.0.1"};
  listener.port = Serve({"220 mx ESMTP\r\n", "250-mx\r\n250 X-NOSTARTTLS STARTTLS\r\n"});
  AskListener(listener);
  EXPECT_EQ(listener.answer, MailListener::Answer::kAnswered);
  EXPECT_FALSE(listener.offers_starttls);
}

TEST_F(Listener, ThatSaysNothingIsSilent) {
  MailListener listener{.address = "127.0.0.1"};
  listener.port = Serve({""});
  AskListener(listener);
  EXPECT_EQ(listener.answer, MailListener::Answer::kSilent);
}

TEST(Listeners, AreAskedUpToABoundThoseOfThePortsFirst) {
  std::vector<MailListener> listeners(40, {.port = 1, .address = "127.0.0.1"});  // who refuses
  for (std::size_t i = 30; i < 40; ++i) listeners[i].configured_port = true;
  AskListeners(listeners);
  std::size_t asked = 0;
  for (const MailListener& listener : listeners) {
    const bool was = listener.answer != MailListener::Answer::kNotAsked;
    EXPECT_TRUE(was || !listener.configured_port);
    asked += was;
  }
  EXPECT_EQ(asked, kMostAsked);
}

TEST_F(Listener, ThatSpeaksAnotherLanguageIsNoMailServer) {
  MailListener listener{.address = "127.0.0.1"};
  listener.port = Serve({"SSH-2.0-x\r\n"});
  AskListener(listener);
  EXPECT_EQ(listener.answer, MailListener::Answer::kNone);
}

TEST_F(Listener, IsFoundWithItsProcess) {
  const std::uint16_t port = Serve({});
  bool all = false;
  const std::vector<MailListener> found = FindListeners({}, {port}, all);
  MailListener asked{.port = port, .address = "127.0.0.1"};
  AskListener(asked);  // lets its thread end
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].address, "127.0.0.1");
  EXPECT_TRUE(found[0].configured_port);
  EXPECT_THAT(found[0].process, testing::StartsWith("app_"));
}

}  // namespace
}  // namespace backscatter
