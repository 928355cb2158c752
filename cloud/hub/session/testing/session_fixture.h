// A session under test that is fed packets and shows what it sent as lines.
#pragma once

#include <gtest/gtest.h>

#include "cloud/hub/session/testing/recording_port.h"
#include "protocol/iothub/username.h"
#include "protocol/mqtt/encode.h"

namespace pavise::hub::testing {
namespace session {

inline const std::string kHost = "hub.test";
inline const std::string kId(DeviceId::kLength, 'd');
inline const std::string kEvents = "devices/" + kId + "/messages/events/";
inline const std::string kReported = "$iothub/twin/PATCH/properties/reported/?$rid=";
inline constexpr UnixMillis kStartWallMs = 1'700'000'000'000;
inline constexpr UnixMillis kExpiresMs = kStartWallMs + 86'400'000;
using Lines = std::vector<std::string>;

}  // namespace session

using namespace session;

// A session under test with its surroundings and everything it sent.
class SessionTest : public ::testing::Test {
 protected:
  SessionTest() {
    port_.members.emplace(kId, member(kId, "", kExpiresMs));
    port_.members.emplace(kId + "/mod", member(kId, "mod", kExpiresMs));
    restart();
  }

  void restart() {
    out_.clear();
    session_ = std::make_unique<Session>(port_, now_);
  }
  void feed(const mqtt::Packet& packet) {
    Bytes wire;
    ASSERT_TRUE(mqtt::encode(packet, wire));
    session_->on_bytes(wire, now_, out_);
  }
  static std::string username(std::string_view host = kHost, std::string_view id = kId) {
    return iothub::make_username(host, id, "2021-04-12", "test");
  }
  void connect(bool clean = true, std::uint16_t keep_alive_s = 60) {
    const std::string name = username();
    feed(mqtt::Connect{
        .clean_session = clean, .keep_alive_s = keep_alive_s, .client_id = kId, .username = name});
  }
  void subscribe(std::string_view filter) {
    feed(mqtt::Subscribe{1, {{filter, mqtt::QoS::at_least_once}}});
    out_.clear();
  }
  void publish(std::string_view topic, std::string_view payload, std::uint16_t id = 0) {
    feed(mqtt::Publish{.topic = topic,
                       .payload = as_bytes(payload),
                       .qos = id == 0 ? mqtt::QoS::at_most_once : mqtt::QoS::at_least_once,
                       .packet_id = id});
  }
  // What was sent since the last call, one line per packet.
  std::vector<std::string> sent() {
    std::vector<std::string> lines;
    mqtt::PacketStream stream(SIZE_MAX);
    stream.feed(out_);
    for (;;) {
      const auto packet = stream.next();
      EXPECT_TRUE(packet);
      if (!packet || !*packet) break;
      lines.push_back(line(**packet));
    }
    out_.clear();
    return lines;
  }
  void pass(std::int64_t ms) {
    now_.steady_ms += ms;
    now_.wall_ms += ms;
    session_->on_time(now_, out_);
  }
  void hear(SessionEvent event) { session_->on_event(event, now_, out_); }
  void desired_changed(std::uint64_t version, std::string_view body) {
    hear(DesiredChanged{*iothub::Identity::make(*iothub::HubName::parse("plant-1"), kId), version,
                        std::make_shared<const std::string>(body)});
  }
  std::string_view closed_code() const {
    return session_->closed() ? session_->closed()->code() : "open";
  }

  SessionNow now_{1'000, kStartWallMs};
  RecordingPort port_;
  std::unique_ptr<Session> session_;
  Bytes out_;

 private:
  static std::string line(const mqtt::Packet& packet) {
    if (const auto* p = std::get_if<mqtt::ConnAck>(&packet))
      return "CONNACK " + std::to_string(static_cast<int>(p->code)) +
             (p->session_present ? " present" : "");
    if (const auto* p = std::get_if<mqtt::PubAck>(&packet))
      return "PUBACK " + std::to_string(p->packet_id);
    if (const auto* p = std::get_if<mqtt::SubAck>(&packet)) {
      std::string out = "SUBACK";
      for (const auto code : p->codes) out += " " + std::to_string(code);
      return out;
    }
    if (const auto* p = std::get_if<mqtt::UnsubAck>(&packet))
      return "UNSUBACK " + std::to_string(p->packet_id);
    if (std::holds_alternative<mqtt::PingResp>(packet)) return "PINGRESP";
    if (const auto* p = std::get_if<mqtt::Publish>(&packet))
      return std::string(p->topic) + " " + std::string(as_text(p->payload));
    return "unexpected";
  }
};

}  // namespace pavise::hub::testing
