#include "cloud/hub/s3_store/s3_depot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <future>

#include "cloud/hub/files/testing/depot_contract.h"
#include "cloud/hub/s3_store/testing/s3_server.h"

namespace pavise::hub::s3_store {

namespace testing {
namespace {

using files::ByteDepot;
using files::testing::DepotContract;
using files::testing::DepotKind;
using files::testing::DepotMedium;

// Two keys a page: every listing of the suite that has more goes over several.
class FakeStore final : public DepotMedium {
 public:
  std::unique_ptr<ByteDepot> open() override {
    return std::make_unique<S3Depot>(server_.settings(), "folder", clock_);
  }

 private:
  SystemClock clock_;
  S3Server server_{{}, 1};
};

// A store that somebody started for the test: URL, access key, secret, its authorities. Its bucket
// "files" is there; the folder is this run's own.
class RealStore final : public DepotMedium {
 public:
  std::unique_ptr<ByteDepot> open() override {
    const auto given = [](const char* name) {
      const char* const value = std::getenv(name);
      return std::string(value == nullptr ? "" : value);
    };
    return std::make_unique<S3Depot>(
        settings_for(given("PAVISE_S3_URL"), given("PAVISE_S3_CA"), given("PAVISE_S3_SECRET"),
                     given("PAVISE_S3_ACCESS_KEY")),
        folder_, clock_);
  }

 private:
  SystemClock clock_;
  const std::string folder_ =
      "contract-" + std::to_string(std::chrono::steady_clock::now().time_since_epoch().count());
};

std::vector<DepotKind> kinds() {
  std::vector<DepotKind> out = {{"Loopback", [] { return std::make_unique<FakeStore>(); }}};
  if (std::getenv("PAVISE_S3_URL") != nullptr)
    out.push_back({"RealStore", [] { return std::make_unique<RealStore>(); }});
  return out;
}

INSTANTIATE_TEST_SUITE_P(S3, DepotContract, ::testing::ValuesIn(kinds()), files::testing::name_of);

}  // namespace
}  // namespace testing

namespace {

using net::testing::TestRequest;
using net::testing::TestResponse;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::S3Server;

const std::string kName(32, 'a');
const std::string kOther(32, 'b');

class S3DepotTest : public ::testing::Test {
 protected:
  S3Depot depot(const S3Server& server, const Times& times = {}) {
    return {server.settings(), "folder", clock_, times};
  }
  // A server that says these bytes to whatever is asked, and then nothing more.
  net::testing::LoopbackServer saying(std::string text) {
    return {{.identity = ca_.issue()}, [text = std::move(text)](SSL* ssl) {
              char request[4096];
              std::size_t size = 0;
              if (SSL_read_ex(ssl, request, sizeof request, &size) != 1) return;
              std::string_view rest = text;
              while (!rest.empty() && SSL_write_ex(ssl, rest.data(), rest.size(), &size) == 1)
                rest.remove_prefix(size);
            }};
  }
  S3Depot depot_at(std::uint16_t port, const Times& times = {}) {
    return {testing::settings_for("https://127.0.0.1:" + std::to_string(port), ca_.pem()), "folder",
            clock_, times};
  }

