#include "cli/view/hub_top.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace pavise::cli::view {
namespace {

namespace json = boost::json;

json::value answer(int steady_ms, int messages, int methods) {
  json::object hub = {
      {"hub", "plant-1"},
      {"connections",
       {{"mqtt", 3}, {"amqp", 1}, {"https", 0}, {"mqtt-websocket", 0}, {"amqp-websocket", 0}}},
      {"connects", {{"mqtt", 3}, {"amqp", 1}}},
      {"messages_in", messages},
      {"bytes_in", messages * 1024},
      {"messages_out", 0},
      {"bytes_out", 0},
      {"operations", {{"method", {{"count", methods}}}, {"twin-get", {{"count", 1}}}}},
      {"slowest",
       {{{"operation", "method"},
         {"device", "thermo\x1b[2J"},
         {"name", "reboot"},
         {"milliseconds", 1234.5},
         {"code", "PV-HUB-028"},
         {"ended", "2026-11-25T20:00:00Z"}}}},
      {"errors", {{{"code", "PV-SAS-005"}, {"count", 7}, {"what", "the token has expired"}}}}};
  return {{"time", "2026-11-25T20:00:01.000Z"},
          {"steady_ms", steady_ms},
          {"hubs", json::array{std::move(hub)}}};
}

TEST(HubTop, RatesAreDifferencesByTheServersClock) {
  const json::value shown = with_rates(answer(1'000, 10, 2), answer(3'000, 30, 3));
  const json::value& rates = shown.at("hubs").at(0).at("rates");
  EXPECT_EQ(rates.at("messages_in"), 10.0);
  EXPECT_EQ(rates.at("bytes_in"), 10'240.0);
  EXPECT_EQ(rates.at("operations"), 0.5);
  EXPECT_EQ(rates.at("connects"), 0.0);
}

TEST(HubTop, AServerThatStartedAnewHasNoRate) {
  const json::value shown = with_rates(answer(9'000, 100, 2), answer(1'000, 1, 1));
  EXPECT_EQ(shown.at("hubs").at(0).at("rates").at("messages_in"), 0.0);
  EXPECT_EQ(with_rates(json::value(), json::value("x")), json::value("x"));
}

TEST(HubTop, ShowsConnectionsRatesSlowestAndErrorsInWords) {
  const std::string text = hub_top(with_rates(answer(1'000, 10, 2), answer(3'000, 30, 3)), false);
  EXPECT_THAT(text, ::testing::HasSubstr("plant-1  3     1     0"));
  EXPECT_THAT(text, ::testing::HasSubstr("10.0 KiB"));
  EXPECT_THAT(text, ::testing::HasSubstr("1234 ms"));
  EXPECT_THAT(text, ::testing::HasSubstr("PV-SAS-005  7      the token has expired"));
  EXPECT_EQ(text.find('\x1b'), std::string::npos) << "what devices named moves no cursor";
}

}  // namespace
}  // namespace pavise::cli::view
