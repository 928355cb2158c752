#include "protocol/iothub/hub_error.h"

#include <gtest/gtest.h>

#include <set>

#include "protocol/iothub/errors.h"

namespace pavise::iothub {
namespace {

constexpr UnixMillis kNow = 1'700'000'000'123;

TEST(HubError, TheCatalogueIsWhole) {
  std::set<std::string_view> names;
  for (const HubErrorInfo& info : hub_errors()) {
    EXPECT_TRUE(names.insert(info.name).second) << info.name;
    EXPECT_EQ(hub_error_from_number(number_of(info.code)), info.code);
    EXPECT_EQ(hub_error_from_name(info.name), info.code);
    EXPECT_EQ(&hub_error(info.code), &info);
    EXPECT_GE(http_status(info.code), 400);
    EXPECT_LE(http_status(info.code), 504);
    EXPECT_TRUE(info.amqp_condition.starts_with("amqp:") ||
                info.amqp_condition.starts_with("com.microsoft:"))
        << info.name;
  }
  EXPECT_FALSE(hub_error_from_number(404999));
  EXPECT_FALSE(hub_error_from_number(0));
  EXPECT_FALSE(hub_error_from_name("Devicenotfound"));
}

TEST(HubError, RowsThatClientsTellApart) {
  const struct {
    std::int32_t number;
    std::string_view name;
    int status;
    std::string_view condition;
  } rows[] = {
      {400004, "ArgumentInvalid", 400, "com.microsoft:argument-error"},
      {400027, "ConnectionForcefullyClosedOnNewConnection", 400, "amqp:link:detach-forced"},
      {401001, "IotHubNotFound", 401, "com.microsoft:iot-hub-not-found-error"},
      {401003, "IotHubUnauthorized", 401, "amqp:unauthorized-access"},
      {403002, "IotHubQuotaExceeded", 403, "com.microsoft:quota-exceeded"},
      {403004, "DeviceMaximumQueueDepthExceeded", 403, "amqp:resource-limit-exceeded"},
      {404001, "DeviceNotFound", 404, "amqp:not-found"},
      {404103, "DeviceNotOnline", 404, "amqp:not-found"},
      {409001, "DeviceAlreadyExists", 409, "com.microsoft:device-already-exists"},
      {412001, "PreconditionFailed", 412, "com.microsoft:precondition-failed"},
      {412002, "DeviceMessageLockLost", 412, "com.microsoft:message-lock-lost"},
      {413001, "MessageTooLarge", 413, "amqp:link:message-size-exceeded"},
      {429001, "ThrottlingException", 429, "com.microsoft:device-container-throttled"},
      {500001, "ServerError", 500, "amqp:internal-error"},
      {503001, "ServiceUnavailable", 503, "com.microsoft:timeout"},
      {504101, "GatewayTimeout", 504, "com.microsoft:timeout"},
  };
  for (const auto& row : rows) {
    const auto code = hub_error_from_number(row.number);
    ASSERT_TRUE(code) << row.number;
    EXPECT_EQ(hub_error(*code).name, row.name);
    EXPECT_EQ(http_status(*code), row.status);
    EXPECT_EQ(hub_error(*code).amqp_condition, row.condition);
  }
}

// node: Message.split(';'); [0].split(':')[1] is the code, [1] the message.
TEST(HubError, HttpBodyAsNodeReadsIt) {
  const HubHttpError error =
      http_error(HubErrorCode::device_not_found, {"no device \"a;b\"\n", "3f2a", kNow});
  EXPECT_EQ(error.status, 404);
  EXPECT_EQ(error.body, R"({"Message":"ErrorCode:DeviceNotFound;no device \"a,b\"\u000a",)"
                        R"("ExceptionMessage":"Tracking ID:3f2a-TimeStamp:11/14/2023 22:13:20"})");
  const std::vector<std::pair<std::string, std::string>> headers = {
      {"Content-Type", "application/json; charset=utf-8"}, {"iothub-errorcode", "DeviceNotFound"}};
  EXPECT_EQ(error.headers, headers);
}

TEST(HubError, JsonBodyOfTwinsAndMethods) {
  EXPECT_EQ(json_error(HubErrorCode::argument_invalid, {R"(bad \ "json")", "t", kNow}),
            R"({"errorCode":400004,"trackingId":"t","message":"bad \\ \"json\"",)"
            R"("timestampUtc":"2023-11-14T22:13:20.123Z"})");
}

TEST(HubError, Times) {
  EXPECT_EQ(to_iso8601(0), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(to_iso8601(-1), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(to_iso8601(951'782'400'000), "2000-02-29T00:00:00.000Z");
  EXPECT_EQ(to_iso8601(253'402'300'799'999), "9999-12-31T23:59:59.999Z");
  EXPECT_EQ(to_iso8601(253'402'300'800'000), "9999-12-31T23:59:59.999Z");
}

constexpr ErrorInfo kOwn{"PV-TST-001", Retry::never, "", ""};
constexpr ErrorInfo kOther{"PV-TST-002", Retry::never, "", ""};
constexpr ErrorInfo kPassing{"PV-TST-003", Retry::later, "", ""};

TEST(HubError, OurRowsLookLikeTheirs) {
  const HubErrorRow rows[] = {{&kOwn, HubErrorCode::device_not_found}};
  EXPECT_EQ(to_hub_error(kOwn, rows), HubErrorCode::device_not_found);
  EXPECT_EQ(to_hub_error(kBadVersion, rows), HubErrorCode::argument_invalid);
  EXPECT_EQ(to_hub_error(kNoApiVersion), HubErrorCode::invalid_protocol_version);
  EXPECT_EQ(to_hub_error(kOther, rows), HubErrorCode::server_error);
  EXPECT_EQ(to_hub_error(kPassing, rows), HubErrorCode::service_unavailable);
}

}  // namespace
}  // namespace pavise::iothub
