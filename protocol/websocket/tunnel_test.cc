#include "protocol/websocket/tunnel.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

namespace pavise::websocket {
namespace {

struct FrameSpec {
  unsigned first = 0x82;  // final, binary
  std::string payload = {};
  bool masked = true;
  unsigned length_form = 0;  // 0: the shortest; else 7, 16 or 64 bits
};

// A frame as a client sends it.
std::string frame(const FrameSpec& spec) {
  constexpr std::string_view kMask = "\x37\xfa\x21\x3d";
  const std::size_t size = spec.payload.size();
  const unsigned form =
      spec.length_form != 0 ? spec.length_form : (size < 126 ? 7 : (size <= 0xffff ? 16 : 64));
  std::string out(1, static_cast<char>(spec.first));
  const unsigned mask_bit = spec.masked ? 0x80 : 0;
  out.push_back(static_cast<char>(mask_bit | (form == 7 ? size : (form == 16 ? 126 : 127))));
  if (form != 7)
    for (unsigned shift = form; shift != 0; shift -= 8)
      out.push_back(static_cast<char>(static_cast<std::uint64_t>(size) >> (shift - 8)));
  if (spec.masked) out.append(kMask);
  for (std::size_t i = 0; i < size; ++i)
    out.push_back(spec.masked ? static_cast<char>(spec.payload[i] ^ kMask[i % 4])
                              : spec.payload[i]);
  return out;
}

std::string close_payload(unsigned code, std::string_view reason = {}) {
  std::string out = {static_cast<char>(code >> 8U), static_cast<char>(code & 255U)};
  return out.append(reason);
}

struct Outcome {
  std::string payload;
  std::string answers;
  std::string closed;  // code of the error; empty while open
};

Outcome run(std::string_view wire, std::size_t piece = std::string_view::npos) {
  ServerTunnel tunnel;
  Bytes payload;
  Bytes out;
  while (!wire.empty()) {
    const std::string_view part = wire.substr(0, piece);
    tunnel.on_bytes(as_bytes(part), payload, out);
    wire.remove_prefix(part.size());
  }
  return {std::string(as_text(payload)), std::string(as_text(out)),
          tunnel.closed() ? std::string(tunnel.closed()->code()) : ""};
}

// Frame of the server with a close code, as far as the code.
std::string close_of(CloseCode code) {
  return close_payload(static_cast<unsigned>(code));
}

TEST(WebSocketTunnel, SamplesOfTheRfc) {
  // Section 5.7, as binary and masked.
  EXPECT_EQ(run("\x82\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58").payload, "Hello");
  EXPECT_EQ(run(frame({0x02, "Hel"}) + frame({0x80, "lo"})).payload, "Hello");
  EXPECT_EQ(run(frame({0x89, "Hello"})).answers, "\x8a\x05Hello");
}

// What azure-iot-device sent: mqtt.js writes almost every field of a packet as a frame of its own.
TEST(WebSocketTunnel, FramesOfTheNodeClient) {
  const auto capture = [](std::string_view name) {
    std::ifstream file("protocol/websocket/testdata/corpus/websocket_fuzz/" + std::string(name));
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  const Outcome mqtt = run(capture("node_mqtt"));
  EXPECT_EQ(mqtt.closed, "");
  EXPECT_TRUE(mqtt.payload.starts_with('\x10')) << "CONNECT";
  EXPECT_TRUE(mqtt.payload.contains("h.example.net/dev-1/?api-version="));
  EXPECT_TRUE(mqtt.payload.contains("devices/dev-1/messages/events/"));
  const Outcome amqp = run(capture("node_amqp"), 5);
  EXPECT_EQ(amqp.closed, "");
  EXPECT_TRUE(amqp.payload.starts_with(std::string_view("AMQP\0\1\0\0", 8)));
}

// Sizes of Autobahn's sections 1 and 9 that fall on and around the changes of the length form.
TEST(WebSocketTunnel, SizesAndCuts) {
  for (const std::size_t size : {0UL, 1UL, 124UL, 125UL, 126UL, 127UL, 128UL, 65535UL, 65536UL,
                                 static_cast<std::size_t>(kFrameSizeMax)}) {
    std::string payload(size, 0);
    for (std::size_t i = 0; i < size; ++i) payload[i] = static_cast<char>(i * 7 + i / 251);
    const std::string wire = frame({0x82, payload}) + frame({0x82, "end"});
    for (const std::size_t piece : {wire.size(), std::size_t{997}, std::size_t{1}}) {
      if (size > 65536 && piece == 1) continue;
      const Outcome outcome = run(wire, piece);
      EXPECT_EQ(outcome.payload, payload + "end") << size << " in pieces of " << piece;
      EXPECT_EQ(outcome.closed, "");
    }
  }
}

TEST(WebSocketTunnel, PingsAndPongs) {
  EXPECT_EQ(run(frame({0x89, ""})).answers, std::string("\x8a\x00", 2));
  const std::string longest(kControlSizeMax, 'p');
  EXPECT_EQ(run(frame({0x89, longest})).answers, "\x8a\x7d" + longest);
  EXPECT_EQ(run(frame({0x8a, "unasked"})).answers, "");
  const Outcome between = run(frame({0x02, "a"}) + frame({0x89, "1"}) + frame({0x00, "b"}) +
                                  frame({0x89, "2"}) + frame({0x80, "c"}),
                              1);
  EXPECT_EQ(between.payload, "abc");
  EXPECT_EQ(between.answers,
            "\x8a\x01"
            "1\x8a\x01"
            "2");
}

TEST(WebSocketTunnel, FramesThatEndTheConnection) {
  const struct {
    std::string_view name;
    std::string wire;
    const ErrorInfo* error;
    CloseCode code;
  } rows[] = {
      {"not masked", frame({0x82, "a", false}), &kBadFrame, CloseCode::protocol_error},
      {"not masked, empty", frame({0x82, "", false}), &kBadFrame, CloseCode::protocol_error},
      {"reserved bit 1", frame({0xc2, "a"}), &kBadFrame, CloseCode::protocol_error},
      {"reserved bit 2", frame({0xa2, "a"}), &kBadFrame, CloseCode::protocol_error},
      {"reserved bit 3", frame({0x92, "a"}), &kBadFrame, CloseCode::protocol_error},
      {"opcode 3", frame({0x83, "a"}), &kBadFrame, CloseCode::protocol_error},
      {"opcode 7", frame({0x87, "a"}), &kBadFrame, CloseCode::protocol_error},
      {"opcode 11", frame({0x8b, "a"}), &kBadFrame, CloseCode::protocol_error},
      {"opcode 15", frame({0x8f, "a"}), &kBadFrame, CloseCode::protocol_error},
      {"text", frame({0x81, "a"}), &kTextMessage, CloseCode::unsupported_data},
      {"continuation of nothing", frame({0x80, "a"}), &kBadFrame, CloseCode::protocol_error},
      {"continuation after the last", frame({0x02, "a"}) + frame({0x80, "b"}) + frame({0x80, "c"}),
       &kBadFrame, CloseCode::protocol_error},
      {"message in a message", frame({0x02, "a"}) + frame({0x82, "b"}), &kBadFrame,
       CloseCode::protocol_error},
      {"text in a message", frame({0x02, "a"}) + frame({0x81, "b"}), &kBadFrame,
       CloseCode::protocol_error},
      {"ping in fragments", frame({0x09, "a"}), &kBadFrame, CloseCode::protocol_error},
      {"close in fragments", frame({0x08, close_payload(1000)}), &kBadFrame,
       CloseCode::protocol_error},
      {"long ping", frame({0x89, std::string(kControlSizeMax + 1, 'p')}), &kBadFrame,
       CloseCode::protocol_error},
      {"long form of 125", frame({0x82, std::string(125, 'a'), true, 16}), &kBadFrame,
       CloseCode::protocol_error},
      {"longest form of 65535", frame({0x82, std::string(65535, 'a'), true, 64}), &kBadFrame,
       CloseCode::protocol_error},
      {"one byte too many", frame({0x82, std::string(kFrameSizeMax + 1, 'a')}), &kFrameTooLarge,
       CloseCode::too_big},
      {"2^63", std::string("\x82\xff\x80\0\0\0\0\0\0\0mask", 14), &kFrameTooLarge,
       CloseCode::too_big},
      {"close of one byte", frame({0x88, "\x03"}), &kBadFrame, CloseCode::protocol_error},
  };
  for (const auto& row : rows) {
    for (const std::size_t piece : {row.wire.size(), std::size_t{1}}) {
      const Outcome outcome = run(row.wire, piece);
      EXPECT_EQ(outcome.closed, row.error->code) << row.name;
      ASSERT_GE(outcome.answers.size(), 4U) << row.name;
      EXPECT_EQ(outcome.answers[0], '\x88') << row.name;
      EXPECT_EQ(outcome.answers.substr(2, 2), close_of(row.code)) << row.name;
    }
  }
}

TEST(WebSocketTunnel, AClientThatDoesNotMaskIsRefusedWithTwoBytes) {
  EXPECT_EQ(run("\x82\x05").closed, kBadFrame.code);
}

TEST(WebSocketTunnel, CloseIsAnsweredWithItsCode) {
  EXPECT_EQ(run(frame({0x88, ""})).answers, std::string("\x88\x00", 2));
  const Outcome usual = run(frame({0x88, close_payload(1000, "bye")}) + frame({0x82, "late"}));
  EXPECT_EQ(usual.answers, "\x88\x02" + close_payload(1000));
  EXPECT_EQ(usual.payload, "") << "nothing after a close is read";
  EXPECT_EQ(usual.closed, kPeerClosed.code);
  // Autobahn 7.7 and 7.9
  for (const unsigned code :
       {1000U, 1001U, 1002U, 1003U, 1007U, 1008U, 1009U, 1010U, 1011U, 3000U, 3999U, 4000U, 4999U})
    EXPECT_EQ(run(frame({0x88, close_payload(code)})).closed, kPeerClosed.code) << code;
  for (const unsigned code :
       {0U, 999U, 1004U, 1005U, 1006U, 1015U, 1016U, 1100U, 2000U, 2999U, 5000U, 65535U})
    EXPECT_EQ(run(frame({0x88, close_payload(code)})).closed, kBadFrame.code) << code;
}

TEST(WebSocketTunnel, WhatWeSend) {
  ServerTunnel tunnel;
  const auto sent = [&](std::size_t size) {
    Bytes out;
    tunnel.send(Bytes(size, std::byte{'x'}), out);
    return std::string(as_text(out));
  };
  EXPECT_EQ(sent(0), "");
  EXPECT_EQ(sent(125), "\x82\x7d" + std::string(125, 'x'));
  EXPECT_EQ(sent(126), std::string("\x82\x7e\x00\x7e", 4) + std::string(126, 'x'));
  EXPECT_EQ(sent(65535), std::string("\x82\x7e\xff\xff", 4) + std::string(65535, 'x'));
  EXPECT_EQ(sent(65536).substr(0, 10), std::string("\x82\x7f\0\0\0\0\0\1\0\0", 10));
  Bytes out;
  tunnel.send_ping(out);
  EXPECT_EQ(as_text(out), std::string_view("\x89\x00", 2));
}

TEST(WebSocketTunnel, OurCloseIsSentOnceAndWaitsForTheirs) {
  ServerTunnel tunnel;
  Bytes payload;
  Bytes out;
  tunnel.close(CloseCode::going_away, std::string(200, 'r'), out);
  EXPECT_EQ(out.size(), 2 + kControlSizeMax);
  EXPECT_TRUE(tunnel.closing());
  EXPECT_FALSE(tunnel.closed());
  const std::size_t before = out.size();
  tunnel.close(CloseCode::normal, "", out);
  tunnel.send(as_bytes("late"), out);
  tunnel.send_ping(out);
  tunnel.on_bytes(as_bytes(frame({0x89, "ping"})), payload, out);
  EXPECT_EQ(out.size(), before);
  tunnel.on_bytes(as_bytes(frame({0x88, close_payload(1001)})), payload, out);
  EXPECT_EQ(out.size(), before);
  ASSERT_TRUE(tunnel.closed());
  EXPECT_TRUE(tunnel.closed()->is(kPeerClosed));
}

}  // namespace
}  // namespace pavise::websocket
