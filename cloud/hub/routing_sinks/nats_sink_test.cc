// Against the real nats-server of Debian with JetStream, and against servers that misbehave.
#include "cloud/hub/routing_sinks/nats_sink.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "cloud/hub/routing/address.h"
#include "cloud/hub/routing_sinks/testing/nats_server.h"
#include "common/net/testing/loopback.h"
#include "protocol/nats/client_lines.h"
#include "protocol/nats/server_stream.h"

namespace pavise::hub::routing {
namespace {

namespace json = boost::json;
using net::testing::TestCa;
using ::testing::HasSubstr;
using testing::kPatience;
using testing::NatsServer;
using ::testing::Not;
using testing::Requester;

std::vector<Message> messages(std::size_t count, std::size_t first = 0) {
  std::vector<Message> out(count);
  for (std::size_t i = 0; i < count; ++i) {
    out[i].offset = first + i;
    out[i].hub = "plant-1";
    out[i].device = "d1";
    out[i].system = {{"iothub-connection-device-id", "d1"}, {"content-type", "text/plain"}};
    out[i].application = {{"severity", "2"}, {"Nats-Rollup", "all"}, {"bad\r\nname", "x"}};
    out[i].body = to_bytes(as_bytes("body " + std::to_string(first + i)));
    out[i].routes = {"all"};
  }
  return out;
}

class Nats : public ::testing::Test {
 protected:
  static constexpr const char* kAuthorization =
      "authorization { user: hub, password: \"s3cret\" }\n";

  std::unique_ptr<Sink> sink(const store::RoutingEndpointRecord& endpoint,
                             const NatsTimes& times = {kPatience, kPatience}) {
    return *make_nats_sink(endpoint, times);
  }
  store::RoutingEndpointRecord endpoint(std::uint16_t port) const {
    return {.name = "bus",
            .kind = store::EndpointKind::nats,
            .address = "127.0.0.1:" + std::to_string(port),
            .topic = "plant.telemetry",
            .user = "hub",
            .secret = "s3cret",
            .ca_pem = ca_.pem()};
  }
  static json::object make_stream(Requester& admin, const std::string& more = {}) {
    return admin.ask("$JS.API.STREAM.CREATE.T",
                     R"({"name":"T","subjects":["plant.>"],"storage":"file","num_replicas":1,)"
                     R"("retention":"limits","discard":"new")" +
                         more + "}");
  }
  static std::int64_t stored(Requester& admin) {
    return admin.ask("$JS.API.STREAM.INFO.T", "{}").at("state").at("messages").as_int64();
  }
  static json::object stored_at(Requester& admin, int sequence) {
    return admin.ask("$JS.API.STREAM.MSG.GET.T", R"({"seq":)" + std::to_string(sequence) + "}")
        .at("message")
        .as_object();
  }

