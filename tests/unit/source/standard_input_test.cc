// "-": what `tcpdump -w - | backscatterd replay -` meets: pipes, their end, and Ctrl-C.
#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <string>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "agent/source/merged_source.h"
#include "tests/unit/source/capture_builder.h"

namespace backscatter {
namespace {

using testing::Bytes;
using testing::Collector;
using testing::Drain;
using testing::Frame;
using testing::Gzip;
using ::testing::HasSubstr;
using testing::PcapBuilder;
using testing::PcapngBuilder;

// Puts the reading end of a pipe in the place of standard input.
class PipedInput {
 public:
  PipedInput() : saved_(dup(STDIN_FILENO)) {
    int ends[2];
    if (pipe(ends) != 0 || dup2(ends[0], STDIN_FILENO) < 0) std::abort();
    close(ends[0]);
    writing_ = ends[1];
  }
  ~PipedInput() {
    CloseWriter();
    dup2(saved_, STDIN_FILENO);
    close(saved_);
  }
  PipedInput(const PipedInput&) = delete;
  PipedInput& operator=(const PipedInput&) = delete;

  void Write(const Bytes& bytes) const {
    for (std::size_t at = 0; at < bytes.size();) {
      const ssize_t wrote = write(writing_, bytes.data() + at, bytes.size() - at);
      if (wrote <= 0) std::abort();
      at += static_cast<std::size_t>(wrote);
    }
  }
  void CloseWriter() {
    if (writing_ >= 0) close(writing_);
    writing_ = -1;
  }

