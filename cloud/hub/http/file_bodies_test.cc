// Parts of files: judged by their head, read within their own room, over a line of any speed.
#include <gtest/gtest.h>

#include "cloud/hub/http/http_session.h"
#include "cloud/hub/http/testing/recording_http_port.h"

namespace pavise::hub {
namespace {

using testing::RecordingHttpPort;

class FileBodies : public ::testing::Test {
 protected:
  FileBodies() {
    port_.verdict = HttpHeadVerdict{.body_bytes_max = 100, .piece_bytes = 100};
    session_ = std::make_unique<HttpSession>(
        port_, [](std::string_view, SessionNow) { return nullptr; }, now_);
  }
  static std::string put(std::size_t size, const std::string& headers = {}) {
    return "PUT /judged/a?sig=x HTTP/1.1\r\nHost: h.test\r\nContent-Length: " +
           std::to_string(size) + "\r\n" + headers + "\r\n";
  }
  void feed(std::string_view text) { session_->on_bytes(as_bytes(text), now_, out_); }
  void pass(std::int64_t ms) {
    now_.steady_ms += ms;
    session_->on_time(now_, out_);
  }
  std::string status() {
    const std::string text(as_text(std::exchange(out_, {})));
    return text.substr(0, 12);
  }
  std::string_view closed_code() const {
    return session_->closed() ? session_->closed()->code() : "open";
  }