  TestCa ca_;
};

TEST_F(Nats, AStreamKeepsWhatWasDelivered) {
  NatsServer server(kAuthorization, &ca_);
  Requester admin(server, {"hub", "s3cret"}, &ca_);
  ASSERT_FALSE(make_stream(admin).contains("error"));
  const auto sink = this->sink(endpoint(server.port()));
  const Outcome outcome = sink->deliver(messages(100));
  EXPECT_EQ(outcome.delivered, 100U);
  EXPECT_FALSE(outcome.error);
  EXPECT_EQ(stored(admin), 100);
  const json::object first = stored_at(admin, 1);
  EXPECT_EQ(first.at("subject"), "plant.telemetry");
  EXPECT_EQ(as_text(*from_base64(std::string_view(first.at("data").as_string()))), "body 0");
  const Bytes raw = *from_base64(std::string_view(first.at("hdrs").as_string()));
  const std::string headers(as_text(raw));
  EXPECT_THAT(headers, HasSubstr("Nats-Msg-Id: plant-1/0\r\n"));
  EXPECT_THAT(headers, HasSubstr("iothub-connection-device-id: d1\r\n"));
  EXPECT_THAT(headers, HasSubstr("iothub-content-type: text/plain\r\n"));
  EXPECT_THAT(headers, HasSubstr("iothub-route: all\r\n"));
  EXPECT_THAT(headers, HasSubstr("iothub-app-severity: 2\r\n"));
  EXPECT_THAT(headers, HasSubstr("iothub-app-Nats-Rollup: all\r\n"))
      << "a device does not command the stream";
  EXPECT_THAT(headers, Not(HasSubstr("\r\nNats-Rollup")));
}

TEST_F(Nats, WhatIsSentAgainIsStoredOnce) {
  NatsServer server(kAuthorization, &ca_);
  Requester admin(server, {"hub", "s3cret"}, &ca_);
  ASSERT_FALSE(make_stream(admin).contains("error"));
  EXPECT_EQ(sink(endpoint(server.port()))->deliver(messages(5)).delivered, 5U);
  EXPECT_EQ(sink(endpoint(server.port()))->deliver(messages(6)).delivered, 6U);
  EXPECT_EQ(stored(admin), 6);
}

TEST_F(Nats, AServerThatWasKilledGoesOn) {
  auto server = std::make_unique<NatsServer>("");
  auto record = endpoint(server->port());
  record.tls = false;
  record.user = record.secret = record.ca_pem = "";
  {
    Requester admin(*server, {}, nullptr);
    ASSERT_FALSE(make_stream(admin).contains("error"));
  }
  const auto before = sink(record);
  EXPECT_EQ(before->deliver(messages(3)).delivered, 3U);
  server->stop();
  const Outcome gone = before->deliver(messages(1, 3));
  EXPECT_EQ(gone.delivered, 0U);
  EXPECT_TRUE(gone.error.has_value());
  EXPECT_FALSE(gone.refused) << "it may come back";
  EXPECT_TRUE(before->deliver(messages(1, 3)).error->is(net::kRefused));
  server->start();  // on another port, as its settings have it
  record.address = "127.0.0.1:1,127.0.0.1:" + std::to_string(server->port());
  EXPECT_EQ(sink(record)->deliver(messages(1, 3)).delivered, 1U) << "the second of two servers";
  Requester admin(*server, {}, nullptr);
  EXPECT_EQ(stored(admin), 4) << "what was acknowledged is there";
}

TEST_F(Nats, WithoutAStreamNothingCountsAsDelivered) {
  NatsServer server(kAuthorization, &ca_);
  const Outcome outcome = sink(endpoint(server.port()))->deliver(messages(2));
  EXPECT_EQ(outcome.delivered, 0U);
  EXPECT_TRUE(outcome.error->is(nats::kNoStream));
  EXPECT_FALSE(outcome.refused);
}

TEST_F(Nats, AFullStreamTakesWhatItCan) {
  NatsServer server(kAuthorization, &ca_);
  Requester admin(server, {"hub", "s3cret"}, &ca_);
  ASSERT_FALSE(make_stream(admin, R"(,"max_msgs":3)").contains("error"));
  const Outcome outcome = sink(endpoint(server.port()))->deliver(messages(5));
  EXPECT_EQ(outcome.delivered, 3U);
  EXPECT_TRUE(outcome.error->is(nats::kServerSaid));
  EXPECT_FALSE(outcome.refused) << "it may have room later";
}

TEST_F(Nats, AMessageThatIsTooLargeIsRefusedAndNotSent) {
  NatsServer server(std::string(kAuthorization) + "max_payload: 2048\n", &ca_);
  Requester admin(server, {"hub", "s3cret"}, &ca_);
  ASSERT_FALSE(make_stream(admin).contains("error"));
  auto batch = messages(3);
  batch[1].body = Bytes(4096, std::byte{'x'});
  const auto sink = this->sink(endpoint(server.port()));
  const Outcome outcome = sink->deliver(batch);
  EXPECT_EQ(outcome.delivered, 1U);
  EXPECT_TRUE(outcome.refused);
  EXPECT_TRUE(outcome.error->is(nats::kCannotPublish));
  EXPECT_EQ(sink->deliver(messages(1, 7)).delivered, 1U) << "the connection is as good as before";
}

TEST_F(Nats, OnlyWhoIsTrustedGetsAnything) {
  NatsServer server(kAuthorization, &ca_);
  auto record = endpoint(server.port());
  const TestCa stranger("Stranger");
  record.ca_pem = stranger.pem();
  EXPECT_TRUE(sink(record)->deliver(messages(1)).error->is(net::kNotTrusted));
  record = endpoint(server.port());
  record.secret = "wrong";
  const Outcome outcome = sink(record)->deliver(messages(1));
  EXPECT_TRUE(outcome.error->is(nats::kServerSaid)) << outcome.error->message();
  EXPECT_THAT(outcome.error->message(), Not(HasSubstr("wrong")));
}

TEST_F(Nats, ASecretNeverGoesToAServerWithoutTls) {
  NatsServer server(kAuthorization);
  EXPECT_TRUE(sink(endpoint(server.port()))->deliver(messages(1)).error->is(nats::kNotSecured));
}

// A plain server that says what a test wants and keeps what it hears.
class Impostor {
 public:
  explicit Impostor(std::string says) : says_(std::move(says)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    PAVISE_CHECK(listener_ >= 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    PAVISE_CHECK(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0);
    PAVISE_CHECK(::listen(listener_, 4) == 0);
    PAVISE_CHECK(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~Impostor() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  std::uint16_t port() const { return port_; }
  std::string heard() {
    const std::lock_guard lock(mutex_);
    return heard_;
  }

 private:
  void serve() {
    for (;;) {
      const int peer = ::accept(listener_, nullptr, nullptr);
      if (peer < 0) return;
      (void)!::send(peer, says_.data(), says_.size(), MSG_NOSIGNAL);
      char buffer[4096];
      for (ssize_t size = 0; (size = ::recv(peer, buffer, sizeof buffer, 0)) > 0;) {
        const std::lock_guard lock(mutex_);
        heard_.append(buffer, static_cast<std::size_t>(size));
      }
      ::close(peer);
    }
  }
  const std::string says_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::mutex mutex_;
  std::string heard_;
  std::thread thread_;
};

TEST_F(Nats, AServerThatMisbehavesIsLeft) {
  const auto said = [&](const std::string& text, net::Millis patience) {
    Impostor server(text);
    const Outcome outcome =
        sink(endpoint(server.port()), {patience, patience})->deliver(messages(1));
    EXPECT_THAT(server.heard(), Not(HasSubstr("s3cret"))) << text;
    return std::string(outcome.error ? outcome.error->code() : "");
  };
  const std::string bad(nats::kBadServer.code);
  EXPECT_EQ(said("HTTP/1.1 400 Bad Request\r\n\r\n", kPatience), bad);
  EXPECT_EQ(said("PING\r\nPING\r\nPONG\r\n", kPatience), bad);
  EXPECT_EQ(said("INFO {\"headers\":false}\r\n", kPatience), bad);
  EXPECT_EQ(said("INFO {\"headers\":true}\r\n", kPatience), std::string(nats::kNotSecured.code));
  EXPECT_EQ(said("INFO {\"headers\":true,\"tls_required\":true}\r\n+OK\r\n", kPatience), bad)
      << "words that somebody put before the handshake";
  EXPECT_EQ(said(std::string(1'000'000, 'x'), kPatience), bad);
  // And those who say nothing more, whatever they began with.
  const std::string late(net::kTimedOut.code);
  EXPECT_EQ(said("", net::Millis(300)), late);
  EXPECT_EQ(said("INFO {\"headers\":true,\"tls_required\":true}\r\n", net::Millis(300)), late);
}

}  // namespace
}  // namespace pavise::hub::routing
