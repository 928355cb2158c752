// pavise-names as a process, with this test as its launcher, as its apps and as the network's name
// server. One thread: what it waits for is pumped.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <set>

#include "device/apps/names/name_server.h"
#include "device/apps/names/name_service.h"
#include "device/apps/names/testing/fake_server.h"

namespace pavise::device {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using testing::FakeServer;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::readable;
using ::testing::SizeIs;

dns::Address address(const char* text) {
  dns::Address out{};
  out[10] = out[11] = 0xff;
  EXPECT_EQ(::inet_pton(AF_INET, text, out.data() + 12), 1);
  return out;
}

uid_t user() {
  return ::geteuid() == 0 ? 54323 : ::geteuid();
}

// An app's side: where it asks.
class Client {
 public:
  explicit Client(const ResolverSockets& resolver)
      : datagrams_(connected(resolver.datagrams, SOCK_DGRAM)),
        stream_place_(testing::place_of(resolver.listener)) {}

  void ask(const std::string& name, std::uint16_t type = dns::kTypeA) {
    question_ = {name, type};
    const Bytes message = dns::encode_query(++id_, question_);
    (void)!::send(datagrams_.get(), message.data(), message.size(), 0);
  }
  bool answered() const { return readable(datagrams_.get(), 0); }
  int descriptor() const { return datagrams_.get(); }
  // The outcome that it is told; the rest is in `answer`.
  int outcome() {
    std::array<std::byte, dns::kDatagramBytesMax> buffer{};
    const ssize_t size = ::recv(datagrams_.get(), buffer.data(), buffer.size(), 0);
    if (size < 4) return -1;
    const ByteView message = ByteView(buffer).first(static_cast<std::size_t>(size));
    if (auto read = dns::Answer::parse(message, id_, question_)) answer = *std::move(read);
    return std::to_integer<int>(message[3] & std::byte{0x0f});
  }
  UniqueFd connect() const {
    UniqueFd out(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::connect(out.get(), reinterpret_cast<const sockaddr*>(&stream_place_),
                        sizeof stream_place_),
              0);
    return out;
  }

  dns::Answer answer;

 private:
  static UniqueFd connected(const UniqueFd& to, int type) {
    UniqueFd out(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
    const sockaddr_in place = testing::place_of(to);
    EXPECT_EQ(::connect(out.get(), reinterpret_cast<const sockaddr*>(&place), sizeof place), 0);
    return out;
  }

  UniqueFd datagrams_;
  sockaddr_in stream_place_;
  dns::Question question_;
  std::uint16_t id_ = 100;
};

class NamesProgram : public ::testing::Test {
 protected:
  static constexpr std::uint32_t kBlink = 1;
  static constexpr std::uint32_t kPump = 2;

  void SetUp() override {
    // In sanitizer builds: the leak check at exit forks, which the sandbox answers with death.
    ::setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
    start(server_.text());
    blink_.emplace(add(kBlink, {{"hub.example.com", false, SOCK_STREAM, 8883},
                                {"cdn.example", true, SOCK_STREAM, 443}}));
    pump_.emplace(add(kPump, {{"hub.example.com", false, SOCK_DGRAM, 123}}));
  }
  void start(const std::string& upstream) {
    auto started =
        NameService::start({.program = PAVISE_NAMES_PROGRAM, .user = user(), .upstream = upstream});
    ASSERT_TRUE(started) << started.error().message();
    names_.emplace(std::move(*started));
  }
  Client add(std::uint32_t number, std::vector<NamedPeer> peers) {
    auto sockets = bind_resolver(static_cast<std::uint8_t>(number), 0);
    EXPECT_TRUE(sockets) << sockets.error().message();
    Client out(*sockets);
    EXPECT_TRUE(names_->add_app(number, std::move(*sockets), std::move(peers)));
    return out;
  }