  RecordingHttpPort port_;
  SessionNow now_{1'000, 1'700'000'000'000};
  std::unique_ptr<HttpSession> session_;
  Bytes out_;
};

TEST_F(FileBodies, NeedNoOtherAuthorisation) {
  feed(put(5) + "hello");
  ASSERT_EQ(port_.requests.size(), 1U);
  EXPECT_EQ(port_.requests[0].body, "hello");
  EXPECT_TRUE(session_->established()) << "its URL has shown who sends";
  EXPECT_EQ(port_.file_room_taken, 5U);
  EXPECT_EQ(port_.room_taken, 0U) << "of calls";
  SessionEvent event =
      HttpAnswered{port_.tokens.back(), {.status = 201, .headers = {}, .body = {}}};
  session_->on_event(event, now_, out_);
  EXPECT_EQ(status(), "HTTP/1.1 201");
  EXPECT_EQ(port_.file_room_taken, 0U);
}

TEST_F(FileBodies, ARefusedHeadIsAnsweredBeforeItsBody) {
  port_.verdict->refusal = HttpResponse{.status = 403, .headers = {}, .body = "<Error/>"};
  feed(put(50));
  EXPECT_EQ(status(), "HTTP/1.1 403");
  EXPECT_EQ(closed_code(), kHttpUrlRefused.code);
  EXPECT_TRUE(port_.requests.empty());
  EXPECT_EQ(port_.file_room_taken, 0U);
}

TEST_F(FileBodies, HaveALimitThatTheirHeadSays) {
  feed(put(100, "Expect: 100-continue\r\n"));
  EXPECT_EQ(status(), "HTTP/1.1 100");
  feed(std::string(100, 'x'));
  ASSERT_EQ(port_.requests.size(), 1U);
  SessionEvent event =
      HttpAnswered{port_.tokens.back(), {.status = 201, .headers = {}, .body = {}}};
  session_->on_event(event, now_, out_);
  EXPECT_EQ(status(), "HTTP/1.1 201");
  feed(put(101));
  EXPECT_EQ(status(), "HTTP/1.1 413");
  EXPECT_EQ(closed_code(), kHttpPartTooLarge.code);
}

TEST_F(FileBodies, SayTheirLengthBeforehand) {
  feed("PUT /judged/a HTTP/1.1\r\nHost: h.test\r\nTransfer-Encoding: chunked\r\n\r\n");
  EXPECT_EQ(status(), "HTTP/1.1 411");
  EXPECT_EQ(closed_code(), kHttpNoLength.code);
}

TEST_F(FileBodies, LongOnesComeInPieces) {
  port_.verdict->piece_bytes = 4;
  feed(put(10, "Expect: 100-continue\r\n"));
  EXPECT_EQ(status(), "HTTP/1.1 100");
  const auto answer = [&](int code, const std::string& stream) {
    SessionEvent event = HttpAnswered{
        port_.tokens.back(),
        {.status = code, .headers = {{std::string(kHttpPieceStream), stream}}, .body = {}}};
    session_->on_event(event, now_, out_);
  };
  feed("01");
  EXPECT_TRUE(port_.requests.empty());
  feed("234");
  ASSERT_EQ(port_.requests.size(), 1U);
  EXPECT_EQ(port_.requests[0].body, "01234");
  EXPECT_EQ(port_.requests[0].piece->offset, 0U);
  EXPECT_EQ(port_.requests[0].piece->total, 10U);
  EXPECT_FALSE(session_->wants_input());
  answer(100, "s1");
  EXPECT_EQ(status(), "") << "is for us, not for the client";
  EXPECT_EQ(port_.file_room_taken, 5U);
  feed("5678");
  ASSERT_EQ(port_.requests.size(), 2U);
  EXPECT_EQ(port_.requests[1].piece->offset, 5U);
  EXPECT_EQ(port_.requests[1].piece->stream, "s1");
  answer(100, "s2");
  feed("9");
  ASSERT_EQ(port_.requests.size(), 3U);
  EXPECT_EQ(port_.requests[2].body, "9");
  EXPECT_EQ(port_.requests[2].piece->stream, "s2");
  answer(201, "");
  EXPECT_EQ(status(), "HTTP/1.1 201");
  EXPECT_EQ(port_.file_room_taken, 0U);
  feed(put(4) + "next");
  ASSERT_EQ(port_.requests.size(), 4U);
  EXPECT_FALSE(port_.requests[3].piece) << "short enough";
}

TEST_F(FileBodies, ARefusedPieceEndsTheRequest) {
  port_.verdict->piece_bytes = 4;
  feed(put(10) + "01234");
  SessionEvent event =
      HttpAnswered{port_.tokens.back(), {.status = 409, .headers = {}, .body = {}}};
  session_->on_event(event, now_, out_);
  EXPECT_EQ(status(), "HTTP/1.1 409");
  EXPECT_EQ(closed_code(), kHttpDone.code) << "what else comes would be taken for a request";
}

TEST_F(FileBodies, WaitForRoomWithoutBeingRead) {
  port_.full = true;
  feed(put(5, "Expect: 100-continue\r\n") + "hel");
  EXPECT_FALSE(session_->wants_input());
  EXPECT_EQ(status(), "");
  EXPECT_EQ(session_->deadline_ms(), now_.steady_ms + kHttpRoomEveryMs);
  pass(kHttpRoomEveryMs);
  EXPECT_FALSE(session_->wants_input());
  port_.full = false;
  pass(kHttpRoomEveryMs);
  EXPECT_EQ(status(), "HTTP/1.1 100");
  EXPECT_TRUE(session_->wants_input());
  feed("lo");
  ASSERT_EQ(port_.requests.size(), 1U);
  EXPECT_EQ(port_.requests[0].body, "hello");
}

TEST_F(FileBodies, DoNotWaitForRoomForEver) {
  port_.full = true;
  feed(put(5));
  pass(kHttpRoomWaitMs - 1);
  EXPECT_EQ(closed_code(), "open");
  pass(kHttpRoomEveryMs);
  EXPECT_EQ(status(), "HTTP/1.1 503");
  EXPECT_EQ(closed_code(), kHttpNoRoom.code);
  EXPECT_EQ(port_.file_room_taken, 0U);
}

TEST_F(FileBodies, MayComeSlowlyButNotStopAndNotForEver) {
  feed(put(50));
  std::int64_t spent = 0;
  while (spent + kHttpFilePieceMs - 1 < kHttpFileBodyMs) {
    pass(kHttpFilePieceMs - 1);
    spent += kHttpFilePieceMs - 1;
    ASSERT_EQ(closed_code(), "open") << spent;
    feed("x");
  }
  pass(kHttpFilePieceMs - 1);
  EXPECT_EQ(status(), "HTTP/1.1 408") << "its five minutes are over";
  EXPECT_EQ(port_.file_room_taken, 0U);
}

TEST_F(FileBodies, OneThatStopsEnds) {
  feed(put(50) + "x");
  pass(kHttpFilePieceMs - 1);
  EXPECT_EQ(closed_code(), "open");
  pass(1);
  EXPECT_EQ(status(), "HTTP/1.1 408");
}

TEST_F(FileBodies, GiveTheirRoomBackWhenTheConnectionEnds) {
  feed(put(50) + "x");
  EXPECT_EQ(port_.file_room_taken, 50U);
  session_.reset();
  EXPECT_EQ(port_.file_room_taken, 0U);
}

TEST_F(FileBodies, OtherCallsKeepTheirRules) {
  feed("PUT /other HTTP/1.1\r\nHost: h.test\r\nContent-Length: 5\r\n\r\n");
  EXPECT_EQ(status(), "HTTP/1.1 401");
}

}  // namespace
}  // namespace pavise::hub
