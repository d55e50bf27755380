#include "agent/app/output_file.h"

#include <fcntl.h>
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

}  // namespace
}  // namespace backscatter
