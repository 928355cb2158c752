#include "samples/modbus_guardian/rules.h"

#include <gtest/gtest.h>

#include "samples/modbus_guardian/files.h"

namespace modbus_guardian {
namespace {

constexpr std::string_view kHead =
    "version 1\nmachine 192.0.2.10:502\nlisten 1502\nanswer_within_ms 1000\nclient 10.0.0.0/8\n";

std::string problem(const std::string& text) {
  const auto rules = Rules::parse(text);
  return rules ? "" : rules.error();
}

TEST(Rules, WhatIsListedIsAllowed) {
  const auto rules = Rules::parse(
      std::string(kHead) + "read unit 1 holding 100-119\nread unit 1 input 5\nidentify unit 1\n");
  ASSERT_TRUE(rules) << rules.error();
  EXPECT_EQ(rules->machine, 0xc000020aU);
  EXPECT_EQ(rules->machine_port, 502);
  EXPECT_EQ(rules->listen_port, 1502);
  EXPECT_EQ(rules->answer_within_ms, 1000);
  EXPECT_TRUE(rules->admits(0x0a010203));
  EXPECT_FALSE(rules->admits(0x0b000000));
  EXPECT_TRUE(rules->may_read(1, {Table::holding, 100, 119}));
  EXPECT_TRUE(rules->may_read(1, {Table::holding, 110, 110}));
  EXPECT_FALSE(rules->may_read(1, {Table::holding, 99, 100}));
  EXPECT_FALSE(rules->may_read(1, {Table::holding, 119, 120}));
  EXPECT_FALSE(rules->may_read(1, {Table::holding, 0, 65535}));
  EXPECT_FALSE(rules->may_read(1, {Table::input, 100, 100}));
  EXPECT_FALSE(rules->may_read(2, {Table::holding, 100, 100}));
  EXPECT_TRUE(rules->may_identify(1));
  EXPECT_FALSE(rules->may_identify(2));
}

TEST(Rules, WithoutOneNothing) {
  const auto rules = Rules::parse(kHead);
  ASSERT_TRUE(rules);
  for (const Table table : {Table::coils, Table::discrete, Table::input, Table::holding})
    EXPECT_FALSE(rules->may_read(1, {table, 0, 0}));
  EXPECT_FALSE(rules->may_identify(1));
}

TEST(Rules, AreRefusedAsAWhole) {
  const std::string head(kHead);
  EXPECT_EQ(problem(""), "version, machine, listen, answer_within_ms and client have to be said");
  EXPECT_EQ(problem(head.substr(0, head.find("client"))),
            "version, machine, listen, answer_within_ms and client have to be said");
  EXPECT_EQ(problem("machine 192.0.2.10:502\n"), "line 1: the first statement is: version 1");
  EXPECT_EQ(problem("version 2\n"), "line 1: this program reads version 1");
  EXPECT_EQ(problem(head + "listen 1503\n"), "line 6: said twice");
  EXPECT_EQ(problem(head + "version 1\n"), "line 6: said twice");
  for (const char* line : {"machine 192.0.2.10",
                           "machine 192.0.2.10:0",
                           "machine plc.local:502",
                           "listen 0",
                           "listen 65536",
                           "answer_within_ms 49",
                           "answer_within_ms 10001",
                           "client 10.0.0.1/8",
                           "client",
                           "read unit 0 coils 0-1",
                           "read unit 1 coils",
                           "read unit 1 coil 0-1",
                           "read unit 1 coils 1-0",
                           "read unit 1 coils 0-1 2-3",
                           "read 1 coils 0-1",
                           "identify unit 0",
                           "identify 1",
                           "write unit 1 coils 0-1",
                           "READ unit 1 coils 0-1",
                           "grant x",
                           "allow all"})
    EXPECT_TRUE(problem(head + line + "\n").starts_with("line 6: ")) << line;
  for (const char* bound : {"50", "10000"})
    EXPECT_EQ(problem("version 1\nmachine 192.0.2.10:502\nlisten 1\nclient 10.0.0.1\n"
                      "answer_within_ms " +
                      std::string(bound) + "\n"),
              "");
}

TEST(Rules, ThoseOfThePackageAreGood) {
  const auto text = read_file("samples/modbus_guardian/root/app/rules");
  ASSERT_TRUE(text && *text);
  const auto rules = Rules::parse(**text);
  ASSERT_TRUE(rules) << rules.error();
  EXPECT_TRUE(rules->may_read(1, {Table::input, 0, 31}));
}

}  // namespace
}  // namespace modbus_guardian
