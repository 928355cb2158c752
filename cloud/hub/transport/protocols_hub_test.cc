// What connections of different protocols do beside each other, and answers that are larger than a
// socket takes at once: real TLS over loopback.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <openssl/err.h>
#include <poll.h>

#include <algorithm>

#include "cloud/hub/transport/body_room.h"
#include "cloud/hub/transport/testing/hub_fixture.h"
#include "protocol/amqp/engine/testing/client.h"
#include "protocol/iothub/topics.h"

namespace pavise::hub {
namespace {

using testing::ClientContext;
using testing::TestClient;

constexpr std::string_view kToken = "policy-token";
constexpr int kPatienceMs = 20'000;

// Answers each call with as many bytes.
class BigAnswers final : public HttpServing {
 public:
  static constexpr std::size_t kSize = 24UL * 1024 * 1024;
  void serve(HttpRequest, std::function<void(HttpResponse)> done) override {
    done({.headers = {}, .body = std::string(kSize, 'x'), .content_type = "text/plain"});
  }
  std::optional<HttpHeadVerdict> judge(const HttpHead&) override { return std::nullopt; }
};

// Takes parts of files under /judged/, as large as a block may be, and answers with their size.
class TakesParts final : public HttpServing {
 public:
  static constexpr std::size_t kPartSize = 8UL * 1024 * 1024;
  void serve(HttpRequest request, std::function<void(HttpResponse)> done) override {
    done({.headers = {}, .body = "took " + std::to_string(request.body.size())});
  }
  std::optional<HttpHeadVerdict> judge(const HttpHead& head) override {
    if (!head.path.starts_with("/judged/")) {
      HttpHeadVerdict verdict{.kind = HttpBodyKind::call, .owner = std::string(head.authorization)};
      if (head.authorization == "wrong")
        verdict.refusal = HttpResponse{.status = 401, .headers = {}, .body = "{}"};
      return verdict;
    }
    parts_ += 1;
    return HttpHeadVerdict{
        .owner = std::to_string(parts_), .body_bytes_max = kPartSize, .piece_bytes = kPartSize};
  }

 private:
  int parts_ = 0;  // each of another device
};

// What comes next; empty: the connection ended, or nothing came in time.
Bytes read_some(const TestClient& client, int timeout_ms = kPatienceMs) {
  pollfd waiting{.fd = client.fd(), .events = POLLIN, .revents = 0};
  if (SSL_pending(client.ssl()) == 0 && ::poll(&waiting, 1, timeout_ms) <= 0) return {};
  Bytes out(64UL * 1024);
  const int n = SSL_read(client.ssl(), out.data(), static_cast<int>(out.size()));
  ERR_clear_error();
  out.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  return out;
}

class ProtocolsHubTest : public testing::HubFixture {
 protected:
  void begin() { begin(answers_); }
  void begin(HttpServing& http) {
    start([this, &http](HubOptions& options) {
      options.threads = 1;  // all connections beside each other on one worker
      options.amqp_port = 0;
      options.https_port = 0;
      options.http = &http;
      options.on_closed = [this, also = options.on_closed](const HubEvent& event) {
        {
          const std::lock_guard lock(events_mutex_);
          let_in_[std::string(event.reason->code())] = event.let_in;
        }
        also(event);
      };
    });
  }
  // Whether the last connection that was closed for it had been let in.
  bool let_in(const ErrorInfo& reason) {
    const std::lock_guard lock(events_mutex_);
    return let_in_.at(std::string(reason.code));
  }
  // What has come by now. Session tickets are no such thing, though they make the socket readable.
  static Bytes has_come(const TestClient& client) {
    const int flags = ::fcntl(client.fd(), F_GETFL);
    ::fcntl(client.fd(), F_SETFL, flags | O_NONBLOCK);
    Bytes out = read_some(client, 0);
    ::fcntl(client.fd(), F_SETFL, flags);
    return out;
  }
  // Reads until this came, and what came with it.
  static std::string read_until(const TestClient& client, std::string_view text) {
    std::string out;
    while (!out.contains(text)) {
      const Bytes more = read_some(client);
      if (more.empty()) return "nothing after: " + out;
      out.append(as_text(more));
    }
    return out;
  }

