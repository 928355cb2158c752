// The channel's bytes as docs/formats/app-channels.md says, written by hand. Against the launcher's
// own code: tests/sdk.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>
#include <optional>
#include <pavise/device.hpp>
#include <string>
#include <vector>

#include "sdk/source/testing/placed.h"

namespace {

using namespace std::string_literals;
using testing::ElementsAre;
using testing::IsEmpty;

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC | O_DIRECT | O_NONBLOCK), 0);
    read = pavise::Descriptor(ends[0]);
    write = pavise::Descriptor(ends[1]);
  }
  pavise::Descriptor read, write;
};

std::string number(uint32_t value) {
  return {static_cast<char>(value), static_cast<char>(value >> 8U), static_cast<char>(value >> 16U),
          static_cast<char>(value >> 24U)};
}
std::string text(const std::string& value) {
  return std::string{static_cast<char>(value.size()), '\0'} + value;
}
std::string answer(uint32_t id, char outcome, uint32_t value = 0) {
  return "\x81" + number(id) + outcome + number(value);
}

class LauncherChannel : public testing::Test {
 protected:
  void SetUp() override {
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
    launcher_ = pavise::Descriptor(ends[0]);
    app_.emplace(3, pavise::Descriptor(ends[1]));
    ::setenv("PAVISE_APP", "blink", 1);
  }
  void TearDown() override {
    launcher_ = pavise::Descriptor();
    run();  // what waits for an answer hears the end
    pavise_peers_close();
    pavise_system_events_close();
    ::unsetenv("PAVISE_APP");
  }

