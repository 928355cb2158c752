// The channel's bytes as docs/formats/app-channels.md says, written by hand. Against the agent's
// own code: tests/sdk.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>
#include <pavise/pavise.hpp>
#include <string>
#include <vector>

#include "sdk/source/testing/placed.h"

namespace {

using namespace std::string_literals;

class DeviceHub : public testing::Test {
 protected:
  void SetUp() override {
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
    agent_ = pavise::Descriptor(ends[0]);
    app_.emplace(4, pavise::Descriptor(ends[1]));
    ::setenv("PAVISE_APP", "blink", 1);
  }
  void TearDown() override {
    pavise_hub_close(hub_);
    ::unsetenv("PAVISE_APP");
  }

  void open() {
    const pavise_hub_handlers handlers{
        .telemetry_result =
            [](void* context, uint32_t id, bool accepted, const char* reason) {
              static_cast<DeviceHub*>(context)->seen_.push_back(
                  "result " + std::to_string(id) + (accepted ? " yes " : " no ") + reason);
            },
        .method_called =
            [](void* context, uint32_t id, const char* name, const void* payload, size_t size) {
              static_cast<DeviceHub*>(context)->seen_.push_back(
                  "call " + std::to_string(id) + ' ' + name + ' ' +
                  std::string(static_cast<const char*>(payload), size));
            },
        .connection_changed =
            [](void* context, bool online) {
              static_cast<DeviceHub*>(context)->seen_.emplace_back(online ? "online" : "offline");
            }};
    ASSERT_EQ(pavise_hub_open(loop_.get(), &handlers, this, &hub_), 0);
  }
  void send(const std::string& packet) const {
    ASSERT_EQ(::send(agent_.get(), packet.data(), packet.size(), MSG_DONTWAIT),
              static_cast<ssize_t>(packet.size()));
  }
  // What the app's handlers made of all that was sent.
  std::vector<std::string> seen() {
    pollfd polled{4, POLLIN, 0};
    while (::poll(&polled, 1, 0) == 1 && !ended()) loop_.run(0);
    return std::exchange(seen_, {});
  }
  bool ended() const { return !seen_.empty() && seen_.back() == "offline"; }
  std::string received() const {
    std::string packet(70'000, '\0');
    const ssize_t size = ::recv(agent_.get(), packet.data(), packet.size(), MSG_DONTWAIT);
    packet.resize(size < 0 ? 0 : static_cast<size_t>(size));
    return packet;
  }

  pavise::Descriptor agent_;
  std::optional<sdk_testing::Placed> app_;
  pavise::EventLoop loop_;
  pavise_hub* hub_ = nullptr;
  std::vector<std::string> seen_;
};

using Seen = std::vector<std::string>;

TEST_F(DeviceHub, TelemetryIsThesePlainBytes) {
  open();
  const std::array<pavise_hub_property, 2> properties{{{"unit", "°C &="}, {"none", nullptr}}};
  const pavise_telemetry message{.content_type = "text/plain",
                                 .properties = properties.data(),
                                 .property_count = properties.size(),
                                 .body = "21",
                                 .body_size = 2};
  uint32_t id = 0;
  ASSERT_EQ(pavise_hub_send_telemetry(hub_, &message, &id), 0);
  EXPECT_EQ(id, 1U);
  EXPECT_EQ(received(),
            "\x01"
            "\x01\0\0\0"
            "\x0a\0text/plain"
            "\x1b\0unit=%C2%B0C%20%26%3D&none="
            "\x02\0"
            "21"s);
  const pavise_telemetry empty{};
  ASSERT_EQ(pavise_hub_send_telemetry(hub_, &empty, &id), 0);
  EXPECT_EQ(received(), "\x01\x02\0\0\0\0\0\0\0\0\0"s);
  send("\x81\x02\0\0\0\0\0\0"s);
  send("\x81\x01\0\0\0\x01\x04\0full"s);
  EXPECT_EQ(seen(), (Seen{"result 2 yes ", "result 1 no full"}));
}

TEST_F(DeviceHub, MethodsAreCalledAndAnswered) {
  open();
  EXPECT_FALSE(pavise_hub_online(hub_));
  send("\x83\x01"s);
  send("\x82\x01\x02\x03\x04\x04\0ping\x02\0{}"s);
  EXPECT_EQ(seen(), (Seen{"online", "call 67305985 ping {}"}));
  EXPECT_TRUE(pavise_hub_online(hub_));
  ASSERT_EQ(pavise_hub_answer(hub_, 67305985, 404, "null", 4), 0);
  EXPECT_EQ(received(), "\x02\x01\x02\x03\x04\x94\x01\x04\0null"s);
  send("\x83\0"s);
  EXPECT_EQ(seen(), (Seen{"offline"}));
}

// Short, long, unknown, results that nothing asked for: nothing of it is shown to the app.
TEST_F(DeviceHub, WhatItDoesNotUnderstandIsIgnored) {
  open();
  for (const std::string& packet :
       {"\x81"s, "\x81\x01\0\0\0"s, "\x81\x01\0\0\0\0\0\0"s, "\x82\x01\0\0\0\x04\0pin"s,
        "\x82\x01\0\0\0\x04\0ping\x05\0{}"s, "\x82\x01\0\0\0\x04\0ping\x02\0{}x"s, "\x83"s,
        "\x83\x01\0"s, "\x84\x01"s, "\x85"s, "\x01\x01"s,
        "\x82\x01\0\0\0\0\x01"s + std::string(256, 'n') + "\0\0"s, std::string(65'537, '\x82')})
    send(packet);
  EXPECT_EQ(seen(), Seen{});
  send("\x82\x01\0\0\0\xff\0"s + std::string(255, 'n') + "\0\0"s);
  EXPECT_EQ(seen(), (Seen{"call 1 " + std::string(255, 'n') + ' '}));
}

TEST_F(DeviceHub, ANewAgentIsToldWhatIsUnderWay) {
  open();
  send("\x84"s);
  EXPECT_EQ(seen(), Seen{});
  EXPECT_EQ(received(), "\x03\0\0\0\0\0"s);
  const pavise_telemetry message{};
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(pavise_hub_send_telemetry(hub_, &message, nullptr), 0);
    received();
  }
  send("\x82\x09\0\0\0\x04\0ping\0\0"s);
  send("\x81\x01\0\0\0\0\0\0"s);
  send("\x84"s);
  seen();
  EXPECT_EQ(received(), "\x03\x09\0\0\0\x02\x03\0\0\0\x02\0\0\0"s);
  // What became of them comes as always; a second word about one is none.
  send("\x81\x02\0\0\0\x01\x04\0lost"s);
  send("\x81\x02\0\0\0\0\0\0"s);
  EXPECT_EQ(seen(), (Seen{"result 2 no lost"}));
}

TEST_F(DeviceHub, ANewAgentIsToldAsSoonAsThereIsRoom) {
  open();
  const std::string body(60'000, 'b');
  while (pavise_hub_answer(hub_, 1, 200, body.data(), body.size()) == 0) {
  }
  send("\x84"s);
  seen();
  while (loop_.run(0) != -ETIMEDOUT) {
  }  // it does not spin
  std::string last;
  for (std::string packet = received(); !packet.empty(); packet = received()) {
    last = packet;
    loop_.run(0);
  }
  EXPECT_EQ(last, "\x03\0\0\0\0\0"s);
  EXPECT_EQ(loop_.run(0), -ETIMEDOUT);
}

TEST_F(DeviceHub, LimitsHoldAtTheApp) {
  open();
  const std::string type(PAVISE_HUB_CONTENT_TYPE_BYTES_MAX + 1, 't');
  const std::string body(65'536, 'b');
  pavise_telemetry message{};
  message.content_type = type.c_str();
  EXPECT_EQ(pavise_hub_send_telemetry(hub_, &message, nullptr), -EMSGSIZE);
  message.content_type = type.c_str() + 1;
  message.body = body.data();
  // 1 + 4 + 2 + 128 + 2 + 2 + body
  message.body_size = PAVISE_HUB_PACKET_BYTES_MAX - 139 + 1;
  EXPECT_EQ(pavise_hub_send_telemetry(hub_, &message, nullptr), -EMSGSIZE);
  --message.body_size;
  EXPECT_EQ(pavise_hub_send_telemetry(hub_, &message, nullptr), 0);
  EXPECT_EQ(received().size(), 65'536U);
  message = {};
  const std::string value(PAVISE_HUB_PROPERTIES_BYTES_MAX - 2, 'v');
  pavise_hub_property property{"n", value.c_str()};
  message.properties = &property;
  message.property_count = 1;
  EXPECT_EQ(pavise_hub_send_telemetry(hub_, &message, nullptr), 0);
  EXPECT_EQ(received().size(), 8203U);
  property.name = "nn";
  EXPECT_EQ(pavise_hub_send_telemetry(hub_, &message, nullptr), -EMSGSIZE);
  property.name = "";
  EXPECT_EQ(pavise_hub_send_telemetry(hub_, &message, nullptr), -EINVAL);
  EXPECT_EQ(pavise_hub_answer(hub_, 1, 200, body.data(), 65'527), 0);
  EXPECT_EQ(received().size(), 65'536U);
  EXPECT_EQ(pavise_hub_answer(hub_, 1, 200, body.data(), 65'528), -EMSGSIZE);
  EXPECT_EQ(pavise_hub_answer(hub_, 1, 200, nullptr, 1), -EINVAL);
}

TEST_F(DeviceHub, OnlySoManyAreUnderWay) {
  open();
  const pavise_telemetry message{};
  for (int i = 0; i < PAVISE_HUB_UNDERWAY_MAX; ++i)
    ASSERT_EQ(pavise_hub_send_telemetry(hub_, &message, nullptr), 0);
  EXPECT_EQ(pavise_hub_send_telemetry(hub_, &message, nullptr), -EAGAIN);
  send("\x81\x01\0\0\0\0\0\0"s);
  EXPECT_EQ(seen().size(), 1U);
  EXPECT_EQ(pavise_hub_send_telemetry(hub_, &message, nullptr), 0);
  EXPECT_EQ(pavise_hub_send_telemetry(hub_, &message, nullptr), -EAGAIN);
}

TEST_F(DeviceHub, AnAgentThatIsBehindIsNotWaitedFor) {
  open();
  const std::string body(60'000, 'b');
  int outcome = 0;
  for (int i = 0; i < 1000 && outcome == 0; ++i)
    outcome = pavise_hub_answer(hub_, 1, 200, body.data(), body.size());
  EXPECT_EQ(outcome, -EAGAIN);
}

TEST_F(DeviceHub, TheEndOfTheChannelIsTold) {
  open();
  agent_ = pavise::Descriptor();
  EXPECT_EQ(seen(), (Seen{"offline"}));
  const pavise_telemetry message{};
  EXPECT_EQ(pavise_hub_send_telemetry(hub_, &message, nullptr), -ENOTCONN);
  EXPECT_EQ(pavise_hub_answer(hub_, 1, 200, "", 0), -ENOTCONN);
}

TEST_F(DeviceHub, ThereIsOneOrNone) {
  open();
  const pavise_hub_handlers handlers{};
  pavise_hub* second = nullptr;
  EXPECT_EQ(pavise_hub_open(loop_.get(), &handlers, nullptr, &second), -EEXIST);
  pavise_hub_close(std::exchange(hub_, nullptr));
  ::unsetenv("PAVISE_APP");
  EXPECT_EQ(pavise_hub_open(loop_.get(), &handlers, nullptr, &second), -ENOTCONN);
  ::setenv("PAVISE_APP", "blink", 1);
  app_.reset();  // what is there now is no channel
  EXPECT_EQ(pavise_hub_open(loop_.get(), &handlers, nullptr, &second), -ENOTCONN);
}

}  // namespace
