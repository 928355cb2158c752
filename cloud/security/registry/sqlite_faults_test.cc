// What the registry does when the machine fails under it: killed at any write or flush, disk full,
// failing disk. The faults are injected below SQLite, in its file layer.
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <vector>

#include "cloud/security/registry/registry_contract.h"
#include "cloud/security/registry/sqlite_registry.h"

namespace pavise::security {
namespace {

namespace fs = std::filesystem;

enum class Fault { none, kill, kill_torn, disk_full, io_error };

// Counts the writes, flushes and truncations of all files and fails from the n-th on (kill: ends
// the process there, as kill -9 does).
struct Plan {
  Fault fault = Fault::none;
  int at = 0;
  int seen = 0;
} plan;

struct FaultyFile {
  sqlite3_file base;
  sqlite3_file* real;
};
sqlite3_vfs* real_vfs = nullptr;

sqlite3_file* real_of(sqlite3_file* file) {
  return reinterpret_cast<FaultyFile*>(file)->real;
}

int before_change() {
  if (plan.fault == Fault::none || plan.fault == Fault::kill_torn) return SQLITE_OK;
  if (++plan.seen < plan.at) return SQLITE_OK;
  switch (plan.fault) {
    case Fault::kill:
      _exit(9);
    case Fault::disk_full:
      return SQLITE_FULL;
    case Fault::io_error:
      return SQLITE_IOERR_WRITE;
    default:
      return SQLITE_OK;
  }
}

int faulty_write(sqlite3_file* file, const void* data, int size, sqlite3_int64 offset) {
  sqlite3_file* real = real_of(file);
  if (plan.fault == Fault::kill_torn && ++plan.seen == plan.at) {
    (void)real->pMethods->xWrite(real, data, size / 2, offset);
    _exit(9);
  }
  const int code = before_change();
  return code != SQLITE_OK ? code : real->pMethods->xWrite(real, data, size, offset);
}
int faulty_sync(sqlite3_file* file, int flags) {
  const int code = before_change();
  if (code != SQLITE_OK) return SQLITE_IOERR_FSYNC;
  return real_of(file)->pMethods->xSync(real_of(file), flags);
}
int faulty_truncate(sqlite3_file* file, sqlite3_int64 size) {
  const int code = before_change();
  return code != SQLITE_OK ? code : real_of(file)->pMethods->xTruncate(real_of(file), size);
}

int faulty_close(sqlite3_file* file) {
  sqlite3_file* real = real_of(file);
  const int code = real->pMethods != nullptr ? real->pMethods->xClose(real) : SQLITE_OK;
  sqlite3_free(real);
  return code;
}

const sqlite3_io_methods* faulty_methods() {
  static const sqlite3_io_methods methods = [] {
    sqlite3_io_methods m{};
    m.iVersion = 2;
    m.xClose = faulty_close;
    m.xRead = [](sqlite3_file* f, void* d, int n, sqlite3_int64 o) {
      return real_of(f)->pMethods->xRead(real_of(f), d, n, o);
    };
    m.xWrite = faulty_write;
    m.xTruncate = faulty_truncate;
    m.xSync = faulty_sync;
    m.xFileSize = [](sqlite3_file* f, sqlite3_int64* n) {
      return real_of(f)->pMethods->xFileSize(real_of(f), n);
    };
    m.xLock = [](sqlite3_file* f, int l) { return real_of(f)->pMethods->xLock(real_of(f), l); };
    m.xUnlock = [](sqlite3_file* f, int l) { return real_of(f)->pMethods->xUnlock(real_of(f), l); };
    m.xCheckReservedLock = [](sqlite3_file* f, int* r) {
      return real_of(f)->pMethods->xCheckReservedLock(real_of(f), r);
    };
    m.xFileControl = [](sqlite3_file* f, int op, void* a) {
      return real_of(f)->pMethods->xFileControl(real_of(f), op, a);
    };
    m.xSectorSize = [](sqlite3_file* f) { return real_of(f)->pMethods->xSectorSize(real_of(f)); };
    m.xDeviceCharacteristics = [](sqlite3_file* f) {
      return real_of(f)->pMethods->xDeviceCharacteristics(real_of(f));
    };
    m.xShmMap = [](sqlite3_file* f, int a, int b, int c, void volatile** d) {
      return real_of(f)->pMethods->xShmMap(real_of(f), a, b, c, d);
    };
    m.xShmLock = [](sqlite3_file* f, int a, int b, int c) {
      return real_of(f)->pMethods->xShmLock(real_of(f), a, b, c);
    };
    m.xShmBarrier = [](sqlite3_file* f) { real_of(f)->pMethods->xShmBarrier(real_of(f)); };
    m.xShmUnmap = [](sqlite3_file* f, int d) {
      return real_of(f)->pMethods->xShmUnmap(real_of(f), d);
    };
    return m;
  }();
  return &methods;
}

int faulty_open(sqlite3_vfs*, sqlite3_filename name, sqlite3_file* file, int flags, int* out) {
  auto* faulty = reinterpret_cast<FaultyFile*>(file);
  faulty->base.pMethods = nullptr;
  faulty->real =
      static_cast<sqlite3_file*>(sqlite3_malloc64(static_cast<sqlite3_uint64>(real_vfs->szOsFile)));
  if (faulty->real == nullptr) return SQLITE_NOMEM;
  std::memset(faulty->real, 0, static_cast<std::size_t>(real_vfs->szOsFile));
  const int code = real_vfs->xOpen(real_vfs, name, faulty->real, flags, out);
  if (code == SQLITE_OK)
    faulty->base.pMethods = faulty_methods();
  else
    sqlite3_free(faulty->real);
  return code;
}

void install_faults() {
  if (real_vfs != nullptr) return;
  sqlite3_initialize();
  real_vfs = sqlite3_vfs_find(nullptr);
  static sqlite3_vfs faulty = *real_vfs;
  faulty.zName = "faulty";
  faulty.szOsFile = sizeof(FaultyFile);
  faulty.pNext = nullptr;
  faulty.xOpen = faulty_open;
  sqlite3_vfs_register(&faulty, 1);
}

class RegistryFaults : public testing::Test {
 protected:
  void SetUp() override {
    install_faults();
    plan = {};
    std::string pattern = testing::TempDir() + "faultsXXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override {
    plan = {};
    fs::remove_all(folder_);
  }
  // A registry with one claimed device 'a' of tenant acme, closed again.
  void prepare() {
    for (const auto& entry : fs::directory_iterator(folder_)) fs::remove(entry);
    auto registry = open_sqlite_registry({file()}).value();
    ASSERT_TRUE(registry->add_tenant(sample_tenant(), sample_audit()));
    device_ = make_claimed_device(*registry, 'a', sample_tenant_id());
  }
  std::string file() const { return folder_ / "registry.db"; }
  AttestationCommit acceptance() const {
    return sample_acceptance(*device_, sample_tenant_id(), '1');
  }
  // All or nothing, told from any of the things that one acceptance changes.
  static bool is_whole(Registry& registry, const DeviceRecord& before) {
    const bool certificate = static_cast<bool>(registry.certificate(std::string(32, '1')));
    const auto device = registry.device(before.id);
    EXPECT_TRUE(device);
    EXPECT_EQ(certificate, device->clock.has_value());
    EXPECT_EQ(certificate, static_cast<bool>(registry.last_verdict(before.id)));
    EXPECT_EQ(device->version, before.version + (certificate ? 1 : 0));
    return certificate;
  }
  void kill_everywhere(Fault fault);

