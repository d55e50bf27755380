#include "tests/support/network_namespace.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

extern char** environ;

namespace backscatter::support {
namespace {

FileDescriptor Current() {
  return FileDescriptor(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
}

// The exit status, or -1 where the program could not be started.
int RunProgram(const std::vector<std::string>& words) {
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  pid_t child = 0;
  if (posix_spawnp(&child, arguments[0], nullptr, nullptr, arguments.data(), environ) != 0) {
    return -1;
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

std::vector<std::string> Split(std::string_view words) {
  std::vector<std::string> list;
  while (!words.empty()) {
    const std::string_view word = words.substr(0, words.find(' '));
    list.emplace_back(word);
    words.remove_prefix(std::min(words.size(), word.size() + 1));
  }
  return list;
}

}  // namespace

InNamespace::InNamespace(const FileDescriptor& name_space) : before_(Current()) {
  EXPECT_EQ(setns(name_space.get(), CLONE_NEWNET), 0) << std::strerror(errno);
}

InNamespace::~InNamespace() {
  EXPECT_EQ(setns(before_.get(), CLONE_NEWNET), 0) << std::strerror(errno);
}

std::optional<NetworkNamespace> NetworkNamespace::Make(std::string& why) {
  const FileDescriptor before = Current();
  if (!before.valid() || unshare(CLONE_NEWNET) != 0) {
    why = std::string("no network namespace can be made here: ") + std::strerror(errno);
    return std::nullopt;
  }
  NetworkNamespace made(Current());
  const bool can = RunProgram({"ip", "link", "set", "lo", "up"}) == 0;
  if (!can) why = "the program ip (iproute2) is missing or may not change a network namespace";
  if (setns(before.get(), CLONE_NEWNET) != 0) std::abort();  // the rest would test another network
  if (!can) return std::nullopt;
  return made;
}

bool NetworkNamespace::Ip(std::string_view words) const {
  const InNamespace in(fd_);
  std::vector<std::string> list = Split(words);
  list.insert(list.begin(), "ip");
  const int status = RunProgram(list);
  EXPECT_EQ(status, 0) << "ip " << words;
  return status == 0;
}

bool NetworkNamespace::JoinTo(const NetworkNamespace& other, const std::string& name,
                              const std::string& address, const std::string& other_name,
                              const std::string& other_address) const {
  const std::string place =
      "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(other.fd_.get());
  return Ip("link add " + name + " type veth peer name " + other_name + " netns " + place) &&
         Ip("addr add " + address + " dev " + name) && Ip("link set " + name + " up") &&
         other.Ip("addr add " + other_address + " dev " + other_name) &&
         other.Ip("link set " + other_name + " up");
}

}  // namespace backscatter::support
