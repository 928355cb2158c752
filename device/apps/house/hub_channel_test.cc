#include "device/apps/house/hub_channel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

namespace pavise::device {
namespace {

using testing::ElementsAre;

// Who gives each agent what it is sent.
struct Agents {
  std::vector<std::string> packets;
  UniqueFd end;  // the copy of the agent of now
  bool there = true;

  Introduce introduce() {
    return [this](const std::string& packet, int agents_end) -> Status {
      packets.push_back(packet);
      if (!there) return Error(kNobodyThere, "test");
      end = UniqueFd(::dup(agents_end));
      return {};
    };
  }
  static constexpr ErrorInfo kNobodyThere{"PV-TST-001", Retry::later, "nobody", "wait"};
};

char received(const UniqueFd& socket) {
  char byte = '-';  // nothing
  (void)!::recv(socket.get(), &byte, 1, MSG_DONTWAIT);
  return byte;
}

TEST(HubChannel, TheNextAgentHasTheSameOne) {
  Agents agents;
  HubChannel channel("fridge");
  auto app = channel.open();
  ASSERT_TRUE(app);
  ASSERT_TRUE(channel.introduce(agents.introduce()));
  ASSERT_EQ(::send(app->get(), "1", 1, MSG_NOSIGNAL), 1);
  EXPECT_EQ(received(agents.end), '1');
  agents.end.reset();
  ASSERT_EQ(::send(app->get(), "2", 1, MSG_NOSIGNAL), 1) << "nobody, and no end either";
  ASSERT_TRUE(channel.introduce(agents.introduce()));
  EXPECT_EQ(received(agents.end), '2');
  ASSERT_EQ(::send(agents.end.get(), "3", 1, MSG_NOSIGNAL), 1);
  EXPECT_EQ(received(*app), '3');
  EXPECT_THAT(agents.packets, ElementsAre("fridge", "fridge+"));
  agents.end.reset();
  channel.close();
  EXPECT_LT(::send(app->get(), "4", 1, MSG_NOSIGNAL), 0);
  EXPECT_TRUE(channel.introduce(agents.introduce()));
  EXPECT_EQ(agents.packets.size(), 2U);
}

TEST(HubChannel, AnAgentThatIsNotThereYetGetsItLater) {
  Agents agents;
  agents.there = false;
  HubChannel channel("fridge");
  const auto app = channel.open();
  EXPECT_FALSE(channel.introduce(agents.introduce()));
  agents.there = true;
  EXPECT_TRUE(channel.introduce(agents.introduce()));
  // The failure may have come after an agent had it.
  EXPECT_THAT(agents.packets, ElementsAre("fridge", "fridge+"));
}

TEST(HubChannel, EachStartHasItsOwn) {
  Agents agents;
  HubChannel channel("fridge");
  const auto first = channel.open();
  ASSERT_TRUE(channel.introduce(agents.introduce()));
  agents.end.reset();
  const auto second = channel.open();
  EXPECT_LT(::send(first->get(), "1", 1, MSG_NOSIGNAL), 0);
  ASSERT_TRUE(channel.introduce(agents.introduce()));
  EXPECT_THAT(agents.packets, ElementsAre("fridge", "fridge"));
}

}  // namespace
}  // namespace pavise::device
