#include "samples/modbus_guardian/frame.h"

#include <gtest/gtest.h>

#include "samples/modbus_guardian/testing/bytes.h"

namespace modbus_guardian {
namespace {

using State = FrameBuffer::State;

// "reads holding 107-109", or the exception's number.
std::string parsed(std::string_view pdu) {
  const auto request = parse_request(1, hex(pdu));
  if (!request) return std::to_string(static_cast<int>(request.error()));
  std::string out;
  const auto add = [&out](const char* verb, const std::optional<Range>& range) {
    if (!range) return;
    out += std::string(verb) + std::string(to_string(range->table)) + ' ' +
           std::to_string(range->first) + '-' + std::to_string(range->last) + ' ';
  };
  add("r ", request->reads);
  add("w ", request->writes);
  if (request->identifies) out += "i ";
  return out;
}

std::string accepted(std::string_view request, std::string_view answer) {
  const auto parsed_request = parse_request(1, hex(request));
  if (!parsed_request) return "no request";
  const auto out = accept_answer(*parsed_request, hex(answer));
  return out ? text(*out) : "no";
}

// The examples of the Application Protocol 1.1b3, sections 6.1 to 6.21.
TEST(ModbusRequest, ExamplesOfTheSpecification) {
  EXPECT_EQ(parsed("01 00 13 00 13"), "r coils 19-37 ");
  EXPECT_EQ(parsed("02 00 C4 00 16"), "r discrete 196-217 ");
  EXPECT_EQ(parsed("03 00 6B 00 03"), "r holding 107-109 ");
  EXPECT_EQ(parsed("04 00 08 00 01"), "r input 8-8 ");
  EXPECT_EQ(parsed("05 00 AC FF 00"), "w coils 172-172 ");
  EXPECT_EQ(parsed("06 00 01 00 03"), "w holding 1-1 ");
  EXPECT_EQ(parsed("0F 00 13 00 0A 02 CD 01"), "w coils 19-28 ");
  EXPECT_EQ(parsed("10 00 01 00 02 04 00 0A 01 02"), "w holding 1-2 ");
  EXPECT_EQ(parsed("16 00 04 00 F2 00 25"), "w holding 4-4 ");
  EXPECT_EQ(parsed("17 00 03 00 06 00 0E 00 03 06 00 FF 00 FF 00 FF"),
            "r holding 3-8 w holding 14-16 ");
  EXPECT_EQ(parsed("2B 0E 01 00"), "i ");
}

TEST(ModbusRequest, AnswersOfTheSpecification) {
  EXPECT_EQ(accepted("01 00 13 00 13", "01 03 CD 6B 05"), "01 03 cd 6b 05");
  EXPECT_EQ(accepted("03 00 6B 00 03", "03 06 02 2B 00 00 00 64"), "03 06 02 2b 00 00 00 64");
  EXPECT_EQ(accepted("05 00 AC FF 00", "05 00 AC FF 00"), "05 00 ac ff 00");
  EXPECT_EQ(accepted("0F 00 13 00 0A 02 CD 01", "0F 00 13 00 0A"), "0f 00 13 00 0a");
  EXPECT_EQ(accepted("10 00 01 00 02 04 00 0A 01 02", "10 00 01 00 02"), "10 00 01 00 02");
  EXPECT_EQ(accepted("16 00 04 00 F2 00 25", "16 00 04 00 F2 00 25"), "16 00 04 00 f2 00 25");
  EXPECT_EQ(accepted("03 00 6B 00 03", "83 02"), "83 02");
  const std::string identity = "2B 0E 01 01 00 00 02 00 01 41 01 02 42 43";
  EXPECT_NE(accepted("2B 0E 01 00", identity), "no");
}

TEST(ModbusRequest, EveryOtherFunctionIsIllegal) {
  for (unsigned function = 0; function < 256; ++function) {
    Bytes pdu(5, 0);
    pdu[0] = static_cast<std::uint8_t>(function);
    const auto request = parse_request(1, pdu);
    const bool known = (function >= 1 && function <= 6) || function == 15 || function == 16 ||
                       function == 22 || function == 23;
    const bool illegal = !request && request.error() == Exception::illegal_function;
    EXPECT_EQ(illegal, !known) << function;
  }
  EXPECT_EQ(parsed("2B 0D 01 00"), "1");  // CANopen
  EXPECT_EQ(parsed("2B"), "1");
  EXPECT_EQ(parsed("2B 0E 00 00"), "3");
  EXPECT_EQ(parsed("2B 0E 05 00"), "3");
  EXPECT_EQ(parsed("2B 0E 01 00 00"), "3");
}

TEST(ModbusRequest, LengthsThatDisagree) {
  for (const char* pdu : {"03",
                          "03 00",
                          "03 00 00 00",
                          "03 00 00 00 01 00",  // short, and more behind it
                          "05 00 00 FF",
                          "05 00 00 FF 00 00",
                          "05 00 00 00 01",  // and a value that no coil has
                          "06 00 00 00",
                          "06 00 00 00 00 00 03 00 00 00 01",  // a second request inside
                          "0F 00 00 00 09 01 FF",
                          "0F 00 00 00 08 02 FF",
                          "0F 00 00 00 08 01",
                          "10 00 00 00 02 02 00 00",
                          "10 00 00 00 01 04 00 00 00 00",
                          "10 00 00 00 01 02 00",
                          "10 00 00 00 01",
                          "10 00 00 00 01 02 00 00 00",
                          "16 00 04 00 F2 00",
                          "17 00 00 00 01 00 00 00 02 02 00 00",
                          "17 00 00 00 01 00 00 00 01 02 00"})
    EXPECT_EQ(parsed(pdu), "3") << pdu;
}

TEST(ModbusRequest, CountsHaveTheirLimits) {
  EXPECT_EQ(parsed("01 00 00 07 D0"), "r coils 0-1999 ");
  EXPECT_EQ(parsed("01 00 00 07 D1"), "3");
  EXPECT_EQ(parsed("03 00 00 00 7D"), "r holding 0-124 ");
  EXPECT_EQ(parsed("03 00 00 00 7E"), "3");
  EXPECT_EQ(parsed("03 00 00 00 00"), "3");
  EXPECT_EQ(parsed("03 FF FF 00 01"), "r holding 65535-65535 ");
  EXPECT_EQ(parsed("03 FF FF 00 02"), "2");  // would go round to 0
  const auto writes = [](unsigned function, unsigned count, std::size_t bytes) {
    Bytes pdu{static_cast<std::uint8_t>(function),
              0,
              0,
              static_cast<std::uint8_t>(count >> 8U),
              static_cast<std::uint8_t>(count),
              static_cast<std::uint8_t>(bytes)};
    pdu.resize(pdu.size() + bytes);
    return parse_request(1, pdu).has_value();
  };
  EXPECT_TRUE(writes(15, 1968, 246));
  EXPECT_FALSE(writes(15, 1969, 247));
  EXPECT_TRUE(writes(16, 123, 246));
  EXPECT_FALSE(writes(16, 124, 248));
  EXPECT_TRUE(parse_request(1, hex("17 00 00 00 01 00 00 00 79 F2" + std::string(484, '0'))));
  EXPECT_FALSE(parse_request(1, hex("17 00 00 00 01 00 00 00 7A F4" + std::string(488, '0'))));
  EXPECT_FALSE(parse_request(1, {}));
}

TEST(ModbusRequest, BitsThatNobodyAskedForAreCleared) {
  EXPECT_EQ(accepted("01 00 00 00 03", "01 01 FF"), "01 01 07");
  EXPECT_EQ(accepted("02 00 00 00 08", "02 01 FF"), "02 01 ff");
  EXPECT_EQ(text(parse_request(1, hex("0F 00 00 00 03 01 FF"))->pdu), "0f 00 00 00 03 01 07");
}

TEST(ModbusAnswer, ThatDoesNotBelong) {
  for (const char* answer : {"", "04 02 00 00", "03 04 00 00 00 00", "03 02 00", "03 02 00 00 00",
                             "03 00", "83", "83 02 00", "83 00", "83 0C", "84 02", "03 02"})
    EXPECT_EQ(accepted("03 00 00 00 01", answer), "no") << answer;
  EXPECT_EQ(accepted("06 00 01 00 03", "06 00 01 00 04"), "no");
  EXPECT_EQ(accepted("05 00 AC FF 00", "05 00 AD FF 00"), "no");
  EXPECT_EQ(accepted("10 00 01 00 02 04 00 0A 01 02", "10 00 01 00 03"), "no");
  EXPECT_EQ(accepted("16 00 04 00 F2 00 25", "16 00 04 00 F2 00 24"), "no");
  for (const char* answer :
       {"2B 0E 01 01 00 00", "2B 0E 02 01 00 00 00", "2B 0D 01 01 00 00 00",
        "2B 0E 01 01 00 00 02 00 01 41", "2B 0E 01 01 00 00 01 00 02 41",
        "2B 0E 01 01 00 00 01 00 01 41 42", "2B 0E 01 01 00 00 01 00", "2B 0E 01 01 01 00 00"})
    EXPECT_EQ(accepted("2B 0E 01 00", answer), "no") << answer;
}

TEST(ModbusFrame, ComesInAnyPieces) {
  const Bytes bytes = hex("00 01 00 00 00 06 11 03 00 6B 00 03 00 02 00 00 00 02 FF 07");
  for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
    FrameBuffer buffer;
    std::vector<Frame> frames;
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      buffer.append(ByteView(bytes).subspan(at, std::min(piece, bytes.size() - at)));
      while (true) {
        FrameBuffer::Taken taken = buffer.take();
        ASSERT_NE(taken.state, State::broken);
        if (taken.state == State::incomplete) break;
        frames.push_back(std::move(taken.frame));
      }
    }
    ASSERT_EQ(frames.size(), 2U) << piece;
    EXPECT_EQ(frames[0].unit, 0x11);
    EXPECT_EQ(text(frames[0].pdu), "03 00 6b 00 03");
    EXPECT_EQ(frames[1].transaction, 2);
    EXPECT_EQ(text(encode(frames[1])), "00 02 00 00 00 02 ff 07");
    EXPECT_TRUE(buffer.empty());
  }
}

