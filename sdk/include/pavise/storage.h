/* Files that stay: across restarts and updates of the app, until it is erased. The manifest grants
 * them ("mutable_storage": {"size_kib": ...}); they lie in the folder that HOME names, which on a
 * device is /data, and one may use it with the C library's calls as well. Elsewhere there is no
 * storage unless PAVISE_APP is set, too.
 *
 * A name is one word of 1 to 100 bytes without '/', and does not begin with a dot; else -EINVAL.
 * All of these block on the disk; any thread, but one at a time for one name. Errors are negative
 * errno, of these first: -ENOSPC: the quota or the disk is full (never -EDQUOT); -EROFS: the
 * manifest grants no storage. */
#ifndef PAVISE_STORAGE_H
#define PAVISE_STORAGE_H

#include <stddef.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PAVISE_STORAGE_NAME_BYTES_MAX 100

/* The one file of apps that need one: opened for reading and writing, made if it is not there. A
 * descriptor, the caller's to close. */
int pavise_storage_open_mutable_file(void);
int pavise_storage_delete_mutable_file(void);

/* A named file; `flags` are those of open(): O_RDONLY, O_RDWR | O_CREAT, ... A descriptor. -ENOENT.
 */
int pavise_storage_open(const char* name, int flags);
/* The file has these bytes when this returned 0, also after a power cut; on an error, and at each
 * moment before, it has the old ones. Needs room for both. */
int pavise_storage_replace(const char* name, const void* bytes, size_t size);
/* The whole file: how many bytes. -ENOENT; -EFBIG: it has more than `size_max`. */
ssize_t pavise_storage_read(const char* name, void* bytes, size_t size_max);
int pavise_storage_delete(const char* name); /* -ENOENT */

#ifdef __cplusplus
}
#endif
#endif
