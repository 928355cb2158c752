// Answers that go out in pieces, each when the client took what came before.
#include <gtest/gtest.h>

#include "cloud/hub/http/http_session.h"
#include "cloud/hub/http/testing/recording_http_port.h"

namespace pavise::hub {
namespace {

using testing::RecordingHttpPort;

class LongAnswers : public ::testing::Test {
 protected:
  LongAnswers() : session_(port_, [](std::string_view, SessionNow) { return nullptr; }, now_) {
    port_.verdict = HttpHeadVerdict{};
  }
  void ask(std::string_view more = {}) {
    const std::string text =
        "GET /judged/long HTTP/1.1\r\nHost: h.test\r\n" + std::string(more) + "\r\n";
    session_.on_bytes(as_bytes(text), now_, out_);
  }
  void answer(std::string body, std::optional<HttpRest> rest) {
    SessionEvent event = HttpAnswered{
        port_.tokens.back(),
        {.status = 200, .headers = {}, .body = std::move(body), .rest = std::move(rest)}};
    session_.on_event(event, now_, out_);
  }
  std::string sent() { return std::string(as_text(std::exchange(out_, {}))); }
  // Of the piece that is asked for.
  std::string asked() const {
    const auto& rest = port_.requests.back().rest;
    return rest ? std::to_string(rest->next) + " " + rest->stream : "the beginning";
  }

  RecordingHttpPort port_;
  SessionNow now_{1'000, 1'700'000'000'000};
  HttpSession session_;
  Bytes out_;
};

TEST_F(LongAnswers, AreAskedForPieceByPiece) {
  ask();
  EXPECT_EQ(asked(), "the beginning");
  answer("abc", HttpRest{7, 3, "s"});
  EXPECT_NE(sent().find("Content-Length: 7\r\n"), std::string::npos);
  EXPECT_EQ(port_.requests.back().path, "/judged/long");
  EXPECT_EQ(asked(), "3 s");
  answer("def", HttpRest{7, 6, "t"});
  EXPECT_EQ(sent(), "def");
  EXPECT_EQ(asked(), "6 t");
  answer("g", HttpRest{7, 7, "u"});
  EXPECT_EQ(sent(), "g");
  EXPECT_EQ(port_.requests.size(), 3U);
  ask();
  EXPECT_EQ(port_.requests.size(), 4U) << "the connection is free for the next call";
  EXPECT_EQ(asked(), "the beginning");
}

TEST_F(LongAnswers, WaitForAClientThatDoesNotRead) {
  ask();
  answer("abc", HttpRest{9, 3, "s"});
  session_.set_output_blocked(true, out_);
  answer("def", HttpRest{9, 6, "s"});
  EXPECT_EQ(port_.requests.size(), 2U) << "two pieces are on their way, and no third";
  EXPECT_FALSE(session_.wants_input());
  session_.set_output_blocked(false, out_);
  EXPECT_EQ(asked(), "6 s");
  session_.set_output_blocked(true, out_);
  answer("g", HttpRest{9, 7, "s"});
  now_.steady_ms += kHttpSendMs;
  session_.on_time(now_, out_);
  EXPECT_TRUE(session_.closed()) << "nor wait for ever";
}

TEST_F(LongAnswers, AreCutOffWhenTheRestIsGone) {
  for (const auto& [body, rest] :
       {std::pair<std::string, std::optional<HttpRest>>{"de", std::nullopt},
        {"de", HttpRest{7, 4, "s"}},
        {"", HttpRest{7, 3, "s"}},
        {"defgh", HttpRest{7, 8, "s"}},
        {"de", HttpRest{8, 5, "s"}}}) {
    HttpSession session(port_, [](std::string_view, SessionNow) { return nullptr; }, now_);
    Bytes out;
    session.on_bytes(as_bytes("GET /judged/long HTTP/1.1\r\nHost: h.test\r\n\r\n"), now_, out);
    SessionEvent first =
        HttpAnswered{port_.tokens.back(),
                     {.status = 200, .headers = {}, .body = "abc", .rest = HttpRest{7, 3, "s"}}};
    session.on_event(first, now_, out);
    out.clear();
    SessionEvent second = HttpAnswered{port_.tokens.back(),
                                       {.status = 200, .headers = {}, .body = body, .rest = rest}};
    session.on_event(second, now_, out);
    EXPECT_TRUE(session.closed()) << body;
    EXPECT_TRUE(out.empty());
  }
}

TEST_F(LongAnswers, AHeadAsksForNoRest) {
  session_.on_bytes(as_bytes("HEAD /judged/long HTTP/1.1\r\nHost: h.test\r\n\r\n"), now_, out_);
  answer("", HttpRest{7, 7, {}});
  const std::string text = sent();
  EXPECT_NE(text.find("Content-Length: 7\r\n"), std::string::npos);
  EXPECT_TRUE(text.ends_with("\r\n\r\n"));
  EXPECT_EQ(port_.requests.size(), 1U);
}

}  // namespace
}  // namespace pavise::hub
