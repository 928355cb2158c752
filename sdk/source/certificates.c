#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pavise/certificates.h>
#include <pavise/internal/certificate_file.h>
#include <pavise/internal/x509.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file like the others without an id. What replaces another is written there, so that replacing
 * needs no room, however full the app's storage is. */
static const char spare[] = ".spare";
static const char new_file[] = ".new";

typedef char certificate_id[PAVISE_CERTIFICATE_ID_BYTES_MAX + 1];

static int error_of(int number) {
  return number == EDQUOT ? -ENOSPC : -number;
}

static bool good_id(const char* id) {
  if (!id) return false;
  size_t size = 0;
  for (; id[size] != '\0'; ++size)
    if (size == PAVISE_CERTIFICATE_ID_BYTES_MAX ||
        (!(id[size] >= '0' && id[size] <= '9') && !(id[size] >= 'A' && id[size] <= 'Z') &&
         !(id[size] >= 'a' && id[size] <= 'z') && id[size] != '-' && id[size] != '_'))
      return false;
  return size > 0;
}

/* The folder, locked against other threads and processes of the app: a descriptor. The lock ends
 * with whoever holds it. */
static int open_store(int lock) {
  const char* const path = getenv("PAVISE_CERTIFICATES");
  if (!path || *path == '\0') return -EACCES;
  const int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return error_of(errno);
  while (flock(folder, lock) != 0) {
    if (errno == EINTR) continue;
    const int outcome = error_of(errno);
    close(folder);
    return outcome;
  }
  return folder;
}

/* Explicitly: a process that another thread forked meanwhile has a copy of the descriptor. */
static int close_store(int folder, int outcome) {
  flock(folder, LOCK_UN);
  close(folder);
  return outcome;
}

static int sync_it(int descriptor) {
  return fsync(descriptor) == 0 ? 0 : error_of(errno);
}

/* ---- reading */