  // Serves as launcher and as the network's server until `done`.
  void pump_until(const std::function<bool()>& done, std::vector<int> descriptors = {}) {
    descriptors.insert(descriptors.end(),
                       {blink_->descriptor(), pump_->descriptor(), names_->descriptor(),
                        server_.datagrams(), server_.listener()});
    while (!done()) {
      std::vector<pollfd> polled;
      polled.reserve(descriptors.size());
      for (const int descriptor : descriptors) polled.push_back({descriptor, POLLIN, 0});
      ASSERT_GT(::poll(polled.data(), polled.size(), testing::kTestWaitMs), 0) << "nothing comes";
      if (readable(server_.datagrams(), 0)) serve_datagram();
      if (readable(server_.listener(), 0)) serve_stream();
      launch();
    }
  }
  void serve_datagram() {
    const auto asked = server_.receive();
    const auto query = dns::Query::parse(asked.message).value();
    asked_.push_back(query.question.name);
    const Bytes answer = by_datagram_ ? by_datagram_(query) : Bytes{};
    if (!answer.empty()) server_.send(asked.from, answer);
  }
  void serve_stream() {
    const UniqueFd stream = server_.accept();
    const auto query = dns::Query::parse(testing::read_message(stream));
    if (query && by_stream_) testing::write_message(stream, by_stream_(*query));
  }
  void launch() {
    NameEvents events = names_->take();
    for (PinRequest& request : events.pins) {
      if (confirms_) names_->confirm(request, pins_succeed_);
      pinned_.push_back(std::move(request));
    }
    for (RefusedName& refused : events.refused) refused_.push_back(std::move(refused));
  }
  int resolve(Client& client, const std::string& name, std::uint16_t type = dns::kTypeA) {
    client.ask(name, type);
    pump_until([&] { return client.answered(); });
    return client.answered() ? client.outcome() : -1;
  }

  static std::function<Bytes(const dns::Query&)> says(const std::vector<dns::Address>& addresses,
                                                      std::uint32_t lifetime_s = 60) {
    return [=](const dns::Query& query) {
      return dns::encode_reply(query, dns::Outcome::ok, addresses, lifetime_s);
    };
  }