TEST(ModbusFrame, HeadersThatAreNone) {
  const auto state = [](std::string_view bytes) {
    FrameBuffer buffer;
    buffer.append(hex(bytes));
    return buffer.take().state;
  };
  EXPECT_EQ(state("00 01 00 00 00"), State::incomplete);
  EXPECT_EQ(state("00 01 00 01 00 06"), State::broken);  // protocol
  EXPECT_EQ(state("00 01 00 00 00 00"), State::broken);  // length: nothing
  EXPECT_EQ(state("00 01 00 00 00 01"), State::broken);  // a unit alone
  EXPECT_EQ(state("00 01 00 00 00 02"), State::incomplete);
  EXPECT_EQ(state("00 01 00 00 00 FE"), State::incomplete);
  EXPECT_EQ(state("00 01 00 00 00 FF"), State::broken);
  EXPECT_EQ(state("00 01 00 00 01 00"), State::broken);
  EXPECT_EQ(state("47 45 54 20 2F 20"), State::broken);  // GET /
}

TEST(ModbusFrame, HoldsTwo) {
  FrameBuffer buffer;
  Bytes longest = encode({.transaction = 1, .unit = 1, .pdu = Bytes(kPduBytesMax, 9)});
  ASSERT_EQ(longest.size(), kFrameBytesMax);
  EXPECT_EQ(buffer.append(longest), kFrameBytesMax);
  EXPECT_EQ(buffer.append(longest), kFrameBytesMax);
  EXPECT_EQ(buffer.append(longest), 0U);
  EXPECT_EQ(buffer.take().state, State::whole);
  EXPECT_EQ(buffer.room(), kFrameBytesMax);
  EXPECT_EQ(buffer.take().frame.pdu, Bytes(kPduBytesMax, 9));
}

}  // namespace
}  // namespace modbus_guardian