  fs::path folder_;
  std::optional<DeviceRecord> device_;
};

void RegistryFaults::kill_everywhere(Fault fault) {
  int step = 0;
  bool lost = false;
  bool kept = false;
  for (int code = 9; code == 9;) {
    ++step;
    ASSERT_LT(step, 500);
    prepare();
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      plan = {fault, step, 0};
      auto opened = open_sqlite_registry({file()});
      if (!opened) _exit(3);
      const bool good = static_cast<bool>((*opened)->commit_attestation(acceptance()));
      opened->reset();
      _exit(good ? 0 : 4);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    code = WEXITSTATUS(status);
    ASSERT_TRUE(code == 0 || code == 9) << "step " << step << " exit " << code;
    auto registry = open_sqlite_registry({file()});
    ASSERT_TRUE(registry) << "step " << step << ": " << registry.error().message();
    (is_whole(**registry, *device_) ? kept : lost) = true;
    // Whatever happened, the next acceptance works.
    if (!(*registry)->certificate(std::string(32, '1')))
      ASSERT_TRUE((*registry)->commit_attestation(acceptance())) << "step " << step;
  }
  EXPECT_TRUE(kept);
  EXPECT_TRUE(lost) << "the kill never came before the commit";
  EXPECT_GT(step, 5);
}

TEST_F(RegistryFaults, KilledAtAnyWriteOrFlushKeepsAllOrNothing) {
  kill_everywhere(Fault::kill);
}

TEST_F(RegistryFaults, KilledInTheMiddleOfAnyWriteKeepsAllOrNothing) {
  kill_everywhere(Fault::kill_torn);
}

TEST_F(RegistryFaults, ADiskThatFillsAtAnyWriteIsSaidAndNothingIsLost) {
  for (int step = 1; step < 500; ++step) {
    prepare();
    auto registry = open_sqlite_registry({file()}).value();
    plan = {Fault::disk_full, step, 0};
    const Status status = registry->commit_attestation(acceptance());
    const bool reached = plan.seen >= step;
    plan = {};
    if (!reached) {
      EXPECT_TRUE(status);
      EXPECT_GT(step, 2);
      return;
    }
    ASSERT_FALSE(status) << "step " << step;
    EXPECT_TRUE(status.error().is(kRegistryFull) || status.error().is(kRegistryUnavailable))
        << status.error().message();
    EXPECT_FALSE(is_whole(*registry, *device_)) << "step " << step;
    EXPECT_TRUE(registry->commit_attestation(acceptance())) << "after room was made";
  }
  FAIL() << "the fault was always reached";
}

TEST_F(RegistryFaults, AFailingDiskIsAnErrorAndNeverAnAcceptance) {
  prepare();
  auto registry = open_sqlite_registry({file()}).value();
  plan = {Fault::io_error, 1, 0};
  const Status status = registry->commit_attestation(acceptance());
  plan = {};
  ASSERT_FALSE(status);
  EXPECT_TRUE(status.error().is(kRegistryUnavailable)) << status.error().message();
  EXPECT_FALSE(is_whole(*registry, *device_));
}

TEST_F(RegistryFaults, TheSizeLimitIsReportedAsAFullDisk) {
  auto registry = open_sqlite_registry({file(), 60}).value();
  ASSERT_TRUE(registry->add_device(sample_device(), sample_audit()));
  VerdictRecord verdict = sample_refusal(sample_device_id(), "PV-ATT-001");
  verdict.report.assign(40'000, std::byte{'x'});
  Status status;
  for (int i = 0; i < 30 && status; ++i) status = registry->add_verdict(verdict);
  ASSERT_FALSE(status);
  EXPECT_TRUE(status.error().is(kRegistryFull)) << status.error().message();
  EXPECT_TRUE(registry->last_verdict(sample_device_id())) << "reading goes on";
}

}  // namespace
}  // namespace pavise::security
