#include "agent/app/output_file.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace backscatter {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

TEST(OutputFile, WritesEverythingForItsOwnerOnly) {
  const std::string path = testing::TempDir() + "/output_file_test.jsonl";
  std::remove(path.c_str());
  auto file = OutputFile::Open(path);
  ASSERT_TRUE(file.ok()) << file.status();
  std::string expected;
  for (int i = 0; i < 20'000; ++i) {
    const std::string line = "line " + std::to_string(i) + "\n";
    (*file)->buffer() += line;
    (*file)->FlushIfFull();
    expected += line;
  }
  EXPECT_TRUE((*file)->Close().ok());
  std::ifstream in(path);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), expected);
  struct stat status {};
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777u, 0600u);
  std::remove(path.c_str());
}

TEST(OutputFile, AFullDiskIsSaid) {
  auto file = OutputFile::Open("/dev/full");
  ASSERT_TRUE(file.ok()) << file.status();
  (*file)->buffer() = "x";
  const absl::Status status = (*file)->Close();
  EXPECT_EQ(status.message(), "/dev/full: not everything was written: No space left on device");
  EXPECT_FALSE((*file)->reader_gone());
}

TEST(OutputFile, AReaderThatWentAwayIsNoCrash) {
  std::signal(SIGPIPE, SIG_IGN);
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  close(ends[0]);
  {
    OutputFile file(ends[1], "standard output");
    file.buffer() = "x";
    EXPECT_FALSE(file.Close().ok());
    EXPECT_TRUE(file.reader_gone());
  }
  close(ends[1]);
}

TEST(OutputFile, WhatTheSystemRefusesNamesFileAndReason) {
  const auto file = OutputFile::Open("/nowhere/x.jsonl");
  ASSERT_FALSE(file.ok());
  EXPECT_EQ(file.status().message(),
            "/nowhere/x.jsonl: cannot be written: No such file or directory");
}

TEST(OutputFile, TheFirstFailureIsNotForgottenByAReopen) {
  auto file = OutputFile::Open("/dev/full");
  ASSERT_TRUE(file.ok()) << file.status();
  (*file)->buffer() = "one\ntwo\n";
  (*file)->Flush();
  EXPECT_FALSE((*file)->status().ok());
  EXPECT_EQ((*file)->lost_lines(), 2u);
  ASSERT_TRUE((*file)->Reopen().ok());
  EXPECT_TRUE((*file)->status().ok()) << "it is tried again";
  EXPECT_THAT((*file)->Close().message(), testing::HasSubstr("No space left on device"));
}

// A limit on the size of a file stands for a disk that is full in the middle of a line.
TEST(OutputFile, AfterATornLineTheNextOneBeginsOnALineOfItsOwn) {
  const std::string path = testing::TempDir() + "/output_file_torn.jsonl";
  std::remove(path.c_str());
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  auto file = OutputFile::Open(path, OutputFile::Mode::kAppend);
  ASSERT_TRUE(file.ok()) << file.status();
  const rlimit small{.rlim_cur = 6, .rlim_max = before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  (*file)->buffer() = "one\ntwo\nthree\n";
  (*file)->Flush();
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_EQ((*file)->lost_lines(), 2u) << "the torn one, and the one behind it";
  ASSERT_TRUE((*file)->Reopen().ok());
  (*file)->buffer() += "four\n";
  EXPECT_FALSE((*file)->Close().ok());
  std::ifstream in(path);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), "one\ntw\nfour\n");
  std::remove(path.c_str());
}

}  // namespace
}  // namespace backscatter
