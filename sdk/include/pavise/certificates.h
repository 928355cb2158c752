/* Root CAs and client certificates with their keys, which the app installs and its TLS library
 * uses. They stay across restarts and updates of the app, until it is erased, and no other app has
 * them. The manifest grants them ("certificate_store": true); they lie in the folder that
 * PAVISE_CERTIFICATES names, as docs/formats/certificate-store.md says.
 *
 * An id is 1 to 16 letters, digits, '-' and '_'; else -EINVAL. A certificate is DER, or PEM as in
 * files of TLS libraries: of several in one PEM, a chain, the first is the app's own, and the one
 * that is described. Only its form is judged here: whether anybody vouches for it is for the TLS
 * library to say. A key is whatever bytes the TLS library reads; nobody looks into it.
 *
 * Each change is whole when it returned 0, also after a power cut, and before that it is not there
 * at all; after -EIO, which is the disk's, it may be either. All of these block on the disk; any
 * thread, any process of the app; they need 64 KiB of stack. Errors are negative errno, of these
 * first: -EACCES: the manifest does not grant it; -ENOSPC: there are PAVISE_CERTIFICATES_MAX, or
 * the quota that the app's files have in common is used up. */
#ifndef PAVISE_CERTIFICATES_H
#define PAVISE_CERTIFICATES_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PAVISE_CERTIFICATES_MAX 16
#define PAVISE_CERTIFICATE_ID_BYTES_MAX 16
#define PAVISE_CERTIFICATE_BYTES_MAX 8192 /* each: certificate or chain, and key */
#define PAVISE_CERTIFICATE_NAME_BYTES_MAX 300

enum pavise_certificate_kind { PAVISE_ROOT_CA = 1, PAVISE_CLIENT_CERTIFICATE = 2 };

struct pavise_certificate {
  char id[PAVISE_CERTIFICATE_ID_BYTES_MAX + 1];
  enum pavise_certificate_kind kind;
  /* As RFC 4514 writes names, in UTF-8 without control characters: "CN=plant,O=Example". */
  char subject[PAVISE_CERTIFICATE_NAME_BYTES_MAX + 1];
  char issuer[PAVISE_CERTIFICATE_NAME_BYTES_MAX + 1];
  int64_t not_before_s, not_after_s; /* since 1970, UTC; both included */
};

/* What was installed, with a zero byte behind each. It is large for a stack: 16 KiB. */
struct pavise_credential {
  size_t certificate_size, key_size; /* of a root CA no key: 0 */
  unsigned char certificate[PAVISE_CERTIFICATE_BYTES_MAX + 1];
  unsigned char key[PAVISE_CERTIFICATE_BYTES_MAX + 1];
};

/* Installs, or replaces what has this id. Replacing needs no room but what the store has already.
 * -EBADMSG: no certificate, or one that X.509 and DER do not allow; -E2BIG: more bytes than
 * PAVISE_CERTIFICATE_BYTES_MAX, or longer names than PAVISE_CERTIFICATE_NAME_BYTES_MAX;
 * -EEXIST: the id is one of the other kind; -EINVAL: also for a key without bytes. */
int pavise_certificates_install_root_ca(const char* id, const void* certificate, size_t size);
int pavise_certificates_install_client(const char* id, const void* certificate,
                                       size_t certificate_size, const void* key, size_t key_size);
int pavise_certificates_delete(const char* id); /* -ENOENT */
/* What has the id `from` has the id `to` afterwards, instead of what had it: so a renewed
 * certificate takes the place of the old one in one step, with its key. -ENOENT: nothing has the id
 * `from`; -EEXIST: `to` is one of the other kind; -EINVAL: both are the same; -EBADMSG, -ENOTSUP.
 */
int pavise_certificates_move(const char* from, const char* to);

/* The ids, sorted: how many, at most PAVISE_CERTIFICATES_MAX. */
int pavise_certificates_list(
    char ids[PAVISE_CERTIFICATES_MAX][PAVISE_CERTIFICATE_ID_BYTES_MAX + 1]);
/* How many more may be installed, as long as the quota has room. */
int pavise_certificates_available(void);
/* -ENOENT; -EBADMSG: what is stored is damaged; -ENOTSUP: a newer release wrote it. Then it can
 * still be deleted and replaced. */
int pavise_certificates_describe(const char* id, struct pavise_certificate* out);
/* Certificate and key of one installation, never of two. As above; `out` is zero after an error. */
int pavise_certificates_load(const char* id, struct pavise_credential* out);
/* Overwrites it: for when the TLS library has the key. */
void pavise_credential_wipe(struct pavise_credential* credential);

#ifdef __cplusplus
}
#endif
#endif