  BigAnswers answers_;
  std::map<std::string, bool> let_in_;
  ClientContext stranger_{server_ca_.certificate_pem(), nullptr};
};

TEST_F(ProtocolsHubTest, HeartbeatsOfOneClientReachNoOther) {
  begin();
  const Device device = make_device('a');
  TestClient beside(device.context, hub_->port());
  ASSERT_EQ(beside.connect(device.id.text()), mqtt::ConnectCode::accepted);
  TestClient amqp(stranger_, hub_->amqp_port());
  ASSERT_TRUE(amqp.tls_ok());
  amqp::testing::Client client;
  client.header(amqp::ProtocolId::amqp);
  client.open("hub.test", 1'000);
  ASSERT_TRUE(amqp.send_raw(client.take()));
  // An empty frame of AMQP 1.0, 2.4.5.
  const Bytes heartbeat = *from_hex("0000000802000000");
  Bytes received;
  const auto beats = [&] {
    int count = 0;
    for (auto at = received.begin();; at += std::ssize(heartbeat), ++count) {
      at = std::search(at, received.end(), heartbeat.begin(), heartbeat.end());
      if (at == received.end()) return count;
    }
  };
  while (beats() < 3) {
    append(received, read_some(amqp, 50));
    ASSERT_TRUE(beside.send(mqtt::PingReq{}));
    const auto answer = beside.receive();
    ASSERT_TRUE(answer && std::holds_alternative<mqtt::PingResp>(*answer));
    // The hub gives a stranger half a minute at most; that is far more than three beats take.
    ASSERT_FALSE(hub_->metrics().open_connections < 2) << to_hex(received);
  }
}

TEST_F(ProtocolsHubTest, AServiceStaysNoLongerThanItsPolicy) {
  begin();
  gatekeeper_.allow_policy(kToken);
  TestClient service(stranger_, hub_->amqp_port());
  amqp::testing::Client client;
  client.header(amqp::ProtocolId::sasl);
  const std::string response = std::string("\0owner@sas.root.plant-1\0", 24) + std::string(kToken);
  client.sasl_init("PLAIN", as_bytes(response));
  ASSERT_TRUE(service.send_raw(client.take()));
  ASSERT_FALSE(read_some(service).empty());
  const std::int64_t give_up_ms = clock_.steady_ms() + kPatienceMs;
  while (hub_->metrics().sessions == 0 && clock_.steady_ms() < give_up_ms)
    (void)read_some(service, 10);
  ASSERT_EQ(hub_->metrics().sessions, 1U);
  gatekeeper_.change_hub(*iothub::HubName::parse("plant-2"));
  gatekeeper_.change_hub(testing::test_hub());
  ASSERT_TRUE(closed_with(kDeviceBarred));
  EXPECT_TRUE(let_in(kDeviceBarred)) << "no stranger, though it serves no device";
}

TEST_F(ProtocolsHubTest, TellsStrangersApart) {
  begin();
  const Device device = make_device('a');
  TestClient own(device.context, hub_->port());
  ASSERT_EQ(own.connect(device.id.text()), mqtt::ConnectCode::accepted);
  ASSERT_TRUE(own.send(mqtt::Disconnect{}));
  ASSERT_TRUE(closed_with(kClientDisconnected));
  EXPECT_TRUE(let_in(kClientDisconnected));
  TestClient wrong(device.context, hub_->port());
  ASSERT_NE(wrong.connect(std::string(64, 'b')), mqtt::ConnectCode::accepted);
  ASSERT_TRUE(closed_with(kClientIdMismatch));
  EXPECT_FALSE(let_in(kClientIdMismatch));
}

TEST_F(ProtocolsHubTest, UploadsOfLargeBlocksWaitForRoomAndCallsHaveTheirOwn) {
  TakesParts parts;
  begin(parts);
  const std::string put =
      "PUT /judged/a HTTP/1.1\r\nhost: hub.test\r\nexpect: 100-continue\r\ncontent-length: " +
      std::to_string(TakesParts::kPartSize) + "\r\n\r\n";
  const std::string part(TakesParts::kPartSize, 'x');
  const std::string took = "took " + std::to_string(part.size());
  std::vector<std::unique_ptr<TestClient>> uploads;
  for (std::size_t i = 0; i < kHttpFileBodiesBytesMax / TakesParts::kPartSize; ++i) {
    uploads.push_back(std::make_unique<TestClient>(stranger_, hub_->https_port()));
    ASSERT_TRUE(uploads.back()->send_raw(as_bytes(put)));
    ASSERT_TRUE(read_until(*uploads.back(), "\r\n\r\n").starts_with("HTTP/1.1 100"));
  }
  TestClient waiting(stranger_, hub_->https_port());
  ASSERT_TRUE(waiting.send_raw(as_bytes(put)));
  TestClient caller(stranger_, hub_->https_port());
  ASSERT_TRUE(caller.send_raw(as_bytes(
      "POST /devices HTTP/1.1\r\nhost: hub.test\r\nauthorization: x\r\ncontent-length: 1048576"
      "\r\n\r\n" +
      std::string(1'048'576, 'x'))));
  EXPECT_TRUE(read_until(caller, "took").contains("took 1048576")) << "whatever files take";
  EXPECT_TRUE(has_come(waiting).empty());
  ASSERT_TRUE(uploads[0]->send_raw(as_bytes(part)));
  EXPECT_TRUE(read_until(*uploads[0], "took").contains(took));
  EXPECT_TRUE(read_until(waiting, "\r\n\r\n").starts_with("HTTP/1.1 100")) << "now there is room";
  ASSERT_TRUE(waiting.send_raw(as_bytes(part)));
  EXPECT_TRUE(read_until(waiting, "took").contains(took));
}

// A device with many connections has its share, and what nobody else wants.
TEST_F(ProtocolsHubTest, ADeviceThatHoardsLeavesRoomToOthers) {
  TakesParts parts;
  begin(parts);
  const auto post = [](const std::string& who) {
    return "POST /devices HTTP/1.1\r\nhost: hub.test\r\nauthorization: " + who +
           "\r\ncontent-length: " + std::to_string(kHttpBodyMax) + "\r\n\r\n";
  };
  const std::string almost(kHttpBodyMax - 1, 'x');
  std::vector<std::unique_ptr<TestClient>> hoard;
  // A refusal may be lost when what was still to be sent finds the connection closed.
  const auto refused = [](const TestClient& client) {
    pollfd polled{client.fd(), POLLRDHUP, 0};
    return as_text(has_come(client)).starts_with("HTTP/1.1 503") ||
           (::poll(&polled, 1, 0) == 1 && polled.revents != 0);
  };
  for (std::size_t i = 0; i < kHttpBodiesBytesMax / kHttpBodyMax; ++i) {
    hoard.push_back(std::make_unique<TestClient>(stranger_, hub_->https_port()));
    (void)hoard.back()->send_raw(as_bytes(post("hog") + almost));
  }
  // Until all of them are judged: whoever comes before takes of what everybody may have.
  constexpr std::size_t kMost = (kHttpBodiesBytesMax - kHttpBodiesReserveBytes) / kHttpBodyMax;
  const std::int64_t give_up_ms = clock_.steady_ms() + kPatienceMs;
  while (hoard.size() > kMost && clock_.steady_ms() < give_up_ms)
    std::erase_if(hoard, [&](const auto& each) { return refused(*each); });
  EXPECT_EQ(hoard.size(), kMost);
  TestClient honest(stranger_, hub_->https_port());
  ASSERT_TRUE(honest.send_raw(as_bytes(post("honest") + almost + "x")));
  EXPECT_TRUE(read_until(honest, "took").contains("took 1048576"));
  TestClient stranger(stranger_, hub_->https_port());
  ASSERT_TRUE(stranger.send_raw(as_bytes(post("wrong") + almost + "x")));
  EXPECT_TRUE(read_until(stranger, "\r\n\r\n").starts_with("HTTP/1.1 401"));
  EXPECT_TRUE(std::ranges::none_of(hoard, [&](const auto& each) { return refused(*each); }));
}

// A client of AMQP that only shows tokens, until it opens links.
class TokenClient {
 public:
  TokenClient(const ClientContext& context, std::uint16_t port) : connection_(context, port) {
    client_.header(amqp::ProtocolId::amqp);
    client_.open("hub.test");
    requests_ = &client_.sender("requests", {.address = "$cbs"});
    answers_ =
        &client_.receiver("answers", {.address = "$cbs", .other_address = "cbs", .credit = 10});
  }
  // Exchanges bytes until `done` says so; false: it did not within kPatienceMs, or the hub hung up.
  template <class Done>
  bool until(Done done) {
    for (;;) {
      if (const Bytes out = client_.take(); !out.empty() && !connection_.send_raw(out))
        return false;
      if (done()) return true;
      const Bytes in = read_some(connection_);
      if (in.empty()) return false;
      client_.feed(in);
    }
  }
  bool put(const std::string& device, std::string_view token) {
    amqp::Message request;
    request.properties.message_id = amqp::Value(device);
    request.properties.reply_to = "cbs";
    request.application_properties = {
        {amqp::Value("operation"), amqp::Value("put-token")},
        {amqp::Value("type"), amqp::Value("servicebus.windows.net:sastoken")},
        {amqp::Value("name"), amqp::Value("hub.test/devices/" + device)}};
    request.body = amqp::Value(token);
    const std::size_t before = answers_->received.size();
    if (!until([&] { return requests_->credit > 0; })) return false;
    client_.send(*requests_, request);
    return until([&] { return answers_->received.size() > before; }) &&
           amqp::integer_of(*amqp::find(answers_->received.back().message.application_properties,
                                        "status-code")) == 200;
  }
  amqp::testing::ClientLink* telemetry(const std::string& device) {
    auto& link = client_.sender("events of " + device,
                                {.address = "/devices/" + device + "/messages/events"});
    return until([&] { return link.attached && link.credit > 0; }) ? &link : nullptr;
  }
  // True once it is on disk.
  bool send(amqp::testing::ClientLink& link, std::string_view text) {
    amqp::Message message;
    message.body = amqp::Message::Data{to_bytes(as_bytes(text))};
    const std::uint32_t delivery = client_.send(link, message);
    return until([&] { return link.outcomes.contains(delivery); }) &&
           link.outcomes.at(delivery) == "accepted";
  }
  bool hears_that_tokens_ended() {
    return until([&] { return requests_->failure && answers_->failure; }) &&
           answers_->failure->condition == "amqp:unauthorized-access";
  }

 private:
  TestClient connection_;
  amqp::testing::Client client_;
  amqp::testing::ClientLink* requests_;
  amqp::testing::ClientLink* answers_;
};

TEST_F(ProtocolsHubTest, ABarredDeviceThatOnlyShowedItsTokenIsTold) {
  begin();
  gatekeeper_.allow_token("t1", "one", INT64_MAX);
  TokenClient client(stranger_, hub_->amqp_port());
  ASSERT_TRUE(client.put("one", "t1"));
  gatekeeper_.revoke("another");
  ASSERT_TRUE(client.put("one", "t1"));  // still there
  gatekeeper_.revoke("one");
  EXPECT_TRUE(client.hears_that_tokens_ended());
  EXPECT_TRUE(closed_with(kDeviceBarred));
}

TEST_F(ProtocolsHubTest, OfManyDevicesOnAConnectionOnlyTheBarredOneGoes) {
  begin();
  gatekeeper_.allow_token("t1", "one", INT64_MAX);
  gatekeeper_.allow_token("t2", "two", INT64_MAX);
  TokenClient client(stranger_, hub_->amqp_port());
  ASSERT_TRUE(client.put("one", "t1") && client.put("two", "t2"));
  auto* const one = client.telemetry("one");
  auto* const two = client.telemetry("two");
  ASSERT_TRUE(one != nullptr && two != nullptr);
  gatekeeper_.revoke("one");
  ASSERT_TRUE(client.until([&] { return one->failure.has_value(); }));
  EXPECT_EQ(one->failure->condition, "amqp:unauthorized-access");
  EXPECT_TRUE(client.send(*two, "goes on"));
  EXPECT_FALSE(hub_->connection(*iothub::Identity::make(testing::test_hub(), "one")));
  EXPECT_TRUE(hub_->connection(*iothub::Identity::make(testing::test_hub(), "two")));
  EXPECT_EQ(std::ranges::count(data_.noted(), "one went"), 1);
  EXPECT_EQ(std::ranges::count(data_.noted(), "two went"), 0);
  gatekeeper_.revoke("two");
  EXPECT_TRUE(client.hears_that_tokens_ended());
}

TEST_F(ProtocolsHubTest, AnAnswerLargerThanTheSocketTakesArrivesWhole) {
  begin();
  TestClient client(stranger_, hub_->https_port());
  ASSERT_TRUE(client.send_raw(
      as_bytes("GET /devices HTTP/1.1\r\nhost: hub.test\r\nauthorization: x\r\n\r\n")));
  std::size_t size = 0;
  while (size < BigAnswers::kSize) {
    const Bytes more = read_some(client);
    ASSERT_FALSE(more.empty()) << "after " << size;
    size += more.size();
  }
}

}  // namespace
}  // namespace pavise::hub