 private:
  int saved_;
  int writing_ = -1;
};

Bytes Packets(std::uint32_t count) {
  PcapBuilder builder;
  for (std::uint32_t i = 0; i < count; ++i) builder.Record(i + 1, 0, Frame(100 + i % 100, 1));
  return builder.bytes();
}

Bytes NgPackets(std::uint32_t count) {
  PcapngBuilder builder;
  builder.Section().Interface(1);
  for (std::uint32_t i = 0; i < count; ++i) builder.Enhanced(0, i, Frame(100 + i % 100, 1));
  return builder.bytes();
}

TEST(StandardInput, EveryFormatIsReadThroughAPipe) {
  const Bytes inputs[] = {Packets(20'000), NgPackets(20'000), Gzip(Packets(20'000)),
                          Gzip(NgPackets(20'000))};
  for (const Bytes& bytes : inputs) {
    PipedInput input;
    std::thread writer([&] {
      // The first bytes alone: the magic must not be missed when it comes in pieces.
      input.Write(Bytes(bytes.begin(), bytes.begin() + 1));
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      input.Write(Bytes(bytes.begin() + 1, bytes.end()));
      input.CloseWriter();
    });
    MergedSource merged({"-"});
    Collector sink;
    EXPECT_TRUE(Drain(merged, sink).ok());
    writer.join();
    EXPECT_EQ(sink.packets.size(), 20'000U);
    EXPECT_EQ(merged.Results()[0].error, "");
    EXPECT_EQ(merged.Stats().input_size, 0U) << "a pipe has no size";
    EXPECT_EQ(merged.Stats().input_bytes, bytes.size());
  }
}

TEST(StandardInput, APipeThatEndsInMidRecordIsAnError) {
  PipedInput input;
  Bytes bytes = Packets(3);
  bytes.pop_back();
  input.Write(bytes);
  input.CloseWriter();
  MergedSource merged({"-"});
  Collector sink;
  EXPECT_TRUE(Drain(merged, sink).ok());
  EXPECT_EQ(sink.packets.size(), 2U);
  EXPECT_THAT(merged.Results()[0].error, HasSubstr("standard input: offset "));
}

TEST(StandardInput, APipeThatGivesNothingIsAnError) {
  PipedInput input;
  input.CloseWriter();
  MergedSource merged({"-"});
  Collector sink;
  EXPECT_TRUE(Drain(merged, sink).ok());
  EXPECT_THAT(merged.Results()[0].error, HasSubstr("standard input: offset 0: empty"));
}

TEST(StandardInput, NamedTwiceIsAnErrorOfTheSecond) {
  PipedInput input;
  input.Write(Packets(3));
  input.CloseWriter();
  MergedSource merged({"-", "-"});
  Collector sink;
  EXPECT_TRUE(Drain(merged, sink).ok());
  EXPECT_EQ(sink.packets.size(), 3U);
  EXPECT_EQ(merged.Results()[0].error, "");
  EXPECT_THAT(merged.Results()[1].error, HasSubstr("named twice"));
}

// The writer stays and holds half a record back, as tcpdump does with its buffer.
TEST(StandardInput, AStopEndsTheInputCleanlyInMidRecord) {
  for (Bytes bytes : {Packets(50), NgPackets(50), Gzip(Packets(50))}) {
    bytes.resize(bytes.size() - 9);
    PipedInput input;
    input.Write(bytes);
    std::atomic<bool> stop{false};
    std::thread user([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      stop = true;
    });
    MergedSource merged({"-"}, {.stop = &stop});
    Collector sink;
    EXPECT_TRUE(Drain(merged, sink).ok());
    user.join();
    EXPECT_GE(sink.packets.size(), 49U);
    EXPECT_EQ(merged.Results()[0].error, "");
    EXPECT_TRUE(merged.Results()[0].stopped);
  }
}

TEST(StandardInput, WhatTheWriterFlushesOnTheSameCtrlCStillCounts) {
  PipedInput input;
  const Bytes bytes = Packets(50);
  const auto cut = static_cast<std::ptrdiff_t>(bytes.size() / 2);
  input.Write(Bytes(bytes.begin(), bytes.begin() + cut));
  std::atomic<bool> stop{false};
  std::thread user([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    stop = true;
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    input.Write(Bytes(bytes.begin() + cut, bytes.end()));
    input.CloseWriter();
  });
  MergedSource merged({"-"}, {.stop = &stop});
  Collector sink;
  EXPECT_TRUE(Drain(merged, sink).ok());
  user.join();
  EXPECT_EQ(sink.packets.size(), 50U);
  EXPECT_EQ(merged.Results()[0].error, "");
}

TEST(StandardInput, AStopBeforeTheFirstByteIsAnEmptyResult) {
  PipedInput input;
  std::atomic<bool> stop{true};
  MergedSource merged({"-"}, {.stop = &stop});
  Collector sink;
  EXPECT_TRUE(Drain(merged, sink).ok());
  EXPECT_TRUE(sink.packets.empty());
  EXPECT_EQ(merged.Results()[0].error, "");
  EXPECT_TRUE(merged.Results()[0].stopped);
}

TEST(StandardInput, AStopWithAWriterThatNeverPausesEndsToo) {
  PipedInput input;
  std::atomic<bool> stop{false};
  std::atomic<bool> done{false};
  input.Write(PcapBuilder().bytes());
  const Bytes packets = Packets(100);
  std::thread writer([&] {
    // The header is written already; only records follow.
    while (!done) input.Write(Bytes(packets.begin() + 24, packets.end()));
  });
  MergedSource merged({"-"}, {.stop = &stop});
  Collector sink;
  ASSERT_TRUE(merged.Start().ok());
  while (sink.packets.size() < 5'000) ASSERT_TRUE(merged.Poll(sink, 0).ok());
  stop = true;
  std::uint64_t polls = 0;
  while (merged.Poll(sink, 0).value() == PollResult::kProgressed) ++polls;
  done = true;
  // Let a writer that waits for room go on once more.
  Bytes drain(1 << 16);
  EXPECT_GE(read(STDIN_FILENO, drain.data(), drain.size()), 0);
  writer.join();
  EXPECT_LT(polls, 100U);
  EXPECT_EQ(merged.Results()[0].error, "");
}

std::atomic<bool> interrupted{false};

// The real thing: a handler without SA_RESTART and a signal that hits the waiting read.
TEST(StandardInput, ASignalWhileWaitingEndsTheInput) {
  struct sigaction action {};
  struct sigaction before {};
  action.sa_handler = [](int) { interrupted = true; };
  ASSERT_EQ(sigaction(SIGINT, &action, &before), 0);
  PipedInput input;
  input.Write(Packets(5));
  const pthread_t reader = pthread_self();
  std::thread user([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    pthread_kill(reader, SIGINT);
  });
  MergedSource merged({"-"}, {.stop = &interrupted});
  Collector sink;
  EXPECT_TRUE(Drain(merged, sink).ok());
  user.join();
  sigaction(SIGINT, &before, nullptr);
  EXPECT_EQ(sink.packets.size(), 5U);
  EXPECT_TRUE(merged.Results()[0].stopped);
}

// A signal that is not a stop must not lose or end anything.
TEST(StandardInput, AnotherSignalChangesNothing) {
  struct sigaction action {};
  struct sigaction before {};
  action.sa_handler = [](int) {};
  ASSERT_EQ(sigaction(SIGUSR1, &action, &before), 0);
  PipedInput input;
  const Bytes bytes = Packets(50);
  const auto cut = static_cast<std::ptrdiff_t>(bytes.size() / 2);
  input.Write(Bytes(bytes.begin(), bytes.begin() + cut));
  const pthread_t reader = pthread_self();
  std::thread user([&] {
    for (int i = 0; i < 5; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      pthread_kill(reader, SIGUSR1);
    }
    input.Write(Bytes(bytes.begin() + cut, bytes.end()));
    input.CloseWriter();
  });
  MergedSource merged({"-"});
  Collector sink;
  EXPECT_TRUE(Drain(merged, sink).ok());
  user.join();
  sigaction(SIGUSR1, &before, nullptr);
  EXPECT_EQ(sink.packets.size(), 50U);
  EXPECT_FALSE(merged.Results()[0].stopped);
}

}  // namespace
}  // namespace backscatter
