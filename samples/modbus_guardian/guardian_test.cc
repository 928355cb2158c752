// Attacks on the guardian from both sides, without sockets.
#include "samples/modbus_guardian/guardian.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "samples/modbus_guardian/testing/bytes.h"

namespace modbus_guardian {
namespace {

using testing::ElementsAre;

constexpr std::string_view kRules =
    "version 1\nmachine 192.0.2.10:502\nlisten 1502\nanswer_within_ms 1000\nclient 10.0.0.0/8\n"
    "read unit 1 holding 100-119\nread unit 1 coils 0-15\nidentify unit 1\n";
constexpr std::string_view kGrant =
    "grant g1 client 10.0.0.7 unit 1 holding 100-103 from 1970-01-01T00:00:00Z "
    "until 1970-01-01T01:00:00Z writes 1\n";
constexpr Ipv4 kEngineer = 0x0a000007, kOther = 0x0a000008;
constexpr std::string_view kRead = "00 07 00 00 00 06 01 03 00 64 00 01";
constexpr std::string_view kWrite = "00 08 00 00 00 06 01 06 00 64 00 2A";

class GuardianTest : public testing::Test {
 protected:
  GuardianTest() { connect(); }

  void connect() {
    ASSERT_TRUE(guardian_.wants_machine(now_));
    guardian_.machine_called(now_);
    guardian_.machine_came(now_);
  }
  void grant() { grants_.replace(*Grants::parse(kGrant)); }
  Guardian::ClientId client(Ipv4 address = kEngineer) {
    const auto id = guardian_.client_came(address, now_);
    EXPECT_TRUE(id);
    return id.value_or(0);
  }
  void say(Guardian::ClientId id, std::string_view bytes) {
    guardian_.client_said(id, hex(bytes), now_);
  }
  // Takes what there is for it.
  std::string heard(Guardian::ClientId id) {
    const std::string out = text(guardian_.for_client(id));
    guardian_.client_took(id, guardian_.for_client(id).size(), now_);
    return out;
  }
  std::string ask(Guardian::ClientId id, std::string_view bytes) {
    say(id, bytes);
    return heard(id);
  }
  std::string machine_heard() {
    const std::string out = text(guardian_.for_machine());
    guardian_.machine_took(guardian_.for_machine().size());
    return out;
  }
  void machine_says(std::string_view bytes) { guardian_.machine_said(hex(bytes), now_); }
  void pass(std::int64_t ms) {
    now_.steady_ms += ms;
    guardian_.time_passed(now_);
  }
  void lose_machine() {
    if (guardian_.finished_with_machine()) guardian_.machine_left({}, now_);
  }