static int read_file(int folder, const char* id, struct certificate_file* out, size_t* size) {
  const int file = openat(folder, id, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (file < 0) return error_of(errno);
  int outcome = 0;
  *size = 0;
  while (*size < sizeof *out) {
    const ssize_t got = read(file, out->bytes + *size, sizeof *out - *size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) outcome = error_of(errno);
    if (got <= 0) break;
    *size += (size_t)got;
  }
  close(file);
  return outcome;
}

static int load(int folder, const char* id, enum pavise_certificate_kind* kind,
                struct pavise_credential* out) {
  struct certificate_file file;
  size_t size = 0;
  int outcome = read_file(folder, id, &file, &size);
  if (outcome == 0)
    outcome = certificate_file_read(file.bytes, size, kind, out);
  else
    memset(out, 0, sizeof *out);
  explicit_bzero(&file, sizeof file);
  return outcome;
}

/* 0 also if nothing that can be read has this id. -EEXIST: what has it is of the other kind. */
static int check_kind(int folder, const char* id, enum pavise_certificate_kind wanted) {
  struct pavise_credential credential;
  enum pavise_certificate_kind kind = wanted;
  const int outcome = load(folder, id, &kind, &credential);
  pavise_credential_wipe(&credential);
  return outcome == 0 && kind != wanted ? -EEXIST : 0;
}

/* All names that are ids, also of files that cannot be read; at most one more than may be. */
static int list(int folder, certificate_id ids[PAVISE_CERTIFICATES_MAX + 1]) {
  const int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* const names = copy < 0 ? NULL : fdopendir(copy);
  if (!names) {
    const int outcome = error_of(errno);
    if (copy >= 0) close(copy);
    return outcome;
  }
  int count = 0;
  const struct dirent* entry = NULL;
  while (count <= PAVISE_CERTIFICATES_MAX && (entry = readdir(names)))
    if (good_id(entry->d_name)) {
      memcpy(ids[count], entry->d_name, strlen(entry->d_name) + 1);
      ++count;
    }
  closedir(names);
  return count;
}

/* ---- writing */

static int write_all(int file, const struct certificate_file* content) {
  size_t written = 0;
  while (written < sizeof *content) {
    const ssize_t size =
        pwrite(file, content->bytes + written, sizeof *content - written, (off_t)written);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return error_of(errno);
    written += (size_t)size;
  }
  return 0;
}

/* Over what a file of this name has: no room is given back in between. */
static int write_file(int folder, const char* name, const struct certificate_file* content) {
  const int file =
      openat(folder, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
  if (file < 0) return error_of(errno);
  int outcome = write_all(file, content);
  if (outcome == 0) outcome = sync_it(file);
  if (close(file) != 0 && outcome == 0) outcome = error_of(errno);
  return outcome;
}

/* Zeros over what was there; what cannot be written whole keeps no room. */
static int clear_spare(int folder) {
  struct certificate_file zeros;
  memset(&zeros, 0, sizeof zeros);
  const int outcome = write_file(folder, spare, &zeros);
  if (outcome != 0) unlinkat(folder, spare, 0);
  return outcome;
}

static int keep_spare(int folder) {
  struct stat info;
  const bool there = fstatat(folder, spare, &info, AT_SYMLINK_NOFOLLOW) == 0;
  if (there && S_ISREG(info.st_mode) && info.st_size == (off_t)sizeof(struct certificate_file))
    return 0;
  if (there) unlinkat(folder, spare, 0);
  return clear_spare(folder);
}

/* For who changes something. What a power cut has left in the spare is overwritten first: it may be
 * the key of an entry that is gone. */
static int open_for_change(void) {
  static const struct certificate_file zeros;
  const int folder = open_store(LOCK_EX);
  if (folder < 0) return folder;
  struct certificate_file left;
  size_t size = 0;
  if (read_file(folder, spare, &left, &size) == 0 && memcmp(&left, &zeros, size) != 0)
    clear_spare(folder);
  explicit_bzero(&left, sizeof left);
  return folder;
}

static int add_file(int folder, const char* id, const struct certificate_file* content) {
  int outcome = keep_spare(folder);
  if (outcome == 0) outcome = write_file(folder, new_file, content);
  if (outcome == 0 && renameat(folder, new_file, folder, id) != 0) outcome = error_of(errno);
  if (outcome != 0) {
    unlinkat(folder, new_file, 0);
    return outcome;
  }
  return sync_it(folder);
}

static int replace_file(int folder, const char* id, const struct certificate_file* content) {
  int outcome = write_file(folder, spare, content);
  if (outcome == 0 && renameat2(folder, spare, folder, id, RENAME_EXCHANGE) != 0)
    outcome = error_of(errno);
  if (outcome != 0) {
    clear_spare(folder);
    return outcome;
  }
  /* Not before the exchange is on the disk: until then a power cut could bring it back. */
  outcome = sync_it(folder);
  if (outcome == 0) clear_spare(folder);
  return outcome;
}

static int install_locked(int folder, const char* id, enum pavise_certificate_kind kind,
                          const struct certificate_file* content) {
  certificate_id ids[PAVISE_CERTIFICATES_MAX + 1];
  const int count = list(folder, ids);
  if (count < 0) return count;
  const int outcome = check_kind(folder, id, kind);
  if (outcome != 0) return outcome;
  if (faccessat(folder, id, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
    return replace_file(folder, id, content);
  if (errno != ENOENT) return error_of(errno);
  return count < PAVISE_CERTIFICATES_MAX ? add_file(folder, id, content) : -ENOSPC;
}

static int install(const char* id, enum pavise_certificate_kind kind, const void* certificate,
                   size_t certificate_size, const void* key, size_t key_size) {
  if (!good_id(id) || !certificate) return -EINVAL;
  if (certificate_size > PAVISE_CERTIFICATE_BYTES_MAX || key_size > PAVISE_CERTIFICATE_BYTES_MAX)
    return -E2BIG;
  struct pavise_certificate described;
  int outcome = x509_describe(certificate, certificate_size, &described);
  if (outcome != 0) return outcome;
  const int folder = open_for_change();
  if (folder < 0) return folder;
  struct certificate_file content;
  certificate_file_make(&content, kind, certificate, certificate_size, key, key_size);
  outcome = install_locked(folder, id, kind, &content);
  explicit_bzero(&content, sizeof content);
  return close_store(folder, outcome);
}

int pavise_certificates_install_root_ca(const char* id, const void* certificate, size_t size) {
  return install(id, PAVISE_ROOT_CA, certificate, size, NULL, 0);
}

int pavise_certificates_install_client(const char* id, const void* certificate,
                                       size_t certificate_size, const void* key, size_t key_size) {
  if (!key || key_size == 0) return -EINVAL;
  return install(id, PAVISE_CLIENT_CERTIFICATE, certificate, certificate_size, key, key_size);
}

int pavise_certificates_delete(const char* id) {
  if (!good_id(id)) return -EINVAL;
  const int folder = open_for_change();
  if (folder < 0) return folder;
  /* It becomes the spare, and is overwritten as such. */
  int outcome = renameat(folder, id, folder, spare) == 0 ? 0 : error_of(errno);
  if (outcome == 0) outcome = sync_it(folder);
  if (outcome == 0) clear_spare(folder);
  return close_store(folder, outcome);
}

int pavise_certificates_move(const char* from, const char* to) {
  if (!good_id(from) || !good_id(to) || strcmp(from, to) == 0) return -EINVAL;
  const int folder = open_for_change();
  if (folder < 0) return folder;
  struct pavise_credential credential;
  enum pavise_certificate_kind kind = PAVISE_ROOT_CA;
  int outcome = load(folder, from, &kind, &credential);
  pavise_credential_wipe(&credential);
  if (outcome == 0) outcome = check_kind(folder, to, kind);
  const int replaced =
      openat(folder, to, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC); /* -1: nothing */
  if (outcome == 0 && renameat(folder, from, folder, to) != 0) outcome = error_of(errno);
  if (outcome == 0) outcome = sync_it(folder);
  if (replaced >= 0) {
    static const struct certificate_file zeros;
    if (outcome == 0 && write_all(replaced, &zeros) == 0) (void)sync_it(replaced);
    close(replaced);
  }
  return close_store(folder, outcome);
}

/* ---- what is there */

static int by_text(const void* one, const void* other) {
  return strcmp(one, other);
}

int pavise_certificates_list(certificate_id ids[PAVISE_CERTIFICATES_MAX]) {
  certificate_id found[PAVISE_CERTIFICATES_MAX + 1];
  const int folder = open_store(LOCK_SH);
  if (folder < 0) return folder;
  int count = close_store(folder, list(folder, found));
  if (count < 0) return count;
  qsort(found, (size_t)count, sizeof *found, by_text);
  if (count > PAVISE_CERTIFICATES_MAX) count = PAVISE_CERTIFICATES_MAX;
  memcpy(ids, found, (size_t)count * sizeof *found);
  return count;
}

int pavise_certificates_available(void) {
  certificate_id ids[PAVISE_CERTIFICATES_MAX];
  const int count = pavise_certificates_list(ids);
  return count < 0 ? count : PAVISE_CERTIFICATES_MAX - count;
}

static int load_by_id(const char* id, enum pavise_certificate_kind* kind,
                      struct pavise_credential* out) {
  memset(out, 0, sizeof *out);
  if (!good_id(id)) return -EINVAL;
  const int folder = open_store(LOCK_SH);
  if (folder < 0) return folder;
  return close_store(folder, load(folder, id, kind, out));
}

int pavise_certificates_load(const char* id, struct pavise_credential* out) {
  enum pavise_certificate_kind kind = PAVISE_ROOT_CA;
  return load_by_id(id, &kind, out);
}

int pavise_certificates_describe(const char* id, struct pavise_certificate* out) {
  memset(out, 0, sizeof *out);
  struct pavise_credential credential;
  int outcome = load_by_id(id, &out->kind, &credential);
  if (outcome == 0)
    outcome = x509_describe(credential.certificate, credential.certificate_size, out);
  if (outcome == 0) memcpy(out->id, id, strlen(id) + 1);
  pavise_credential_wipe(&credential);
  return outcome;
}

void pavise_credential_wipe(struct pavise_credential* credential) {
  explicit_bzero(credential, sizeof *credential);
}
