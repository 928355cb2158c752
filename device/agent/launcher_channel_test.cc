#include "device/agent/launcher_channel.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <thread>

#include "device/agent/errors.h"

namespace pavise::agent {
namespace {

using apps_ipc::Acted;
using apps_ipc::AppState;

class Log final : public LogSink {
 public:
  void line(std::string_view text) override { lines.emplace_back(text); }
  std::vector<std::string> lines;
};

class LauncherChannelTest : public ::testing::Test {
 protected:
  LauncherChannelTest() {
    auto pair = ipc::make_pair();
    EXPECT_TRUE(pair);
    agent_end.emplace(std::move(pair->first));
    launcher.emplace(std::move(pair->second));
  }
  // The launcher's answer may lie there before the question comes.
  void answer(ByteView response) { ASSERT_TRUE(launcher->send(response)); }
  apps_ipc::Op asked() {
    const auto packet = launcher->receive(apps_ipc::kMessageBytesMax, 0);
    EXPECT_TRUE(packet);
    const auto request = apps_ipc::parse_request(*packet);
    EXPECT_TRUE(request);
    return apps_ipc::operation(*request);
  }
  LauncherChannel channel(int timeout_ms = 5'000) {
    return LauncherChannel(std::exchange(agent_end, std::nullopt), log, timeout_ms);
  }

  Log log;
  std::optional<ipc::SeqpacketChannel> agent_end, launcher;
};

TEST_F(LauncherChannelTest, AsksAndReadsTheAnswer) {
  LauncherChannel apps = channel();
  answer(apps_ipc::encode(apps_ipc::AppList{}));
  const auto list = apps.list();
  ASSERT_TRUE(list) << list.error().message();
  EXPECT_EQ(asked(), apps_ipc::Op::kList);

  answer(apps_ipc::encode(Acted{AppState::ending}));
  const auto acted = apps.act(apps_ipc::Stop{"blink"});
  ASSERT_TRUE(acted);
  EXPECT_EQ(std::get<Acted>(*acted).state, AppState::ending);
  EXPECT_EQ(asked(), apps_ipc::Op::kStop);

  answer(apps_ipc::encode(apps_ipc::LogPage{}));
  EXPECT_TRUE(apps.logs({"blink", 3}));
  EXPECT_EQ(asked(), apps_ipc::Op::kLogs);

  answer(apps_ipc::encode_refusal(Error(apps_ipc::kUnknownApp)));
  const auto refused = apps.act(apps_ipc::Start{"other"});
  ASSERT_TRUE(refused);
  EXPECT_EQ(std::get<apps_ipc::Refusal>(*refused).code, "PV-AIP-003");
  EXPECT_TRUE(log.lines.empty());
}

TEST_F(LauncherChannelTest, WithoutASocketThereAreNoApps) {
  LauncherChannel apps(std::nullopt, log);
  EXPECT_TRUE(apps.list().error().is(kNoApps));
  EXPECT_TRUE(apps.act(apps_ipc::Stop{"blink"}).error().is(kNoApps));
  EXPECT_TRUE(apps.logs({"blink", 0}).error().is(kNoApps));
}

TEST_F(LauncherChannelTest, OnlyASocketOfPacketsIsTheLaunchers) {
  EXPECT_FALSE(inherited_launcher_channel(1'000'000));
  const UniqueFd file(open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_FALSE(inherited_launcher_channel(file.get()));
  const UniqueFd stream(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_FALSE(inherited_launcher_channel(stream.get()));
  EXPECT_NE(fcntl(stream.get(), F_GETFD), -1) << "and it stays open";
  const int fd = dup(agent_end->fd());
  EXPECT_TRUE(inherited_launcher_channel(fd));
}

// A launcher that was late once answers again, each question with its own answer.
TEST_F(LauncherChannelTest, ALateAnswerIsNotTakenForTheNextOne) {
  LauncherChannel apps = channel(1);
  EXPECT_TRUE(apps.act(apps_ipc::Start{"blink"}).error().is(kLauncherSilent));
  EXPECT_TRUE(apps.act(apps_ipc::Stop{"blink"}).error().is(kLauncherSilent));
  EXPECT_EQ(asked(), apps_ipc::Op::kStart);
  EXPECT_TRUE(launcher->receive(1, 0).error().is(ipc::kTimedOut))
      << "nothing is piled up while an answer is due";
  answer(apps_ipc::encode(Acted{AppState::starting}));
  answer(apps_ipc::encode(Acted{AppState::ending}));
  const auto stopped = apps.act(apps_ipc::Stop{"blink"});
  ASSERT_TRUE(stopped) << stopped.error().message();
  EXPECT_EQ(std::get<Acted>(*stopped).state, AppState::ending);
  EXPECT_EQ(asked(), apps_ipc::Op::kStop);
}

TEST_F(LauncherChannelTest, WhatCannotBeReadIsRefusedAndOver) {
  LauncherChannel apps = channel();
  answer(apps_ipc::encode(Acted{AppState::ending}));
  EXPECT_TRUE(apps.list().error().is(kLauncherAnswer)) << "the answer to something else";
  answer(Bytes(9, std::byte{0xff}));
  EXPECT_TRUE(apps.list().error().is(kLauncherAnswer));
  answer(Bytes(apps_ipc::kMessageBytesMax + 1));
  EXPECT_TRUE(apps.list().error().is(kLauncherAnswer));
  answer(apps_ipc::encode(apps_ipc::AppList{}));
  EXPECT_TRUE(apps.list());
  EXPECT_TRUE(log.lines.empty());
}

TEST_F(LauncherChannelTest, ALauncherThatEndedIsGoneForGoodAndSaidOnce) {
  LauncherChannel apps = channel();
  launcher.reset();
  EXPECT_TRUE(apps.list().error().is(kLauncherGone));
  EXPECT_TRUE(apps.act(apps_ipc::Stop{"blink"}).error().is(kLauncherGone));
  EXPECT_TRUE(apps.logs({"blink", 0}).error().is(kLauncherGone));
  ASSERT_EQ(log.lines.size(), 1U);
  EXPECT_TRUE(log.lines[0].starts_with("PV-AGT-024: the launcher of apps has ended"));
}

TEST_F(LauncherChannelTest, ALauncherThatEndsInsteadOfAnsweringIsGone) {
  LauncherChannel apps = channel();
  std::thread ends([this] {
    EXPECT_TRUE(launcher->receive(apps_ipc::kMessageBytesMax, 5'000));
    launcher.reset();
  });
  EXPECT_TRUE(apps.list().error().is(kLauncherGone));
  ends.join();
}

TEST_F(LauncherChannelTest, ALauncherThatEndsAfterItWasLateIsGone) {
  LauncherChannel apps = channel(1);
  EXPECT_TRUE(apps.list().error().is(kLauncherSilent));
  launcher.reset();
  EXPECT_TRUE(apps.list().error().is(kLauncherGone));
}

}  // namespace
}  // namespace pavise::agent
