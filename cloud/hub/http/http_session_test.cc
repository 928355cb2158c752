#include "cloud/hub/http/http_session.h"

#include <gtest/gtest.h>

#include "cloud/hub/http/testing/recording_http_port.h"
#include "protocol/websocket/handshake.h"

namespace pavise::hub {
namespace {

using testing::EchoSession;
using testing::RecordingHttpPort;

const std::string kAuthorization = "Authorization: SharedAccessSignature sr=x\r\n";

class HttpSessionTest : public ::testing::Test {
 protected:
  HttpSessionTest() { restart(); }
  void restart() {
    out_.clear();
    session_ = std::make_unique<HttpSession>(
        port_,
        [](std::string_view subprotocol, SessionNow) -> std::unique_ptr<ProtocolSession> {
          if (subprotocol != websocket::kMqtt) return nullptr;
          return std::make_unique<EchoSession>();
        },
        now_);
  }
  void feed(std::string_view text) { session_->on_bytes(as_bytes(text), now_, out_); }
  static std::string get(const std::string& target, const std::string& headers = kAuthorization) {
    return "GET " + target + " HTTP/1.1\r\nHost: h.test\r\n" + headers + "\r\n";
  }
  static std::string post(const std::string& target, const std::string& body) {
    return "POST " + target + " HTTP/1.1\r\nHost: h.test\r\n" + kAuthorization +
           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }
  void answer(int status, const std::string& body = {}, HttpHeaders headers = {}) {
    SessionEvent event = HttpAnswered{
        port_.tokens.back(), {.status = status, .headers = std::move(headers), .body = body}};
    session_->on_event(event, now_, out_);
  }
  std::string sent() { return std::string(as_text(std::exchange(out_, {}))); }
  std::string status() {
    const std::string text = sent();
    return text.substr(0, std::min<std::size_t>(text.size(), 12));
  }
  std::string_view closed_code() const {
    return session_->closed() ? session_->closed()->code() : "open";
  }
  void pass(std::int64_t ms) {
    now_.steady_ms += ms;
    session_->on_time(now_, out_);
  }
  static std::string upgrade(const std::string& subprotocol = "mqtt",
                             const std::string& path = "/$iothub/websocket") {
    return get(path,
               "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: " +
                   subprotocol + "\r\n");
  }
  // A masked binary frame with a zero mask.
  static std::string frame(const std::string& payload) {
    return std::string("\x82") + static_cast<char>(0x80 | payload.size()) + std::string(4, '\0') +
           payload;
  }