  SystemClock clock_;
  net::testing::TestCa ca_;
};

TEST_F(S3DepotTest, AWrongSecretIsRefusedAndNeverShown) {
  const S3Server server;
  S3Depot depot(server.settings("wr0ng"), "folder", clock_);
  const Status done = depot.write(kName, as_bytes("one"));
  ASSERT_FALSE(done);
  EXPECT_TRUE(done.error().is(files::kStoreRefused));
  EXPECT_THAT(done.error().message(), HasSubstr("status 403 SignatureDoesNotMatch"));
  EXPECT_THAT(done.error().message(), Not(HasSubstr("wr0ng")));
}

TEST_F(S3DepotTest, AServerThatIsNotTrustedGetsNothing) {
  const S3Server server;
  S3Depot depot(testing::settings_for(server.url(), ca_.pem()), "folder", clock_);
  const Status done = depot.write(kName, as_bytes("one"));
  ASSERT_FALSE(done);
  EXPECT_TRUE(done.error().is(files::kStoreUnreachable));
  EXPECT_THAT(done.error().message(), HasSubstr("not trusted"));
  EXPECT_EQ(server.requests(), 0U);
}

TEST_F(S3DepotTest, NobodyThereIsAnErrorThatPasses) {
  std::uint16_t port = 0;
  {
    const S3Server server;
    port = static_cast<std::uint16_t>(std::stoul(server.url().substr(server.url().rfind(':') + 1)));
  }
  S3Depot depot = depot_at(port);
  for (const Status& done : {depot.write(kName, as_bytes("one")), depot.remove(kName),
                             depot.each([](const std::string&) { return Status(); })})
    EXPECT_TRUE(!done && done.error().is(files::kStoreUnreachable));
}

TEST_F(S3DepotTest, WhatTheStoreCannotDoNowIsToldFromWhatItRefuses) {
  std::atomic<int> status = 0;
  const S3Server server([&](const TestRequest&) {
    return TestResponse{.status = status, .body = "<Error><Code>Reason</Code></Error>"};
  });
  S3Depot depot = this->depot(server);
  for (const int each : {500, 502, 503, 504, 429}) {
    status = each;
    EXPECT_TRUE(depot.write(kName, as_bytes("x")).error().is(files::kStoreUnreachable)) << each;
  }
  for (const int each : {202, 301, 307, 400, 403, 404, 409, 412}) {
    status = each;
    const Status done = depot.write(kName, as_bytes("x"));
    EXPECT_TRUE(!done && done.error().is(files::kStoreRefused)) << each;
  }
  status = 404;
  EXPECT_FALSE(depot.remove(kName)) << "the bucket may be missing";
}

TEST_F(S3DepotTest, AConnectionIsKeptAndMadeAgainWhenItEnded) {
  std::atomic<int> connections = 0;
  net::testing::LoopbackServer server(
      {.identity = ca_.issue()},
      [&, answer = net::testing::http_handler(
              [](const TestRequest&, SSL*) { return TestResponse{.status = 204}; })](SSL* ssl) {
        ++connections;
        // The first connection ends silently after its first answer.
        if (connections == 1) {
          char request[4096];
          std::size_t size = 0;
          SSL_read_ex(ssl, request, sizeof request, &size);
          constexpr std::string_view kAnswer = "HTTP/1.1 204 No Content\r\n\r\n";
          SSL_write_ex(ssl, kAnswer.data(), kAnswer.size(), &size);
          return;
        }
        answer(ssl);
      });
  S3Depot depot = depot_at(server.port());
  for (int i = 0; i < 3; ++i) {
    const Status done = depot.remove(kName);
    EXPECT_TRUE(done) << done.error().message();
  }
  EXPECT_EQ(connections, 2);
}

TEST_F(S3DepotTest, AStoreThatAnswersEarlyIsHeard) {
  auto server = saying(
      "HTTP/1.1 403 Forbidden\r\nContent-Length: 41\r\n\r\n<Error><Code>AccessDenied</Code></"
      "Error>..");
  S3Depot depot = depot_at(server.port());
  const Status done = depot.write(kName, Bytes(8UL * 1024 * 1024));
  ASSERT_FALSE(done);
  // Or the connection broke first: that is told as what it is, too.
  EXPECT_TRUE(done.error().is(files::kStoreRefused) || done.error().is(files::kStoreUnreachable));
}

TEST_F(S3DepotTest, HostileAnswersEndWithTheirCall) {
  const std::string head = "HTTP/1.1 200 OK\r\n";
  for (const std::string& text :
       {head + std::string(64UL * 1024, 'h'), head + "X: " + std::string(1UL << 20, 'h'),
        head + "Content-Length: 18446744073709551615\r\n\r\n",
        head + "Content-Length: " + std::to_string(kAnswerSizeMax + 1) + "\r\n\r\n",
        head + "Content-Length: 10\r\n\r\nshort",
        head + "Content-Length: 3\r\n\r\nlonger than it said",
        head + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n", head + "\r\nno length",
        std::string("SSH-2.0-OpenSSH_9.2\r\n"), std::string("HTTP/1.1 101 Switching\r\n\r\n")}) {
    auto server = saying(text);
    S3Depot depot = depot_at(server.port());
    const Status done = depot.each([](const std::string&) { return Status(); });
    ASSERT_FALSE(done) << text.substr(0, 80);
    EXPECT_TRUE(done.error().is(files::kStoreUnreachable)) << done.error().message();
  }
}

TEST_F(S3DepotTest, OneThatNeverAnswersIsGivenUp) {
  std::promise<void> over;
  net::testing::LoopbackServer server({.identity = ca_.issue()},
                                      [done = over.get_future().share()](SSL*) { done.wait(); });
  S3Depot depot = depot_at(server.port(), {.answer = net::Millis(50)});
  const Status done = depot.write(kName, as_bytes("one"));
  ASSERT_FALSE(done);
  EXPECT_TRUE(done.error().is(files::kStoreUnreachable));
  over.set_value();
}

TEST_F(S3DepotTest, StopEndsACallThatIsUnderWay) {
  std::promise<void> asked;
  std::promise<void> over;
  net::testing::LoopbackServer server({.identity = ca_.issue()},
                                      [&asked, done = over.get_future().share()](SSL* ssl) {
                                        char request[4096];
                                        std::size_t size = 0;
                                        SSL_read_ex(ssl, request, sizeof request, &size);
                                        asked.set_value();
                                        done.wait();
                                      });
  S3Depot depot = depot_at(server.port());
  auto call = std::async(std::launch::async, [&] { return depot.remove(kName); });
  asked.get_future().wait();
  depot.stop();
  EXPECT_FALSE(call.get());
  EXPECT_FALSE(depot.remove(kName)) << "also afterwards";
  over.set_value();
}

TEST_F(S3DepotTest, AListingGoesOverPagesAndPassesOverWhatIsNotOurs) {
  S3Server server({}, 2);
  S3Depot depot = this->depot(server);
  std::vector<std::string> names;
  for (const char digit : {'1', '2', '3', '4', '5'}) {
    names.emplace_back(32, digit);
    ASSERT_TRUE(depot.write(names.back(), as_bytes("x")));
  }
  server.put("folder/", "");
  server.put("folder/0-readme.txt", "x");
  server.put("folder-of-others/" + kName, "x");
  server.put(kOther, "x");
  EXPECT_EQ(files::testing::objects_of(depot), names);
}

TEST_F(S3DepotTest, AListingThatDoesNotGoOnEnds) {
  const S3Server server([](const TestRequest&) {
    return TestResponse{.body = "<ListBucketResult><IsTruncated>true</IsTruncated><Key>folder/" +
                                kName + "</Key></ListBucketResult>"};
  });
  S3Depot depot = this->depot(server);
  int seen = 0;
  EXPECT_FALSE(depot.each([&](const std::string&) {
    ++seen;
    return Status();
  }));
  EXPECT_EQ(seen, 1);
}

TEST_F(S3DepotTest, AnotherRangeThanTheOneAskedForIsNoAnswer) {
  std::string range;
  std::string body = "456";
  int status = 206;
  const S3Server server([&](const TestRequest&) {
    return TestResponse{.status = status,
                        .body = body,
                        .more_headers = range.empty() ? "" : "Content-Range: " + range + "\r\n"};
  });
  S3Depot depot = this->depot(server);
  range = "bytes 4-6/10";
  EXPECT_EQ(as_text(*depot.read(kName, 4, 3)), "456");
  for (const std::string& wrong : {"", "bytes 5-7/10", "bytes 4-7/10", "bytes 4-5/10",
                                   "bytes 4-6/5", "bytes 4-6/*", "bytes 4-6/10x", "bytes -6/10",
                                   "bytes 4-/10", "4-6/10", "bytes 4-99999999999999999999/100"}) {
    range = wrong;
    EXPECT_FALSE(depot.read(kName, 4, 3)) << wrong;
  }
  range = "bytes 4-6/10";
  body = "45";
  EXPECT_FALSE(depot.read(kName, 4, 3));
  body = "456";
  status = 200;
  EXPECT_FALSE(depot.read(kName, 4, 3)) << "the whole object";
}

}  // namespace
}  // namespace pavise::hub::s3_store
