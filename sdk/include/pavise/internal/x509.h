/* Four fields of a certificate, for who describes it to a person. No signature, no extension and no
 * key is looked at: whether to trust it is not decided here. Pure, any thread. */
#ifndef PAVISE_INTERNAL_X509_H
#define PAVISE_INTERNAL_X509_H

#include <pavise/certificates.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Fills names and times of `out` from the first certificate of `bytes` (DER or PEM). -EBADMSG:
 * none, or bytes that X.509 (RFC 5280) and DER do not allow there; -E2BIG: a name does not fit, or
 * has more than 16 parts. */
int x509_describe(const void* bytes, size_t size, struct pavise_certificate* out);

#ifdef __cplusplus
}
#endif
#endif
