#include "cli/view/views.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "cli/view/text.h"

namespace pavise::cli {
namespace {

boost::json::value parsed(std::string_view text) {
  return boost::json::parse(text);
}

const std::string kId(64, 'a');

TEST(Text, NothingFromElsewhereMovesTheCursor) {
  EXPECT_EQ(safe_text("a\x1b[2Jb\r\nc\td\x7f"), "a?[2Jb? c d?");
  EXPECT_EQ(safe_text("gr\xc3\xbc\xc3\x9f"), "gr\xc3\xbc\xc3\x9f");
  EXPECT_EQ(safe_text("x\xc2\x9b"
                      "1m"),
            "x?1m");
}

TEST(Text, TablesAlignByCodePoints) {
  Table table({"A", "LONGER"});
  table.add({"\xc3\xa9\xc3\xa9\xc3\xa9", "x"});
  table.add({"b", ""});
  EXPECT_EQ(table.text(false), "A    LONGER\n\xc3\xa9\xc3\xa9\xc3\xa9  x\nb\n");
}

TEST(Text, ColourOnlyWhenAskedFor) {
  EXPECT_EQ(coloured({"x", Mood::bad}, false), "x");
  EXPECT_EQ(coloured({"x", Mood::bad}, true), "\x1b[31mx\x1b[0m");
  EXPECT_EQ(coloured({"x"}, true), "x");
}

TEST(Views, Devices) {
  const auto answer = parsed(
      R"({"devices":[{"id":")" + kId +
      R"(","tenant":"acme","state":"trusted","connected":true,"last_attested":"2026-11-22T07:00:00Z",)"
      R"("certificate":{"serial":"0a","not_before":"x","not_after":"2026-11-23T07:00:00Z"}},)"
      R"({"id":"bb","tenant":null,"state":"unclaimed","connected":false,"last_attested":null,)"
      R"("certificate":null}],"next":"cc"})");
  EXPECT_EQ(
      view::devices(answer, false),
      "DEVICE        TENANT  STATE      CONNECTED  LAST ATTESTED         CERTIFICATE UNTIL\n"
      "aaaaaaaaaaaa  acme    trusted    yes        2026-11-22T07:00:00Z  2026-11-23T07:00:00Z\n"
      "bb            -       unclaimed  no         -                     -\n"
      "2 devices\n"
      "more: --after cc\n");
  EXPECT_NE(view::devices(answer, true).find("\x1b[32mtrusted"), std::string::npos);
}

TEST(Views, ADeviceShowsItsApps) {
  const std::string before =
      R"({"id":"aa","tenant":"acme","state":"trusted","enabled":true,"connected":true,)"
      R"("activated":true,"registered":"R","claimed":"C","last_attested":"L","certificate":null)";
  const std::string shown =
      "device                 aa\n"
      "tenant                 acme\n"
      "state                  trusted\n"
      "enabled                yes\n"
      "connected              yes\n"
      "attestation key bound  yes\n"
      "registered             R\n"
      "claimed                C\n"
      "last attested          L\n"
      "certificate            -\n";
  EXPECT_EQ(view::device(parsed(before + "}"), false), shown);
  EXPECT_EQ(view::device(parsed(before + R"(,"apps":null})"), false), shown);
  EXPECT_EQ(view::device(parsed(before + R"(,"apps":[]})"), false),
            shown + "apps                   0 may run, as its last evidence says\n");
  const std::string apps =
      R"("apps":[{"component_id":"0e0c6b3e-6f0f-4e0a-9c3a-2d5d4f4b7f10","version":"1.2.0",)"
      R"("policy_digest":"0123456789abcdef","content_digest":"fedcba9876543210"}]})";
  const std::string table =
      "\n"
      "APP THAT MAY RUN                      VERSION  POLICY        CONTENT\n"
      "0e0c6b3e-6f0f-4e0a-9c3a-2d5d4f4b7f10  1.2.0    0123456789ab  fedcba987654\n";
  EXPECT_EQ(view::device(parsed(before + "," + apps), false),
            shown + "apps                   1 may run, as its last evidence says\n" + table);
  EXPECT_TRUE(view::evidence(parsed("{" + apps), false).ends_with(table));
}

