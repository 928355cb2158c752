#include <errno.h>
#include <pavise/internal/x509.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum {
  kInteger = 0x02,
  kBits = 0x03,
  kOid = 0x06,
  kUtf8String = 0x0c,
  kNumericString = 0x12,
  kPrintableString = 0x13,
  kIa5String = 0x16,
  kUtcTime = 0x17,
  kGeneralizedTime = 0x18,
  kVisibleString = 0x1a,
  kSequence = 0x30,
  kSet = 0x31,
  kVersionTag = 0xa0
};
enum { kNamePartsMax = 16, kOidBytesMax = 32 };

/* ---- DER (X.690): definite lengths in their shortest form, tags of one byte */

struct der {
  const unsigned char* at;
  size_t left;
};

static bool take_any(struct der* from, unsigned* tag, struct der* content) {
  if (from->left < 2 || (from->at[0] & 0x1fU) == 0x1fU) return false;
  size_t size = from->at[1];
  size_t head = 2;
  if (size >= 0x80) {
    const size_t more = size & 0x7fU;
    if (more == 0 || more > 2 || from->left < 2 + more) return false;
    size = from->at[2];
    if (more == 2) size = size << 8U | from->at[3];
    if (size < (more == 2 ? 0x100U : 0x80U)) return false;
    head += more;
  }
  if (size > from->left - head) return false;
  *tag = from->at[0];
  *content = (struct der){from->at + head, size};
  from->at += head + size;
  from->left -= head + size;
  return true;
}

static bool take(struct der* from, unsigned tag, struct der* content) {
  unsigned found = 0;
  struct der before = *from;
  if (take_any(from, &found, content) && found == tag) return true;
  *from = before;
  return false;
}

/* ---- names as RFC 4514 writes them */

struct text {
  char* at;
  size_t left; /* besides the zero byte */
  bool full;
};

static void add(struct text* to, const char* bytes, size_t size) {
  if (size > to->left) {
    to->full = true;
    return;
  }
  memcpy(to->at, bytes, size);
  to->at += size;
  to->left -= size;
}

static void add_hex(struct text* to, const unsigned char* bytes, size_t size) {
  static const char digits[] = "0123456789ABCDEF";
  for (size_t i = 0; i < size && !to->full; ++i) {
    const char pair[] = {digits[bytes[i] >> 4U], digits[bytes[i] & 0xfU]};
    add(to, pair, 2);
  }
}

struct oid_name {
  const char* name;
  unsigned char size;
  unsigned char bytes[10];
};
static const struct oid_name oid_names[] = {
    {"CN", 3, {0x55, 4, 3}},
    {"serialNumber", 3, {0x55, 4, 5}},
    {"C", 3, {0x55, 4, 6}},
    {"L", 3, {0x55, 4, 7}},
    {"ST", 3, {0x55, 4, 8}},
    {"street", 3, {0x55, 4, 9}},
    {"O", 3, {0x55, 4, 10}},
    {"OU", 3, {0x55, 4, 11}},
    {"emailAddress", 9, {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1}},
    {"UID", 10, {0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 1}},
    {"DC", 10, {0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25}},
};

/* False: no OID, or one with a number above 2^28. */
static bool add_dotted(struct text* to, struct der oid) {
  char piece[32];
  uint32_t number = 0;
  unsigned digits = 0;
  bool first = true;
  for (size_t i = 0; i < oid.left; ++i) {
    if ((digits == 0 && oid.at[i] == 0x80) || digits == 4) return false;
    number = number << 7U | (oid.at[i] & 0x7fU);
    ++digits;
    if (oid.at[i] & 0x80U) continue;
    const uint32_t arc = number < 80 ? number / 40 : 2;
    if (first)
      snprintf(piece, sizeof piece, "%u.%u", (unsigned)arc, (unsigned)(number - arc * 40));
    else
      snprintf(piece, sizeof piece, ".%u", (unsigned)number);
    add(to, piece, strlen(piece));
    first = false;
    number = digits = 0;
  }
  return !first && digits == 0;
}

/* How many bytes one character has; 0: it is none of UTF-8 (RFC 3629). */
static size_t utf8_size(const unsigned char* at, size_t left) {
  const unsigned char lead = at[0];
  if (lead < 0x80) return 1;
  const size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || left < size) return 0;
  for (size_t i = 1; i < size; ++i)
    if ((at[i] & 0xc0U) != 0x80) return 0;
  const bool bad = (lead == 0xe0 && at[1] < 0xa0) || (lead == 0xed && at[1] > 0x9f) ||
                   (lead == 0xf0 && at[1] < 0x90) || (lead == 0xf4 && at[1] > 0x8f);
  return bad ? 0 : size;
}

