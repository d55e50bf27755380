#include "agent/app/batv_key_files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace backscatter {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr PacketTime kNow = 20'781LL * 86'400 * kSecond;
constexpr std::string_view kAlice = "prvs=0788f7674b=alice@example.com";

// A key file that is gone at the end of the test.
class KeyFile {
 public:
  explicit KeyFile(std::string_view text, mode_t mode = 0600) {
    char name[] = "/tmp/backscatter_key_XXXXXX";
    const int fd = mkstemp(name);
    path_ = name;
    std::ofstream(path_, std::ios::binary) << text;
    close(fd);
    EXPECT_EQ(chmod(path_.c_str(), mode), 0);
  }
  ~KeyFile() { unlink(path_.c_str()); }
  KeyFile(const KeyFile&) = delete;
  KeyFile& operator=(const KeyFile&) = delete;
  std::string Entry(int number) const { return std::to_string(number) + ":" + path_; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::string Error(const std::vector<std::string>& entries) {
  const absl::StatusOr<BatvKeys> keys = ReadBatvKeys(entries);
  if (keys.ok()) return "OK";
  EXPECT_EQ(keys.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(keys.status().message());
}

TEST(BatvKeyFiles, AKeyIsTheFileWithoutItsLineEnd) {
  for (const std::string_view text : {"secretkey", "secretkey\n", "secretkey\r\n"}) {
    const KeyFile file(text);
    const absl::StatusOr<BatvKeys> keys = ReadBatvKeys({file.Entry(0)});
    ASSERT_TRUE(keys.ok()) << keys.status();
    EXPECT_EQ(keys->Check(kAlice, kNow), TagState::kValid);
  }
  const KeyFile blank("secretkey \n");
  const absl::StatusOr<BatvKeys> keys = ReadBatvKeys({blank.Entry(0)});
  ASSERT_TRUE(keys.ok());
  EXPECT_EQ(keys->Check(kAlice, kNow), TagState::kWrong);
}

TEST(BatvKeyFiles, ANumberMayHaveSeveral) {
  const KeyFile other("other", 0400);
  const KeyFile file("secretkey\n");
  const absl::StatusOr<BatvKeys> keys = ReadBatvKeys({other.Entry(0), file.Entry(0)});
  ASSERT_TRUE(keys.ok()) << keys.status();
  EXPECT_EQ(keys->Check(kAlice, kNow), TagState::kValid);
  EXPECT_TRUE(ReadBatvKeys({})->empty());
}

TEST(BatvKeyFiles, AFileThatOthersCanReadOrWriteIsRefused) {
  for (const mode_t mode : {0640u, 0604u, 0620u, 0602u, 0644u, 0666u}) {
    const KeyFile file("secretkey\n", mode);
    const std::string octal = {static_cast<char>('0' + (mode >> 6)),
                               static_cast<char>('0' + (mode >> 3 & 7)),
                               static_cast<char>('0' + (mode & 7))};
    EXPECT_THAT(Error({file.Entry(0)}), AllOf(HasSubstr(file.path()), HasSubstr("mode 0" + octal),
                                              HasSubstr("chmod 600"), Not(HasSubstr("secretkey"))));
  }
}

TEST(BatvKeyFiles, WhatIsNoKeyFileIsNamed) {
  EXPECT_THAT(Error({"0:/nowhere/key"}), HasSubstr("/nowhere/key: No such file"));
  EXPECT_THAT(Error({"0:/tmp"}), HasSubstr("plain file"));
  EXPECT_THAT(Error({"0:/dev/null"}), HasSubstr("plain file"));
  const KeyFile empty("\n");
  EXPECT_THAT(Error({empty.Entry(0)}), HasSubstr("holds no key"));
  const KeyFile full(std::string(4096, 'k'));
  EXPECT_EQ(Error({full.Entry(9)}), "OK");
  const KeyFile large(std::string(4097, 'k'));
  EXPECT_THAT(Error({large.Entry(0)}), HasSubstr("over 4096 octets"));
}

TEST(BatvKeyFiles, AnEntryThatMayBeAKeyItselfIsNotShown) {
  for (const std::string entry : {"secretkey", "0secretkey", "12:secretkey", "0:", "x:secretkey"}) {
    EXPECT_THAT(Error({entry}), AllOf(HasSubstr("NUMBER:FILE"), Not(HasSubstr("secretkey"))));
  }
}

}  // namespace
}  // namespace backscatter
