#include "protocol/app_channel/app_channel.h"

#include <gtest/gtest.h>

namespace pavise::app_channel {
namespace {

using namespace std::string_literals;

std::string refusal(const std::string& packet) {
  const auto parsed = parse_from_app(as_bytes(packet));
  return parsed ? "accepted" : parsed.error().detail();
}

std::string sized(const std::string& text) {
  return std::string{static_cast<char>(text.size() & 0xffU), static_cast<char>(text.size() >> 8U)} +
         text;
}

std::string telemetry(const std::string& type, const std::string& properties,
                      const std::string& body) {
  return "\x01\x07\0\0\x80"s + sized(type) + sized(properties) + sized(body);
}

TEST(AppChannel, ReadsTelemetry) {
  const std::string packet = telemetry("text/plain", "unit=%C2%B0C&a=", "21");
  const auto parsed = parse_from_app(as_bytes(packet));
  ASSERT_TRUE(parsed);
  const auto& message = std::get<Telemetry>(*parsed);
  EXPECT_EQ(message.id, 0x80000007U);
  EXPECT_EQ(message.content_type, "text/plain");
  EXPECT_EQ(message.properties, "unit=%C2%B0C&a=");
  EXPECT_EQ(as_text(message.body), "21");
  EXPECT_EQ(refusal(telemetry("", "", "")), "accepted");
}

TEST(AppChannel, ReadsAnswers) {
  const std::string packet = "\x02\x01\x02\x03\x04\x94\x01\x04\0null"s;
  const auto parsed = parse_from_app(as_bytes(packet));
  ASSERT_TRUE(parsed);
  const auto& answer = std::get<MethodAnswer>(*parsed);
  EXPECT_EQ(answer.id, 0x04030201U);
  EXPECT_EQ(answer.status, 404);
  EXPECT_EQ(as_text(answer.body), "null");
}

TEST(AppChannel, ReadsWhatIsUnderWay) {
  const auto parsed = parse_from_app(as_bytes("\x03\x01\x02\x03\x04\x02\x07\0\0\0\x08\0\0\0"s));
  ASSERT_TRUE(parsed);
  const auto& under_way = std::get<UnderWay>(*parsed);
  EXPECT_EQ(under_way.last_call, 0x04030201U);
  EXPECT_EQ(under_way.ids, (std::vector<std::uint32_t>{7, 8}));
  EXPECT_EQ(refusal("\x03\0\0\0\0\0"s), "accepted");
  EXPECT_EQ(refusal("\x03\0\0\0\0\x02\x07\0\0\0\x07\0\0\0"s), "under way: ids");
  for (const std::size_t count : {kUnderWayMax, kUnderWayMax + 1}) {
    std::string packet = "\x03\0\0\0\0"s + static_cast<char>(count);
    for (std::size_t id = 0; id < count; ++id) packet += static_cast<char>(id) + "\0\0\0"s;
    EXPECT_EQ(refusal(packet), count == kUnderWayMax ? "accepted" : "under way: count");
  }
}

TEST(AppChannel, EveryCutAndEveryByteMoreIsRefused) {
  for (const std::string& whole :
       {telemetry("t", "a=b", "body"), "\x02\x01\x02\x03\x04\x94\x01\x04\0null"s,
        "\x03\0\0\0\0\x02\x01\0\0\0\x02\0\0\0"s}) {
    EXPECT_EQ(refusal(whole), "accepted");
    for (std::size_t size = 0; size < whole.size(); ++size)
      EXPECT_NE(refusal(whole.substr(0, size)), "accepted") << size;
    EXPECT_NE(refusal(whole + "x"), "accepted");
  }
}

TEST(AppChannel, OnlyWhatAnAppSendsIsRead) {
  for (int type = 0; type < 256; ++type) {
    if (type >= 1 && type <= 3) continue;
    EXPECT_EQ(refusal(std::string(1, static_cast<char>(type)) + std::string(10, '\0')),
              "type " + std::to_string(type));
  }
}

TEST(AppChannel, LimitsHold) {
  EXPECT_EQ(refusal(telemetry(std::string(kContentTypeBytesMax, 't'), "", "")), "accepted");
  EXPECT_EQ(refusal(telemetry(std::string(kContentTypeBytesMax + 1, 't'), "", "")),
            "telemetry: content type");
  EXPECT_EQ(refusal(telemetry("", "p=" + std::string(kPropertiesBytesMax - 2, 'p'), "")),
            "accepted");
  EXPECT_EQ(refusal(telemetry("", "p=" + std::string(kPropertiesBytesMax - 1, 'p'), "")),
            "telemetry: properties");
  EXPECT_EQ(refusal(telemetry("", "", std::string(kPacketBytesMax - 11, 'b'))), "accepted");
  EXPECT_EQ(refusal(telemetry("", "", std::string(kPacketBytesMax - 10, 'b'))), "too large");
}

TEST(AppChannel, PropertiesAreReadAsTheHubReadsThem) {
  std::string most = "a=";
  for (std::size_t count = 1; count < 100; ++count) most += "&a=";
  EXPECT_EQ(refusal(telemetry("", most, "")), "accepted");
  for (const std::string& bad : {most + "&a=", "a"s, "=b"s, "a=b&"s + "&c=d", "a=%"s, "a=%4"s,
                                 "a=%zz"s, "%24.mid=1"s, "%24=1"s, "a=b&%24.ct=x"s})
    EXPECT_EQ(refusal(telemetry("", bad, "")), "telemetry: properties") << bad;
}

// What would end a topic, a line of the log, or the properties' place in a topic.
TEST(AppChannel, TextsCannotLeaveTheirPlace) {
  for (const char c : {'\0', '\n', '\x1b', '\x7f', '\x80', '\xff'})
    EXPECT_EQ(refusal(telemetry(std::string(1, c), "", "")), "telemetry: content type");
  for (const char c : {'\0', '\n', '/', '+', '#', '?', '$', ' ', '"', '\x80'})
    EXPECT_EQ(refusal(telemetry("", std::string("a=") + c, "")), "telemetry: properties");
}

TEST(AppChannel, WritesWhatAnAppIsSent) {
  EXPECT_EQ(as_text(encode(TelemetryResult{7, true, ""})), "\x81\x07\0\0\0\0\0\0"s);
  EXPECT_EQ(as_text(encode(TelemetryResult{7, false, "full"})), "\x81\x07\0\0\0\x01\x04\0full"s);
  EXPECT_EQ(encode(TelemetryResult{7, false, std::string(256, 'r')}).size(), 8U + 255U);
  EXPECT_EQ(as_text(encode(MethodCall{1, "ping", as_bytes("{}")})),
            "\x82\x01\0\0\0\x04\0ping\x02\0{}"s);
  EXPECT_EQ(encode(MethodCall{1, std::string(255, 'n'), Bytes(kPayloadBytesMax)}).size(),
            kPacketBytesMax);
  EXPECT_EQ(as_text(encode_connection(true)), "\x83\x01"s);
  EXPECT_EQ(as_text(encode_connection(false)), "\x83\0"s);
}

}  // namespace
}  // namespace pavise::app_channel