  Now now_{.steady_ms = 1000, .unix_s = 1000};
  std::vector<std::string> lines_;
  Record record_{[this](const std::string& line) { lines_.push_back(line); }};
  bool keeps_ = true;
  Grants grants_{[this](const std::string&) { return keeps_; }};
  Guardian guardian_{*Rules::parse(kRules), grants_, record_};
};

TEST_F(GuardianTest, ReadsWhatIsListedUnderItsOwnTransaction) {
  const auto id = client();
  say(id, kRead);
  EXPECT_EQ(machine_heard(), "00 01 00 00 00 06 01 03 00 64 00 01");
  EXPECT_EQ(heard(id), "");
  machine_says("00 01 00 00 00 05 01 03 02 12 34");
  EXPECT_EQ(heard(id), "00 07 00 00 00 05 01 03 02 12 34");
  EXPECT_THAT(lines_, ElementsAre("machine: connected"));
}

TEST_F(GuardianTest, NothingElseReachesTheMachine) {
  const auto id = client();
  EXPECT_EQ(ask(id, "00 01 00 00 00 06 01 03 00 63 00 02"), "00 01 00 00 00 03 01 83 02");
  EXPECT_EQ(ask(id, "00 02 00 00 00 06 02 03 00 64 00 01"), "00 02 00 00 00 03 02 83 02");
  EXPECT_EQ(ask(id, "00 02 00 00 00 06 00 03 00 64 00 01"), "00 02 00 00 00 03 00 83 02");
  EXPECT_EQ(ask(id, "00 03 00 00 00 06 01 04 00 64 00 01"), "00 03 00 00 00 03 01 84 02");
  EXPECT_EQ(ask(id, "00 04 00 00 00 06 01 08 00 04 00 00"), "00 04 00 00 00 03 01 88 01");
  EXPECT_EQ(ask(id, "00 05 00 00 00 02 01 5A"), "00 05 00 00 00 03 01 da 01");
  EXPECT_EQ(ask(id, "00 06 00 00 00 05 02 2B 0E 01 00"), "00 06 00 00 00 03 02 ab 01");
  EXPECT_EQ(ask(id, "00 07 00 00 00 07 01 03 00 64 00 01 00"), "00 07 00 00 00 03 01 83 03");
  EXPECT_EQ(machine_heard(), "");
  EXPECT_THAT(
      lines_,
      ElementsAre(
          "machine: connected",
          "10.0.0.7: refused function 3, no rule: unit 1, reads holding 99-100",
          "10.0.0.7: refused function 4, no rule: unit 1, reads input 100-100",
          "10.0.0.7: refused function 8 (diagnostics), never let through: unit 1",
          "10.0.0.7: refused function 90 (programming of a maker's own), never let through: unit 1",
          "10.0.0.7: refused function 43, no rule: unit 2",
          "10.0.0.7: refused function 3, malformed: unit 1"));
}

TEST_F(GuardianTest, EveryWriteNeedsAGrant) {
  const auto id = client();
  for (const char* pdu :
       {"05 00 00 FF 00", "06 00 64 00 01", "0F 00 00 00 01 01 01", "10 00 64 00 01 02 00 01",
        "16 00 64 00 00 00 00", "17 00 64 00 01 00 64 00 01 02 00 01"}) {
    const Bytes frame = encode({.transaction = 1, .unit = 1, .pdu = hex(pdu)});
    guardian_.client_said(id, frame, now_);
    const std::string heard_back = heard(id);
    EXPECT_EQ(heard_back.substr(heard_back.size() - 2), "01") << pdu;
  }
  EXPECT_EQ(machine_heard(), "");
}

TEST_F(GuardianTest, AGrantIsUsedOnceAndByWhomItNames) {
  grant();
  EXPECT_EQ(ask(client(kOther), kWrite), "00 08 00 00 00 03 01 86 01");
  const auto id = client();
  say(id, kWrite);
  EXPECT_EQ(machine_heard(), "00 01 00 00 00 06 01 06 00 64 00 2a");
  machine_says("00 01 00 00 00 06 01 06 00 64 00 2A");
  EXPECT_EQ(heard(id), "00 08 00 00 00 06 01 06 00 64 00 2a");
  EXPECT_EQ(lines_.back(), "10.0.0.7: by grant g1: unit 1, writes holding 100-100");
  EXPECT_EQ(ask(id, kWrite), "00 08 00 00 00 03 01 86 01");
  EXPECT_EQ(machine_heard(), "");
}

TEST_F(GuardianTest, ReadingAndWritingAtOnceNeedsBoth) {
  grant();
  const auto id = client();
  EXPECT_EQ(ask(id, "00 01 00 00 00 0D 01 17 00 00 00 01 00 64 00 01 02 00 01"),
            "00 01 00 00 00 03 01 97 02");
  EXPECT_EQ(ask(id, "00 01 00 00 00 0D 01 17 00 64 00 01 00 00 00 01 02 00 01"),
            "00 01 00 00 00 03 01 97 01");
  say(id, "00 01 00 00 00 0D 01 17 00 65 00 01 00 64 00 01 02 00 01");
  EXPECT_NE(machine_heard(), "");
}

TEST_F(GuardianTest, TwoDoNotUseOneGrantAtOnce) {
  grant();
  const auto first = client();
  const auto second = client();
  say(first, kRead);  // keeps the machine busy
  const auto third = client();
  say(second, kWrite);
  say(third, kWrite);
  machine_heard();
  machine_says("00 01 00 00 00 05 01 03 02 00 00");
  EXPECT_EQ(machine_heard(), "00 02 00 00 00 06 01 06 00 64 00 2a");
  machine_says("00 02 00 00 00 06 01 06 00 64 00 2A");
  EXPECT_EQ(heard(second), "00 08 00 00 00 06 01 06 00 64 00 2a");
  EXPECT_EQ(heard(third), "00 08 00 00 00 03 01 86 01");
  EXPECT_EQ(machine_heard(), "");
}

TEST_F(GuardianTest, AGrantThatEndsWhileItsWriteWaits) {
  grant();
  const auto first = client();
  const auto second = client();
  say(first, kRead);
  machine_heard();
  say(second, kWrite);
  now_.unix_s = 3600;
  machine_says("00 01 00 00 00 05 01 03 02 00 00");
  EXPECT_EQ(heard(second), "00 08 00 00 00 03 01 86 01");
  EXPECT_EQ(machine_heard(), "");
}

TEST_F(GuardianTest, AUseThatIsNotKeptIsNoWrite) {
  grant();
  keeps_ = false;
  EXPECT_EQ(ask(client(), kWrite), "00 08 00 00 00 03 01 86 01");
  EXPECT_EQ(machine_heard(), "");
}

TEST_F(GuardianTest, SeveralRequestsInOneSegmentAreAskedOneByOne) {
  const auto id = client();
  say(id, std::string(kRead) + "00 09 00 00 00 06 01 06 00 64 00 01" + std::string(kRead));
  EXPECT_EQ(machine_heard(), "00 01 00 00 00 06 01 03 00 64 00 01");
  EXPECT_EQ(guardian_.room_for(id), 0U);
  machine_says("00 01 00 00 00 05 01 03 02 00 01");
  EXPECT_EQ(machine_heard(), "");  // the client has not taken its answer
  EXPECT_EQ(heard(id), "00 07 00 00 00 05 01 03 02 00 01");
  EXPECT_EQ(heard(id), "00 09 00 00 00 03 01 86 01");  // the write between them
  EXPECT_EQ(machine_heard(), "00 02 00 00 00 06 01 03 00 64 00 01");
}

TEST_F(GuardianTest, EachRefusalIsAnAnswer) {
  const auto id = client();
  say(id, "00 01 00 00 00 02 01 08 00 02 00 00 00 02 01 07 00 03 00 00 00 02 01 5A");
  EXPECT_EQ(heard(id), "00 01 00 00 00 03 01 88 01");
  EXPECT_EQ(heard(id), "00 02 00 00 00 03 01 87 01");
  EXPECT_EQ(heard(id), "00 03 00 00 00 03 01 da 01");
  EXPECT_EQ(heard(id), "");
}

TEST_F(GuardianTest, SingleBytesAreOneRequest) {
  const auto id = client();
  for (const std::uint8_t byte : hex(kRead)) guardian_.client_said(id, {&byte, 1}, now_);
  EXPECT_EQ(machine_heard(), "00 01 00 00 00 06 01 03 00 64 00 01");
}

TEST_F(GuardianTest, OneTransactionOfTwoClientsIsNotMixedUp) {
  const auto first = client();
  const auto second = client(kOther);
  say(first, kRead);
  say(second, kRead);
  EXPECT_EQ(machine_heard(), "00 01 00 00 00 06 01 03 00 64 00 01");
  machine_says("00 01 00 00 00 05 01 03 02 00 01 00 01 00 00 00 05 01 03 02 66 66");
  EXPECT_EQ(machine_heard(), "00 02 00 00 00 06 01 03 00 64 00 01");
  machine_says("00 02 00 00 00 05 01 03 02 00 02");
  EXPECT_EQ(heard(first), "00 07 00 00 00 05 01 03 02 00 01");
  EXPECT_EQ(heard(second), "00 07 00 00 00 05 01 03 02 00 02");
  EXPECT_EQ(lines_.back(), "machine: dropped an answer that nobody waits for");
}

TEST_F(GuardianTest, AnswersThatDoNotBelongAreDropped) {
  for (const char* answer :
       {"00 05 02 03 02 00 00", "00 05 01 04 02 00 00", "00 07 01 03 04 00 00 00 00",
        "00 03 01 84 02", "00 06 01 06 00 64 00 01"}) {
    const auto id = client();
    say(id, kRead);
    const std::string transaction = machine_heard().substr(0, 5);
    machine_says(transaction + " 00 00 " + answer);
    EXPECT_EQ(heard(id), "00 07 00 00 00 03 01 83 0b") << answer;
    guardian_.client_left(id);
  }
  EXPECT_FALSE(guardian_.finished_with_machine());
}

TEST_F(GuardianTest, AnExceptionOfTheMachineIsPassedOn) {
  const auto id = client();
  say(id, kRead);
  machine_heard();
  machine_says("00 01 00 00 00 03 01 83 06");
  EXPECT_EQ(heard(id), "00 07 00 00 00 03 01 83 06");
}

TEST_F(GuardianTest, AMachineThatIsSilent) {
  const auto id = client();
  for (int silences = 1; silences <= kSilencesMax; ++silences) {
    EXPECT_FALSE(guardian_.finished_with_machine());
    say(id, kRead);
    machine_heard();
    pass(999);
    EXPECT_EQ(heard(id), "");
    pass(1);
    EXPECT_EQ(heard(id), "00 07 00 00 00 03 01 83 0b");
  }
  EXPECT_TRUE(guardian_.finished_with_machine());
}

TEST_F(GuardianTest, AMachineThatTakesHalfARequest) {
  const auto id = client();
  say(id, kRead);
  guardian_.machine_took(5);
  machine_says("00 01 00 00 00 05 01 03 02 66 66");  // before it was asked
  EXPECT_EQ(heard(id), "");
  pass(1000);
  EXPECT_EQ(heard(id), "00 07 00 00 00 03 01 83 0b");
  EXPECT_TRUE(guardian_.finished_with_machine());  // the other half must not be another's first
  EXPECT_EQ(machine_heard(), "");
}

TEST_F(GuardianTest, ALateAnswerIsNobodys) {
  const auto id = client();
  say(id, kRead);
  machine_heard();
  pass(1000);
  heard(id);
  say(id, kRead);
  EXPECT_EQ(machine_heard(), "00 02 00 00 00 06 01 03 00 64 00 01");
  machine_says("00 01 00 00 00 05 01 03 02 66 66");
  EXPECT_EQ(heard(id), "");
  machine_says("00 02 00 00 00 05 01 03 02 00 02");
  EXPECT_EQ(heard(id), "00 07 00 00 00 05 01 03 02 00 02");
}

TEST_F(GuardianTest, AMachineThatSpeaksUnasked) {
  for (int frames = 0; frames < kUnaskedMax; ++frames) machine_says("00 01 00 00 00 03 01 83 02");
  EXPECT_FALSE(guardian_.finished_with_machine());
  machine_says("00 01 00 00 00 03 01 83 02");
  EXPECT_TRUE(guardian_.finished_with_machine());
  lose_machine();
  pass(kRetryMsMin);
  connect();
  machine_says("00 01 00 00 00 03 01 83 02");  // counted anew
  EXPECT_FALSE(guardian_.finished_with_machine());
}

TEST_F(GuardianTest, AMachineThatSpeaksSomethingElse) {
  const auto id = client();
  say(id, kRead);
  machine_heard();
  machine_says("48 54 54 50 2F 31 2E 31");
  EXPECT_TRUE(guardian_.finished_with_machine());
  EXPECT_EQ(heard(id), "00 07 00 00 00 03 01 83 0b");
}

TEST_F(GuardianTest, AWriteIsNotSentTwice) {
  grant();
  const auto id = client();
  say(id, kWrite);
  EXPECT_NE(machine_heard(), "");
  guardian_.machine_left("reset", now_);
  EXPECT_EQ(heard(id), "00 08 00 00 00 03 01 86 0b");
  pass(kRetryMsMin);
  connect();
  EXPECT_EQ(machine_heard(), "");
  EXPECT_EQ(ask(id, kWrite), "00 08 00 00 00 03 01 86 01");  // and its grant is used
}

TEST_F(GuardianTest, ARequestWaitsForTheConnectionButNotLong) {
  guardian_.machine_left("reset", now_);
  const auto id = client();
  say(id, kRead);
  pass(kRetryMsMin);
  connect();
  EXPECT_NE(machine_heard(), "");
  guardian_.machine_left("reset", now_);
  heard(id);
  say(id, kRead);
  pass(1000);
  EXPECT_EQ(heard(id), "00 07 00 00 00 03 01 83 0b");
}

TEST_F(GuardianTest, ConnectsAnewEverMoreSeldom) {
  guardian_.machine_left("reset", now_);
  for (std::int64_t pause = kRetryMsMin; pause < kRetryMsMax; pause *= 2) {
    pass(pause - 1);
    EXPECT_FALSE(guardian_.wants_machine(now_));
    pass(1);
    ASSERT_TRUE(guardian_.wants_machine(now_));
    guardian_.machine_called(now_);
    pass(kConnectMs);  // nobody answers
    EXPECT_EQ(lines_.back(), "machine: cannot be connected: no answer");
    ASSERT_TRUE(guardian_.finished_with_machine());
    lose_machine();
  }
  pass(kRetryMsMax);
  connect();
  const auto id = client();
  say(id, kRead);
  const std::string transaction = machine_heard().substr(0, 5);
  machine_says(transaction + " 00 00 00 05 01 03 02 00 00");  // now it is well
  guardian_.machine_left("reset", now_);
  pass(kRetryMsMin);
  EXPECT_TRUE(guardian_.wants_machine(now_));
}

TEST_F(GuardianTest, AMachineThatClosesIdleConnectionsIsSoonBack) {
  for (int times = 0; times < 10; ++times) {
    pass(kCalmLinkMs);
    guardian_.machine_left("closed", now_);
    pass(kRetryMsMin);
    connect();
  }
  for (const std::int64_t pause : {2 * kRetryMsMin, 4 * kRetryMsMin}) {
    pass(kCalmLinkMs - 1);
    guardian_.machine_left("closed", now_);
    pass(pause - 1);
    EXPECT_FALSE(guardian_.wants_machine(now_));
    pass(1);
    connect();
  }
}

TEST_F(GuardianTest, WhoIsNoClientIsClosed) {
  EXPECT_FALSE(guardian_.client_came(0xc000020a, now_));  // the machine itself
  EXPECT_EQ(lines_.back(), "192.0.2.10: refused: no client of the rules");
}

TEST_F(GuardianTest, ClientsHaveTheirNumber) {
  for (std::size_t i = 0; i < kClientsMax; ++i) {
    const Ipv4 address = kEngineer + static_cast<Ipv4>(i / kClientsOfOneAddressMax);
    client(address);
    if (i % kClientsOfOneAddressMax == kClientsOfOneAddressMax - 1)
      EXPECT_FALSE(guardian_.client_came(address, now_)) << i;
  }
  EXPECT_FALSE(guardian_.client_came(0x0a0000ff, now_));
  guardian_.client_left(1);
  EXPECT_TRUE(guardian_.client_came(kEngineer, now_));
}

TEST_F(GuardianTest, SlowClientsAreClosed) {
  const auto idle = client();
  const auto half = client();
  const auto deaf = client();
  say(half, kRead.substr(0, 2));
  say(deaf, "00 01 00 00 00 06 01 03 00 00 00 01");
  pass(kHalfFrameMs - 1);
  say(half, kRead.substr(3, 2));  // another byte buys no time
  EXPECT_FALSE(guardian_.finished_with(half));
  EXPECT_FALSE(guardian_.finished_with(deaf));
  pass(1);
  EXPECT_TRUE(guardian_.finished_with(half));
  EXPECT_TRUE(guardian_.finished_with(deaf));
  pass(kIdleMs - kHalfFrameMs - 1);
  EXPECT_FALSE(guardian_.finished_with(idle));
  pass(1);
  EXPECT_TRUE(guardian_.finished_with(idle));
}

TEST_F(GuardianTest, HalfARequestBehindAWholeOneHasItsTimeToo) {
  const auto id = client();
  say(id, "00 01 00 00 00 02 01 08 00");
  heard(id);
  pass(kHalfFrameMs - 1);
  EXPECT_FALSE(guardian_.finished_with(id));
  pass(1);
  EXPECT_TRUE(guardian_.finished_with(id));
}

TEST_F(GuardianTest, WhoDoesNotSpeakModbusIsClosed) {
  const auto id = client();
  say(id, "47 45 54 20 2F 20");
  EXPECT_TRUE(guardian_.finished_with(id));
  EXPECT_EQ(guardian_.room_for(id), 0U);
  EXPECT_EQ(lines_.back(), "10.0.0.7: closed: this is not Modbus");
}

TEST_F(GuardianTest, WhoLeavesGetsNoAnswerOfAnother) {
  const auto id = client();
  say(id, kRead);
  machine_heard();
  guardian_.client_left(id);
  const auto other = client(kOther);
  say(other, kRead);
  EXPECT_EQ(machine_heard(), "");  // one at a time
  machine_says("00 01 00 00 00 05 01 03 02 66 66");
  EXPECT_EQ(heard(other), "");
  EXPECT_EQ(machine_heard(), "00 02 00 00 00 06 01 03 00 64 00 01");
}

TEST_F(GuardianTest, WhoLeavesIsNotAskedForAnyMore) {
  grant();
  const auto busy = client(kOther);
  say(busy, kRead);
  machine_heard();
  const auto id = client();
  say(id, kWrite);
  guardian_.client_left(id);
  machine_says("00 01 00 00 00 05 01 03 02 00 01");
  EXPECT_EQ(machine_heard(), "");
}

TEST_F(GuardianTest, NobodyPushesIn) {
  const auto greedy = client();
  const auto other = client(kOther);
  say(greedy, std::string(kRead) + std::string(kRead) + std::string(kRead));
  say(other, kRead);
  machine_heard();
  machine_says("00 01 00 00 00 05 01 03 02 00 01");
  heard(greedy);
  machine_heard();
  machine_says("00 02 00 00 00 05 01 03 02 00 02");
  EXPECT_EQ(heard(other), "00 07 00 00 00 05 01 03 02 00 02");
}

TEST_F(GuardianTest, SaysWhenItHasSomethingToDo) {
  EXPECT_GT(guardian_.wakes_at_ms(), now_.steady_ms + 1'000'000'000);
  const auto id = client();
  EXPECT_EQ(guardian_.wakes_at_ms(), now_.steady_ms + kIdleMs);
  say(id, kRead);
  EXPECT_EQ(guardian_.wakes_at_ms(), now_.steady_ms + 1000);
  guardian_.machine_left("reset", now_);
  EXPECT_EQ(guardian_.wakes_at_ms(), now_.steady_ms + kRetryMsMin);
}

}  // namespace
}  // namespace modbus_guardian