  RecordingHttpPort port_;
  SessionNow now_{1'000, 1'700'000'000'000};
  std::unique_ptr<HttpSession> session_;
  Bytes out_;
};

TEST_F(HttpSessionTest, RequestAndAnswer) {
  feed(post("/devices/d/messages/events?api-version=1", "hello"));
  ASSERT_EQ(port_.requests.size(), 1U);
  const HttpRequest& request = port_.requests[0];
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.path, "/devices/d/messages/events");
  EXPECT_EQ(request.query, "api-version=1");
  EXPECT_EQ(request.body, "hello");
  EXPECT_EQ(request.header("host"), "h.test");
  EXPECT_FALSE(session_->wants_input());
  EXPECT_FALSE(session_->established());
  answer(200, "{}", {{"etag", "\"1\""}});
  const std::string text = sent();
  EXPECT_TRUE(text.starts_with("HTTP/1.1 200 OK\r\n")) << text;
  EXPECT_NE(text.find("\r\nETag: \"1\"\r\n"), std::string::npos) << text;
  EXPECT_TRUE(text.ends_with("\r\n\r\n{}"));
  EXPECT_TRUE(session_->wants_input());
  EXPECT_TRUE(session_->established());
}

TEST_F(HttpSessionTest, ByteByByte) {
  const std::string text = post("/x", "abc");
  for (const char c : text) feed(std::string_view(&c, 1));
  ASSERT_EQ(port_.requests.size(), 1U);
  EXPECT_EQ(port_.requests[0].body, "abc");
}

TEST_F(HttpSessionTest, PipelinedRequestsAreServedOneAfterTheOther) {
  feed(get("/one") + get("/two"));
  EXPECT_EQ(port_.requests.size(), 1U);
  answer(204);
  ASSERT_EQ(port_.requests.size(), 2U);
  EXPECT_EQ(port_.requests[1].path, "/two");
  answer(204);
  EXPECT_EQ(closed_code(), "open");
}

TEST_F(HttpSessionTest, AnswersToOtherCallsAreIgnored) {
  feed(get("/one"));
  SessionEvent late = HttpAnswered{port_.tokens.back() + 1, {.headers = {}, .body = {}}};
  session_->on_event(late, now_, out_);
  EXPECT_EQ(sent(), "");
  answer(204);
  EXPECT_EQ(status(), "HTTP/1.1 204");
  answer(204);
  EXPECT_EQ(sent(), "") << "once";
}

TEST_F(HttpSessionTest, ConnectionCloseIsHonoured) {
  feed(get("/one", kAuthorization + "Connection: close\r\n"));
  answer(200, "{}");
  EXPECT_NE(sent().find("Connection: close"), std::string::npos);
  EXPECT_EQ(closed_code(), kHttpDone.code);
}

TEST_F(HttpSessionTest, StrangersSendNoBodies) {
  feed("POST /devices HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n");
  EXPECT_EQ(status(), "HTTP/1.1 401");
  EXPECT_EQ(closed_code(), kHttpUnauthorised.code);
  EXPECT_TRUE(port_.requests.empty());
  restart();
  port_.certificate = true;
  feed("POST /devices HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx");
  EXPECT_EQ(port_.requests.size(), 1U);
}

// A client that has sent its body hears why it was for nothing; of the body, nothing is kept.
TEST_F(HttpSessionTest, NothingIsKeptOfABodyWhoseHeadIsRefused) {
  const std::string head = "POST /devices HTTP/1.1\r\nHost: h\r\nAuthorization: " +
                           std::string(RecordingHttpPort::kWrong) + "\r\n";
  const std::string half(kHttpBodyMax / 2, 'x');
  feed(head + "Content-Length: " + std::to_string(kHttpBodyMax) + "\r\n\r\n" + half);
  EXPECT_EQ(sent(), "");
  feed(half);
  EXPECT_EQ(status(), "HTTP/1.1 401");
  feed(head + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
  EXPECT_EQ(status(), "HTTP/1.1 401") << "the next call on the same connection";
  feed(post("/devices", "{}"));
  ASSERT_EQ(port_.requests.size(), 1U);
  EXPECT_EQ(port_.requests[0].body, "{}");
  EXPECT_EQ(port_.owners.size(), 1U) << "room was taken for the last alone";
  answer(200, "{}");
  EXPECT_EQ(status(), "HTTP/1.1 200");
  feed(head + "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n");
  EXPECT_EQ(status(), "HTTP/1.1 401");
  EXPECT_EQ(closed_code(), kHttpUnauthorised.code) << "it may send the body, or not";
}

TEST_F(HttpSessionTest, ABodyWhoseHeadIsRefusedHasItsTimeAndItsSize) {
  const std::string head = "POST /devices HTTP/1.1\r\nHost: h\r\nAuthorization: " +
                           std::string(RecordingHttpPort::kWrong) + "\r\n";
  feed(head + "Content-Length: " + std::to_string(kHttpBodyMax + 1) + "\r\n\r\n");
  EXPECT_EQ(status(), "HTTP/1.1 413");
  restart();
  feed(head + "Content-Length: 5\r\n\r\nab");
  pass(kHttpBodyMs - 1);
  EXPECT_EQ(sent(), "");
  pass(1);
  EXPECT_EQ(status(), "HTTP/1.1 408");
}

TEST_F(HttpSessionTest, BodyLimits) {
  const auto announce = [this](const std::string& path, std::size_t size) {
    restart();
    feed("POST " + path + " HTTP/1.1\r\nHost: h\r\n" + kAuthorization +
         "Content-Length: " + std::to_string(size) + "\r\n\r\n");
    return status();
  };
  EXPECT_EQ(announce("/devices/d/messages/events", kHttpEventBodyMax), "");
  EXPECT_EQ(announce("/devices/d/messages/events", kHttpEventBodyMax + 1), "HTTP/1.1 413");
  EXPECT_EQ(announce("/devices", kHttpBodyMax), "");
  EXPECT_EQ(announce("/devices", kHttpBodyMax + 1), "HTTP/1.1 413");
}

// Else a few strangers who announce large bodies and send none keep everybody's out.
TEST_F(HttpSessionTest, RoomIsTakenForWhatComesNotForWhatIsAnnounced) {
  const std::string begun = "POST /x HTTP/1.1\r\nHost: h\r\n" + kAuthorization;
  feed(begun + "Content-Length: 1048576\r\n\r\n");
  EXPECT_EQ(port_.room_taken, 0U);
  feed("abc");
  feed("de");
  EXPECT_EQ(port_.room_taken, 5U);
  port_.full = true;
  EXPECT_EQ(sent(), "");
  feed("f");
  EXPECT_EQ(status(), "HTTP/1.1 503") << "there may be no room in the middle";
  EXPECT_EQ(closed_code(), kHttpNoRoom.code) << "where the next request begins is not known";
  EXPECT_EQ(port_.room_taken, 0U);
  restart();
  feed(begun + "Transfer-Encoding: chunked\r\n\r\n");
  EXPECT_EQ(closed_code(), "open");
  feed("3\r\nabc\r\n");
  EXPECT_EQ(status(), "HTTP/1.1 503");
}

TEST_F(HttpSessionTest, WebSocketsAreNotOpenedWithABody) {
  for (const char* body : {"Content-Length: 1\r\n", "Transfer-Encoding: chunked\r\n"}) {
    restart();
    std::string request = upgrade();
    request.insert(request.size() - 2, body);
    feed(request);
    EXPECT_EQ(status(), "HTTP/1.1 400") << body;
    EXPECT_EQ(closed_code(), kHttpUpgradeWithBody.code) << body;
  }
  EXPECT_EQ(port_.room_taken, 0U);
}

TEST_F(HttpSessionTest, BodyRoomIsGivenBackOnEveryWay) {
  feed(post("/x", "abc"));
  EXPECT_EQ(port_.room_taken, 3U);
  answer(200, "{}");
  EXPECT_EQ(port_.room_taken, 0U);
  const std::string begun = "POST /x HTTP/1.1\r\nHost: h\r\n" + kAuthorization;
  feed(begun + "Content-Length: 10\r\n\r\nabc");
  EXPECT_EQ(port_.room_taken, 3U);
  session_.reset();
  EXPECT_EQ(port_.room_taken, 0U);
  restart();
  feed(begun + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  EXPECT_EQ(port_.room_taken, 3U);
  session_->close(Error(kHttpDone), out_);
  EXPECT_EQ(port_.room_taken, 0U);
  restart();
  port_.full = true;
  feed(post("/x", "abc"));
  EXPECT_EQ(status(), "HTTP/1.1 503");
}

TEST_F(HttpSessionTest, MalformedRequestsAreRefusedAndEnd) {
  for (const std::string& bad :
       {std::string("nonsense\r\n\r\n"), std::string("GET / HTTP/2.0\r\n\r\n"),
        "POST / HTTP/1.1\r\nHost: h\r\n" + kAuthorization +
            "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"}) {
    restart();
    feed(bad);
    EXPECT_TRUE(status().starts_with("HTTP/1.1 ")) << bad;
    EXPECT_NE(closed_code(), "open") << bad;
  }
  EXPECT_TRUE(port_.requests.empty());
}

TEST_F(HttpSessionTest, UnsafeAnswersAreNotSent) {
  feed(get("/x"));
  answer(200, "{}", {{"iothub-app-a", "b\r\nset-cookie: c"}});
  const std::string text = sent();
  EXPECT_TRUE(text.starts_with("HTTP/1.1 500"));
  EXPECT_EQ(text.find("set-cookie"), std::string::npos);
}

TEST_F(HttpSessionTest, Deadlines) {
  pass(kHttpStrangerMs - 1);
  EXPECT_EQ(closed_code(), "open");
  feed("GET / HT");
  pass(1);
  EXPECT_EQ(status(), "HTTP/1.1 408") << "dripping does not help";
  EXPECT_EQ(closed_code(), kHttpTooSlow.code);
  restart();
  feed(get("/x"));
  answer(204);
  pass(kHttpIdleMs - 1);
  EXPECT_EQ(closed_code(), "open");
  pass(1);
  EXPECT_EQ(closed_code(), kHttpTooSlow.code);
  restart();
  feed(get("/x"));
  answer(401);
  EXPECT_FALSE(session_->established());
  pass(kHttpStrangerMs);
  EXPECT_EQ(closed_code(), kHttpTooSlow.code) << "it is still a stranger";
}

// --- WebSocket -----------------------------------------------------------------------------------

TEST_F(HttpSessionTest, BecomesAWebSocketThatCarriesASession) {
  feed(upgrade() + frame("first"));
  const std::string text = sent();
  EXPECT_TRUE(text.starts_with("HTTP/1.1 101 Switching Protocols\r\n")) << text;
  EXPECT_NE(text.find("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), std::string::npos) << "RFC 6455's example";
  EXPECT_TRUE(
      text.ends_with("\r\n\r\n\x82\x05"
                     "first"))
      << text;
  EXPECT_EQ(session_->deadline_ms(), 77) << "the inner session's";
  EXPECT_TRUE(session_->established());
  session_->on_durable(1, out_);
  EXPECT_EQ(sent(),
            "\x82\x07"
            "durable");
  session_->on_rights_changed({.device = "a", .reason = Error(kHttpDone)}, now_, out_);
  EXPECT_EQ(sent(),
            "\x82\x0b"
            "rights of a");
  EXPECT_EQ(closed_code(), "open") << "that is for the inner session to say";
  feed(frame("end"));
  const std::string last = sent();
  EXPECT_TRUE(
      last.starts_with("\x82\x03"
                       "end\x88"))
      << "its last word, then a close frame";
  EXPECT_EQ(closed_code(), kHttpDone.code);
}

TEST_F(HttpSessionTest, AWebSocketEndsWithItsPeer) {
  feed(upgrade());
  sent();
  feed(std::string("\x88\x80", 2) + std::string(4, '\0'));
  EXPECT_EQ(closed_code(), websocket::kPeerClosed.code);
  restart();
  feed(upgrade());
  sent();
  feed("\x82\x01x");  // not masked
  EXPECT_EQ(closed_code(), websocket::kBadFrame.code);
}

TEST_F(HttpSessionTest, RefusedUpgrades) {
  feed(upgrade("mqtt", "/other"));
  EXPECT_EQ(status(), "HTTP/1.1 404");
  EXPECT_EQ(closed_code(), kHttpNoWebSocketHere.code);
  restart();
  feed(upgrade("soap"));
  EXPECT_EQ(status(), "HTTP/1.1 400");
  restart();
  feed(upgrade("AMQPWSB10"));
  EXPECT_EQ(status(), "HTTP/1.1 400") << "this one speaks no AMQP";
  restart();
  feed(upgrade("mqtt", "/$iothub/websocket?iothub-no-client-cert=true"));
  EXPECT_EQ(status(), "HTTP/1.1 101") << "java's query";
  restart();
  feed(upgrade("mqtt", "/$servicebus/websocket"));
  EXPECT_EQ(status(), "HTTP/1.1 101") << "@azure/event-hubs";
  restart();
  feed(upgrade("mqtt", "/$servicebus/websocket/"));
  EXPECT_EQ(status(), "HTTP/1.1 101") << "uamqp";
  restart();
  feed(upgrade("mqtt", "/$servicebus/websocket//"));
  EXPECT_EQ(status(), "HTTP/1.1 404");
}

}  // namespace
}  // namespace pavise::hub
