#include "device/apps/names/options.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace pavise::device {
namespace {

std::string text_of(const std::optional<sockaddr_in>& place) {
  if (!place) return "none";
  char out[INET_ADDRSTRLEN];
  ::inet_ntop(AF_INET, &place->sin_addr, out, sizeof out);
  return std::string(out) + ":" + std::to_string(ntohs(place->sin_port));
}

std::string upstream(const char* text) {
  const std::vector<const char*> arguments{"--user", "80", "--upstream", text};
  const auto options = parse_names_options(arguments);
  return options ? text_of(options->upstream) : options.error().detail();
}

TEST(NamesOptions, AServerIsAnAddressAndMayHaveAPort) {
  EXPECT_EQ(upstream("192.0.2.1"), "192.0.2.1:53");
  EXPECT_EQ(upstream("192.0.2.1:5353"), "192.0.2.1:5353");
  for (const char* bad : {"", "0.0.0.0", "192.0.2", "192.0.2.1:", "192.0.2.1:0", "192.0.2.1:65536",
                          "192.0.2.1:53x", "::1", "dns.example", "192.0.2.1 "})
    EXPECT_EQ(upstream(bad), bad);
}

TEST(NamesOptions, TheUserIsNotRoot) {
  const auto user = [](std::vector<const char*> arguments) -> std::string {
    const auto options = parse_names_options(arguments);
    return options ? std::to_string(options->user) : options.error().detail();
  };
  EXPECT_EQ(user({"--user", "80"}), "80");
  EXPECT_EQ(user({"--user", "0"}), "--user");
  EXPECT_EQ(user({"--user", "-1"}), "--user");
  EXPECT_EQ(user({"--user", "80x"}), "--user");
  EXPECT_EQ(user({"--user"}), "--user");
  EXPECT_EQ(user({}), "--user");
  EXPECT_EQ(user({"--other", "1"}), "--other");
}

// As Linux writes it after DHCP.
TEST(NamesOptions, WhatTheKernelLearned) {
  EXPECT_EQ(text_of(upstream_of_pnp("#PROTO: DHCP\ndomain example.com\nnameserver 10.0.2.3\n"
                                    "nameserver 10.0.2.4\nbootserver 10.0.2.2\n")),
            "10.0.2.3:53");
  EXPECT_EQ(text_of(upstream_of_pnp("nameserver 0.0.0.0\nnameserver 10.0.2.4")), "10.0.2.4:53");
  EXPECT_EQ(text_of(upstream_of_pnp("#MANUAL\nbootserver 255.255.255.255\n")), "none");
  EXPECT_EQ(text_of(upstream_of_pnp("")), "none");
  EXPECT_EQ(text_of(upstream_of_pnp("nameserver \nnameserver")), "none");
}

}  // namespace
}  // namespace pavise::device
