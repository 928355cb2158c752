#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <pavise/pavise.hpp>
#include <string>
#include <vector>

namespace {

constexpr int kLongMs = 60'000;  // nothing here takes so long

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK), 0);
    out = pavise::Descriptor(ends[0]);
    in = pavise::Descriptor(ends[1]);
  }
  void write() const { EXPECT_EQ(::write(in.get(), "x", 1), 1); }
  pavise::Descriptor out, in;
};

class EventLoopTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(pavise_event_loop_create(&loop_), 0); }
  void TearDown() override { pavise_event_loop_close(loop_); }

  pavise_event_loop* loop_ = nullptr;
};

TEST_F(EventLoopTest, RunsUntilTheTimeHasPassed) {
  EXPECT_EQ(pavise_event_loop_run(loop_, 0), -ETIMEDOUT);
  const std::int64_t before = pavise_now_ms();
  EXPECT_EQ(pavise_event_loop_run(loop_, 20), -ETIMEDOUT);
  EXPECT_GE(pavise_now_ms() - before, 20);
  EXPECT_EQ(pavise_event_loop_run(loop_, -2), -EINVAL);
  EXPECT_EQ(pavise_event_loop_run(nullptr, 0), -EINVAL);
}

TEST_F(EventLoopTest, StoppedBeforeItRunsItReturnsOnce) {
  pavise_event_loop_stop(loop_);
  EXPECT_EQ(pavise_event_loop_run(loop_, -1), 0);
  EXPECT_EQ(pavise_event_loop_run(loop_, 0), -ETIMEDOUT);
}

