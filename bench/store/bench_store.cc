// Durable twin updates through the hub's store queue against SQLite itself in the same run, and the
// memory of the identity index.
//   bench_store [--quick | --full]
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <mutex>
#include <string>
#include <vector>

#include "cloud/hub/store/sqlite_hub_store.h"
#include "cloud/hub/store/sqlite_schema.h"
#include "cloud/hub/store/store_queue.h"
#include "common/sqlite/file.h"

namespace pavise::hub::store {
namespace {

constexpr std::size_t kDevices = 10'000;
constexpr std::size_t kFloorRowsPerCommit = 100;

double seconds_of(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

struct Rate {
  double per_second;
  double cpu_us;
};
template <class Run>
Rate rate_of(std::size_t count, const Run& run) {
  const double wall = seconds_of(CLOCK_MONOTONIC);
  const double cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
  run();
  const auto n = static_cast<double>(count);
  return {n / (seconds_of(CLOCK_MONOTONIC) - wall),
          (seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu) * 1e6 / n};
}

iothub::Identity device(std::size_t number) {
  return *iothub::Identity::make(*iothub::HubName::parse("bench"),
                                 "device-" + std::to_string(number % kDevices));
}

std::string patch(std::size_t number) {
  return R"({"temperature":)" + std::to_string(number % 100) + R"(,"state":{"on":true,"count":)" +
         std::to_string(number) + R"(},"firmware":"1.2.3"})";
}

// Keeps `under_way` updates submitted until `count` are durable.
class Updates {
 public:
  Updates(StoreQueue& queue, std::size_t count, std::size_t under_way)
      : queue_(queue), count_(count), under_way_(under_way) {}

  void run() {
    for (std::size_t i = 0; i < std::min(under_way_, count_); ++i) next();
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return done_ == count_; });
  }

 private:
  void next() {
    const std::size_t number = submitted_++;
    queue_.submit<std::uint64_t>(
        [id = device(number * 7919), text = patch(number)](HubTransaction& transaction) {
          return transaction.merge_reported(id, text, {});
        },
        [this](const Result<std::uint64_t>& version) {
          PAVISE_CHECK(version.has_value());
          if (submitted_ < count_) next();
          const std::lock_guard lock(mutex_);
          if (++done_ == count_) changed_.notify_all();
        });
  }

  StoreQueue& queue_;
  const std::size_t count_;
  const std::size_t under_way_;
  std::atomic<std::size_t> submitted_ = 0;
  std::size_t done_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
};

// SQLite with the same settings, rows of the same size, and nothing else.
class Floor {
 public:
  explicit Floor(const std::string& path) {
    static constexpr const char* kSteps[] = {
        "CREATE TABLE t (id INTEGER PRIMARY KEY, document TEXT NOT NULL) STRICT;"};
    db_ = sqlite::open_file(path, 0, kSteps, kSqliteErrors).value();
  }
  void run(std::size_t rows, std::string document) {
    for (std::size_t i = 0; i < rows;) {
      PAVISE_CHECK(db_->change("BEGIN IMMEDIATE").has_value());
      for (std::size_t j = 0; j < kFloorRowsPerCommit && i < rows; ++j, ++i) {
        // SQLite writes no page for a row that stays as it is.
        document.replace(0, 8, std::to_string(10'000'000 + written_++ % 90'000'000));
        PAVISE_CHECK(db_->change("INSERT INTO t (id, document) VALUES (?1, ?2) ON CONFLICT (id) "
                                 "DO UPDATE SET document = excluded.document",
                                 i * 7919 % kDevices, document)
                         .has_value());
      }
      PAVISE_CHECK(db_->change("COMMIT").has_value());
    }
  }

