#include "agent/app/label_names.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace backscatter {
namespace {

constexpr PacketTime kNow = 1'800'000'000 * kSecond;

class LabelNamesTest : public testing::Test {
 protected:
  LabelNamesTest() {
    char name[] = "/tmp/backscatter_names_XXXXXX";
    folder_ = mkdtemp(name);
    path_ = folder_ + "/label.names";
  }
  ~LabelNamesTest() override { std::filesystem::remove_all(folder_); }
  static std::string Hash(int i) {
    const std::string number = std::to_string(i);
    return std::string(16 - number.size(), '0') + number;
  }
  std::string Read() const {
    std::ifstream in(path_);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  std::string folder_;
  std::string path_;
};

TEST_F(LabelNamesTest, WhatWasShownIsFoundAfterARestartByTheOwnerAlone) {
  LabelNames names(path_);
  names.Note(Hash(1), "joe@ours.example", kNow);
  ASSERT_TRUE(names.Save(kNow, false).ok());
  EXPECT_EQ(LabelNames(path_).Find(Hash(1)), "joe@ours.example");
  EXPECT_EQ(LabelNames(path_).Find(Hash(2)), std::nullopt);
  struct stat about {};
  ASSERT_EQ(stat(path_.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 07777, 0600u);
}

TEST_F(LabelNamesTest, NothingIsWrittenWhereNothingIsNewOrJustWas) {
  LabelNames names(path_);
  ASSERT_TRUE(names.Save(kNow, true).ok());
  EXPECT_FALSE(std::filesystem::exists(path_)) << "nothing was shown";
  names.Note(Hash(1), "joe@ours.example", kNow);
  ASSERT_TRUE(names.Save(kNow, false).ok());
  names.Note(Hash(2), "ann@ours.example", kNow);
  ASSERT_TRUE(names.Save(kNow + 9 * kSecond, false).ok());
  EXPECT_EQ(LabelNames(path_).Find(Hash(2)), std::nullopt);
  ASSERT_TRUE(names.Save(kNow + 9 * kSecond, true).ok());
  EXPECT_EQ(LabelNames(path_).Find(Hash(2)), "ann@ours.example");
  std::filesystem::remove(path_);
  names.Note(Hash(2), "ann@ours.example", kNow + kMinute);
  ASSERT_TRUE(names.Save(kNow + kMinute, true).ok());
  EXPECT_FALSE(std::filesystem::exists(path_)) << "nothing is new";
}

TEST_F(LabelNamesTest, AWeekLaterItIsForgotten) {
  LabelNames names(path_);
  names.Note(Hash(1), "joe@ours.example", kNow);
  names.Note(Hash(2), "ann@ours.example", kNow + LabelNames::kKept);
  ASSERT_TRUE(names.Save(kNow + LabelNames::kKept + kSecond, true).ok());
  EXPECT_EQ(LabelNames(path_).Find(Hash(1)), std::nullopt);
  EXPECT_EQ(LabelNames(path_).Find(Hash(2)), "ann@ours.example");
}

TEST_F(LabelNamesTest, BeyondTheCapTheOldestGoes) {
  LabelNames names(path_);
  for (int i = 0; i <= static_cast<int>(LabelNames::kMost); ++i) {
    names.Note(Hash(i), "user" + std::to_string(i) + "@ours.example", kNow + i);
  }
  EXPECT_EQ(names.size(), LabelNames::kMost);
  EXPECT_EQ(names.Find(Hash(0)), std::nullopt);
  EXPECT_NE(names.Find(Hash(1)), std::nullopt);
}

TEST_F(LabelNamesTest, ADamagedFileCostsNoMoreThanItsDamagedLines) {
  std::ofstream(path_) << "garbage\n\t\t\n0000000000000001\t99999999999999999999\tjoe@x\n"
                       << std::string(100'000, 'x') << "\n0000000000000003\t17\tann@ours.example\n"
                       << "0000000000000004\t17";
  const LabelNames names(path_);
  EXPECT_EQ(names.size(), 1u);
  EXPECT_EQ(names.Find(Hash(3)), "ann@ours.example");
}

TEST_F(LabelNamesTest, AFileThatIsTooLargeToBeOursIsNotRead) {
  std::ofstream(path_) << "0000000000000003\t17\tann@ours.example\n";
  EXPECT_EQ(LabelNames(path_).size(), 1u);
  std::filesystem::resize_file(path_, std::uintmax_t{1} << 40);  // a hole
  EXPECT_EQ(LabelNames(path_).size(), 0u);
}

TEST_F(LabelNamesTest, WhatIsNoAddressOfOneLineIsNotTaken) {
  LabelNames names(path_);
  names.Note(Hash(1), "a\nb@x", kNow);
  names.Note(Hash(1), "a\tb@x", kNow);
  names.Note(Hash(1), std::string(1000, 'x'), kNow);
  names.Note("short", "joe@x", kNow);
  EXPECT_EQ(names.size(), 0u);
}

TEST_F(LabelNamesTest, WhereItCannotBeWrittenItIsTriedAgain) {
  const std::string folder = folder_ + "/later";
  LabelNames names(folder + "/label.names");
  names.Note(Hash(1), "joe@ours.example", kNow);
  EXPECT_FALSE(names.Save(kNow, true).ok());
  std::filesystem::create_directory(folder);
  ASSERT_TRUE(names.Save(kNow + LabelNames::kBetweenSaves, false).ok());
  EXPECT_EQ(LabelNames(folder + "/label.names").Find(Hash(1)), "joe@ours.example");
}

TEST_F(LabelNamesTest, NoLinkIsFollowedAndWhoHasTheFileOpenReadsNothingNew) {
  const std::string others = folder_ + "/others";
  std::ofstream(others) << "as it was";
  std::filesystem::create_symlink(others, path_ + ".new");
  LabelNames names(path_);
  names.Note(Hash(1), "joe@ours.example", kNow);
  ASSERT_TRUE(names.Save(kNow, true).ok());
  EXPECT_EQ(LabelNames(path_).Find(Hash(1)), "joe@ours.example");
  std::string text;
  std::getline(std::ifstream(others), text);
  EXPECT_EQ(text, "as it was");
}

}  // namespace
}  // namespace backscatter
