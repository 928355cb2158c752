#include "protocol/apps_ipc/apps_ipc.h"

#include <gtest/gtest.h>

#include "protocol/cbor/cbor.h"

namespace pavise::apps_ipc {
namespace {

const std::string kLongestName(manifest::kNameLengthMax, 'a');

std::vector<Request> requests() {
  return {List{},
          Start{"a"},
          Stop{"blink-2"},
          Restart{kLongestName},
          Logs{"blink", 0},
          Logs{"blink", UINT64_MAX},
          Receive{1, 0, Bytes(1)},
          Receive{UINT64_MAX, UINT64_MAX, Bytes(kPartBytesMax)},
          Install{1 << 20, Digest256{std::byte{3}}},
          Remove{"blink"},
          GiveGrant{Bytes(kGrantBytesMax)},
          Debug{"blink"},
          Exchange{"blink", 0, 0, {}, 0, false},
          Exchange{kLongestName, UINT64_MAX, INT64_MAX, Bytes(kDebugInBytesMax), INT64_MAX, true}};
}

AppStatus app(std::string name = "blink") {
  AppStatus out{.name = std::move(name),
                .component_id = *manifest::ComponentId::from_bytes(Bytes(16, std::byte{7})),
                .version = "1.20.9999",
                .state = AppState::running,
                .restarts = 3,
                .memory_bytes = 1 << 20,
                .memory_limit_bytes = UINT64_MAX,
                .missed_health = 1,
                .last_event = "gr\xc3\xbc\xc3\x9f: exit 7"};
  out.policy_digest.fill(std::byte{9});
  out.source = AppSource::deployed;
  out.content_digest.fill(std::byte{8});
  return out;
}

// What stands at one key of an app instead of what belongs there.
struct Bent {
  std::uint64_t key = 0;  // 0: nothing is bent
  std::variant<std::uint64_t, std::string, Bytes> value = {};
};

void put(cbor::Writer& out, std::uint64_t value) {
  out.uint(value);
}
void put(cbor::Writer& out, const std::string& value) {
  out.text(value);
}
void put(cbor::Writer& out, const Bytes& value) {
  out.bytes(value);
}

// A list with one app.
Bytes list_with(const Bent& bent) {
  cbor::Writer out;
  out.map(2).uint(1).boolean(true).uint(2).array(1).map(12);
  for (std::uint64_t key = 1; key <= 12; ++key) {
    out.uint(key);
    if (key == bent.key)
      std::visit([&out](const auto& value) { put(out, value); }, bent.value);
    else if (key == 1 || key == 3 || key == 9)
      out.text("a");
    else if (key == 2 || key == 10 || key == 12)
      out.bytes(Bytes(key == 2 ? 16 : 32, std::byte{1}));
    else
      out.uint(1);
  }
  return out.take();
}

Bytes logs_of(std::uint64_t oldest, std::uint64_t newest, const std::vector<LogLine>& lines) {
  cbor::Writer out;
  out.map(2).uint(1).boolean(true).uint(2).map(3).uint(1).uint(oldest).uint(2).uint(newest);
  out.uint(3).array(lines.size());
  for (const LogLine& line : lines)
    out.array(3).uint(line.sequence).uint(line.boot_ms).text(line.text);
  return out.take();
}

TEST(AppsRequest, RoundTrip) {
  for (const Request& request : requests()) {
    const Bytes message = encode(request);
    const auto parsed = parse_request(message);
    ASSERT_TRUE(parsed) << parsed.error().message();
    EXPECT_EQ(operation(*parsed), operation(request));
    EXPECT_EQ(encode(*parsed), message);
  }
}

TEST(AppsRequest, EveryTruncationAndATrailingByteAreRefused) {
  for (const Request& request : requests()) {
    Bytes message = encode(request);
    // Within the data of a part one place is like another.
    for (std::size_t n = 0; n < message.size(); n += n < 64 || n + 64 > message.size() ? 1 : 61)
      EXPECT_FALSE(parse_request(ByteView(message).first(n)));
    message.push_back(std::byte{0});
    EXPECT_FALSE(parse_request(message));
  }
}

TEST(AppsRequest, NamesAreThoseOfManifests) {
  const auto named = [](std::string_view name) {
    return cbor::Writer().map(2).uint(1).uint(2).uint(2).map(1).uint(1).text(name).take();
  };
  EXPECT_TRUE(parse_request(named(kLongestName)));
  for (const std::string& bad :
       {kLongestName + "a", std::string(), std::string("Blink"), std::string("a-"),
        std::string("-a"), std::string("1a"), std::string("../a"), std::string("a/b"),
        std::string("a\0b", 3), std::string("a\n"), std::string("\xc3\xa9")})
    EXPECT_FALSE(parse_request(named(bad))) << bad;
}

TEST(AppsRequest, UnknownOperationsAndMisplacedArgumentsAreRefused) {
  for (const std::uint64_t op : {0U, 13U, 255U})
    EXPECT_TRUE(
        parse_request(cbor::Writer().map(1).uint(1).uint(op).take()).error().is(kUnknownOperation));
  EXPECT_FALSE(parse_request(cbor::Writer().map(1).uint(1).uint(256).take()));
  EXPECT_FALSE(parse_request(cbor::Writer().map(2).uint(1).uint(1).uint(2).map(0).take()))
      << "list has no arguments";
  EXPECT_FALSE(parse_request(cbor::Writer().map(1).uint(1).uint(2).take())) << "start needs some";
  EXPECT_FALSE(
      parse_request(cbor::Writer().map(2).uint(1).uint(5).uint(2).map(1).uint(1).text("a").take()))
      << "logs after what";
  EXPECT_FALSE(parse_request(Bytes(kMessageBytesMax + 1)));
}

TEST(AppsRequest, TheTimeTravels) {
  for (const bool vouched : {false, true}) {
    const auto read = parse_request(encode(TellTime{1'790'000'000, vouched}));
    ASSERT_TRUE(read);
    EXPECT_EQ(std::get<TellTime>(*read).later_than_s, 1'790'000'000U);
    EXPECT_EQ(std::get<TellTime>(*read).vouched, vouched);
  }
  EXPECT_TRUE(parse_request(encode(TellTime{kTimeMaxS, true})));
  EXPECT_FALSE(parse_request(encode(TellTime{kTimeMaxS + 1, true})));
  const auto heard = parse_time_heard(encode(TimeHeard{kTimeMaxS}));
  ASSERT_TRUE(heard);
  EXPECT_EQ(std::get<TimeHeard>(*heard).later_than_s, kTimeMaxS);
  EXPECT_FALSE(parse_time_heard(encode(TimeHeard{kTimeMaxS + 1})));
}

TEST(AppsRequest, APartHasALimit) {
  const auto part = [](std::size_t bytes) {
    return encode(Receive{.size = 1, .offset = 0, .data = Bytes(bytes)});
  };
  EXPECT_TRUE(parse_request(part(kPartBytesMax)));
  EXPECT_FALSE(parse_request(part(kPartBytesMax + 1)));
  EXPECT_FALSE(parse_request(part(0)));
}

TEST(AppsResponse, WhatBecameOfADeploymentComesBackWhole) {
  const auto received = parse_received(encode(Received{UINT64_MAX}));
  ASSERT_TRUE(received) << received.error().message();
  EXPECT_EQ(std::get<Received>(*received).bytes, UINT64_MAX);
  for (const std::string& replaced : {std::string(), std::string("9999.9999.9999")}) {
    const auto installed = parse_installed(encode(Installed{
        .name = "blink", .version = "1.0.0", .state = AppState::running, .replaced = replaced}));
    ASSERT_TRUE(installed) << installed.error().message();
    const auto& got = std::get<Installed>(*installed);
    EXPECT_EQ(got.name + got.version + got.replaced, "blink1.0.0" + replaced);
    EXPECT_EQ(got.state, AppState::running);
  }
  for (const AppSource left : {AppSource::image, AppSource::deployed})
    EXPECT_EQ(std::get<Removed>(*parse_removed(encode(Removed{left}))).left, left);
  EXPECT_FALSE(parse_removed(
      cbor::Writer().map(2).uint(1).boolean(true).uint(2).map(1).uint(1).uint(2).take()));
  const auto refused = parse_installed(encode_refusal(Error(kUnknownApp)));
  ASSERT_TRUE(refused);
  EXPECT_EQ(std::get<Refusal>(*refused).code, kUnknownApp.code);
}

TEST(AppsResponse, ResultsComeBackWhole) {
  AppList apps;
  for (std::size_t i = 0; i < kAppsMax; ++i) apps.push_back(app("app-" + std::to_string(i)));
  const auto listed = parse_list(encode(apps));
  ASSERT_TRUE(listed) << listed.error().message();
  EXPECT_EQ(std::get<AppList>(*listed), apps);
  EXPECT_TRUE(std::get<AppList>(*parse_list(encode(AppList{}))).empty());

  for (const AppState state : {AppState::stopped, AppState::killing}) {
    const auto acted = parse_acted(encode(Acted{state}));
    ASSERT_TRUE(acted);
    EXPECT_EQ(std::get<Acted>(*acted).state, state);
  }
  const LogPage page{.oldest = 3,
                     .newest = UINT64_MAX,
                     .lines = {{3, 0, ""}, {UINT64_MAX, UINT64_MAX, std::string(400, 'x')}}};
  const auto logs = parse_logs(encode(page));
  ASSERT_TRUE(logs) << logs.error().message();
  EXPECT_EQ(std::get<LogPage>(*logs).lines, page.lines);
  EXPECT_EQ(std::get<LogPage>(*logs).oldest, 3U);
  EXPECT_EQ(std::get<LogPage>(*logs).newest, UINT64_MAX);
  EXPECT_TRUE(parse_logs(encode(LogPage{})));
  const auto none_yet = parse_logs(encode(LogPage{.oldest = 1, .newest = 0, .lines = {}}));
  ASSERT_TRUE(none_yet);
  EXPECT_EQ(std::get<LogPage>(*none_yet).oldest, 0U);
}

TEST(AppsResponse, WhatExceedsALimitIsLeftOut) {
  const auto listed = parse_list(encode(AppList(kAppsMax + 1, app())));
  ASSERT_TRUE(listed);
  EXPECT_EQ(std::get<AppList>(*listed).size(), kAppsMax);

  AppStatus wordy = app();
  wordy.last_event = std::string(kEventBytesMax - 1, 'e') + "\xc3\xa9";
  const auto cut = parse_list(encode(AppList{wordy}));
  EXPECT_EQ(std::get<AppList>(*cut)[0].last_event, std::string(kEventBytesMax - 1, 'e'));

  // A page is filled to its last byte, and not beyond.
  const std::size_t whole = kPageBytesMax / (kLineBytesMax + kLineCostBytes);
  const std::size_t rest = kPageBytesMax - whole * (kLineBytesMax + kLineCostBytes);
  for (const std::size_t last : {rest - kLineCostBytes, rest - kLineCostBytes + 1}) {
    LogPage page{.oldest = 1, .newest = 1000, .lines = {}};
    for (std::size_t i = 0; i < whole; ++i)
      page.lines.push_back({i + 1, i, std::string(kLineBytesMax + 5, 'x')});
    page.lines.push_back({500, 0, std::string(last, 'y')});
    page.lines.push_back({501, 0, ""});
    const auto logs = parse_logs(encode(page));
    ASSERT_TRUE(logs) << logs.error().message();
    EXPECT_EQ(std::get<LogPage>(*logs).lines.size(),
              last == rest - kLineCostBytes ? whole + 1 : whole);
  }
  LogPage empty_lines{.oldest = 1, .newest = 2000, .lines = {}};
  for (std::uint64_t i = 1; i <= 2000; ++i) empty_lines.lines.push_back({i, i, ""});
  const auto most = parse_logs(encode(empty_lines));
  ASSERT_TRUE(most) << most.error().message();
  EXPECT_EQ(std::get<LogPage>(*most).lines.size(), 1489U) << "as api/apps.cddl says";
}

TEST(AppsResponse, RefusalsKeepCodeReasonAndNextStep) {
  const auto refused = parse_acted(encode_refusal(Error(kUnknownApp, "b\x1b[2Jlink")));
  ASSERT_TRUE(refused);
  const auto& refusal = std::get<Refusal>(*refused);
  EXPECT_EQ(refusal.code, "PV-AIP-003");
  EXPECT_EQ(refusal.reason, "the device has no app of this name (b?[2Jlink)");
  EXPECT_EQ(refusal.next_step, "See the names: pavise app list DEVICE.");
  const auto longest = parse_logs(encode_refusal(Error(kUnknownApp, std::string(2000, 'x'))));
  ASSERT_TRUE(longest);
  EXPECT_EQ(std::get<Refusal>(*longest).reason.size(), kReasonBytesMax);
}

TEST(AppsResponse, EveryTruncationAndATrailingByteAreRefused) {
  const auto refused = [](Bytes message, auto parse) {
    EXPECT_TRUE(parse(message));
    for (std::size_t n = 0; n < message.size(); ++n)
      EXPECT_FALSE(parse(ByteView(message).first(n)));
    message.push_back(std::byte{0});
    EXPECT_FALSE(parse(message));
  };
  refused(encode(AppList{app()}), &parse_list);
  refused(encode(Acted{AppState::ending}), &parse_acted);
  refused(encode(LogPage{1, 2, {{1, 5, "a"}, {2, 6, "b"}}}), &parse_logs);
  refused(encode_refusal(kBadRequest), &parse_list);
  EXPECT_FALSE(parse_acted(Bytes(kMessageBytesMax + 1)));
}

TEST(AppsResponse, AnAnswerToAnotherQuestionIsRefused) {
  EXPECT_FALSE(parse_list(encode(Acted{})));
  EXPECT_FALSE(parse_list(encode(LogPage{})));
  EXPECT_FALSE(parse_acted(encode(AppList{})));
  EXPECT_FALSE(parse_acted(encode(LogPage{})));
  EXPECT_FALSE(parse_logs(encode(AppList{})));
  EXPECT_FALSE(parse_logs(encode(Acted{})));
  EXPECT_FALSE(parse_acted(encode(List{})));
}

TEST(AppsResponse, BentFieldsOfAnAppAreRefused) {
  EXPECT_TRUE(parse_list(list_with({})));
  const Bent rows[] = {
      {1, std::string("Not A Name")},
      {1, kLongestName + "a"},
      {2, Bytes(16)},  // nil
      {2, Bytes(17, std::byte{1})},
      {3, std::string()},
      {3, std::string(kVersionBytesMax + 1, '1')},
      {3, std::string("1\x1b[2J")},
      {4, std::uint64_t{6}},
      {5, std::string("1")},
      {9, std::string(kEventBytesMax + 1, 'x')},
      {9, std::string("two\nlines")},
      {9, std::string("\xc2\x9b")},
      {10, Bytes(31)},
      {11, std::uint64_t{2}},
      {12, Bytes(33)},
  };
  for (const Bent& bent : rows) EXPECT_FALSE(parse_list(list_with(bent))) << bent.key;
  const Bytes many = cbor::Writer().map(2).uint(1).boolean(true).uint(2).array(kAppsMax + 1).take();
  EXPECT_TRUE(parse_list(many).error().is(cbor::kOutOfRange));
}

TEST(AppsResponse, BentPagesAreRefused) {
  EXPECT_TRUE(parse_logs(logs_of(1, 2, {{1, 0, "a"}, {2, 0, "b"}})));
  EXPECT_FALSE(parse_logs(logs_of(1, 2, {{2, 0, "a"}, {1, 0, "b"}}))) << "not ascending";
  EXPECT_FALSE(parse_logs(logs_of(1, 2, {{2, 0, "a"}, {2, 0, "b"}}))) << "twice";
  EXPECT_FALSE(parse_logs(logs_of(1, UINT64_MAX, {{UINT64_MAX, 0, "a"}, {UINT64_MAX, 0, "b"}})));
  EXPECT_FALSE(parse_logs(logs_of(1, 1, {{2, 0, "a"}}))) << "newer than the newest";
  EXPECT_FALSE(parse_logs(logs_of(2, 3, {{1, 0, "a"}}))) << "older than the oldest";
  EXPECT_FALSE(parse_logs(logs_of(0, 1, {{0, 0, "a"}}))) << "0 is no number";
  EXPECT_FALSE(parse_logs(logs_of(3, 2, {})));
  EXPECT_FALSE(parse_logs(logs_of(0, 2, {})));
  EXPECT_FALSE(parse_logs(logs_of(1, 1, {{1, 0, std::string(kLineBytesMax + 1, 'x')}})));
  EXPECT_FALSE(parse_logs(logs_of(1, 1, {{1, 0, "\x1b]0;title\x07"}})));
  std::vector<LogLine> many;
  for (std::uint64_t i = 1; i <= 100; ++i) many.push_back({i, 0, std::string(300, 'x')});
  EXPECT_TRUE(parse_logs(logs_of(1, 100, many)));
  many[0].text.append(kLineBytesMax - 300, 'x');
  many[1].text.append(kLineBytesMax - 300, 'x');
  for (LogLine& line : many) line.text.resize(std::min(line.text.size() + 6, kLineBytesMax), 'x');
  EXPECT_FALSE(parse_logs(logs_of(1, 100, many))) << "more than a page";
}

TEST(AppsText, WhatIsShownMovesNoCursor) {
  const struct {
    std::string_view raw;
    std::string_view shown;
  } rows[] = {
      {"plain", "plain"},
      {"", ""},
      {"a\tb\r\n", "a b??"},
      {"\x1b[2J\x07\x7f", "?[2J??"},
      {"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\x9f",
       "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\x9f"},
      {"\xc2\x9b"
       "1m",
       "?1m"},                            // C1
      {"\xc2", "?"},                      // cut
      {"\xe2\x82", "??"},                 // cut
      {"\xc0\x80\xe0\x80\x80", "?????"},  // overlong
      {"\xed\xa0\x80", "???"},            // surrogate
      {"\xf4\x90\x80\x80\xff", "?????"},  // beyond Unicode
      {std::string_view("a\0b", 3), "a?b"},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(presentable(row.raw, 100), row.shown);
    EXPECT_EQ(is_presentable(row.raw), row.raw == row.shown) << row.shown;
    EXPECT_TRUE(is_presentable(row.shown));
  }
  EXPECT_EQ(presentable("\xe2\x82\xac\xe2\x82\xac", 5), "\xe2\x82\xac") << "cut between characters";
  EXPECT_EQ(presentable("abc", 0), "");
}

TEST(AppsText, StatesHaveNames) {
  EXPECT_EQ(to_string(AppState::stopped), "stopped");
  EXPECT_EQ(to_string(AppState::waiting), "waiting");
  EXPECT_EQ(to_string(AppState::starting), "starting");
  EXPECT_EQ(to_string(AppState::running), "running");
  EXPECT_EQ(to_string(AppState::ending), "ending");
  EXPECT_EQ(to_string(AppState::killing), "killing");
}

TEST(AppsDebug, LimitsAtNAndOneMore) {
  EXPECT_FALSE(parse_request(encode(GiveGrant{Bytes(kGrantBytesMax + 1)})));
  EXPECT_FALSE(parse_request(encode(GiveGrant{})));
  EXPECT_FALSE(parse_request(encode(Exchange{"a", 1, 0, Bytes(kDebugInBytesMax + 1), 0, false})));
  EXPECT_FALSE(parse_request(encode(Exchange{"a", 1, 1ULL << 63U, {}, 0, false})));
  EXPECT_FALSE(parse_request(encode(Exchange{"a", 1, 0, {}, 1ULL << 63U, false})));
  EXPECT_FALSE(parse_request(encode(Debug{"../x"})));
  const Bytes most = encode(Exchanged{.taken = INT64_MAX, .data = Bytes(kDebugOutBytesMax)});
  ASSERT_TRUE(parse_exchanged(most));
  EXPECT_LE(most.size(), kMessageBytesMax);
  cbor::Writer more;
  more.map(2).uint(1).boolean(true).uint(2).map(3).uint(1).uint(0).uint(2);
  more.bytes(Bytes(kDebugOutBytesMax + 1)).uint(3).boolean(false);
  EXPECT_FALSE(parse_exchanged(more.take()));
}

TEST(AppsDebug, ResultsComeBackWhole) {
  const auto taken =
      parse_grant_taken(encode(GrantTaken{.name = "blink", .until_s = 1'795'000'000}));
  ASSERT_TRUE(taken);
  EXPECT_EQ(std::get<GrantTaken>(*taken).name, "blink");
  EXPECT_EQ(std::get<GrantTaken>(*taken).until_s, 1'795'000'000U);
  EXPECT_FALSE(parse_grant_taken(encode(GrantTaken{.name = "no name", .until_s = 1})));
  const auto begun = parse_debug_begun(encode(DebugBegun{.session = 2, .until_s = 9}));
  ASSERT_TRUE(begun);
  EXPECT_EQ(std::get<DebugBegun>(*begun).session, 2U);
  const Exchanged sent{.taken = 7, .data = Bytes(3, std::byte{5}), .over = true};
  const Bytes message = encode(sent);
  const auto exchanged = parse_exchanged(message);
  ASSERT_TRUE(exchanged);
  EXPECT_EQ(std::get<Exchanged>(*exchanged).data, sent.data);
  EXPECT_TRUE(std::get<Exchanged>(*exchanged).over);
  for (std::size_t n = 0; n < message.size(); ++n)
    EXPECT_FALSE(parse_exchanged(ByteView(message).first(n)));
}

}  // namespace
}  // namespace pavise::apps_ipc