  void run() {
    pollfd ready{pavise_event_loop_descriptor(loop_.get()), POLLIN, 0};
    while (::poll(&ready, 1, 0) == 1) (void)loop_.run(0);
  }
  void send(const std::string& packet) { send(packet, {}); }
  void send(const std::string& packet, std::vector<int> descriptors) {
    union {
      char bytes[CMSG_SPACE(4 * sizeof(int))];
      cmsghdr align;
    } control{};
    iovec part{const_cast<char*>(packet.data()), packet.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (!descriptors.empty()) {
      const size_t size = descriptors.size() * sizeof(int);
      message.msg_control = control.bytes;
      message.msg_controllen = CMSG_SPACE(size);
      cmsghdr* const header = CMSG_FIRSTHDR(&message);
      header->cmsg_level = SOL_SOCKET;
      header->cmsg_type = SCM_RIGHTS;
      header->cmsg_len = CMSG_LEN(size);
      std::memcpy(CMSG_DATA(header), descriptors.data(), size);
    }
    ASSERT_EQ(::sendmsg(launcher_.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL),
              static_cast<ssize_t>(packet.size()));
    run();
  }
  std::string next_request() const {
    std::array<char, 64> packet{};
    const ssize_t size = ::recv(launcher_.get(), packet.data(), packet.size(), MSG_DONTWAIT);
    return size < 0 ? std::string() : std::string(packet.data(), static_cast<size_t>(size));
  }
  // The id of the next request, whose other bytes are these.
  uint32_t requested(char type, const std::string& fields) const {
    const std::string packet = next_request();
    if (packet.size() < 5) {
      ADD_FAILURE() << "no request";
      return 0;
    }
    EXPECT_EQ(packet[0], type);
    EXPECT_EQ(packet.substr(5), fields);
    uint32_t id = 0;
    std::memcpy(&id, packet.data() + 1, sizeof id);
    EXPECT_NE(id, 0U);
    return id;
  }

  static void on_outcome(void* context, int outcome, uint32_t value) {
    static_cast<LauncherChannel*>(context)->seen_.push_back("outcome " + std::to_string(outcome) +
                                                            ' ' + std::to_string(value));
  }
  void open_events() {
    ASSERT_EQ(pavise_system_events_open(
                  loop_.get(),
                  [](void* context, const pavise_system_event* event) {
                    static_cast<LauncherChannel*>(context)->seen_.push_back(
                        "event " + std::to_string(event->kind) + ' ' + std::to_string(event->ms) +
                        ' ' + std::to_string(event->ms_max) + ' ' + event->version);
                  },
                  this),
              0);
  }
  void open_peers() {
    const pavise_peers_handlers handlers{
        .connected =
            [](void* context, pavise_peer* peer, bool asked) {
              auto* const test = static_cast<LauncherChannel*>(context);
              test->peer_ = peer;
              test->seen_.push_back(std::string(asked ? "connected to " : "connected by ") +
                                    pavise_peer_name(peer));
            },
        .refused =
            [](void* context, const char* name, int outcome, uint32_t value) {
              static_cast<LauncherChannel*>(context)->seen_.push_back(
                  std::string("refused ") + name + ' ' + std::to_string(outcome) + ' ' +
                  std::to_string(value));
            },
        .received =
            [](void* context, pavise_peer*, const void* message, size_t size) {
              static_cast<LauncherChannel*>(context)->seen_.emplace_back(
                  static_cast<const char*>(message), size);
            },
        .closed =
            [](void* context, pavise_peer* peer) {
              static_cast<LauncherChannel*>(context)->seen_.push_back(std::string("closed ") +
                                                                      pavise_peer_name(peer));
              pavise_peer_close(peer);  // needless, and does no harm
            }};
    ASSERT_EQ(pavise_peers_open(loop_.get(), &handlers, this), 0);
  }
  // The other app's ends of a connection.
  struct Other {
    pavise::Descriptor read, write;
  };
  Other connect_app(uint32_t id, const std::string& name) {
    Pipe there;
    Pipe back;
    send("\x82" + number(id) + text(name), {there.read.get(), back.write.get()});
    return {std::move(back.read), std::move(there.write)};
  }

  pavise::Descriptor launcher_;
  std::optional<sdk_testing::Placed> app_;
  pavise::EventLoop loop_;
  std::vector<std::string> seen_;
  pavise_peer* peer_ = nullptr;
};

TEST_F(LauncherChannel, AsksForPowerAndHearsWhatBecameOfIt) {
  ASSERT_EQ(pavise_power_restart(loop_.get(), on_outcome, this), 0);
  ASSERT_EQ(pavise_power_off(loop_.get(), on_outcome, this), 0);
  const uint32_t restart = requested(3, "\x01");
  const uint32_t off = requested(3, "\x02");
  EXPECT_NE(restart, off);
  send(answer(off, 6, 60'000));
  send(answer(restart, 0));
  send(answer(restart, 0));  // once
  EXPECT_THAT(seen_, ElementsAre("outcome -11 60000", "outcome 0 0"));
}

TEST_F(LauncherChannel, OutcomesAreErrorsOfTheSystem) {
  const std::vector<int> errors{0,       -EACCES, -ENOENT, -EPERM,  -ECONNREFUSED, -EBUSY,
                                -EAGAIN, -ENOENT, -EIO,    -ENOSYS, -ERANGE,       -EIO};
  for (size_t outcome = 0; outcome < errors.size(); ++outcome) {
    ASSERT_EQ(pavise_update_defer(loop_.get(), 5000, on_outcome, this), 0);
    send(answer(requested(4, number(5000)), static_cast<char>(outcome), 7));
    EXPECT_EQ(seen_.back(), "outcome " + std::to_string(errors[outcome]) + " 7");
  }
}

TEST_F(LauncherChannel, AsksForProfilesAndTheTime) {
  ASSERT_EQ(pavise_power_set_profile(loop_.get(), PAVISE_PROFILE_POWER_SAVER, on_outcome, this), 0);
  send(answer(requested(3, "\x05"), 2));
  for (const int none : {2, 6})
    EXPECT_EQ(pavise_power_set_profile(loop_.get(), static_cast<pavise_power_profile>(none),
                                       on_outcome, this),
              -EINVAL);
  ASSERT_EQ(pavise_time_set(loop_.get(), 1'768'735'480'000, on_outcome, this), 0);
  send(answer(requested(5, "\xc0\x98\xd9\xd0\x9b\x01\0\0"s), 10));
  ASSERT_EQ(pavise_time_set(loop_.get(), 253'402'300'799'999, on_outcome, this), 0);
  send(answer(requested(5, "\xff\xdb\x1f\xd2\x77\xe6\0\0"s), 0));
  for (const int64_t never : {int64_t{-1}, INT64_MIN, int64_t{253'402'300'800'000}, INT64_MAX})
    EXPECT_EQ(pavise_time_set(loop_.get(), never, on_outcome, this), -EINVAL);
  EXPECT_THAT(seen_, ElementsAre("outcome -2 0", "outcome -34 0", "outcome 0 0"));
}

TEST_F(LauncherChannel, RequestsHaveALimit) {
  for (int i = 0; i < 16; ++i) ASSERT_EQ(pavise_power_off(loop_.get(), nullptr, nullptr), 0);
  EXPECT_EQ(pavise_power_off(loop_.get(), nullptr, nullptr), -EAGAIN);
  send(answer(requested(3, "\x02"), 1));
  EXPECT_EQ(pavise_power_off(loop_.get(), nullptr, nullptr), 0);
}

TEST_F(LauncherChannel, TellsEvents) {
  open_events();
  EXPECT_EQ(pavise_system_events_open(
                loop_.get(), [](void*, const pavise_system_event*) {}, this),
            -EEXIST);
  send("\x83\x01" + number(5000));
  send("\x83\x02" + number(2500));
  send("\x84" + text("1.2.0") + number(2000) + number(600'000));
  EXPECT_THAT(seen_,
              ElementsAre("event 1 5000 0 ", "event 2 2500 0 ", "event 4 2000 600000 1.2.0"));
}

TEST_F(LauncherChannel, WhatItDoesNotUnderstandIsNothing) {
  open_events();
  open_peers();
  for (const std::string& packet :
       {"\x81"s, "\x82"s, "\x83"s, "\x83\x04" + number(1), "\x83\x01" + number(1) + "x",
        "\x84" + text(std::string(33, 'v')) + number(1) + number(1), "\x84\xff\xff"s, "\x90later"s,
        std::string(100, '\x83'), answer(0, 0), answer(77, 0), "\x82" + number(0) + text("meter")})
    send(packet);
  // Descriptors are closed, however many come with what.
  Pipe pipe;
  send("\x83\x02" + number(2500), {pipe.read.get(), pipe.write.get()});
  send("\x82" + number(0) + text("meter"), {pipe.read.get()});
  send("\x82" + number(0) + text(std::string(33, 'n')), {pipe.read.get(), pipe.write.get()});
  send("\x82" + number(0) + text("meter"), {pipe.read.get(), pipe.write.get(), pipe.write.get()});
  pipe.write = pavise::Descriptor();
  char byte = 0;
  EXPECT_EQ(::read(pipe.read.get(), &byte, 1), peer_ != nullptr ? -1 : 0);
  pavise_peer_close(peer_);
  EXPECT_EQ(::read(pipe.read.get(), &byte, 1), 0);  // nobody has it any more
}

TEST_F(LauncherChannel, ConnectsToAPeer) {
  open_peers();
  EXPECT_EQ(pavise_peers_connect(""), -EINVAL);
  EXPECT_EQ(pavise_peers_connect(std::string(33, 'n').c_str()), -EINVAL);
  ASSERT_EQ(pavise_peers_connect("meter"), 0);
  const Other other = connect_app(requested(2, text("meter")), "meter");
  ASSERT_THAT(seen_, ElementsAre("connected to meter"));
  ASSERT_EQ(::write(other.write.get(), "one", 3), 3);
  ASSERT_EQ(::write(other.write.get(), "two", 3), 3);
  run();
  EXPECT_THAT(seen_, ElementsAre("connected to meter", "one", "two"));
  EXPECT_EQ(pavise_peer_send(peer_, "back", 4), 0);
  std::array<char, 16> bytes{};
  EXPECT_EQ(::read(other.read.get(), bytes.data(), bytes.size()), 4);
  EXPECT_EQ(pavise_peer_data(peer_), nullptr);
  pavise_peer_set_data(peer_, this);
  EXPECT_EQ(pavise_peer_data(peer_), this);
}

TEST_F(LauncherChannel, IsConnectedByAPeerAndHearsItsEnd) {
  open_peers();
  Other other = connect_app(0, "display");
  ASSERT_EQ(::write(other.write.get(), "last", 4), 4);
  other.write = pavise::Descriptor();
  run();
  EXPECT_THAT(seen_, ElementsAre("connected by display", "last", "closed display"));
  EXPECT_EQ(::read(other.read.get(), nullptr, 0), 0);
  char byte = 0;
  EXPECT_EQ(::read(other.read.get(), &byte, 1), 0);  // our end is closed as well
}

TEST_F(LauncherChannel, MessagesHaveLimits) {
  open_peers();
  Other other = connect_app(0, "display");
  const std::string most(PAVISE_PEER_MESSAGE_BYTES_MAX + 1, 'm');
  EXPECT_EQ(pavise_peer_send(peer_, most.data(), 0), -EMSGSIZE);
  EXPECT_EQ(pavise_peer_send(peer_, most.data(), most.size()), -EMSGSIZE);
  for (int i = 0; i < PAVISE_PEER_MESSAGES_MAX; ++i)
    ASSERT_EQ(pavise_peer_send(peer_, most.data(), most.size() - 1), 0) << i;
  EXPECT_EQ(pavise_peer_send(peer_, "x", 1), -EAGAIN);
}

// The program's own handling of the signal is left alone.
TEST_F(LauncherChannel, WhoIsGoneIsAnErrorAndNoSignal) {
  static bool signalled;
  signalled = false;
  const auto before = ::signal(SIGPIPE, [](int) { signalled = true; });
  open_peers();
  Other other = connect_app(0, "display");
  other = {};
  EXPECT_EQ(pavise_peer_send(peer_, "x", 1), -EPIPE);
  EXPECT_FALSE(signalled);
  ::raise(SIGPIPE);
  EXPECT_TRUE(signalled);
  ::signal(SIGPIPE, before);
}

TEST_F(LauncherChannel, RefusalsNameThePeer) {
  open_peers();
  ASSERT_EQ(pavise_peers_connect("meter"), 0);
  ASSERT_EQ(pavise_peers_connect("display"), 0);
  const uint32_t meter = requested(2, text("meter"));
  send(answer(requested(2, text("display")), 3));
  send(answer(meter, 6, 9000));
  EXPECT_THAT(seen_, ElementsAre("refused display -1 0", "refused meter -11 9000"));
}

TEST_F(LauncherChannel, WithoutListenerAConnectionIsClosed) {
  open_events();
  const Other other = connect_app(0, "display");
  char byte = 0;
  EXPECT_EQ(::read(other.read.get(), &byte, 1), 0);
  EXPECT_THAT(seen_, IsEmpty());
}

TEST_F(LauncherChannel, TheEndOfTheLauncherIsToldToWhoWaits) {
  open_peers();
  ASSERT_EQ(pavise_peers_connect("meter"), 0);
  ASSERT_EQ(pavise_power_off(loop_.get(), on_outcome, this), 0);
  const Other other = connect_app(0, "display");
  launcher_ = pavise::Descriptor();
  run();
  EXPECT_THAT(seen_, ElementsAre("connected by display", "refused meter -107 0", "outcome -107 0"));
  EXPECT_EQ(pavise_peers_connect("meter"), -ENOTCONN);
  EXPECT_EQ(pavise_power_off(loop_.get(), nullptr, nullptr), -ENOTCONN);
  EXPECT_EQ(pavise_peer_send(peer_, "on", 2), 0);  // what there is goes on
}

TEST_F(LauncherChannel, ElsewhereThereIsNone) {
  ::unsetenv("PAVISE_APP");
  EXPECT_EQ(pavise_power_restart(loop_.get(), nullptr, nullptr), -ENOTCONN);
  EXPECT_EQ(pavise_update_defer(loop_.get(), 1, nullptr, nullptr), -ENOTCONN);
  const pavise_peers_handlers handlers{};
  EXPECT_EQ(pavise_peers_open(loop_.get(), &handlers, nullptr), -ENOTCONN);
  EXPECT_EQ(pavise_system_events_open(
                loop_.get(), [](void*, const pavise_system_event*) {}, this),
            -ENOTCONN);
}

TEST_F(LauncherChannel, FunctionsOfCppHearOutcomes) {
  const auto hear = [this](int outcome, uint32_t value) { on_outcome(this, outcome, value); };
  ASSERT_EQ(pavise::restart_device(loop_, hear), 0);
  send(answer(requested(3, "\x01"), 6, 1500));
  ASSERT_EQ(pavise::switch_device_off(loop_), 0);  // without a handler
  send(answer(requested(3, "\x02"), 0));
  ASSERT_EQ(pavise::defer_update(loop_, 7000, hear), 0);
  send(answer(requested(4, number(7000)), 0, 5000));
  EXPECT_THAT(seen_, ElementsAre("outcome -11 1500", "outcome 0 5000"));
  seen_.clear();
  ASSERT_EQ(pavise::set_power_profile(loop_, PAVISE_PROFILE_BALANCED, hear), 0);
  send(answer(requested(3, "\x04"), 2));
  const std::chrono::system_clock::time_point noon{std::chrono::milliseconds(1'768'735'480'000)};
  ASSERT_EQ(pavise::set_clock(loop_, noon, hear), 0);
  send(answer(requested(5, "\xc0\x98\xd9\xd0\x9b\x01\0\0"s), 10));
  EXPECT_THAT(seen_, ElementsAre("outcome -2 0", "outcome -34 0"));
  EXPECT_EQ(
      pavise::set_clock(loop_, std::chrono::system_clock::time_point(std::chrono::hours(-1)), hear),
      -EINVAL);
  launcher_ = pavise::Descriptor();
  run();
  EXPECT_EQ(pavise::restart_device(loop_, hear), -ENOTCONN);
  EXPECT_EQ(seen_.size(), 2U) << "an error at once is no outcome";
}

TEST_F(LauncherChannel, ObjectsOfCppHearEventsAndPeers) {
  std::string heard;
  pavise_peer* meter = nullptr;
  {
    const pavise::SystemEvents events(
        loop_, [&](const pavise_system_event& event) { heard += std::to_string(event.ms) + ';'; });
    EXPECT_EQ(events.error(), 0);
    EXPECT_EQ(pavise::SystemEvents(loop_, [](const auto&) {}).error(), -EEXIST);
    EXPECT_EQ(pavise::SystemEvents(loop_, {}).error(), -EINVAL);
    pavise::Peers peers(
        loop_, {.connected = [&](pavise_peer* peer, bool) { meter = peer; },
                .refused = [&](const char* name, int outcome,
                               uint32_t) { heard += name + std::to_string(outcome) + ';'; },
                .received = [&](pavise_peer*, std::string_view text) { heard.append(text); },
                .closed = [&](pavise_peer*) { heard += "closed"; }});
    EXPECT_EQ(peers.error(), 0);
    EXPECT_EQ(pavise::Peers(loop_, {}).connect("meter"), -EEXIST);
    ASSERT_EQ(peers.connect("stranger"), 0);
    send(answer(requested(2, text("stranger")), 2));
    Pipe to_app, from_app;
    send("\x82" + number(0) + text("meter"), {to_app.read.get(), from_app.write.get()});
    ASSERT_NE(meter, nullptr);
    EXPECT_EQ(pavise::Peers::send(meter, "hello"), 0);
    std::array<char, 8> bytes{};
    EXPECT_EQ(::read(from_app.read.get(), bytes.data(), bytes.size()), 5);
    ASSERT_EQ(::write(to_app.write.get(), "word;", 5), 5);
    run();
    send("\x83" + std::string(1, '\1') + number(9));
    to_app = Pipe();
    run();
  }
  EXPECT_EQ(heard, "stranger-2;word;9;closed");
  EXPECT_EQ(pavise_peers_connect("meter"), -ENOTCONN) << "they end with the object";
}

TEST_F(LauncherChannel, WhoHearsAnEventMayStopListening) {
  std::unique_ptr<pavise::SystemEvents> events;
  const std::string kept(100, 'k');
  std::string heard;
  events = std::make_unique<pavise::SystemEvents>(
      loop_, [&heard, &events, kept](const pavise_system_event&) {
        events.reset();
        heard += kept;
      });
  ASSERT_EQ(events->error(), 0);
  send("\x83\x01" + number(5000));
  EXPECT_EQ(heard, kept);
  open_events();
}

TEST_F(LauncherChannel, OneLoopReadsIt) {
  open_events();
  pavise::EventLoop other;
  EXPECT_EQ(pavise_power_restart(other.get(), nullptr, nullptr), -EEXIST);
  pavise_system_events_close();
  ASSERT_EQ(pavise_power_restart(other.get(), on_outcome, this), 0);
  ASSERT_EQ(::send(launcher_.get(), answer(requested(3, "\x01"), 0).data(), 10, 0), 10);
  EXPECT_EQ(other.run(0), -ETIMEDOUT);
  EXPECT_THAT(seen_, ElementsAre("outcome 0 0"));
}

}  // namespace
