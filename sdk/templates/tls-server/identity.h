/* The app's key and certificate: made at the first start, kept in its storage across restarts and
 * updates, gone with the app. */
#ifndef IDENTITY_H
#define IDENTITY_H

#include <openssl/ssl.h>

#define IDENTITY_FINGERPRINT_BYTES 96 /* "AB:CD:...", and the zero */

/* Reads them, or makes them (a P-256 key, a certificate for `name` signed by it), gives them to
 * the context, and tells the SHA-256 of the certificate as `openssl x509 -fingerprint -sha256`
 * does. Blocks on the disk. 0, or negative errno: those of storage.h; -EBADMSG: what is stored is
 * not key and certificate, and stays as it is, since who pinned it has to decide; -EIO: OpenSSL
 * failed. */
int identity_load(SSL_CTX* tls, const char* name, char fingerprint[IDENTITY_FINGERPRINT_BYTES]);

#endif
