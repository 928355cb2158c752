#include "protocol/app_wire/app_wire.h"

#include <gtest/gtest.h>

namespace pavise::app_wire {
namespace {

using namespace std::string_literals;

std::string refusal(const std::string& packet) {
  const auto parsed = parse_from_app(as_bytes(packet));
  return parsed ? "accepted" : parsed.error().detail();
}

template <class T>
T read(const std::string& packet) {
  const auto parsed = parse_from_app(as_bytes(packet));
  EXPECT_TRUE(parsed && std::holds_alternative<T>(*parsed));
  return parsed ? std::get<T>(*parsed) : T{};
}

std::string connect_to(const std::string& name) {
  return "\x02\x07\0\0\x80"s + static_cast<char>(name.size()) + '\0' + name;
}

const std::string kPower = "\x03\x01\x02\x03\x04\x02"s;
const std::string kTime = "\x05\x01\0\0\0\xc0\x98\xd9\xd0\x9b\x01\0\0"s;
const std::string kDefer = "\x04\x01\0\0\0\x60\xea\0\0"s;

TEST(AppWire, ReadsWhatAnAppSays) {
  (void)read<Well>("\x01");
  const auto connect = read<Connect>(connect_to("meter-2"));
  EXPECT_EQ(connect.id, 0x80000007U);
  EXPECT_EQ(connect.peer, "meter-2");
  EXPECT_EQ(read<Power>(kPower).id, 0x04030201U);
  EXPECT_EQ(read<Power>(kPower).action, PowerAction::power_off);
  EXPECT_EQ(read<Power>("\x03\x01\0\0\0\x01"s).action, PowerAction::restart);
  for (char action = 3; action <= 5; ++action)
    EXPECT_EQ(read<Power>("\x03\x01\0\0\0"s + action).action, static_cast<PowerAction>(action));
  EXPECT_EQ(read<SetTime>(kTime).unix_ms, 1'768'735'480'000U);
  EXPECT_EQ(read<Defer>(kDefer).ms, 60'000U);
  EXPECT_EQ(read<Defer>("\x04\x01\0\0\0\xff\xff\xff\xff"s).ms, UINT32_MAX);
}

TEST(AppWire, EveryCutAndEveryByteMoreIsRefused) {
  for (const std::string& whole : {"\x01"s, connect_to("meter"), kPower, kDefer, kTime}) {
    EXPECT_EQ(refusal(whole), "accepted");
    for (std::size_t size = 0; size < whole.size(); ++size)
      EXPECT_NE(refusal(whole.substr(0, size)), "accepted") << size;
    EXPECT_NE(refusal(whole + "x"), "accepted");
  }
}

TEST(AppWire, TypesOfLaterReleasesAreAnswered) {
  for (int type = 0; type < 256; ++type) {
    if (type >= 1 && type <= 5) continue;
    EXPECT_EQ(read<Unknown>(std::string(1, static_cast<char>(type)) + "\x05\0\0\0rest"s).id, 5U);
  }
  EXPECT_EQ(refusal("\x63\0\0\0\0"s), "id");
}

TEST(AppWire, LimitsHold) {
  EXPECT_EQ(refusal(connect_to(std::string(kPeerNameBytesMax, 'n'))), "accepted");
  EXPECT_EQ(refusal(connect_to(std::string(kPeerNameBytesMax + 1, 'n'))), "too long");
  const std::string unknown = "\x63\x01\0\0\0"s;
  EXPECT_EQ(refusal(unknown + std::string(kPacketBytesMax - 5, 'x')), "accepted");
  EXPECT_EQ(refusal(unknown + std::string(kPacketBytesMax - 4, 'x')), "too long");
  for (const char action : {'\0', '\x06', '\xff'})
    EXPECT_EQ(refusal("\x03\x01\0\0\0"s + action), "power: action");
  EXPECT_EQ(refusal("\x03\0\0\0\0\x01"s), "id");
  EXPECT_EQ(read<SetTime>("\x05\x01\0\0\0\xff\xdb\x1f\xd2\x77\xe6\0\0"s).unix_ms, kUnixMsMax);
  EXPECT_EQ(refusal("\x05\x01\0\0\0\0\xdc\x1f\xd2\x77\xe6\0\0"s), "set time: time");
}

// A name goes into lines of the log.
TEST(AppWire, NamesAreThoseOfApps) {
  for (const std::string& bad : {""s, "Meter"s, "me ter"s, "meter\n"s, ".."s, "a/b"s, "meter\0"s,
                                 "-a"s, "a-"s, "1a"s, "m\xc3\xa4"s})
    EXPECT_EQ(refusal(connect_to(bad)), "connect: name") << bad;
  EXPECT_EQ(refusal("\x02\x01\0\0\0\xff\xffmeter"s), "connect: length");
}

TEST(AppWire, WritesWhatAnAppIsTold) {
  EXPECT_EQ(as_text(encode(Answer{7, Outcome::too_soon, 60'000})),
            "\x81\x07\0\0\0\x06\x60\xea\0\0"s);
  EXPECT_EQ(as_text(encode(Connection{0x04030201, "meter"})), "\x82\x01\x02\x03\x04\x05\0meter"s);
  EXPECT_EQ(as_text(encode(GoingDown{Cause::device_restarts, 2500})), "\x83\x02\xc4\x09\0\0"s);
  EXPECT_EQ(as_text(encode(UpdateWaits{"1.2.0", 2000, 600'000})),
            "\x84\x05\0"
            "1.2.0\xd0\x07\0\0\xc0\x27\x09\0"s);
}

}  // namespace
}  // namespace pavise::app_wire