  FakeServer server_;
  std::function<Bytes(const dns::Query&)> by_datagram_ = says({address("192.0.2.1")});
  std::function<Bytes(const dns::Query&)> by_stream_ = says({address("192.0.2.2")});
  std::optional<NameService> names_;
  std::optional<Client> blink_;
  std::optional<Client> pump_;
  bool confirms_ = true;
  bool pins_succeed_ = true;
  std::vector<PinRequest> pinned_;
  std::vector<RefusedName> refused_;
  std::vector<std::string> asked_;  // of the network's server
};

TEST_F(NamesProgram, AListedNameIsPinnedAndThenTold) {
  confirms_ = false;
  blink_->ask("hub.example.com");
  pump_until([&] { return !pinned_.empty(); });
  EXPECT_FALSE(blink_->answered());
  const PinRequest request = pinned_.front();
  EXPECT_EQ(request.app, kBlink);
  EXPECT_EQ(request.lifetime_s, 60U);
  EXPECT_THAT(request.pins, ElementsAre(NamePin{address("192.0.2.1"), SOCK_STREAM, 8883}));
  names_->confirm(request, true);
  pump_until([&] { return blink_->answered(); });
  EXPECT_EQ(blink_->outcome(), 0);
  EXPECT_THAT(blink_->answer.addresses, ElementsAre(address("192.0.2.1")));
  EXPECT_EQ(blink_->answer.lifetime_s, 60U);
}

TEST_F(NamesProgram, WhatTheLauncherCannotPinIsNotTold) {
  pins_succeed_ = false;
  EXPECT_EQ(resolve(*blink_, "hub.example.com"), 2);
  EXPECT_THAT(blink_->answer.addresses, IsEmpty());
}

TEST_F(NamesProgram, EachAppHasItsOwnNames) {
  EXPECT_EQ(resolve(*pump_, "hub.example.com"), 0);
  EXPECT_THAT(pinned_.front().pins, ElementsAre(NamePin{address("192.0.2.1"), SOCK_DGRAM, 123}));
  EXPECT_EQ(pinned_.front().app, kPump);
  EXPECT_EQ(resolve(*blink_, "a.cdn.example"), 0);
  EXPECT_EQ(resolve(*pump_, "a.cdn.example"), 5);
}

TEST_F(NamesProgram, OtherNamesAreRefusedCountedAndNotAskedFor) {
  for (int i = 0; i < 3; ++i) EXPECT_EQ(resolve(*blink_, "evil.example.com"), 5);
  EXPECT_EQ(resolve(*blink_, "cdn.example"), 5);
  EXPECT_EQ(resolve(*blink_, "evilcdn.example"), 5);
  const auto told = [this] {
    std::uint32_t out = 0;
    for (const RefusedName& refused : refused_) out += refused.attempts;
    return out;
  };
  pump_until([&] { return told() == 5; });
  // Told together or one by one, as time allows.
  for (const RefusedName& refused : refused_) EXPECT_EQ(refused.app, kBlink);
  EXPECT_THAT(refused_, Contains(Field(&RefusedName::name, "evil.example.com")));
  EXPECT_THAT(asked_, IsEmpty());
  EXPECT_THAT(pinned_, IsEmpty());
}

TEST_F(NamesProgram, SpellingDoesNotMatter) {
  EXPECT_EQ(resolve(*blink_, "HUB.Example.COM"), 0);
  EXPECT_THAT(blink_->answer.addresses, SizeIs(1));  // under the app's own spelling
  EXPECT_EQ(resolve(*blink_, "HUB.Example.COM.evil.org"), 5);
}

TEST_F(NamesProgram, ANameThatLeadsBackIsRefusedAndTold) {
  by_datagram_ = says({address("127.0.0.1"), address("127.0.53.2"), address("0.0.0.0")});
  EXPECT_EQ(resolve(*blink_, "hub.example.com"), 5);
  pump_until([&] { return !refused_.empty(); });
  EXPECT_EQ(refused_.front().name, "hub.example.com");
  EXPECT_THAT(pinned_, IsEmpty());
}

TEST_F(NamesProgram, LifetimesToldAreThoseOfThePins) {
  by_datagram_ = says({address("192.0.2.1")}, 0);
  EXPECT_EQ(resolve(*blink_, "hub.example.com"), 0);
  EXPECT_EQ(blink_->answer.lifetime_s, kPinSecondsMin);
  by_datagram_ = says({address("192.0.2.1")}, 86'400);
  EXPECT_EQ(resolve(*blink_, "hub.example.com"), 0);
  EXPECT_EQ(blink_->answer.lifetime_s, kPinSecondsMax);
  EXPECT_EQ(pinned_.back().lifetime_s, kPinSecondsMax);
}

TEST_F(NamesProgram, OtherTypesOfAListedNameAreEmpty) {
  EXPECT_EQ(resolve(*blink_, "hub.example.com", 16), 0);
  EXPECT_EQ(resolve(*blink_, "hub.example.com", 65), 0);
  EXPECT_THAT(asked_, IsEmpty());
  EXPECT_EQ(resolve(*blink_, "evil.example.com", 16), 5);
}

TEST_F(NamesProgram, WhatTheServerDoesNotKnowTheAppIsTold) {
  by_datagram_ = [](const dns::Query& query) {
    return dns::encode_reply(query, dns::Outcome::no_such_name, {}, 0);
  };
  EXPECT_EQ(resolve(*blink_, "x.cdn.example"), 3);
  by_datagram_ = says({});
  EXPECT_EQ(resolve(*blink_, "x.cdn.example"), 0);
  EXPECT_THAT(pinned_, IsEmpty());
}

TEST_F(NamesProgram, ForgersAreOutrunOverTcp) {
  by_datagram_ = [](const dns::Query& query) {
    Bytes out = dns::encode_reply(query, dns::Outcome::ok, {address("203.0.113.66")}, 60);
    out[1] ^= std::byte{1};  // of the id
    return out;
  };
  EXPECT_EQ(resolve(*blink_, "hub.example.com"), 0);
  EXPECT_THAT(blink_->answer.addresses, ElementsAre(address("192.0.2.2")));
}

TEST_F(NamesProgram, LostDatagramsAreSentAgain) {
  int lost = 0;
  by_datagram_ = [&lost](const dns::Query& query) {
    return lost++ == 0 ? Bytes{} : says({address("192.0.2.1")})(query);
  };
  EXPECT_EQ(resolve(*blink_, "hub.example.com"), 0);
  EXPECT_GE(asked_.size(), 2U);
}

TEST_F(NamesProgram, AppsMayAskByTcp) {
  const UniqueFd stream = blink_->connect();
  const dns::Question question{"hub.example.com", dns::kTypeA};
  testing::write_message(stream, dns::encode_query(7, question));
  pump_until([&] { return readable(stream.get(), 0); }, {stream.get()});
  const auto answer = dns::Answer::parse(testing::read_message(stream), 7, question);
  ASSERT_TRUE(answer);
  EXPECT_THAT(answer->addresses, ElementsAre(address("192.0.2.1")));
  EXPECT_THAT(testing::read_message(stream), IsEmpty());  // one question a connection
}

// All that an app may have under way, over both ways, and more that waits: its neighbour is served.
TEST_F(NamesProgram, AnAppThatFloodsWaitsForItselfOnly) {
  by_datagram_ = [](const dns::Query& query) {
    if (query.question.name.ends_with("cdn.example")) return Bytes{};
    return says({address("192.0.2.1")})(query);
  };
  for (int i = 0; i < 200; ++i) blink_->ask("a" + std::to_string(i) + ".cdn.example");
  std::vector<UniqueFd> held;
  held.reserve(kNameConnectionsPerApp + 4);
  for (std::size_t i = 0; i < kNameConnectionsPerApp + 4; ++i) held.push_back(blink_->connect());
  for (int i = 0; i < 20; ++i) EXPECT_EQ(resolve(*pump_, "hub.example.com"), 0);
  const auto names = [this] {
    std::set<std::string> out(asked_.begin(), asked_.end());
    out.erase("hub.example.com");
    return out.size();
  };
  pump_until([&] { return names() >= kLookupsPerApp; });
  // One more only after one has ended.
  EXPECT_TRUE(names() == kLookupsPerApp || blink_->answered());
}

TEST_F(NamesProgram, RefusedNamesThatAreToldApartHaveTheirNumber) {
  constexpr std::uint32_t kNames = 200;
  for (std::uint32_t i = 0; i < kNames; ++i) blink_->ask("a" + std::to_string(i) + ".evil.example");
  std::uint32_t told = 0;
  pump_until([&] {
    told = 0;
    for (const RefusedName& refused : refused_) told += refused.attempts;
    return told >= kNames;
  });
  EXPECT_EQ(told, kNames);
  EXPECT_TRUE(std::ranges::any_of(refused_, [](const auto& of) { return of.name.empty(); }));
}

TEST_F(NamesProgram, NonsenseIsPassedOver) {
  for (const std::size_t size : {0U, 1U, 11U, 12U, 512U, 513U, 1400U}) {
    const Bytes junk(size, std::byte{0xff});
    ASSERT_EQ(::send(blink_->descriptor(), junk.data(), junk.size(), 0),
              static_cast<ssize_t>(size));
  }
  const UniqueFd stream = blink_->connect();
  testing::write_message(stream, Bytes(dns::kDatagramBytesMax + 1));
  EXPECT_EQ(resolve(*blink_, "hub.example.com"), 0);
  EXPECT_THAT(testing::read_message(stream), IsEmpty());
}

TEST_F(NamesProgram, KilledAndStartedAgainItGoesOn) {
  EXPECT_EQ(resolve(*blink_, "hub.example.com"), 0);
  ::kill(names_->process(), SIGKILL);
  pump_until([&] { return names_->ended(); });
  EXPECT_EQ(names_->descriptor(), -1);
  blink_->ask("hub.example.com");  // waits in its socket
  const Status again = names_->restart();
  ASSERT_TRUE(again) << again.error().message();
  pump_until([&] { return blink_->answered(); });
  EXPECT_EQ(blink_->outcome(), 0);
  EXPECT_EQ(resolve(*pump_, "hub.example.com"), 0);
}

// The next process gives its questions the same numbers.
TEST_F(NamesProgram, WhatTheOneBeforeAskedForConfirmsNothing) {
  confirms_ = false;
  blink_->ask("hub.example.com");
  pump_until([&] { return !pinned_.empty(); });
  ::kill(names_->process(), SIGKILL);
  pump_until([&] { return names_->ended(); });
  ASSERT_TRUE(names_->restart());
  pump_->ask("hub.example.com");
  pump_until([&] { return pinned_.size() == 2; });
  ASSERT_EQ(pinned_[0].number, pinned_[1].number);
  names_->confirm(pinned_[0], true);
  names_->confirm(pinned_[1], false);
  pump_until([&] { return pump_->answered(); });
  EXPECT_EQ(pump_->outcome(), 2);
}

TEST_F(NamesProgram, AnAppThatIsGoneIsServedNoMore) {
  confirms_ = false;
  blink_->ask("hub.example.com");
  pump_until([&] { return !pinned_.empty(); });
  names_->remove_app(kBlink);
  names_->confirm(pinned_.front(), true);  // to nobody
  confirms_ = true;
  EXPECT_EQ(resolve(*pump_, "hub.example.com"), 0);
  EXPECT_FALSE(names_->ended());
  Client next = add(kBlink, {{"other.example", false, SOCK_STREAM, 1}});
  next.ask("hub.example.com");
  pump_until([&] { return next.answered(); }, {next.descriptor()});
  EXPECT_EQ(next.outcome(), 5);
}

TEST_F(NamesProgram, HasNoPowers) {
  EXPECT_EQ(resolve(*blink_, "hub.example.com"), 0);  // it serves: the sandbox is closed
  std::ifstream file("/proc/" + std::to_string(names_->process()) + "/status");
  const std::string status(std::istreambuf_iterator<char>(file), {});
  for (const char* line : {"CapEff:\t0000000000000000", "CapPrm:\t0000000000000000",
                           "NoNewPrivs:\t1", "Seccomp:\t2", "Threads:\t1"})
    EXPECT_THAT(status, HasSubstr(line));
  EXPECT_THAT(status, HasSubstr("Uid:\t" + std::to_string(user()) + "\t"));
}

TEST_F(NamesProgram, AppsHaveTheirNumber) {
  const auto add_one = [this](std::uint32_t number, std::size_t peers) {
    auto sockets = bind_resolver(100, 0);
    return names_->add_app(number, std::move(*sockets),
                           std::vector<NamedPeer>(peers, {"a.example", false, SOCK_STREAM, 1}));
  };
  EXPECT_TRUE(add_one(kBlink, 1).error().is(kNamesAppRefused));  // there is one
  EXPECT_TRUE(add_one(50, kNamedPeersMax + 1).error().is(kNamesAppRefused));
  for (std::uint32_t number = 3; number <= kNamedAppsMax; ++number)
    ASSERT_TRUE(add_one(number, kNamedPeersMax)) << number;
  EXPECT_TRUE(add_one(50, 1).error().is(kNamesAppRefused));
  EXPECT_EQ(resolve(*blink_, "hub.example.com"), 0);
  EXPECT_FALSE(names_->ended());
}

TEST_F(NamesProgram, WhatCannotRunIsSaid) {
  EXPECT_TRUE(NameService::start({.program = "/nowhere", .user = 1, .upstream = {}})
                  .error()
                  .is(kNamesNotStarted));
  start("no address");  // it says what it does not understand, and ends
  pump_until([&] { return names_->ended(); });
}

// In the place of pavise-names: somebody who took it over.
class NamesTakenOver : public ::testing::Test {
 protected:
  void SetUp() override {
    char path[] = "/tmp/pavise-names-XXXXXX";
    folder_ = ::mkdtemp(path);
  }
  void TearDown() override {
    ::unlink(program().c_str());
    ::rmdir(folder_.c_str());
  }
  std::string program() const { return folder_ + "/program"; }
  NameEvents events_of(const Bytes& packet) {
    std::string octal;
    for (const std::byte b : packet) {
      char text[8];
      std::snprintf(text, sizeof text, "\\%03o", std::to_integer<unsigned>(b));
      octal += text;
    }
    std::ofstream(program()) << "#!/bin/sh\nprintf '" << octal << "' >&3\nexec sleep 600\n";
    ::chmod(program().c_str(), 0700);
    auto names = NameService::start({.program = program(), .user = 1, .upstream = {}});
    EXPECT_TRUE(names) << names.error().message();
    auto sockets = bind_resolver(1, 0);
    EXPECT_TRUE(names->add_app(77, std::move(*sockets), {{"hub.example", false, SOCK_STREAM, 1}}));
    EXPECT_TRUE(readable(names->descriptor()));
    NameEvents out = names->take();
    ended_ = names->ended();
    return out;
  }

  std::string folder_;
  bool ended_ = false;
};

TEST_F(NamesTakenOver, ItGetsPinsForWhatTheAppListsOnly) {
  const auto wanted = [](std::uint32_t lifetime_s, const char* to, std::uint16_t peer) {
    return encode(NameReport{PinsWanted{1, 0, lifetime_s, {{address(to), peer}}}});
  };
  EXPECT_THAT(events_of(wanted(30, "192.0.2.1", 0)).pins, SizeIs(1));
  EXPECT_FALSE(ended_);
  for (const Bytes& packet :
       {wanted(30, "192.0.2.1", 1), wanted(30, "127.0.0.1", 0), wanted(29, "192.0.2.1", 0),
        wanted(3601, "192.0.2.1", 0), Bytes(5, std::byte{9}), Bytes(4000, std::byte{4})}) {
    EXPECT_THAT(events_of(packet).pins, IsEmpty());
    EXPECT_TRUE(ended_) << to_hex(packet);
  }
  EXPECT_THAT(events_of(encode(NameReport{PinsWanted{1, 9, 30, {{address("192.0.2.1"), 0}}}})).pins,
              IsEmpty());
  EXPECT_FALSE(ended_);  // an app may have been removed
}

}  // namespace
}  // namespace pavise::device
