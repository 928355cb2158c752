#include "protocol/manifest/conflicts.h"

#include <gtest/gtest.h>

namespace pavise::manifest {
namespace {

std::string id(int number) {
  return "6f1c7a52-90f1-4d0c-8f61-0c4f6a6b3e0" + std::to_string(number);
}

Manifest app(const std::string& name, int number, const std::string& capabilities = {},
             const std::string& start_after = {}) {
  const std::string text = R"({"schema_version":1,"name":")" + name + R"(","component_id":")" +
                           id(number) +
                           R"(","version":"1.0.0","entry_point":"/a","capabilities":{)" +
                           capabilities + R"(},"lifecycle":{"start_after":[)" + start_after +
                           R"(]},"budgets":{"memory_kib":256,"cpu_percent":1,"processes":1}})";
  auto out = Manifest::parse(as_bytes(text));
  EXPECT_TRUE(out) << out.error().message();
  return *std::move(out);
}

std::vector<std::string> found(const std::vector<Manifest>& apps) {
  std::vector<std::string> out;
  for (const Error& error : conflicts(apps))
    out.push_back(std::string(error.code()) + " " + error.detail());
  return out;
}

std::string peer(int number) {
  return "\"app_connections\":[\"" + id(number) + "\"]";
}

TEST(Conflicts, AppsWithoutAnythingInCommonLiveTogether) {
  EXPECT_TRUE(conflicts({}).empty());
  EXPECT_TRUE(found({app("a", 1, R"("gpio":["LED"],"listening_tcp":[80])"),
                     app("b", 2, R"("pwm":["LED"],"listening_udp":[80])"),
                     app("c", 3, R"("outgoing_tcp":["x.example"])")})
                  .empty());
}

TEST(Conflicts, BothAreNamed) {
  EXPECT_EQ(found({app("a", 1, R"("gpio":["X","LED"])"), app("b", 2, R"("gpio":["LED"])")}),
            std::vector<std::string>{"PV-MAN-021 a and b: gpio LED"});
  EXPECT_EQ(found({app("a", 1, R"("listening_tcp":[80,443])"), app("c", 3),
                   app("b", 2, R"("listening_tcp":[443])")}),
            std::vector<std::string>{"PV-MAN-022 a and b: tcp 443"});
  EXPECT_EQ(found({app("a", 1, R"("listening_udp":[53])"), app("b", 2, R"("listening_udp":[53])")}),
            std::vector<std::string>{"PV-MAN-022 a and b: udp 53"});
  EXPECT_EQ(found({app("a", 1), app("a", 2)}),
            std::vector<std::string>{"PV-MAN-020 a and a: component ids " + id(1) + ", " + id(2)});
  EXPECT_EQ(found({app("a", 1), app("b", 1)}),
            std::vector<std::string>{"PV-MAN-020 a and b: component id " + id(1)});
}

TEST(Conflicts, ConnectionsAreListedByBothSides) {
  EXPECT_TRUE(found({app("a", 1, peer(2)), app("b", 2, peer(1))}).empty());
  EXPECT_TRUE(found({app("a", 1, peer(9))}).empty());  // the peer is not installed
  EXPECT_EQ(found({app("a", 1, peer(2)), app("b", 2)}),
            std::vector<std::string>{"PV-MAN-023 a and b: only a lists it"});
  EXPECT_EQ(found({app("a", 1), app("b", 2, peer(1))}),
            std::vector<std::string>{"PV-MAN-023 a and b: only b lists it"});
}

TEST(Conflicts, NobodyWaitsInACircle) {
  const auto after = [](int number) { return "\"" + id(number) + "\""; };
  EXPECT_TRUE(found({app("a", 1, "", after(2)), app("b", 2, "", after(3)), app("c", 3)}).empty());
  EXPECT_TRUE(found({app("a", 1, "", after(9))}).empty());
  EXPECT_EQ(found({app("a", 1, "", after(2)), app("b", 2, "", after(1)), app("c", 3)}),
            std::vector<std::string>{"PV-MAN-024 a and b"});
}

}  // namespace
}  // namespace pavise::manifest
