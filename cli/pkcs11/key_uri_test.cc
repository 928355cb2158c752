#include "cli/pkcs11/key_uri.h"

#include <gtest/gtest.h>

#include <array>

#include "cli/pkcs11/errors.h"

namespace pavise::cli::pkcs11 {
namespace {

std::string outcome(const std::string& text) {
  const auto uri = KeyUri::parse(text);
  return uri ? "good" : std::string(uri.error().code());
}

TEST(KeyUri, IsUnderstoodAsAWhole) {
  const auto uri = KeyUri::parse(
      "pkcs11:token=The%20owner;object=apps;id=%01%ff;type=private"
      "?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/run/pin");
  ASSERT_TRUE(uri) << uri.error().message();
  EXPECT_EQ(as_text(*uri->label()), "apps");
  EXPECT_EQ(to_hex(*uri->id()), "01ff");
  EXPECT_EQ(uri->module_path(), "/usr/lib/softhsm/libsofthsm2.so");
  EXPECT_EQ(uri->pin_file(), "/run/pin");
  CK_TOKEN_INFO token{};
  std::ranges::fill(token.label, ' ');
  std::ranges::copy(std::string_view("The owner"), token.label);
  EXPECT_TRUE(uri->means(token));
  token.label[0] = 't';
  EXPECT_FALSE(uri->means(token));
}

TEST(KeyUri, WhatCouldMeanTwoThingsIsRefused) {
  struct Row {
    std::string text, outcome;
  };
  const std::vector<Row> rows{
      {"pkcs11:", "good"},
      {"pkcs11:object=a;type=public", "good"},
      {"pkcs11:object=a;type=cert", "PV-TOK-001"},
      {"pkcs11:object=a;object=b", "PV-TOK-001"},
      {"pkcs11:object=a?module-path=/a&module-path=/b", "PV-TOK-001"},
      {"pkcs11:object=a?pin-source=/a&pin-source=/b", "PV-TOK-001"},
      {"pkcs11:token=a%3bobject;object=b", "good"},
      {"pkcs11:objekt=a", "PV-TOK-001"},
      {"pkcs11:x-vendor=a", "PV-TOK-001"},
      {"pkcs11:object=%4", "PV-TOK-001"},
      {"pkcs12:object=a", "PV-TOK-001"},
      {"owner.pem", "PV-TOK-001"},
      {std::string("pkcs11:object=a\0b", 17), "PV-TOK-001"},
      {"pkcs11:object=a?module-path=softhsm.so", "PV-TOK-001"},
      {"pkcs11:object=a?module-name=softhsm2", "PV-TOK-001"},
      {"pkcs11:object=a?pin-value=1234", "PV-TOK-002"},
      {"pkcs11:object=a?pin-source=%7ccat%20/run/pin", "PV-TOK-001"},
      {"pkcs11:object=a?pin-source=file:%7ccat", "PV-TOK-001"},
      {"pkcs11:object=a?pin-source=https://pins.example/1", "PV-TOK-001"},
      {"pkcs11:object=a?pin-source=file://host/pin", "PV-TOK-001"},
      {"pkcs11:object=a?pin-source=", "PV-TOK-001"},
      {"pkcs11:object=a?pin-source=/run/pin", "good"},
      {"pkcs11:object=a?pin-source=file:///run/pin", "good"},
  };
  for (const Row& row : rows) EXPECT_EQ(outcome(row.text), row.outcome) << row.text;
}

TEST(KeyUri, HasALimit) {
  const std::string begin = "pkcs11:object=";
  EXPECT_EQ(outcome(begin + std::string(kUriBytesMax - begin.size(), 'a')), "good");
  EXPECT_EQ(outcome(begin + std::string(kUriBytesMax - begin.size() + 1, 'a')), "PV-TOK-001");
}

TEST(KeyUri, SlotsAreMeantByNumberToo) {
  const auto uri = KeyUri::parse("pkcs11:slot-id=3");
  ASSERT_TRUE(uri);
  EXPECT_TRUE(uri->means(3, CK_SLOT_INFO{}));
  EXPECT_FALSE(uri->means(4, CK_SLOT_INFO{}));
}

}  // namespace
}  // namespace pavise::cli::pkcs11
