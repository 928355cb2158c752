#include "common/sqlite/testing/faults.h"

#include <sqlite3.h>
#include <unistd.h>

#include <cstring>

namespace pavise::sqlite::testing {

Plan plan;
std::atomic<int> wal_flushes{0};

namespace {

struct FaultyFile {
  sqlite3_file base;
  sqlite3_file* real;
  bool is_wal;
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
  const int synced = real_of(file)->pMethods->xSync(real_of(file), flags);
  if (synced == SQLITE_OK && reinterpret_cast<FaultyFile*>(file)->is_wal) ++wal_flushes;
  return synced;
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
  faulty->is_wal = (flags & SQLITE_OPEN_WAL) != 0;
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

}  // namespace

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

}  // namespace pavise::sqlite::testing
