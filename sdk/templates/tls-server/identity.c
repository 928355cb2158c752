#include "identity.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <pavise/log.h>
#include <pavise/storage.h>
#include <stdio.h>
#include <string.h>

/* Both in one file: it is replaced as a whole, so there is never one of them without the other. */
static const char file_name[] = "identity.pem";
enum { kFileBytesMax = 8192, kSerialBytes = 16 };

/* The same times always: the device's clock may be wrong when the certificate is made, and nobody
 * renews it. 9999 is RFC 5280's "no date of expiry" (4.1.2.5). */
static const char not_before[] = "20000101000000Z";
static const char not_after[] = "99991231235959Z";

struct pair {
  EVP_PKEY* key;
  X509* certificate;
};

static void free_pair(struct pair* pair) {
  EVP_PKEY_free(pair->key);
  X509_free(pair->certificate);
}

static int add_extension(X509* certificate, int kind, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(NULL, &context, kind, value);
  const int added = extension && X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
  return added;
}

static int set_serial(X509* certificate) {
  unsigned char bytes[kSerialBytes];
  if (RAND_bytes(bytes, sizeof bytes) != 1) return 0;
  bytes[0] = (unsigned char)((bytes[0] & 0x7fU) | 0x40U);
  BIGNUM* const number = BN_bin2bn(bytes, sizeof bytes, NULL);
  const int set = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
  BN_free(number);
  return set;
}

static int fill(X509* certificate, EVP_PKEY* key, const char* name) {
  char dns[280];
  snprintf(dns, sizeof dns, "DNS:%s", name);
  X509_NAME* const subject = X509_get_subject_name(certificate);
  return X509_set_version(certificate, X509_VERSION_3) && set_serial(certificate) &&
         ASN1_TIME_set_string_X509(X509_getm_notBefore(certificate), not_before) &&
         ASN1_TIME_set_string_X509(X509_getm_notAfter(certificate), not_after) &&
         X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char*)name, -1, -1,
                                    0) &&
         X509_set_issuer_name(certificate, subject) && X509_set_pubkey(certificate, key) &&
         add_extension(certificate, NID_basic_constraints, "critical,CA:FALSE") &&
         add_extension(certificate, NID_key_usage, "critical,digitalSignature") &&
         add_extension(certificate, NID_ext_key_usage, "serverAuth") &&
         add_extension(certificate, NID_subject_alt_name, dns) &&
         X509_sign(certificate, key, EVP_sha256()) > 0;
}

static int make(struct pair* pair, const char* name) {
  pair->key = EVP_EC_gen("P-256");
  pair->certificate = X509_new();
  return pair->key && pair->certificate && fill(pair->certificate, pair->key, name) ? 0 : -EIO;
}

static int store(const struct pair* pair) {
  BIO* const memory = BIO_new(BIO_s_secmem());
  char* bytes = NULL;
  int outcome = -EIO;
  if (memory && PEM_write_bio_PKCS8PrivateKey(memory, pair->key, NULL, NULL, 0, NULL, NULL) &&
      PEM_write_bio_X509(memory, pair->certificate)) {
    const long size = BIO_get_mem_data(memory, &bytes);
    outcome = size > 0 ? pavise_storage_replace(file_name, bytes, (size_t)size) : -EIO;
  }
  BIO_free(memory);
  return outcome;
}

static int read_stored(struct pair* pair) {
  char bytes[kFileBytesMax];
  const ssize_t size = pavise_storage_read(file_name, bytes, sizeof bytes);
  if (size < 0) return (int)size;
  BIO* const memory = BIO_new_mem_buf(bytes, (int)size);
  if (memory) {
    pair->key = PEM_read_bio_PrivateKey(memory, NULL, NULL, (void*)"");
    pair->certificate = PEM_read_bio_X509(memory, NULL, NULL, (void*)"");
  }
  BIO_free(memory);
  OPENSSL_cleanse(bytes, sizeof bytes);
  const int good =
      pair->key && pair->certificate && X509_check_private_key(pair->certificate, pair->key) == 1;
  return good ? 0 : -EBADMSG;
}

static int tell(const X509* certificate, char fingerprint[IDENTITY_FINGERPRINT_BYTES]) {
  unsigned char digest[32];
  unsigned size = 0;
  if (!X509_digest(certificate, EVP_sha256(), digest, &size) || size != sizeof digest) return -EIO;
  for (unsigned i = 0; i < size; ++i)
    snprintf(fingerprint + i * 3, 4, i + 1 < size ? "%02X:" : "%02X", digest[i]);
  return 0;
}

int identity_load(SSL_CTX* tls, const char* name, char fingerprint[IDENTITY_FINGERPRINT_BYTES]) {
  struct pair pair = {NULL, NULL};
  int outcome = read_stored(&pair);
  if (outcome == -ENOENT) {
    outcome = make(&pair, name);
    if (outcome == 0) outcome = store(&pair);
    if (outcome == 0) pavise_log(PAVISE_LOG_INFO, "made a new key and certificate");
  }
  if (outcome == 0) outcome = tell(pair.certificate, fingerprint);
  if (outcome == 0 && (SSL_CTX_use_certificate(tls, pair.certificate) != 1 ||
                       SSL_CTX_use_PrivateKey(tls, pair.key) != 1))
    outcome = -EIO;
  free_pair(&pair);
  return outcome;
}
