#include <errno.h>
#include <fcntl.h>
#include <pavise/storage.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char mutable_file[] = "mutable_file";

/* "." + NAME + ".new" */
enum { kNewNameBytes = PAVISE_STORAGE_NAME_BYTES_MAX + 6 };

static int error_of(int number) {
  return number == EDQUOT ? -ENOSPC : -number;
}

static bool good_name(const char* name) {
  if (!name || name[0] == '.' || name[0] == '\0') return false;
  return strlen(name) <= PAVISE_STORAGE_NAME_BYTES_MAX && !strchr(name, '/');
}

/* A person's own home is nothing to write to. */
static int open_folder(void) {
  const char* const home = getenv("HOME");
  if (!home || !getenv("PAVISE_APP")) return -EROFS;
  const int folder = open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return folder < 0 ? error_of(errno) : folder;
}

int pavise_storage_open(const char* name, int flags) {
  if (!good_name(name)) return -EINVAL;
  const int folder = open_folder();
  if (folder < 0) return folder;
  const int file = openat(folder, name, flags | O_CLOEXEC, 0600);
  const int outcome = file < 0 ? error_of(errno) : file;
  close(folder);
  return outcome;
}

int pavise_storage_open_mutable_file(void) {
  return pavise_storage_open(mutable_file, O_RDWR | O_CREAT);
}

int pavise_storage_delete_mutable_file(void) {
  return pavise_storage_delete(mutable_file);
}

static int write_all(int file, const char* bytes, size_t size) {
  while (size > 0) {
    const ssize_t written = write(file, bytes, size);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return error_of(errno);
    bytes += written;
    size -= (size_t)written;
  }
  return 0;
}

static int write_new(int folder, const char* name, const void* bytes, size_t size) {
  const int file = openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return error_of(errno);
  int outcome = write_all(file, bytes, size);
  if (outcome == 0 && fsync(file) != 0) outcome = error_of(errno);
  /* Some file systems tell of a full quota only here. */
  if (close(file) != 0 && outcome == 0) outcome = error_of(errno);
  return outcome;
}

int pavise_storage_replace(const char* name, const void* bytes, size_t size) {
  if (!good_name(name) || (!bytes && size > 0)) return -EINVAL;
  const int folder = open_folder();
  if (folder < 0) return folder;
  char beside[kNewNameBytes];
  snprintf(beside, sizeof beside, ".%s.new", name);
  int outcome = write_new(folder, beside, bytes, size);
  if (outcome == 0 && renameat(folder, beside, folder, name) != 0) outcome = error_of(errno);
  if (outcome != 0)
    unlinkat(folder, beside, 0); /* it would keep room from others */
  else if (fsync(folder) != 0)
    outcome = error_of(errno);
  close(folder);
  return outcome;
}

ssize_t pavise_storage_read(const char* name, void* bytes, size_t size_max) {
  const int file = pavise_storage_open(name, O_RDONLY);
  if (file < 0) return file;
  size_t size = 0;
  ssize_t outcome = 0;
  while (outcome == 0) {
    char one_more;
    const bool full = size == size_max;
    const ssize_t got =
        read(file, full ? &one_more : (char*)bytes + size, full ? 1 : size_max - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0)
      outcome = error_of(errno);
    else if (got == 0)
      break;
    else if (full)
      outcome = -EFBIG;
    else
      size += (size_t)got;
  }
  close(file);
  return outcome < 0 ? outcome : (ssize_t)size;
}

int pavise_storage_delete(const char* name) {
  if (!good_name(name)) return -EINVAL;
  const int folder = open_folder();
  if (folder < 0) return folder;
  const int outcome = unlinkat(folder, name, 0) == 0 ? 0 : error_of(errno);
  close(folder);
  return outcome;
}
