#include "cloud/server/http/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <latch>
#include <thread>

#include "cloud/server/http/testing/manual_alarms.h"
#include "cloud/server/testing/tls_client.h"

namespace pavise::server::http {
namespace {

using std::chrono::milliseconds;
using testing::ClientOptions;
using ::testing::HasSubstr;
using testing::TlsClient;

// For what another thread does at once: reached only by a server that is wrong.
constexpr milliseconds kPatience{20'000};
constexpr std::string_view kHost = "Host: a\r\n";

Response echo(const Request& request) {
  Response response;
  response.content_type = "text/plain";
  response.body = request.method + " " + request.path + " " + request.query + " " + request.body;
  return response;
}

const testing::Identity& identity() {
  static const testing::Identity shared = testing::self_signed();
  return shared;
}

std::unique_ptr<HttpServer> serve(Handler handler = echo, Limits limits = {}, unsigned workers = 2,
                                  AlarmMaker make_alarm = {}, HeadJudge judge = {}) {
  Options options;
  options.certificate_chain_pem = identity().certificate_pem;
  options.private_key_pem = SecretBytes::copy_of(as_bytes(identity().key_pem));
  options.worker_threads = workers;
  options.limits = limits;
  options.judge_head = std::move(judge);
  options.make_alarm = std::move(make_alarm);
  auto server = HttpServer::start(std::move(options), std::move(handler));
  EXPECT_TRUE(server) << server.error().message();
  return std::move(*server);
}

// What the server says to exactly these bytes; 0 when it closes without an answer.
int status_for(const std::string& bytes) {
  const auto server = serve();
  auto client = TlsClient::connect(server->port());
  EXPECT_TRUE(client);
  client->send(bytes);
  const auto answer = client->read_answer();
  return answer ? answer->status : 0;
}

TEST(HttpServer, AnswersAndKeepsTheConnection) {
  const auto server = serve();
  auto client = TlsClient::connect(server->port());
  ASSERT_TRUE(client);
  const auto first = client->request("POST", "/a/b?c=d", {}, "body");
  ASSERT_TRUE(first);
  EXPECT_EQ(first->status, 200);
  EXPECT_EQ(first->body, "POST /a/b c=d body");
  EXPECT_EQ(first->headers.at("cache-control"), "no-store");
  const auto second = client->request("GET", "/");
  ASSERT_TRUE(second);
  EXPECT_EQ(second->body, "GET /  ");
}

TEST(HttpServer, AnswersPipelinedRequestsInOrder) {
  const auto server = serve();
  auto client = TlsClient::connect(server->port());
  ASSERT_TRUE(client);
  std::string all;
  for (int i = 0; i < 20; ++i)
    all += "POST /" + std::to_string(i) + " HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx";
  ASSERT_TRUE(client->send(all));
  for (int i = 0; i < 20; ++i) {
    const auto answer = client->read_answer();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->body, "POST /" + std::to_string(i) + "  x");
  }
}

TEST(HttpServer, GivesEveryRequestOfAConnectionTheClientsExporter) {
  const auto server = serve([](const Request& request) {
    Response response;
    response.body = to_hex(request.tls_exporter);
    return response;
  });
  auto client = TlsClient::connect(server->port());
  auto other = TlsClient::connect(server->port());
  ASSERT_TRUE(client && other);
  const auto exporter = client->exporter();
  const std::string expected = to_hex(std::as_bytes(std::span(exporter)));
  EXPECT_EQ(client->request("GET", "/")->body, expected);
  EXPECT_EQ(client->request("GET", "/")->body, expected);
  EXPECT_NE(other->request("GET", "/")->body, expected);
}

TEST(HttpServer, SpeaksTls13Only) {
  const auto server = serve();
  ClientOptions options;
  options.tls12 = true;
  EXPECT_FALSE(TlsClient::connect(server->port(), options));
}

TEST(HttpServer, RefusesWhatCouldBeSmuggled) {
  const std::string host(kHost);
  struct Case {
    const char* name;
    std::string bytes;
    int status;
  };
  const std::vector<Case> cases = {
      {"both lengths",
       "POST / HTTP/1.1\r\n" + host +
           "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
       400},
      {"both lengths, other order",
       "POST / HTTP/1.1\r\n" + host +
           "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
       400},
      {"chunked", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
       411},
      {"obscure coding", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: xchunked\r\n\r\n", 411},
      {"two lengths",
       "POST / HTTP/1.1\r\n" + host + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nx", 400},
      {"two equal lengths",
       "POST / HTTP/1.1\r\n" + host + "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx", 400},
      {"list of lengths", "POST / HTTP/1.1\r\n" + host + "Content-Length: 1, 1\r\n\r\nx", 400},
      {"signed length", "POST / HTTP/1.1\r\n" + host + "Content-Length: +1\r\n\r\nx", 400},
      {"negative length", "POST / HTTP/1.1\r\n" + host + "Content-Length: -1\r\n\r\nx", 400},
      {"huge length",
       "POST / HTTP/1.1\r\n" + host + "Content-Length: 99999999999999999999999\r\n\r\nx", 400},
      {"space before the colon", "POST / HTTP/1.1\r\n" + host + "Content-Length : 1\r\n\r\nx", 400},
      {"bare line feeds", "GET / HTTP/1.1\nHost: a\n\n", 505},
      {"bare carriage return", "GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n", 400},
      {"zero byte", std::string("GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n", 34), 400},
      {"no host", "GET / HTTP/1.1\r\n\r\n", 400},
      {"two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
      {"absolute form", "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"asterisk form", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"fragment", "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"HTTP/1.0", "GET / HTTP/1.0\r\nHost: a\r\n\r\n", 505},
      {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
      {"expectation", "POST / HTTP/1.1\r\n" + host + "Expect: 100-continue\r\n\r\n", 417},
      {"nonsense", "\x16\x03\x01 no http at all\r\n\r\n", 400},
  };
  for (const Case& each : cases) EXPECT_EQ(status_for(each.bytes), each.status) << each.name;
}

TEST(HttpServer, ClosesAfterARefusalSoThatNothingHiddenIsServed) {
  std::atomic<int> served = 0;
  const auto server = serve([&](const Request& request) {
    ++served;
    return echo(request);
  });
  auto client = TlsClient::connect(server->port());
  ASSERT_TRUE(client);
  client->send(
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
      "0\r\n\r\nGET /hidden HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(client->read_answer());
  EXPECT_TRUE(client->reads_end());
  EXPECT_EQ(served, 0);
}

TEST(HttpServer, LimitsTheHeader) {
  const std::string start = "GET / HTTP/1.1\r\n";
  const std::string shell = std::string(kHost) + "X: \r\n\r\n";
  const auto with_fields_of = [&](std::size_t size) {
    return start + std::string(kHost) + "X: " + std::string(size - shell.size(), 'x') + "\r\n\r\n";
  };
  EXPECT_EQ(status_for(with_fields_of(kHeaderBytesMax)), 200);
  EXPECT_EQ(status_for(with_fields_of(kHeaderBytesMax + 1)), 431);
}

TEST(HttpServer, LimitsTheTarget) {
  const auto with_target_of = [](std::size_t size) {
    return "GET /" + std::string(size - 1, 'x') + " HTTP/1.1\r\nHost: a\r\n\r\n";
  };
  EXPECT_EQ(status_for(with_target_of(kTargetBytesMax)), 200);
  EXPECT_EQ(status_for(with_target_of(kTargetBytesMax + 1)), 431);
  EXPECT_EQ(status_for(with_target_of(kHeaderBytesMax + 1)), 431);
}

TEST(HttpServer, LimitsTheBody) {
  Limits limits;
  limits.body_bytes_max = kDeviceBodyBytesMax;
  const auto server = serve(echo, limits);
  auto client = TlsClient::connect(server->port());
  ASSERT_TRUE(client);
  const auto fits = client->request("POST", "/", {}, std::string(kDeviceBodyBytesMax, 'x'));
  ASSERT_TRUE(fits);
  EXPECT_EQ(fits->status, 200);
  const auto over = client->request("POST", "/", {}, std::string(kDeviceBodyBytesMax + 1, 'x'));
  ASSERT_TRUE(over);
  EXPECT_EQ(over->status, 413);
  EXPECT_THAT(over->body, HasSubstr("PV-HTP-003"));
  EXPECT_TRUE(client->reads_end());
}

// Without a judge anybody could have the listener hold a mebibyte for each connection.
TEST(HttpServer, ReadsNoLargeBodyOfWhoMayNotCall) {
  std::atomic<int> handled = 0;
  const auto judge = [](const Request& head) -> std::optional<Response> {
    EXPECT_TRUE(head.body.empty());
    EXPECT_EQ(head.path, "/x");
    if (head.header("authorization") == "good") return std::nullopt;
    Response refusal;
    refusal.status = 401;
    return refusal;
  };
  const auto count = [&](const Request&) {
    ++handled;
    return Response();
  };
  const auto server = serve(count, {}, 2, {}, judge);
  const std::string small(kUnjudgedBodyBytesMax, 'x');
  const std::string large(kUnjudgedBodyBytesMax + 1, 'x');
  const auto status = [&](const std::string& body, std::string_view authorization) {
    auto client = TlsClient::connect(server->port());
    EXPECT_TRUE(client);
    const auto answer = client->request(
        "POST", "/x", {}, body, std::string("Authorization: ").append(authorization) + "\r\n");
    return answer ? answer->status : 0;
  };
  EXPECT_EQ(status(small, "bad"), 200) << "the handler judges";
  EXPECT_EQ(status(large, "good"), 200);
  EXPECT_EQ(status(large, "bad"), 401);
  EXPECT_EQ(handled, 2);
}

TEST(HttpServer, DropsATruncatedRequest) {
  std::atomic<int> served = 0;
  const auto server = serve([&](const Request& request) {
    ++served;
    return echo(request);
  });
  {
    auto client = TlsClient::connect(server->port());
    ASSERT_TRUE(client);
    client->send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf");
  }
  auto other = TlsClient::connect(server->port());
  ASSERT_TRUE(other);
  EXPECT_EQ(other->request("GET", "/")->status, 200);
  EXPECT_EQ(served, 1);
}

// Each phase has its own length, so that a test can wait for the one that it means.
Limits told_apart() {
  Limits limits;
  limits.handshake_timeout = milliseconds(1001);
  limits.header_timeout = milliseconds(1002);
  limits.body_timeout = milliseconds(1003);
  limits.idle_timeout = milliseconds(1004);
  return limits;
}

TEST(HttpServer, EndsASlowPeer) {
  testing::ManualAlarms alarms;
  const Limits limits = told_apart();
  const auto server = serve(echo, limits, 2, alarms.maker());
  const int in_handshake = testing::connect_tcp(server->port());
  ASSERT_GE(in_handshake, 0);
  alarms.await(limits.handshake_timeout);
  auto silent = TlsClient::connect(server->port());
  auto in_header = TlsClient::connect(server->port());
  auto in_body = TlsClient::connect(server->port());
  ASSERT_TRUE(silent && in_header && in_body);
  in_header->send("GET / HTTP/1.1\r\nHost: ");
  in_body->send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf");
  alarms.await(limits.idle_timeout, 3);
  alarms.await(limits.header_timeout, 2);
  alarms.await(limits.body_timeout);
  alarms.advance(milliseconds(1000));
  EXPECT_EQ(server->connections(), 4U) << "not a moment too early";
  alarms.advance(milliseconds(4));
  EXPECT_TRUE(silent->reads_end());
  EXPECT_TRUE(in_header->reads_end());
  EXPECT_TRUE(in_body->reads_end());
  EXPECT_TRUE(server->wait_for_connections(0, kPatience)) << "the one in its handshake, too";
  close(in_handshake);
}

TEST(HttpServer, EndsAStalledHandshakeWithoutBeingToldTheTime) {
  Limits limits;
  limits.handshake_timeout = milliseconds(1);
  const auto server = serve(echo, limits);
  const int stalled = testing::connect_tcp(server->port());
  char byte = 0;
  EXPECT_LE(::read(stalled, &byte, 1), 0) << "closed by the server";
  EXPECT_TRUE(server->wait_for_connections(0, kPatience));
  close(stalled);
}

// A peer that sends a byte now and then must not move its deadline.
TEST(HttpServer, EndsADrippingPeer) {
  testing::ManualAlarms alarms;
  const Limits limits = told_apart();
  const auto server = serve(echo, limits, 2, alarms.maker());
  auto client = TlsClient::connect(server->port());
  ASSERT_TRUE(client);
  client->send("GET / HTTP/1.1\r\n");
  alarms.await(limits.header_timeout);
  for (auto passed = milliseconds(0); passed < limits.header_timeout; passed += milliseconds(3)) {
    ASSERT_TRUE(client->send("x")) << passed.count();
    alarms.advance(milliseconds(3));
  }
  EXPECT_TRUE(server->wait_for_connections(0, kPatience));
  EXPECT_EQ(alarms.times_set(limits.header_timeout), 1U);
}

// Keylime's registrar stood still while one peer kept a TLS connection open in its handshake.
TEST(HttpServer, Cve202338200OneStalledHandshakeBlocksNobody) {
  const auto server = serve();
  const int stalled = testing::connect_tcp(server->port());
  ASSERT_GE(stalled, 0);
  auto client = TlsClient::connect(server->port());
  ASSERT_TRUE(client);
  EXPECT_EQ(client->request("GET", "/")->status, 200);
  close(stalled);
}

TEST(HttpServer, LimitsConnectionsOfOnePeerAndInTotal) {
  Limits limits;
  limits.connections_per_peer_max = 2;
  limits.connections_max = 3;
  const auto server = serve(echo, limits);
  const auto from = [&](const char* source) {
    ClientOptions options;
    options.source = source;
    return TlsClient::connect(server->port(), options);
  };
  auto first = from("127.0.0.2");
  const auto second = from("127.0.0.2");
  EXPECT_TRUE(first && second);
  EXPECT_FALSE(from("127.0.0.2")) << "the third of one peer";
  const auto third = from("127.0.0.3");
  EXPECT_TRUE(third);
  EXPECT_FALSE(from("127.0.0.4")) << "the fourth in total";
  EXPECT_EQ(server->connections(), 3U);
  first->send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(first->reads_end());
  first.reset();
  ASSERT_TRUE(server->wait_for_connections(2, kPatience));
  EXPECT_TRUE(from("127.0.0.2")) << "a place is free again";
}

TEST(HttpServer, AThousandIdleConnectionsDoNotStopOthers) {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  Limits limits;
  limits.connections_per_peer_max = 1000;
  const auto server = serve(echo, limits);
  std::vector<TlsClient> idle;
  ClientOptions options;
  options.source = "127.0.0.2";
  for (int i = 0; i < 1000; ++i) {
    auto client = TlsClient::connect(server->port(), options);
    ASSERT_TRUE(client) << i;
    idle.push_back(std::move(*client));
  }
  EXPECT_FALSE(TlsClient::connect(server->port(), options));
  auto other = TlsClient::connect(server->port());
  ASSERT_TRUE(other);
  EXPECT_EQ(other->request("GET", "/")->status, 200);
}

TEST(HttpServer, SaysWhenItIsTooBusy) {
  std::latch inside(1);
  std::latch go(1);
  Limits limits;
  limits.requests_in_progress_max = 1;
  const auto server = serve(
      [&](const Request& request) {
        if (request.path == "/slow") {
          inside.count_down();
          go.wait();
        }
        return echo(request);
      },
      limits);
  auto slow = TlsClient::connect(server->port());
  auto quick = TlsClient::connect(server->port());
  ASSERT_TRUE(slow && quick);
  slow->send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
  inside.wait();
  const auto refused = quick->request("GET", "/");
  EXPECT_EQ(refused->status, 503);
  EXPECT_THAT(refused->body, HasSubstr("PV-HTP-006"));
  EXPECT_EQ(refused->headers.at("retry-after"), "1");
  go.count_down();
  EXPECT_EQ(slow->read_answer()->status, 200);
  EXPECT_EQ(quick->request("GET", "/")->status, 200);
}

TEST(HttpServer, HoldsNoWorkerWhileAnAnswerIsAwaited) {
  std::atomic<bool> ready = false;
  const auto server = serve(
      [&](const Request& request) {
        Response response = echo(request);
        if (request.path == "/wait" && !ready) response.ask_again = AskAgain{milliseconds(5), 7};
        if (request.poll_state) response.body += std::to_string(*request.poll_state);
        return response;
      },
      {}, 1);
  auto waiting = TlsClient::connect(server->port());
  auto other = TlsClient::connect(server->port());
  ASSERT_TRUE(waiting && other);
  waiting->send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(other->request("GET", "/")->status, 200);
  ready = true;
  const auto answer = waiting->read_answer();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->body, "GET /wait  7");
}

TEST(HttpServer, SurvivesAHandlerThatThrows) {
  const auto server = serve([](const Request&) -> Response { throw std::bad_alloc(); });
  auto client = TlsClient::connect(server->port());
  ASSERT_TRUE(client);
  const auto answer = client->request("GET", "/");
  EXPECT_EQ(answer->status, 500);
  EXPECT_THAT(answer->body, HasSubstr("PV-HTP-008"));
}

TEST(HttpServer, StopsAfterTheRequestInProgress) {
  std::latch inside(1);
  std::latch go(1);
  auto server = serve([&](const Request& request) {
    inside.count_down();
    go.wait();
    return echo(request);
  });
  auto busy = TlsClient::connect(server->port());
  auto idle = TlsClient::connect(server->port());
  ASSERT_TRUE(busy && idle);
  busy->send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  inside.wait();
  std::thread stopper([&] { server->stop(); });
  EXPECT_TRUE(idle->reads_end());
  go.count_down();
  const auto answer = busy->read_answer();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->headers.at("connection"), "close");
  stopper.join();
  EXPECT_LT(testing::connect_tcp(server->port()), 0);
  EXPECT_EQ(server->connections(), 0U);
}

TEST(HttpServer, SaysWhyItCannotStart) {
  const auto running = serve();
  Options options;
  options.certificate_chain_pem = identity().certificate_pem;
  options.private_key_pem = SecretBytes::copy_of(as_bytes(identity().key_pem));
  options.port = running->port();
  const auto second = HttpServer::start(std::move(options), echo);
  ASSERT_FALSE(second);
  EXPECT_TRUE(second.error().is(kCannotListen));

  Options mismatch;
  mismatch.certificate_chain_pem = identity().certificate_pem;
  mismatch.private_key_pem = SecretBytes::copy_of(as_bytes(testing::self_signed().key_pem));
  const auto third = HttpServer::start(std::move(mismatch), echo);
  ASSERT_FALSE(third);
  EXPECT_TRUE(third.error().is(kBadIdentity));
}

}  // namespace
}  // namespace pavise::server::http
