#include "agent/app/secret_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace backscatter {
namespace {

class SecretFileTest : public testing::Test {
 protected:
  SecretFileTest() {
    char name[] = "/tmp/backscatter_secret_XXXXXX";
    folder_ = mkdtemp(name);
    path_ = folder_ + "/label.key";
  }
  ~SecretFileTest() override { std::filesystem::remove_all(folder_); }
  struct stat About() const {
    struct stat about {};
    EXPECT_EQ(stat(path_.c_str(), &about), 0);
    return about;
  }

  std::string folder_;
  std::string path_;
};

TEST_F(SecretFileTest, AKeyIsMadeForItsOwnerAloneAndNoTwoAreAlike) {
  ASSERT_TRUE(MakeSecretFile("k", path_).ok());
  EXPECT_EQ(About().st_mode & 07777, 0600U);
  const std::string first = *ReadSecretFile("k", path_);
  EXPECT_EQ(first.size(), 64U);
  std::filesystem::remove(path_);
  ASSERT_TRUE(MakeSecretFile("k", path_).ok());
  EXPECT_NE(*ReadSecretFile("k", path_), first);
}

TEST_F(SecretFileTest, WhatIsThereStaysAndNoLinkIsFollowed) {
  std::ofstream(path_) << "as it was";
  EXPECT_FALSE(MakeSecretFile("k", path_).ok());
  EXPECT_EQ(std::filesystem::file_size(path_), 9U);
  std::filesystem::remove(path_);
  const std::string elsewhere = folder_ + "/elsewhere";
  std::filesystem::create_symlink(elsewhere, path_);
  EXPECT_FALSE(MakeSecretFile("k", path_).ok());
  std::filesystem::remove(path_);
  std::filesystem::create_symlink(elsewhere, path_ + ".new");
  EXPECT_TRUE(MakeSecretFile("k", path_).ok());
  EXPECT_FALSE(std::filesystem::exists(elsewhere));
  EXPECT_FALSE(std::filesystem::is_symlink(path_ + ".new"));
}

TEST_F(SecretFileTest, OfRootInAFolderOfTheServiceItIsTheServices) {
  if (geteuid() != 0) GTEST_SKIP() << "for root";
  constexpr uid_t kService = 4711;
  ASSERT_EQ(chown(folder_.c_str(), kService, kService), 0);
  ASSERT_TRUE(MakeSecretFile("k", path_).ok());
  EXPECT_EQ(About().st_uid, kService);
  EXPECT_EQ(About().st_mode & 07777, 0600U);
  std::filesystem::remove(path_);
  // In one that anybody may write to, its owner is nobody in particular.
  ASSERT_EQ(chmod(folder_.c_str(), 01777), 0);
  ASSERT_TRUE(MakeSecretFile("k", path_).ok());
  EXPECT_EQ(About().st_uid, 0U);
}

}  // namespace
}  // namespace backscatter
