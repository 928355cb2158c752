// What is read out of certificates, beside what OpenSSL reads.
#include <pavise/internal/x509.h>

#include <cerrno>
#include <ctime>

#include "sdk/source/testing/certificates.h"

namespace {

using sdk_testing::issue;
using sdk_testing::Issued;
using sdk_testing::Memory;
using Subject = std::vector<std::pair<std::string, std::string>>;

int describe(std::string_view bytes, pavise_certificate& out) {
  return x509_describe(bytes.data(), bytes.size(), &out);
}
int describe(std::string_view bytes) {
  pavise_certificate out{};
  return describe(bytes, out);
}

std::string openssl_name(const X509_NAME* name) {
  const Memory memory(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(memory.get(), name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &bytes);
  return {bytes, static_cast<std::size_t>(size)};
}

std::int64_t openssl_seconds(const ASN1_TIME* time) {
  tm parts{};
  EXPECT_EQ(ASN1_TIME_to_tm(time, &parts), 1);
  return ::timegm(&parts);
}

TEST(X509, NamesAreThoseThatOpensslReads) {
  const Issued ca = issue({.subject = {{"C", "CH"}, {"O", "Plant, Inc."}, {"CN", "Root"}}});
  for (const Subject& subject : std::vector<Subject>{
           {{"CN", "plain"}},
           {{"C", "CH"}, {"ST", "Bern"}, {"L", "Biel/Bienne"}, {"O", "a+b"}, {"OU", "\"q\""}},
           {{"CN", " leading"}, {"CN", "trailing "}, {"CN", "#hash"}, {"CN", "a#b c"}},
           {{"CN", "<;>\\,="}, {"O", "Z\xc3\xbcrich \xe2\x82\xac \xf0\x9f\x94\x92"}},
           {{"DC", "example"}, {"DC", "com"}, {"UID", "7"}, {"emailAddress", "a@example.com"}},
           {{"serialNumber", "0042"}, {"street", "Way 1"}},
           {{"CN", "line\nend\x7f"}},
           {{"1.3.6.1.4.1.55555.1", "unknown"}, {"CN", "known"}},
           {}}) {
    const Issued made = issue({.subject = subject}, &ca);
    pavise_certificate out{};
    ASSERT_EQ(describe(made.der(), out), 0);
    EXPECT_EQ(out.subject, openssl_name(X509_get_subject_name(made.certificate.get())));
    EXPECT_STREQ(out.issuer, "CN=Root,O=Plant\\, Inc.,C=CH");
  }
}

TEST(X509, WhatIsNoTextIsShownAsHex) {
  const Issued made = issue({});
  X509_NAME* const name = X509_get_subject_name(made.certificate.get());
  const std::string wide = {'\0', 'a', '\x20', '\x2e'};  // turns what follows around, as UTF-16
  X509_NAME_add_entry_by_NID(name, NID_organizationName, V_ASN1_BMPSTRING,
                             reinterpret_cast<const unsigned char*>(wide.data()), 4, -1, 0);
  const std::string c1 = "x\xc2\x9by";  // a terminal's CSI
  X509_NAME_add_entry_by_NID(name, NID_localityName, V_ASN1_UTF8STRING,
                             reinterpret_cast<const unsigned char*>(c1.data()), 4, -1, 0);
  const std::string bad = "\xc0\xaf";
  X509_NAME_add_entry_by_NID(name, NID_countryName, V_ASN1_IA5STRING,
                             reinterpret_cast<const unsigned char*>(bad.data()), 2, -1, 0);
  X509_sign(made.certificate.get(), made.key.get(), EVP_sha256());
  pavise_certificate out{};
  ASSERT_EQ(describe(made.der(), out), 0);
  EXPECT_STREQ(out.subject, "C=#1602C0AF,L=x\\C2\\9By,O=#1E040061202E,CN=plant");
}

TEST(X509, NamesHaveALimit) {
  const auto parts = [](std::size_t count, std::size_t last) {
    Subject out;
    for (std::size_t i = 1; i < count; ++i) out.push_back({"O", std::string(20, 'o')});
    out.push_back({"O", std::string(last, 'o')});
    return out;
  };
  const std::size_t fits = PAVISE_CERTIFICATE_NAME_BYTES_MAX - 12 * 23 - 2;  // "O=" and commas
  pavise_certificate out{};
  EXPECT_EQ(describe(issue({.subject = parts(13, fits)}).der(), out), 0);
  EXPECT_EQ(std::string_view(out.subject).size(), PAVISE_CERTIFICATE_NAME_BYTES_MAX);
  EXPECT_EQ(describe(issue({.subject = parts(13, fits + 1)}).der(), out), -E2BIG);
  EXPECT_STREQ(out.subject, "");
  EXPECT_EQ(describe(issue({.subject = Subject(16, {"O", "o"})}).der()), 0);
  EXPECT_EQ(describe(issue({.subject = Subject(17, {"O", "o"})}).der()), -E2BIG);
}

TEST(X509, TimesAreThoseThatOpensslReads) {
  for (const char* time :
       {"19500101000000Z", "19700101000000Z", "19991231235959Z", "20000229120000Z",
        "20240229000001Z", "20381231235959Z", "20491231235959Z", "20500101000000Z",
        "21000301000000Z", "99991231235959Z"}) {
    const Issued made = issue({.not_before = "19500101000000Z", .not_after = time});
    pavise_certificate out{};
    ASSERT_EQ(describe(made.der(), out), 0) << time;
    EXPECT_EQ(out.not_after_s, openssl_seconds(X509_get0_notAfter(made.certificate.get())));
    EXPECT_EQ(out.not_before_s, openssl_seconds(X509_get0_notBefore(made.certificate.get())));
  }
}

std::string with(std::string bytes, std::string_view before, std::string_view after) {
  const std::size_t at = bytes.find(before);
  EXPECT_NE(at, std::string::npos);
  return bytes.replace(at, before.size(), after);
}

TEST(X509, TimesThatAreNoneAreRefused) {
  const std::string der = issue({}).der();
  for (const char* wrong :
       {"201301000000Z", "200001000000Z", "200132000000Z", "210229000000Z", "200101240000Z",
        "200101006000Z", "200101000060Z", "2001010000000", "2001010000-1Z", "200101000000z"})
    EXPECT_EQ(describe(with(der, "200101000000Z", wrong)), -EBADMSG) << wrong;
  EXPECT_EQ(describe(with(der, "200101000000Z", "200229000000Z")), 0);
  // It ends before it begins.
  EXPECT_EQ(describe(with(der, "200101000000Z", "500101000000Z")), 0);  // 1950
  EXPECT_EQ(describe(with(der, "491231235959Z", "191231235959Z")), -EBADMSG);
}

TEST(X509, NothingIsReadOfWhatIsCutOrHasMore) {
  const std::string der = issue({}).der();
  ASSERT_EQ(describe(der), 0);
  for (std::size_t size = 0; size < der.size(); ++size)
    EXPECT_EQ(describe(der.substr(0, size)), -EBADMSG) << size;
  EXPECT_EQ(describe(der + '\0'), -EBADMSG);
  std::string bent = der;
  bent[1] = '\x80';  // until two zero bytes
  EXPECT_EQ(describe(bent), -EBADMSG);
  bent = der;
  bent[1] = '\x84';  // more bytes of length than a certificate may need
  EXPECT_EQ(describe(bent), -EBADMSG);
  EXPECT_EQ(describe(std::string(PAVISE_CERTIFICATE_BYTES_MAX + 1, '0')), -E2BIG);
  EXPECT_EQ(describe(std::string(PAVISE_CERTIFICATE_BYTES_MAX, '0')), -EBADMSG);
}

// Each byte of all but the key and the signature, which nobody looks into, may be any other.
TEST(X509, NoByteLeadsElsewhere) {
  const std::string der = issue({}).der();
  std::string other = der;
  for (std::size_t at = 0; at < 120; ++at)
    for (int value = 0; value < 256; ++value) {
      other[at] = static_cast<char>(value);
      pavise_certificate out{};
      const int outcome = describe(other, out);
      EXPECT_TRUE(outcome == 0 || outcome == -EBADMSG || outcome == -E2BIG);
      EXPECT_LE(::strnlen(out.subject, sizeof out.subject), PAVISE_CERTIFICATE_NAME_BYTES_MAX);
      other[at] = der[at];
    }
}

TEST(X509, PemIsReadAsTlsLibrariesWriteIt) {
  const Issued ca = issue({.subject = {{"CN", "Root"}}});
  const Issued leaf = issue({.subject = {{"CN", "leaf"}}}, &ca);
  pavise_certificate out{};
  const std::string pem = leaf.pem();
  for (const std::string& text : {pem, pem + ca.pem(), "words before it\n" + pem,
                                  "0: Certificate\n" + pem, pem.substr(0, pem.size() - 1)}) {
    ASSERT_EQ(describe(text, out), 0) << text;
    EXPECT_STREQ(out.subject, "CN=leaf");
  }
  std::string crlf;
  for (const char c : pem) crlf += c == '\n' ? "\r\n" : std::string(1, c);
  EXPECT_EQ(describe(crlf), 0);
  for (const std::string& text :
       {with(pem, "END CERT", "END SERT"), with(pem, "BEGIN CERT", "BEGIN SERT"),
        with(pem, "-----END", ""), with(pem, "MII", "M*I"), with(pem, "MII", "MI"),
        with(pem, "MII", "=II"), "x" + pem, leaf.key_pem(),
        std::string("-----BEGIN CERTIFICATE-----"),
        std::string("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n")})
    EXPECT_EQ(describe(text), -EBADMSG) << text;
}

}  // namespace
