#include "common/base/batcher.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <thread>

namespace pavise {
namespace {

struct Job {
  int number = 0;
  int answer = 0;
};

TEST(Batcher, OneCallerGoesAtOnceAndAlone) {
  std::size_t calls = 0;
  Batcher<Job> batcher(4, 1, [&](std::span<Job* const> batch) {
    ++calls;
    ASSERT_EQ(batch.size(), 1U);
    batch[0]->answer = batch[0]->number + 1;
  });
  for (int i = 0; i < 3; ++i) {
    Job job{.number = i};
    batcher.run(job);
    EXPECT_EQ(job.answer, i + 1);
  }
  EXPECT_EQ(calls, 3U);
}

// The first batch is held until all others have had to queue; no batch is larger than allowed.
TEST(Batcher, WhoWaitsSharesTheNextBatchUpToItsSize) {
  constexpr std::size_t kWaiting = 5;
  constexpr std::size_t kBatchMax = 4;
  std::latch first_started(1);
  std::latch first_may_end(1);
  std::mutex mutex;
  std::vector<std::size_t> sizes;
  Batcher<Job> batcher(kBatchMax, 1, [&](std::span<Job* const> batch) {
    bool first = false;
    {
      const std::lock_guard lock(mutex);
      first = sizes.empty();
      sizes.push_back(batch.size());
    }
    if (!first) return;
    first_started.count_down();
    first_may_end.wait();
  });
  std::vector<std::thread> threads;
  std::vector<Job> jobs(1 + kWaiting);
  threads.emplace_back([&] { batcher.run(jobs[0]); });
  first_started.wait();
  std::atomic<std::size_t> queued = 0;
  for (std::size_t i = 1; i <= kWaiting; ++i)
    threads.emplace_back([&, i] {
      ++queued;
      batcher.run(jobs[i]);
    });
  while (queued < kWaiting) std::this_thread::yield();
  first_may_end.count_down();
  for (auto& thread : threads) thread.join();
  std::size_t total = 0;
  for (const std::size_t size : sizes) {
    EXPECT_LE(size, kBatchMax);
    total += size;
  }
  EXPECT_EQ(total, 1 + kWaiting);
}

class BatcherInParallel : public testing::TestWithParam<std::size_t> {};

TEST_P(BatcherInParallel, EveryItemIsInOneBatchAndNoMoreLeadThanAllowed) {
  constexpr int kThreads = 8;
  constexpr int kRounds = 300;
  std::atomic<std::size_t> leading = 0;
  std::atomic<std::size_t> most = 0;
  std::atomic<int> done = 0;
  Batcher<Job> batcher(3, GetParam(), [&](std::span<Job* const> batch) {
    const std::size_t now = ++leading;
    for (std::size_t seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
    }
    EXPECT_GE(batch.size(), 1U);
    EXPECT_LE(batch.size(), 3U);
    for (Job* job : batch) job->answer += job->number;
    done += static_cast<int>(batch.size());
    std::this_thread::yield();
    --leading;
  });
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&, t] {
      for (int i = 1; i <= kRounds; ++i) {
        Job job{.number = t * 1000 + i};
        batcher.run(job);
        EXPECT_EQ(job.answer, job.number);
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(done, kThreads * kRounds);
  EXPECT_LE(most, GetParam());
}

INSTANTIATE_TEST_SUITE_P(Leaders, BatcherInParallel, testing::Values(1U, 2U, 5U));

}  // namespace
}  // namespace pavise
