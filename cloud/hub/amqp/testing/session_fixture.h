// An AMQP session with a client on the other end and a hub around it. The test owns wire and time.
#pragma once

#include <gtest/gtest.h>

#include "cloud/hub/amqp/session.h"
#include "cloud/hub/amqp/testing/fake_hub.h"
#include "protocol/amqp/engine/testing/client.h"

namespace pavise::hub::testing {

inline constexpr std::string_view kHost = "plant-1.hub.test";
inline constexpr UnixMillis kStartWallMs = 1'700'000'000'000;

class AmqpSessionTest : public ::testing::Test {
 protected:
  using Client = amqp::testing::Client;
  using ClientLink = amqp::testing::ClientLink;

  void exchange(std::size_t chunk = SIZE_MAX) {
    for (;;) {
      const Bytes up = client_.take();
      for (std::size_t at = 0; at < up.size(); at += std::min(chunk, up.size() - at))
        session_.on_bytes(ByteView(up).subspan(at, std::min(chunk, up.size() - at)), now_, out_);
      const Bytes down = std::exchange(out_, {});
      client_.feed(down);
      if (up.empty() && down.empty()) return;
    }
  }
  // As node does: the bare header, no SASL.
  void open() {
    client_.header(amqp::ProtocolId::amqp);
    client_.open(kHost);
    exchange();
    ASSERT_TRUE(client_.opened());
  }
  static amqp::Message put_token_request(std::string_view audience, std::string_view token,
                                         amqp::Value id = amqp::Value("m1")) {
    amqp::Message request;
    request.properties.message_id = std::move(id);
    request.properties.to = "$cbs";
    request.properties.reply_to = "cbs";
    request.application_properties = {
        {amqp::Value("operation"), amqp::Value("put-token")},
        {amqp::Value("type"), amqp::Value("servicebus.windows.net:sastoken")},
        {amqp::Value("name"), amqp::Value(audience)}};
    request.body = amqp::Value(token);
    return request;
  }
  // Status code of the answer; 0: none came.
  int put_token(std::string_view audience, std::string_view token) {
    if (cbs_out_ == nullptr) {
      cbs_out_ = &client_.sender("cbs-out", {.address = "$cbs"});
      cbs_in_ =
          &client_.receiver("cbs-in", {.address = "$cbs", .other_address = "cbs", .credit = 100});
      exchange();
    }
    cbs_in_->received.clear();
    client_.send(*cbs_out_, put_token_request(audience, token));
    exchange();
    if (cbs_in_->received.empty()) return 0;
    const auto* code =
        amqp::find(cbs_in_->received.back().message.application_properties, "status-code");
    return code == nullptr ? 0 : static_cast<int>(amqp::integer_of(*code).value_or(0));
  }
  void be_device(const std::string& id = "dev") {
    if (!client_.opened()) open();
    ASSERT_EQ(put_token(std::string(kHost) + "/devices/" + id, "good:" + id), 200);
  }
  void be_service() {
    if (!client_.opened()) open();
    ASSERT_EQ(put_token(kHost, "policy:service"), 200);
  }
  ClientLink& send_link(const std::string& address) {
    ClientLink& link = client_.sender("s" + std::to_string(++names_), {.address = address});
    exchange();
    return link;
  }
  ClientLink& receive_link(const std::string& address, std::uint32_t credit = 10) {
    ClientLink& link =
        client_.receiver("r" + std::to_string(++names_), {.address = address, .credit = credit});
    exchange();
    return link;
  }
  std::uint32_t send(ClientLink& link, const amqp::Message& message, std::uint32_t format = 0) {
    const std::uint32_t id = client_.send(link, message, format);
    exchange();
    return id;
  }
  void hear(SessionEvent event) {
    session_.on_event(event, now_, out_);
    exchange();
  }
  void durable(std::uint64_t number_end) {
    session_.on_durable(number_end, out_);
    exchange();
  }
  void pass(std::int64_t ms) {
    now_.steady_ms += ms;
    now_.wall_ms += ms;
    session_.on_time(now_, out_);
    exchange();
  }
  std::string_view closed() const { return session_.closed() ? session_.closed()->code() : "open"; }
  static amqp::Message data(std::string_view text) {
    amqp::Message out;
    out.body = amqp::Message::Data{to_bytes(as_bytes(text))};
    return out;
  }
  static std::string text(const amqp::testing::Received& received) {
    return std::string(as_text(received.message.data()));
  }
  // Value of an entry as text.
  static std::string at(const amqp::Map& map, std::string_view key) {
    const amqp::Value* value = amqp::find(map, key);
    if (value == nullptr) return "absent";
    if (const auto held = amqp::text_of(*value)) return std::string(*held);
    if (const auto number = amqp::integer_of(*value)) return std::to_string(*number);
    if (const auto* time = value->as<amqp::Timestamp>()) return std::to_string(time->ms);
    if (const auto* uuid = value->as<amqp::Uuid>()) return amqp::to_string(*uuid);
    if (const auto* flag = value->as<bool>()) return *flag ? "true" : "false";
    return value->is_null() ? "null" : "other";
  }
  static iothub::Identity identity(std::string_view device, std::string_view module_id = {}) {
    return *iothub::Identity::make(*iothub::HubName::parse(kHubName), device, module_id);
  }

  SessionNow now_{1'000, kStartWallMs};
  FakeHub hub_;
  AmqpSession session_{{.connection_id = "c1"}, hub_, hub_, now_};
  Client client_;
  Bytes out_;
  ClientLink* cbs_out_ = nullptr;
  ClientLink* cbs_in_ = nullptr;
  int names_ = 0;
};

}  // namespace pavise::hub::testing