/* Control characters and what would look like another part of the name. */
static bool add_character(struct text* to, const unsigned char* at, size_t size, bool first,
                          bool last) {
  const bool control = (size == 1 && (at[0] < 0x20 || at[0] == 0x7f)) ||
                       (size == 2 && at[0] == 0xc2 && at[1] < 0xa0);
  if (control) {
    for (size_t i = 0; i < size; ++i) {
      add(to, "\\", 1);
      add_hex(to, at + i, 1);
    }
    return !to->full;
  }
  const bool special = size == 1 && (strchr("\"+,;<>\\", at[0]) ||
                                     (at[0] == ' ' && (first || last)) || (at[0] == '#' && first));
  if (special) add(to, "\\", 1);
  add(to, (const char*)at, size);
  return !to->full;
}

static bool is_text(unsigned tag, struct der value) {
  const bool ascii = tag == kNumericString || tag == kPrintableString || tag == kIa5String ||
                     tag == kVisibleString;
  if (!ascii && tag != kUtf8String) return false;
  for (size_t i = 0; i < value.left;) {
    const size_t size = utf8_size(value.at + i, value.left - i);
    if (size == 0 || (ascii && size > 1)) return false;
    i += size;
  }
  return true;
}

static void add_value(struct text* to, struct der value) {
  for (size_t i = 0; i < value.left;) {
    const size_t size = utf8_size(value.at + i, value.left - i);
    if (!add_character(to, value.at + i, size, i == 0, i + size == value.left)) return;
    i += size;
  }
}

/* AttributeTypeAndValue. False: it is none. */
static bool add_attribute(struct text* to, struct der attribute) {
  struct der oid;
  struct der value;
  unsigned tag = 0;
  if (!take(&attribute, kOid, &oid) || oid.left > kOidBytesMax) return false;
  const struct der whole = attribute;
  if (!take_any(&attribute, &tag, &value) || attribute.left != 0) return false;
  const struct oid_name* known = NULL;
  for (size_t i = 0; i < sizeof oid_names / sizeof *oid_names; ++i)
    if (oid.left == oid_names[i].size && memcmp(oid.at, oid_names[i].bytes, oid.left) == 0)
      known = &oid_names[i];
  if (known)
    add(to, known->name, strlen(known->name));
  else if (!add_dotted(to, oid))
    return false;
  add(to, "=", 1);
  if (known && is_text(tag, value)) {
    add_value(to, value);
  } else {
    add(to, "#", 1);
    add_hex(to, whole.at, whole.left);
  }
  return true;
}

/* The last part stands first. */
static int write_name(struct der name, char out[PAVISE_CERTIFICATE_NAME_BYTES_MAX + 1]) {
  struct der parts[kNamePartsMax];
  size_t count = 0;
  while (name.left > 0) {
    if (count == kNamePartsMax) return -E2BIG;
    if (!take(&name, kSet, &parts[count]) || parts[count].left == 0) return -EBADMSG;
    ++count;
  }
  struct text text = {out, PAVISE_CERTIFICATE_NAME_BYTES_MAX, false};
  for (size_t i = count; i-- > 0;) {
    for (bool more = false; parts[i].left > 0; more = true) {
      struct der attribute;
      if (text.left < PAVISE_CERTIFICATE_NAME_BYTES_MAX) add(&text, more ? "+" : ",", 1);
      if (!take(&parts[i], kSequence, &attribute) || !add_attribute(&text, attribute))
        return -EBADMSG;
    }
  }
  *text.at = '\0';
  return text.full ? -E2BIG : 0;
}

/* ---- times */

static unsigned two_digits(const unsigned char* at, bool* bad) {
  for (int i = 0; i < 2; ++i)
    if (at[i] < '0' || at[i] > '9') *bad = true;
  return *bad ? 0 : (at[0] - '0') * 10U + (at[1] - '0');
}

/* Days of the proleptic Gregorian calendar since 1970-01-01. */
static int64_t days_of(unsigned year, unsigned month, unsigned day) {
  static const unsigned before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
  const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  const unsigned past = year - 1;
  const int64_t leaps = (int64_t)(past / 4) - past / 100 + past / 400;
  return 365 * (int64_t)past + leaps + before[month - 1] + (leap && month > 2) + day - 1 - 719162;
}