TEST(Views, EvidenceNamesTheComponentThatDiffers) {
  const auto answer = parsed(
      R"({"device":"aa","time":"2026-11-22T07:00:00Z","accepted":false,"code":"PV-ATT-011",)"
      R"("reason":"the kernel differs","evidence_sha256":"00","release":null,)"
      R"("compared_with":{"name":"pavise-os","version":"0.1.0","security_epoch":1},)"
      R"("assurance":"release","next_step":"Release this image.",)"
      R"("checks":[{"number":1,"code":"PV-ATT-001","title":"freshness","state":"passed",)"
      R"("words":"the nonce is ours"},{"number":11,"code":"PV-ATT-011","title":"reference values",)"
      R"("state":"failed","words":"the kernel differs"}],)"
      R"("measurements":[{"pcr":11,"digest":"0123456789abcdef","expected":"fedcba9876543210",)"
      R"("component":"kernel","name":".linux section","state":"differs","words":"another kernel"},)"
      R"({"pcr":4,"digest":"11","expected":null,"component":"","name":"","state":"unknown",)"
      R"("words":"not known"}]})");
  EXPECT_EQ(
      view::evidence(answer, false),
      "device         aa\n"
      "time           2026-11-22T07:00:00Z\n"
      "verdict        refused: PV-ATT-011: the kernel differs\n"
      "next           Release this image.\n"
      "compared with  pavise-os 0.1.0 (security epoch 1)\n"
      "assurance      release: the operating system is a released one; the firmware is not judged\n"
      "\n"
      "CHECK  STATE   WHAT              IN WORDS\n"
      "1      passed  freshness         the nonce is ours\n"
      "11     failed  reference values  the kernel differs\n"
      "\n"
      "PCR  STATE    COMPONENT  NAME            MEASURED      EXPECTED      IN WORDS\n"
      "11   differs  kernel     .linux section  0123456789ab  fedcba987654  another kernel\n"
      "4    unknown  -          -               11            -             not known\n");
}

TEST(Views, TelemetryIsOneSafeLine) {
  EXPECT_EQ(view::telemetry_item(parsed(R"({"time":"T","device":")" + kId +
                                        R"(","body":{"a":"\u001b","b":[0.42,1]}})"),
                                 false),
            "T  aaaaaaaaaaaa  {\"a\":\"\\u001b\",\"b\":[0.42,1]}\n");
  EXPECT_EQ(
      view::telemetry_item(parsed(R"({"time":"T","device":"d","body_base64":"AAE="})"), false),
      "T  d  AAE= (base64)\n");
}

TEST(Views, SurviveAnswersOfAnotherShape) {
  std::string (*const all[])(const boost::json::value&, bool) = {
      view::status,        view::tenants,      view::tenant,      view::devices,
      view::device,        view::evidence,     view::twin,        view::releases,
      view::release,       view::vendors,      view::vendor,      view::tokens,
      view::audit,         view::release_keys, view::release_key, view::evidence_history,
      view::telemetry_item};
  const char* const shapes[] = {"null",
                                "[]",
                                "5",
                                "{}",
                                R"({"devices":{},"tenants":[5],"id":[]})",
                                R"({"checks":[[]],"measurements":[null],"certificate":5})",
                                R"({"apps":[null,5,{"component_id":[]}]})"};
  for (const auto view : all)
    for (const char* shape : shapes) EXPECT_FALSE(view(parsed(shape), true).empty()) << shape;
}

TEST(Views, ReleasesShowRevocation) {
  const auto answer = parsed(
      R"({"releases":[{"id":"0123456789abcdef","name":"os","version":"1","security_epoch":2,)"
      R"("tenant":null,"added":"T","revoked":"U","revocation_reason":"CVE"}]})");
  EXPECT_EQ(view::releases(answer, false),
            "RELEASE       NAME  VERSION  EPOCH  TENANT  ADDED  STATE\n"
            "0123456789ab  os    1        2      all     T      revoked: CVE\n"
            "1 release\n");
}

}  // namespace
}  // namespace pavise::cli
