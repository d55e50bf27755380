#include "agent/app/service_notifier.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace backscatter {
namespace {

// What systemd would be: a datagram socket.
class Listener {
 public:
  explicit Listener(const std::string& name) : fd_(socket(AF_UNIX, SOCK_DGRAM, 0)) {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name.data(), name.size());
    if (name.front() == '@') address.sun_path[0] = '\0';
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    EXPECT_EQ(bind(fd_, reinterpret_cast<const sockaddr*>(&address), length), 0);
  }
  ~Listener() { close(fd_); }
  std::string Next() const {
    char buffer[4096];
    const ssize_t got = recv(fd_, buffer, sizeof buffer, MSG_DONTWAIT);
    return got < 0 ? "" : std::string(buffer, static_cast<std::size_t>(got));
  }

 private:
  int fd_;
};

std::string UniqueName(const std::string& what) {
  return what + "backscatter-notify-" + std::to_string(getpid());
}

void ExpectsAllMessages(const std::string& name) {
  const Listener listener(name);
  ServiceNotifier notifier(name);
  notifier.Ready("capturing\non eth0");
  EXPECT_EQ(listener.Next(), "READY=1\nSTATUS=capturing\\x0aon eth0");
  notifier.Reloading();
  EXPECT_THAT(listener.Next(), testing::StartsWith("RELOADING=1\nMONOTONIC_USEC="));
  notifier.Stopping();
  EXPECT_EQ(listener.Next(), "STOPPING=1");
  notifier.Watchdog();
  EXPECT_EQ(listener.Next(), "WATCHDOG=1");
}

TEST(ServiceNotifier, SpeaksToAnAbstractSocket) { ExpectsAllMessages(UniqueName("@")); }

TEST(ServiceNotifier, SpeaksToASocketInTheFileSystem) {
  const std::string name = UniqueName("/tmp/");
  ExpectsAllMessages(name);
  unlink(name.c_str());
}

TEST(ServiceNotifier, ALongStatusIsCutBetweenCharacters) {
  const std::string name = UniqueName("@");
  const Listener listener(name);
  ServiceNotifier notifier(name);
  std::string names = "x";
  for (int i = 0; i < 1000; ++i) names += "\u00e4";
  notifier.Status(names);
  const std::string line = listener.Next();
  EXPECT_EQ(line.size(), std::string_view("STATUS=").size() + 1000);
  EXPECT_THAT(line, testing::EndsWith("\u00e4..."));
}

TEST(ServiceNotifier, WithoutAListenerNothingHappens) {
  for (const std::string& name :
       {std::string(), std::string("relative"), UniqueName("@none"), "/" + std::string(200, 'x')}) {
    ServiceNotifier notifier(name);
    notifier.Ready("x");
  }
}

TEST(ServiceNotifier, TakesItsEnvironmentAway) {
  setenv("NOTIFY_SOCKET", UniqueName("@").c_str(), 1);
  setenv("WATCHDOG_USEC", "30000000", 1);
  unsetenv("WATCHDOG_PID");
  EXPECT_EQ(ServiceNotifier::FromEnvironment().watchdog_interval(), 15 * kSecond);
  EXPECT_EQ(std::getenv("NOTIFY_SOCKET"), nullptr);
  EXPECT_EQ(std::getenv("WATCHDOG_USEC"), nullptr);
}

TEST(ServiceNotifier, AWatchdogOfAnotherProcessIsNotOurs) {
  setenv("WATCHDOG_USEC", "30000000", 1);
  setenv("WATCHDOG_PID", "1", 1);
  EXPECT_FALSE(ServiceNotifier::FromEnvironment().watchdog_interval().has_value());
  setenv("WATCHDOG_USEC", "soon", 1);
  EXPECT_FALSE(ServiceNotifier::FromEnvironment().watchdog_interval().has_value());
}

}  // namespace
}  // namespace backscatter
