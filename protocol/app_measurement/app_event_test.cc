#include "protocol/app_measurement/app_event.h"

#include <gtest/gtest.h>

#include "common/crypto/crypto.h"

namespace pavise::app_measurement {
namespace {

constexpr std::string_view kId = "0e0c6b3e-6f0f-4e0a-9c3a-2d5d4f4b7f10";
const std::string kDigest = "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef";
const std::string kContent = "0e5c3a17d2b94f68a1c07d3e5b92f4680e5c3a17d2b94f68a1c07d3e5b92f468";

std::string text_of(std::string_view id, std::string_view version, std::string_view digest,
                    std::string_view content = kContent) {
  return std::string("pavise:app ")
      .append(id)
      .append(" ")
      .append(version)
      .append(" ")
      .append(digest)
      .append(" ")
      .append(content);
}

TEST(AppEvent, TheTextIsReadAndWrittenAlike) {
  const std::string text = text_of(kId, "1.20.3", kDigest);
  const auto event = AppEvent::parse(text);
  ASSERT_TRUE(event) << event.error().message();
  EXPECT_EQ(event->component.text(), kId);
  EXPECT_EQ(event->version, (manifest::Version{1, 20, 3}));
  EXPECT_EQ(to_hex(event->policy_digest), kDigest);
  EXPECT_EQ(to_hex(event->content_digest), kContent);
  EXPECT_EQ(event->text(), text);
}

TEST(AppEvent, TheLongestIsTaken) {
  const std::string longest = text_of(kId, "9999.9999.9999", kDigest);
  EXPECT_EQ(longest.size(), kAppEventBytesMax);
  EXPECT_TRUE(AppEvent::parse(longest));
  EXPECT_FALSE(AppEvent::parse(longest + "0"));
}

TEST(AppEvent, AnyOtherSpellingIsNone) {
  const std::string good = text_of(kId, "1.2.0", kDigest);
  for (const std::string& bad : {std::string(),
                                 std::string("pavise:app "),
                                 std::string("pavise:data-opened"),
                                 good + " ",
                                 " " + good,
                                 good + "\n",
                                 good + std::string(1, '\0'),
                                 text_of("0E0C6B3E-6f0f-4e0a-9c3a-2d5d4f4b7f10", "1.2.0", kDigest),
                                 text_of("00000000-0000-0000-0000-000000000000", "1.2.0", kDigest),
                                 text_of("0e0c6b3e6f0f4e0a9c3a2d5d4f4b7f10", "1.2.0", kDigest),
                                 text_of(kId, "1.2", kDigest),
                                 text_of(kId, "01.2.0", kDigest),
                                 text_of(kId, "1.2.10000", kDigest),
                                 text_of(kId, "1.2.0 ", kDigest),
                                 text_of(kId, "1.2.0-rc1", kDigest),
                                 text_of(kId, "1.2.0", kDigest.substr(2)),
                                 text_of(kId, "1.2.0", kDigest + "00"),
                                 text_of(kId, "1.2.0", "5F" + kDigest.substr(2)),
                                 text_of(kId, "1.2.0", "zz" + kDigest.substr(2)),
                                 text_of(kId, "", kDigest),
                                 good.substr(0, good.size() - kContent.size() - 1),
                                 text_of(kId, "1.2.0", kDigest, kContent.substr(2)),
                                 text_of(kId, "1.2.0", kDigest, kContent + "00"),
                                 text_of(kId, "1.2.0", kDigest, "0E" + kContent.substr(2)),
                                 text_of(kId, "1.2.0", kDigest, ""),
                                 text_of(kId, "1.2.0", kDigest, " " + kContent),
                                 "Pavise:app" + good.substr(10),
                                 "pavise:app\t" + good.substr(11)}) {
    const auto event = AppEvent::parse(bad);
    ASSERT_FALSE(event) << bad;
    EXPECT_TRUE(event.error().is(kNotAppEvent)) << bad;
  }
  for (std::size_t size = 0; size < good.size(); ++size)
    EXPECT_FALSE(AppEvent::parse(std::string_view(good).substr(0, size))) << size;
}

// As TPM2_PCR_Extend: the old value, then the digest.
TEST(AppEvent, TheRegisterFollowsFromTheTexts) {
  EXPECT_EQ(pcr_after({}), Digest256{});
  const std::vector<std::string> texts{text_of(kId, "1.0.0", kDigest),
                                       text_of(kId, "1.0.1", kDigest)};
  const Digest256 first = crypto::sha256({Digest256{}, crypto::sha256(as_bytes(texts[0]))});
  EXPECT_EQ(pcr_after(std::span(texts).first(1)), first);
  EXPECT_EQ(pcr_after(texts), crypto::sha256({first, crypto::sha256(as_bytes(texts[1]))}));
}

TEST(AppEventList, EachCountsOnce) {
  AppEventList list;
  EXPECT_TRUE(list.add(text_of(kId, "1.2.0", kDigest)));
  EXPECT_TRUE(list.add(text_of(kId, "1.2.1", kDigest)));
  EXPECT_TRUE(list.add(text_of(kId, "1.2.0", kDigest)).error().is(kAppEventTwice));
  EXPECT_TRUE(list.add("pavise:data-opened").error().is(kNotAppEvent));
  EXPECT_EQ(list.events().size(), 2U);
}

TEST(AppEventList, LimitAtNAndOneMore) {
  AppEventList list;
  for (std::size_t i = 0; i < kAppEventsMax; ++i)
    EXPECT_TRUE(list.add(text_of(kId, "1.2." + std::to_string(i), kDigest))) << i;
  EXPECT_TRUE(list.add(text_of(kId, "2.0.0", kDigest)).error().is(kTooManyAppEvents));
  EXPECT_TRUE(list.add(text_of(kId, "1.2.0", kDigest)).error().is(kAppEventTwice));
  EXPECT_EQ(std::move(list).take().size(), kAppEventsMax);
}

}  // namespace
}  // namespace pavise::app_measurement