 private:
  std::unique_ptr<sqlite::Database> db_;
  std::size_t written_ = 0;
};

void make_devices(StoreQueue& queue) {
  const auto made = queue.call([](HubTransaction& transaction) -> Status {
    PAVISE_TRY(
        transaction.create_hub(*iothub::HubName::parse("bench"), *TenantId::parse("bench"), {}));
    for (std::size_t i = 0; i < kDevices; ++i)
      PAVISE_TRY(transaction.create_identity(device(i), {}));
    return {};
  });
  PAVISE_CHECK(made.has_value());
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

void bench_updates(const std::string& folder, bool quick) {
  const SystemClock clock;
  auto store = open_sqlite_hub_store({folder + "/hub.db"}, clock).value();
  StoreQueue queue(*store);
  make_devices(queue);
  Floor floor(folder + "/floor.db");
  Updates(queue, kDevices, 256).run();  // every device has its twin
  const auto stored = [&] {
    twin::Twin twin;
    PAVISE_CHECK(twin.merge(twin::Section::reported, patch(5000), clock.now_ms()).has_value());
    return twin.store_text();
  }();
  floor.run(kDevices, stored);
  std::printf("durable twin updates, %zu devices, %zu bytes a stored twin\n", kDevices,
              stored.size());
  const int rounds = quick ? 1 : 5;
  for (const std::size_t under_way : {1UL, 16UL, 256UL}) {
    const std::size_t count = quick             ? 200
                              : under_way == 1  ? 2000
                              : under_way == 16 ? 10'000
                                                : 40'000;
    const std::size_t floor_rows = quick ? 200 : 40'000;
    std::vector<double> ours;
    std::vector<double> theirs;
    std::vector<double> cpu;
    for (int i = 0; i < rounds; ++i) {  // in turns, so that other load meets both
      const Rate mine = rate_of(count, [&] { Updates(queue, count, under_way).run(); });
      ours.push_back(mine.per_second);
      cpu.push_back(mine.cpu_us);
      theirs.push_back(rate_of(floor_rows, [&] { floor.run(floor_rows, stored); }).per_second);
    }
    std::printf("  %3zu under way: %8.0f/s (%5.1f us CPU each)   floor %8.0f rows/s   ratio %.2f\n",
                under_way, median(ours), median(cpu), median(theirs),
                median(ours) / median(theirs));
  }
}

void bench_index(bool quick) {
  const std::size_t count = quick ? 10'000 : 100'000;
  IdentityIndex index;
  const auto hub = *iothub::HubName::parse("bench");
  index.put_hub(std::make_shared<const HubAuth>(HubAuth{{hub, *TenantId::parse("bench")}, {}, {}}));
  const IdentityAuth auth{AuthKind::sas,
                          true,
                          false,
                          1,
                          Credential(Bytes(kGeneratedKeySize)),
                          Credential(Bytes(kGeneratedKeySize))};
  std::vector<iothub::Identity> ids;
  for (std::size_t i = 0; i < count; ++i) {
    std::string id = std::to_string(i);
    id.insert(0, DeviceId::kLength - id.size(), '0');
    ids.push_back(*iothub::Identity::make(hub, id));
  }
  for (const auto& id : ids) index.put(id, auth);
  const Rate found = rate_of(count, [&] {
    for (const auto& id : ids) PAVISE_CHECK(index.find(id).has_value());
  });
  std::printf(
      "identity index, %zu identities of 64 characters with two keys: %zu bytes each, "
      "%.2f us a look-up\n",
      count, index.bytes_used() / count, found.cpu_us);
}

}  // namespace
}  // namespace pavise::hub::store

int main(int argc, char** argv) {
  const bool quick = argc > 1 && std::strcmp(argv[1], "--quick") == 0;
  std::string folder =
      (std::filesystem::temp_directory_path() / "pavise-bench-store-XXXXXX").string();
  if (::mkdtemp(folder.data()) == nullptr) {
    std::perror("bench_store: a folder for the databases");
    return 1;
  }
  pavise::hub::store::bench_updates(folder, quick);
  pavise::hub::store::bench_index(quick);
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
  return 0;
}
