#include <errno.h>
#include <pavise/internal/certificate_file.h>
#include <string.h>

static const char magic[] = "PVCERTS";
enum {
  kMagicBytes = 7,
  kVersion = 1,
  kKindAt = 8,
  kCertificateSizeAt = 12,
  kKeySizeAt = 16,
  kSumAt = 20
};
_Static_assert(kCertificateHeadBytes + 2 * PAVISE_CERTIFICATE_BYTES_MAX <= kCertificateFileBytes,
               "the largest of both fit");

static void put(unsigned char* to, uint32_t value) {
  for (int i = 0; i < 4; ++i) to[i] = (unsigned char)(value >> (8 * i));
}

static uint32_t get(const unsigned char* from) {
  uint32_t out = 0;
  for (int i = 0; i < 4; ++i) out |= (uint32_t)from[i] << (8 * i);
  return out;
}

/* CRC-32 as in IEEE 802.3: it finds torn writes, nobody's malice. */
static uint32_t add_to_sum(uint32_t sum, const unsigned char* bytes, size_t size) {
  static const uint32_t of_four_bits[] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac,
                                          0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
                                          0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
                                          0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
  sum = ~sum;
  for (size_t i = 0; i < size; ++i) {
    sum ^= bytes[i];
    sum = (sum >> 4U) ^ of_four_bits[sum & 0xfU];
    sum = (sum >> 4U) ^ of_four_bits[sum & 0xfU];
  }
  return ~sum;
}

static uint32_t sum_of(const unsigned char* file) {
  const uint32_t head = add_to_sum(0, file, kSumAt);
  return add_to_sum(head, file + kCertificateHeadBytes,
                    kCertificateFileBytes - kCertificateHeadBytes);
}

void certificate_file_make(struct certificate_file* out, enum pavise_certificate_kind kind,
                           const void* certificate, size_t certificate_size, const void* key,
                           size_t key_size) {
  memset(out, 0, sizeof *out);
  memcpy(out->bytes, magic, kMagicBytes);
  out->bytes[kMagicBytes] = kVersion;
  put(out->bytes + kKindAt, (uint32_t)kind);
  put(out->bytes + kCertificateSizeAt, (uint32_t)certificate_size);
  put(out->bytes + kKeySizeAt, (uint32_t)key_size);
  memcpy(out->bytes + kCertificateHeadBytes, certificate, certificate_size);
  if (key_size > 0) memcpy(out->bytes + kCertificateHeadBytes + certificate_size, key, key_size);
  put(out->bytes + kSumAt, sum_of(out->bytes));
}

int certificate_file_read(const void* bytes, size_t size, enum pavise_certificate_kind* kind,
                          struct pavise_credential* out) {
  memset(out, 0, sizeof *out);
  const unsigned char* const file = bytes;
  if (size < kCertificateHeadBytes || memcmp(file, magic, kMagicBytes) != 0) return -EBADMSG;
  if (file[kMagicBytes] > kVersion) return -ENOTSUP;
  if (file[kMagicBytes] != kVersion || size != kCertificateFileBytes) return -EBADMSG;
  const uint32_t what = get(file + kKindAt);
  const size_t certificate_size = get(file + kCertificateSizeAt);
  const size_t key_size = get(file + kKeySizeAt);
  const int has_key = what == PAVISE_CLIENT_CERTIFICATE;
  if ((!has_key && what != PAVISE_ROOT_CA) || certificate_size == 0 ||
      certificate_size > PAVISE_CERTIFICATE_BYTES_MAX || key_size > PAVISE_CERTIFICATE_BYTES_MAX ||
      has_key != (key_size > 0) || get(file + kSumAt) != sum_of(file))
    return -EBADMSG;
  for (size_t i = kCertificateHeadBytes + certificate_size + key_size; i < size; ++i)
    if (file[i] != 0) return -EBADMSG;
  *kind = has_key ? PAVISE_CLIENT_CERTIFICATE : PAVISE_ROOT_CA;
  memcpy(out->certificate, file + kCertificateHeadBytes, certificate_size);
  memcpy(out->key, file + kCertificateHeadBytes + certificate_size, key_size);
  out->certificate_size = certificate_size;
  out->key_size = key_size;
  return 0;
}
