// `lookup` as a shell sees it.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "exporters/metric_labels.h"

namespace backscatter {
namespace {

using testing::HasSubstr;
using testing::Not;

class Lookup : public testing::Test {
 protected:
  Lookup() {
    char name[] = "/tmp/backscatter_lookup_XXXXXX";
    folder_ = mkdtemp(name);
    Write("empty.yaml", "");
    Write("label.key", "a key for tests\n");
    std::filesystem::permissions(folder_ + "/label.key", std::filesystem::perms(0600));
  }
  ~Lookup() override { std::filesystem::remove_all(folder_); }

  void Write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ + "/" + name, std::ios::binary) << text;
  }
  std::string Read(const std::string& name) const {
    std::ifstream in(folder_ + "/" + name);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  static std::string Hash(const std::string& address) {
    return TargetHash("a key for tests", address);
  }
  // `words` behind `backscatterd lookup`; what it printed and its exit code.
  int Ask(const std::string& words) {
    const std::string command = "cd " + folder_ + " && " + BACKSCATTERD_BINARY +
                                " lookup --config.file empty.yaml --set labels.key_file=label.key" +
                                " --set labels.names_file=label.names " + words +
                                " > output 2> errors";
    const int status = std::system(command.c_str());
    output_ = Read("output");
    errors_ = Read("errors");
    return WEXITSTATUS(status);
  }

  std::string folder_;
  std::string output_;
  std::string errors_;
};

TEST_F(Lookup, FindsWhatTheAgentHasShown) {
  const std::string hash = Hash("joe@ours.example");
  Write("label.names", hash + "\t1800000000\tjoe@ours.example\n");
  EXPECT_EQ(Ask(hash), 0);
  EXPECT_EQ(output_, "joe@ours.example\n");
  EXPECT_EQ(Ask(hash + "@ours.example"), 0) << "as alerts say it";
  std::string upper = hash;
  for (char& c : upper) c = static_cast<char>(std::toupper(c));
  EXPECT_EQ(Ask(upper), 0);
}

TEST_F(Lookup, WhatTheFileSaysIsCheckedByTheKey) {
  const std::string hash = Hash("joe@ours.example");
  Write("label.names", hash + "\t1800000000\tsomebody.else@ours.example\n");
  EXPECT_EQ(Ask(hash), 1);
  EXPECT_EQ(output_, "");
}

TEST_F(Lookup, FindsAnAddressInALogOrATable) {
  Write("mail.log",
        "Nov 24 10:00:00 mx postfix/smtp[1]: 4B: to=<Joe+x@OURS.example>, orig_to=<a@b>, relay=x\n"
        "Nov 24 10:00:00 mx postfix/smtp[1]: 4B: orig_to=ann@ours.example, relay=x\n");
  EXPECT_EQ(Ask(Hash("Joe+x@ours.example") + " mail.log"), 0);
  EXPECT_EQ(output_, "Joe+x@ours.example\n");
  EXPECT_EQ(Ask(Hash("ann@ours.example") + " mail.log"), 0);
  EXPECT_EQ(Ask(Hash("joe+x@ours.example") + " --set targets.fold_case=true mail.log"), 0);
  EXPECT_EQ(Ask(Hash("bob@ours.example") + " - < mail.log"), 1);
  EXPECT_EQ(Ask(Hash("ann@ours.example") + " - < mail.log"), 0);
  EXPECT_EQ(output_, "ann@ours.example\n");
}

TEST_F(Lookup, FindsAUserOfADomain) {
  Write("passwd", "root:x:0:0:root:/root:/bin/sh\njoe:x:1000:1000::/srv/joe:/bin/sh\n");
  EXPECT_EQ(Ask(Hash("joe@ours.example") + " passwd"), 1);
  EXPECT_EQ(Ask(Hash("joe@ours.example") + " passwd --domain ours.example"), 0);
  EXPECT_EQ(output_, "joe@ours.example\n");
  EXPECT_EQ(Ask(Hash("joe@ours.example") + "@ours.example passwd"), 0);
}

TEST_F(Lookup, WordsAreFoundWhereverTheirPiecesBeginAndLinesMayBeLong) {
  const std::string address = "joe@ours.example";
  for (const std::size_t before : {(64u << 10) - 8, (64u << 10) - 1, 64u << 10, 300'000u}) {
    Write("long", std::string(before, ',') + address);
    EXPECT_EQ(Ask(Hash(address) + " long"), 0) << before;
  }
  Write("hostile", std::string(1 << 20, 'x') + std::string("\0\xff,", 3) + address);
  EXPECT_EQ(Ask(Hash(address) + " hostile"), 0);
}

TEST_F(Lookup, NotFoundSaysWhatElseCanBeTried) {
  EXPECT_EQ(Ask("0123456789abcdef"), 1);
  EXPECT_THAT(errors_, HasSubstr("backscatterd lookup 0123456789abcdef /var/log/mail.log"));
  EXPECT_EQ(Ask("0123456789abcdef nowhere"), 1);
  EXPECT_THAT(errors_, HasSubstr("nowhere: No such file or directory"));
}

TEST_F(Lookup, WithoutAKeyOrALabelItIsAWrongUse) {
  EXPECT_EQ(Ask("--set labels.key_file=nokey 0123456789abcdef"), 2);
  EXPECT_THAT(errors_, HasSubstr("on a host that has its key"));
  EXPECT_EQ(Ask("0123456789abcde"), 2);
  EXPECT_THAT(errors_, HasSubstr("a label is 16 hex digits"));
  EXPECT_EQ(Ask("joe@ours.example"), 2);
  EXPECT_EQ(Ask(""), 2);
  std::filesystem::permissions(folder_ + "/label.key", std::filesystem::perms(0644));
  EXPECT_EQ(Ask("0123456789abcdef"), 2);
  EXPECT_THAT(errors_, HasSubstr("chmod 600"));
  EXPECT_THAT(errors_, Not(HasSubstr("a key for tests")));
}

}  // namespace
}  // namespace backscatter
