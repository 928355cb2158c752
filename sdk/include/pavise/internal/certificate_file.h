/* One installed certificate as bytes: docs/formats/certificate-store.md. Pure, any thread. */
#ifndef PAVISE_INTERNAL_CERTIFICATE_FILE_H
#define PAVISE_INTERNAL_CERTIFICATE_FILE_H

#include <pavise/certificates.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { kCertificateFileBytes = 20480, kCertificateHeadBytes = 24 };

/* Each file has the same size, so that one can take the place of another without new room. */
struct certificate_file {
  unsigned char bytes[kCertificateFileBytes];
};

/* Sizes are within PAVISE_CERTIFICATE_BYTES_MAX. */
void certificate_file_make(struct certificate_file* out, enum pavise_certificate_kind kind,
                           const void* certificate, size_t certificate_size, const void* key,
                           size_t key_size);
/* Fills `out` and `kind`. -EBADMSG: damaged, or none; -ENOTSUP: of a later version. `out` is zero
 * then. */
int certificate_file_read(const void* bytes, size_t size, enum pavise_certificate_kind* kind,
                          struct pavise_credential* out);

#ifdef __cplusplus
}
#endif
#endif