/* As RFC 5280, 4.1.2.5: in UTC, with seconds and without fractions. */
static bool take_time(struct der* from, int64_t* out) {
  unsigned tag = 0;
  struct der text;
  if (!take_any(from, &tag, &text)) return false;
  const bool century = tag == kGeneralizedTime;
  if ((!century && tag != kUtcTime) || text.left != (century ? 15U : 13U)) return false;
  bool bad = false;
  const unsigned char* at = text.at;
  unsigned year = two_digits(at, &bad);
  if (century)
    year = year * 100 + two_digits(at += 2, &bad);
  else
    year += year < 50 ? 2000 : 1900;
  const unsigned month = two_digits(at + 2, &bad);
  const unsigned day = two_digits(at + 4, &bad);
  const unsigned hour = two_digits(at + 6, &bad);
  const unsigned minute = two_digits(at + 8, &bad);
  const unsigned second = two_digits(at + 10, &bad);
  static const unsigned days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  if (bad || at[12] != 'Z' || year == 0 || month == 0 || month > 12 || day == 0 || hour > 23 ||
      minute > 59 || second > 59)
    return false;
  const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  if (day > days[month - 1] + (leap && month == 2)) return false;
  *out = ((days_of(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
  return true;
}

/* ---- the certificate */

static int describe_der(struct der all, struct pavise_certificate* out) {
  struct der certificate;
  struct der fields;
  struct der skipped;
  struct der issuer;
  struct der validity;
  struct der subject;
  if (!take(&all, kSequence, &certificate) || all.left != 0 ||
      !take(&certificate, kSequence, &fields) || !take(&certificate, kSequence, &skipped) ||
      !take(&certificate, kBits, &skipped) || certificate.left != 0)
    return -EBADMSG;
  (void)take(&fields, kVersionTag, &skipped); /* the first version has none */
  if (!take(&fields, kInteger, &skipped) || !take(&fields, kSequence, &skipped) ||
      !take(&fields, kSequence, &issuer) || !take(&fields, kSequence, &validity) ||
      !take(&fields, kSequence, &subject) || !take(&fields, kSequence, &skipped))
    return -EBADMSG;
  if (!take_time(&validity, &out->not_before_s) || !take_time(&validity, &out->not_after_s) ||
      validity.left != 0 || out->not_after_s < out->not_before_s)
    return -EBADMSG;
  const int outcome = write_name(issuer, out->issuer);
  return outcome != 0 ? outcome : write_name(subject, out->subject);
}

/* ---- PEM (RFC 7468) */

static int base64_digit(unsigned char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Until a '-'; -1: what is no base64, or does not end so. */
static long read_base64(const unsigned char* at, const unsigned char* end, unsigned char* out) {
  uint32_t bits = 0;
  unsigned digits = 0;
  unsigned padding = 0;
  long size = 0;
  for (; at < end && *at != '-'; ++at) {
    if (*at == '\n' || *at == '\r' || *at == ' ' || *at == '\t') continue;
    const int digit = base64_digit(*at);
    if (*at == '=' && digits % 4 >= 2)
      ++padding;
    else if (digit < 0 || padding > 0)
      return -1;
    bits = bits << 6U | (digit < 0 ? 0U : (unsigned)digit);
    if (++digits % 4 != 0) continue;
    out[size++] = (unsigned char)(bits >> 16U);
    if (padding < 2) out[size++] = (unsigned char)(bits >> 8U);
    if (padding < 1) out[size++] = (unsigned char)bits;
    if (padding > 0) digits = 1; /* no more of them */
  }
  const bool whole = digits % 4 == 0 || (padding > 0 && digits == 1);
  return whole && at < end ? size : -1;
}

static const unsigned char* after_line(const unsigned char* bytes, size_t size, const char* line) {
  const size_t length = strlen(line);
  const unsigned char* const end = bytes + size;
  for (const unsigned char* at = bytes; at && (size_t)(end - at) >= length;) {
    if (memcmp(at, line, length) == 0) return at + length;
    at = memchr(at, '\n', (size_t)(end - at));
    if (at) ++at;
  }
  return NULL;
}

static int describe_pem(const unsigned char* bytes, size_t size, struct pavise_certificate* out) {
  static const char begin[] = "-----BEGIN CERTIFICATE-----";
  static const char last[] = "-----END CERTIFICATE-----";
  unsigned char der[PAVISE_CERTIFICATE_BYTES_MAX];
  const unsigned char* const body = after_line(bytes, size, begin);
  const unsigned char* const end = bytes + size;
  if (!body) return -EBADMSG;
  const long der_size = read_base64(body, end, der);
  const unsigned char* const tail = memchr(body, '-', (size_t)(end - body));
  if (der_size <= 0 || !tail || (size_t)(end - tail) < sizeof last - 1 ||
      memcmp(tail, last, sizeof last - 1) != 0)
    return -EBADMSG;
  return describe_der((struct der){der, (size_t)der_size}, out);
}

int x509_describe(const void* bytes, size_t size, struct pavise_certificate* out) {
  if (size == 0) return -EBADMSG;
  if (size > PAVISE_CERTIFICATE_BYTES_MAX) return -E2BIG;
  const unsigned char* const at = bytes;
  int outcome = describe_der((struct der){at, size}, out);
  /* Text in front of PEM may begin with a digit that is DER's first byte as well. */
  if (outcome == -EBADMSG) outcome = describe_pem(at, size, out);
  if (outcome != 0) out->issuer[0] = out->subject[0] = '\0';
  return outcome;
}