TEST_F(EventLoopTest, RefusesWhatItCannotWaitFor) {
  const auto nothing = [](void*, int, std::uint32_t) {};
  const Pipe pipe;
  const pavise::Descriptor file(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(
      pavise_event_loop_add_io(loop_, file.get(), PAVISE_IO_READABLE, nothing, nullptr, nullptr),
      -EPERM);
  EXPECT_EQ(pavise_event_loop_add_io(loop_, -1, PAVISE_IO_READABLE, nothing, nullptr, nullptr),
            -EBADF);
  EXPECT_EQ(pavise_event_loop_add_io(loop_, pipe.out.get(), PAVISE_IO_READABLE, nullptr, nullptr,
                                     nullptr),
            -EINVAL);
  pavise_event* event = nullptr;
  ASSERT_EQ(
      pavise_event_loop_add_io(loop_, pipe.out.get(), PAVISE_IO_READABLE, nothing, nullptr, &event),
      0);
  EXPECT_EQ(pavise_event_loop_add_io(loop_, pipe.out.get(), PAVISE_IO_READABLE, nothing, nullptr,
                                     nullptr),
            -EEXIST);
  EXPECT_EQ(pavise_event_loop_set_timer(loop_, event, 1, 0), -EINVAL);
  EXPECT_EQ(pavise_event_loop_add_timer(loop_, 1, 0, nullptr, nullptr, nullptr), -EINVAL);
}

struct TwoEvents {
  pavise_event_loop* loop;
  std::array<pavise_event*, 2> events{};
  int calls = 0;
};

// Both are ready; the first that is called removes itself and the other.
TEST_F(EventLoopTest, WhatAHandlerRemovesIsNotCalled) {
  const Pipe first;
  const Pipe second;
  TwoEvents both{.loop = loop_};
  const auto remove_all = [](void* context, int, std::uint32_t) {
    auto* const all = static_cast<TwoEvents*>(context);
    ++all->calls;
    for (pavise_event* event : all->events) pavise_event_loop_remove(all->loop, event);
  };
  ASSERT_EQ(pavise_event_loop_add_io(loop_, first.out.get(), PAVISE_IO_READABLE, remove_all, &both,
                                     both.events.data()),
            0);
  ASSERT_EQ(pavise_event_loop_add_io(loop_, second.out.get(), PAVISE_IO_READABLE, remove_all, &both,
                                     &both.events[1]),
            0);
  first.write();
  second.write();
  EXPECT_EQ(pavise_event_loop_run(loop_, 0), -ETIMEDOUT);
  EXPECT_EQ(pavise_event_loop_run(loop_, 0), -ETIMEDOUT);
  EXPECT_EQ(both.calls, 1);
}

TEST_F(EventLoopTest, AHandlerCannotRunIt) {
  const auto run_again = [](void* context) {
    auto* const loop = static_cast<pavise_event_loop*>(context);
    EXPECT_EQ(pavise_event_loop_run(loop, 0), -EBUSY);
    pavise_event_loop_stop(loop);
  };
  ASSERT_EQ(pavise_event_loop_add_timer(loop_, 1, 0, run_again, loop_, nullptr), 0);
  EXPECT_EQ(pavise_event_loop_run(loop_, kLongMs), 0);
}

TEST_F(EventLoopTest, ATimerWithoutTimesWaitsToBeSet) {
  const auto stop = [](void* context) {
    pavise_event_loop_stop(static_cast<pavise_event_loop*>(context));
  };
  pavise_event* timer = nullptr;
  ASSERT_EQ(pavise_event_loop_add_timer(loop_, 0, 0, stop, loop_, &timer), 0);
  EXPECT_EQ(pavise_event_loop_run(loop_, 5), -ETIMEDOUT);
  ASSERT_EQ(pavise_event_loop_set_timer(loop_, timer, 0, 1), 0);  // after its period
  EXPECT_EQ(pavise_event_loop_run(loop_, kLongMs), 0);
}

TEST_F(EventLoopTest, TheRequestToEndStopsItOrIsHandled) {
  ASSERT_EQ(pavise_event_loop_add_end_request(loop_, nullptr, nullptr, nullptr), 0);
  ASSERT_EQ(::kill(::getpid(), SIGTERM), 0);
  EXPECT_EQ(pavise_event_loop_run(loop_, kLongMs), 0);
  EXPECT_EQ(pavise_event_loop_run(loop_, 0), -ETIMEDOUT);  // once
}

TEST(EventLoopOfCpp, CallsFunctions) {
  pavise::EventLoop loop;
  ASSERT_EQ(loop.error(), 0);
  const Pipe pipe;
  std::vector<std::string> seen;
  ASSERT_EQ(
      loop.on_io(pipe.out.get(), PAVISE_IO_READABLE,
                 [&](std::uint32_t events) {
                   seen.push_back((events & PAVISE_IO_READABLE) != 0U ? "readable" : "closed");
                   char byte = 0;
                   if (::read(pipe.out.get(), &byte, 1) != 1) loop.stop();
                 }),
      0);
  int ticks = 0;
  pavise::EventLoop::Event every = nullptr;
  ASSERT_EQ(loop.every(
                1,
                [&, kept = std::string("of the handler, which it must be able to use")] {
                  if (++ticks < 3) return;
                  loop.remove(every);
                  EXPECT_EQ(kept.substr(0, 2), "of");
                  loop.after(1, [&] { pipe.write(); });
                  loop.on_end_request([&] { loop.stop(); });
                  ::kill(::getpid(), SIGTERM);
                },
                &every),
            0);
  EXPECT_EQ(loop.run(kLongMs), 0);
  EXPECT_EQ(ticks, 3);
  while (seen.empty()) EXPECT_EQ(loop.run(1), -ETIMEDOUT);
  EXPECT_EQ(seen.front(), "readable");
}

TEST(EventLoopOfCpp, TellsThatTheOtherEndIsClosed) {
  pavise::EventLoop loop;
  Pipe pipe;
  std::uint32_t told = 0;
  ASSERT_EQ(loop.on_io(pipe.out.get(), 0,
                       [&](std::uint32_t events) {
                         told = events;
                         loop.stop();
                       }),
            0);
  pipe.in = pavise::Descriptor();
  EXPECT_EQ(loop.run(kLongMs), 0);
  EXPECT_EQ(told, PAVISE_IO_CLOSED);
}

}  // namespace
