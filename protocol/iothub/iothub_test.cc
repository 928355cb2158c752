#include <gtest/gtest.h>

#include "common/base/bytes.h"
#include "protocol/iothub/percent.h"
#include "protocol/iothub/property_bag.h"
#include "protocol/iothub/topics.h"
#include "protocol/iothub/username.h"

namespace pavise::iothub {
namespace {

TEST(Percent, EncodesReservedAndDecodesBothCases) {
  EXPECT_EQ(percent_encode("$.to=/a b~"), "%24.to%3D%2Fa%20b~");
  EXPECT_EQ(*percent_decode("%24.to%3D%2fa+b"), "$.to=/a+b");
  for (const std::string_view bad : {"%", "%2", "%zz", "a%2", "%2z"})
    EXPECT_FALSE(percent_decode(bad)) << bad;
}

struct UserRow {
  std::string_view text;
  std::string_view host;
  std::string_view client_id;
  std::string_view api_version;
  std::string_view client_type;
};

TEST(Username, FormsOfTheOfficialClients) {
  const UserRow rows[] = {
      // node, with its order of keys
      {"h.net/dev/?api-version=2021-04-12&DeviceClientType=azure-iot-device%2F1.18.4%20(node)",
       "h.net", "dev", "2021-04-12", "azure-iot-device/1.18.4 (node)"},
      {"h.net/dev/?api-version=2021-04-12&model-id=dtmi%3Aa%3Bb%3B1&DeviceClientType=x", "h.net",
       "dev", "2021-04-12", "x"},
      // c, cs, java
      {"h.net/dev/?api-version=2020-09-30&DeviceClientType=iothubclient%2f1.10.0", "h.net", "dev",
       "2020-09-30", "iothubclient/1.10.0"},
      // module
      {"h.net/dev/mod/?api-version=2020-09-30", "h.net", "dev/mod", "2020-09-30", ""},
      // without '?'
      {"h.net/dev/api-version=2018-06-30&DeviceClientType=y", "h.net", "dev", "2018-06-30", "y"},
      {"h.net/dev/mod/api-version=2018-06-30", "h.net", "dev/mod", "2018-06-30", ""},
      // 2017, six segments
      {"h.net/dev/api-version=2017-06-30/DeviceClientType=Microsoft.Azure.Devices.Client/"
       "1.5.1-preview-003",
       "h.net", "dev", "2017-06-30", "Microsoft.Azure.Devices.Client/1.5.1-preview-003"},
      // '?' is a legal character of an id
      {"h.net/de?v/?api-version=1", "h.net", "de?v", "1", ""},
      // first occurrence wins, unknown keys are ignored
      {"h.net/dev/?x=y&api-version=1&api-version=2&auth-chain=a%3Bb", "h.net", "dev", "1", ""},
  };
  for (const auto& row : rows) {
    const auto name = Username::parse(row.text);
    ASSERT_TRUE(name) << row.text << " " << name.error().message();
    EXPECT_EQ(name->host(), row.host) << row.text;
    EXPECT_EQ(name->client_id(), row.client_id) << row.text;
    EXPECT_EQ(name->api_version(), row.api_version) << row.text;
    EXPECT_EQ(name->client_type(), row.client_type) << row.text;
  }
  EXPECT_EQ(*Username::parse(rows[1].text)->model_id(), "dtmi:a;b;1");
}

TEST(Username, Refusals) {
  const std::pair<std::string_view, const ErrorInfo*> rows[] = {
      {"", &kNoApiVersion},
      {"h/dev", &kNoApiVersion},
      {"h/dev/", &kNoApiVersion},
      {"h/dev/?", &kNoApiVersion},
      {"h/dev/?api-version=", &kNoApiVersion},
      {"h/dev/?DeviceClientType=a", &kNoApiVersion},
      {"h/?api-version=1", &kBadUsername},
      {"/dev/?api-version=1", &kBadUsername},
      {"h//?api-version=1", &kBadUsername},
      {"h/d//?api-version=1", &kBadUsername},
      {"h/d/m/x/?api-version=1", &kBadUsername},
      {"api-version=1", &kBadUsername},
      {"h/d/?api-version=%4", &kBadEscape},
  };
  for (const auto& [text, error] : rows) {
    const auto name = Username::parse(text);
    ASSERT_FALSE(name) << text;
    EXPECT_EQ(name.error().code(), error->code) << text;
  }
}

TEST(Username, Limits) {
  const auto with_id = [](std::size_t size) {
    return "h/" + std::string(size, 'd') + "/?api-version=1";
  };
  EXPECT_TRUE(Username::parse(with_id(kIdSizeMax)));
  EXPECT_FALSE(Username::parse(with_id(kIdSizeMax + 1)));
  std::string text = "h/d/?api-version=1&x=";
  text.resize(kUsernameSizeMax, 'x');
  EXPECT_TRUE(Username::parse(text));
  EXPECT_FALSE(Username::parse(text + "x"));
}

TEST(Username, WhatWeMakeWeRead) {
  const std::string text = make_username("hub.example", "dev", "2021-04-12", "pavise-agent/0.1");
  EXPECT_EQ(text, "hub.example/dev/?api-version=2021-04-12&DeviceClientType=pavise-agent%2F0.1");
  EXPECT_EQ(Username::parse(text)->client_type(), "pavise-agent/0.1");
}

TEST(PropertyBag, FormsOfTheOfficialClients) {
  const auto bag = PropertyBag::parse("%24.mid=1&$.cid=a%20b&temperatureAlert=true&flag&empty=");
  ASSERT_TRUE(bag);
  ASSERT_EQ(bag->all().size(), 5U);
  EXPECT_EQ(bag->find("$.mid")->value, "1") << "c encodes the dollar";
  EXPECT_EQ(bag->find("$.cid")->value, "a b") << "node does not";
  EXPECT_EQ(bag->find("temperatureAlert")->value, "true");
  EXPECT_FALSE(bag->find("flag")->has_value);
  EXPECT_TRUE(bag->find("empty")->has_value);
  EXPECT_EQ(bag->find("other"), nullptr);
  EXPECT_EQ(bag->encode(), "%24.mid=1&%24.cid=a%20b&temperatureAlert=true&flag&empty=");
}

TEST(PropertyBag, LooseEnds) {
  EXPECT_TRUE(PropertyBag::parse("")->all().empty());
  EXPECT_EQ(PropertyBag::parse("$.on=out/")->find("$.on")->value, "out") << "node's outputs";
  EXPECT_EQ(PropertyBag::parse("?a=1")->find("a")->value, "1") << "java";
  EXPECT_EQ(PropertyBag::parse("a=b=c")->find("a")->value, "b=c");
}

TEST(PropertyBag, Refusals) {
  EXPECT_TRUE(PropertyBag::parse("=1").error().is(kBadPropertyKey));
  EXPECT_TRUE(PropertyBag::parse("a=1&&b=2").error().is(kBadPropertyKey));
  EXPECT_TRUE(PropertyBag::parse("a=%").error().is(kBadEscape));
  EXPECT_TRUE(PropertyBag::parse("%g1=1").error().is(kBadEscape));
}

TEST(PropertyBag, Limits) {
  std::string many;
  for (std::size_t i = 0; i < kPropertiesMax; ++i) many += i == 0 ? "a=1" : "&a=1";
  EXPECT_TRUE(PropertyBag::parse(many));
  EXPECT_TRUE(PropertyBag::parse(many + "&a=1").error().is(kTooManyProperties));
  std::string big = "a=";
  big.resize(kPropertyBagSizeMax, 'x');
  EXPECT_TRUE(PropertyBag::parse(big));
  EXPECT_TRUE(PropertyBag::parse(big + "x").error().is(kPropertiesTooLarge));
}

TEST(Topics, Telemetry) {
  const std::tuple<std::string_view, std::string_view, std::string_view> rows[] = {
      {"devices/d1/messages/events/", "d1", ""},
      {"devices/d1/messages/events", "d1", ""},
      {"devices/d1/messages/events/a=1&%24.mid=2", "d1", "a=1&%24.mid=2"},
  };
  for (const auto& [text, device, bag] : rows) {
    const auto topic = parse_device_topic(text);
    ASSERT_TRUE(topic) << text;
    const auto& telemetry = std::get<TelemetryTopic>(*topic);
    EXPECT_EQ(telemetry.device, device);
    EXPECT_FALSE(telemetry.module_id);
    EXPECT_EQ(telemetry.property_bag, bag);
  }
  const auto module_topic = parse_device_topic("devices/d1/modules/m1/messages/events/$.on=x/");
  ASSERT_TRUE(module_topic);
  EXPECT_EQ(std::get<TelemetryTopic>(*module_topic).module_id, "m1");
  EXPECT_EQ(telemetry_topic("d1", "a=1"), "devices/d1/messages/events/a=1");
}

TEST(Topics, TwinRequests) {
  const auto get = parse_device_topic("$iothub/twin/GET/?$rid=0bf5-1");
  ASSERT_TRUE(get);
  EXPECT_EQ(std::get<TwinGetTopic>(*get).request_id, "0bf5-1");
  const auto patch = parse_device_topic("$iothub/twin/PATCH/properties/reported/?$rid=%2F1");
  ASSERT_TRUE(patch);
  EXPECT_EQ(std::get<ReportedPatchTopic>(*patch).request_id, "%2F1") << "opaque";
  EXPECT_FALSE(std::get<ReportedPatchTopic>(*patch).if_version);
  const std::string based = reported_patch_topic("r", 17);
  EXPECT_EQ(based, "$iothub/twin/PATCH/properties/reported/?$rid=r&$version=17");
  EXPECT_EQ(std::get<ReportedPatchTopic>(*parse_device_topic(based)).if_version, 17U);
  EXPECT_EQ(twin_get_topic("r"), "$iothub/twin/GET/?$rid=r");
  const auto method = parse_device_topic("$iothub/methods/res/200/?$rid=7");
  ASSERT_TRUE(method);
  EXPECT_EQ(std::get<MethodResponseTopic>(*method).status, 200);
}

TEST(Topics, DeviceTopicRefusals) {
  const std::pair<std::string_view, const ErrorInfo*> rows[] = {
      {"", &kUnknownTopic},
      {"a", &kUnknownTopic},
      {"devices/", &kUnknownTopic},
      {"devices//messages/events/", &kUnknownTopic},
      {"devices/d1", &kUnknownTopic},
      {"devices/d1/messages/eventsx", &kUnknownTopic},
      {"devices/d1/messages/devicebound/", &kUnknownTopic},
      {"devices/d1/modules//messages/events/", &kUnknownTopic},
      {"$iothub/twin/POST/?$rid=1", &kUnknownTopic},
      {"$iothub/twin/GET/", &kBadRequestId},
      {"$iothub/twin/GET/?rid=1", &kBadRequestId},
      {"$iothub/twin/GET/?$rid=", &kBadRequestId},
      {"$iothub/twin/GET/?$rid=a#", &kBadRequestId},
      {"$iothub/twin/PATCH/properties/reported/?$version=1", &kBadRequestId},
      {"$iothub/twin/PATCH/properties/reported/?$rid=1&$version=x", &kBadVersion},
      {"$iothub/twin/PATCH/properties/reported/?$rid=1&$version=-1", &kBadVersion},
      {"$iothub/twin/PATCH/properties/reported/?$rid=1&$version=99999999999999999999",
       &kBadVersion},
      {"$iothub/twin/PATCH/properties/desired/?$rid=1", &kUnknownTopic},
      {"$iothub/methods/res/x/?$rid=1", &kUnknownTopic},
      {"$iothub/methods/res/200", &kUnknownTopic},
  };
  for (const auto& [text, error] : rows) {
    const auto topic = parse_device_topic(text);
    ASSERT_FALSE(topic) << text;
    EXPECT_EQ(topic.error().code(), error->code) << text;
  }
}

TEST(Topics, RequestIdLimit) {
  EXPECT_TRUE(parse_device_topic(twin_get_topic(std::string(kRequestIdSizeMax, 'r'))));
  EXPECT_FALSE(parse_device_topic(twin_get_topic(std::string(kRequestIdSizeMax + 1, 'r'))));
}

TEST(Topics, HubToDevice) {
  EXPECT_EQ(twin_response_topic(200, "r1"), "$iothub/twin/res/200/?$rid=r1");
  const std::string patched = twin_response_topic(204, "r1", 4);
  EXPECT_EQ(patched, "$iothub/twin/res/204/?$rid=r1&$version=4");
  const auto response = parse_hub_topic(patched);
  ASSERT_TRUE(response);
  EXPECT_EQ(std::get<TwinResponseTopic>(*response).status, 204);
  EXPECT_EQ(std::get<TwinResponseTopic>(*response).request_id, "r1");
  EXPECT_EQ(std::get<TwinResponseTopic>(*response).version, 4U);
  EXPECT_EQ(desired_patch_topic(9), "$iothub/twin/PATCH/properties/desired/?$version=9");
  EXPECT_EQ(std::get<DesiredPatchTopic>(*parse_hub_topic(desired_patch_topic(9))).version, 9U);
  for (const std::string_view bad :
       {"$iothub/twin/res/200", "$iothub/twin/res/abc/?$rid=1", "$iothub/twin/res/200/?x=1",
        "$iothub/twin/PATCH/properties/desired/", "devices/d/messages/devicebound/"})
    EXPECT_FALSE(parse_hub_topic(bad)) << bad;
}

TEST(Topics, OnlyDocumentedFiltersOfTheOwnDevice) {
  EXPECT_EQ(parse_subscription("devices/d/messages/devicebound/#", "d"), Subscription::messages);
  EXPECT_EQ(parse_subscription("$iothub/methods/POST/#", "d"), Subscription::methods);
  EXPECT_EQ(parse_subscription("$iothub/twin/res/#", "d"), Subscription::twin_responses);
  EXPECT_EQ(parse_subscription("$iothub/twin/PATCH/properties/desired/#", "d"),
            Subscription::desired_patches);
  for (const std::string_view bad :
       {"#", "+/#", "$iothub/#", "$iothub/twin/#", "devices/e/messages/devicebound/#",
        "devices/+/messages/devicebound/#", "devices/d/messages/#", "$SYS/#"})
    EXPECT_FALSE(parse_subscription(bad, "d")) << bad;
}

TEST(Topics, Methods) {
  EXPECT_EQ(method_topic("reboot", "1"), "$iothub/methods/POST/reboot/?$rid=1");
  EXPECT_EQ(method_topic("thermostat1*getMaxMinReport", "a"),
            "$iothub/methods/POST/thermostat1*getMaxMinReport/?$rid=a")
      << "clients split components at '*' without decoding";
  EXPECT_EQ(method_topic("a/b c#+?%\xc3\xa4", "1"),
            "$iothub/methods/POST/a%2Fb%20c%23%2B%3F%25%C3%A4/?$rid=1");
  const std::string topic = method_topic("a/b", "7");
  const auto parsed = parse_method_topic(topic);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->name, "a/b");
  EXPECT_EQ(parsed->request_id, "7");
  EXPECT_EQ(method_response_topic(200, "7"), "$iothub/methods/res/200/?$rid=7");
  for (const std::string_view bad :
       {"$iothub/methods/POST/", "$iothub/methods/POST/a", "$iothub/methods/POST//?$rid=1",
        "$iothub/methods/POST/a/",
        "$iothub/methods/POST/a/?$rid=", "$iothub/methods/POST/%0A/?$rid=1",
        "$iothub/methods/POST/%4/?$rid=1", "$iothub/methods/GET/a/?$rid=1"})
    EXPECT_FALSE(parse_method_topic(bad)) << bad;
  EXPECT_TRUE(is_valid_method_name(std::string(kMethodNameSizeMax, 'm')));
  EXPECT_FALSE(is_valid_method_name(std::string(kMethodNameSizeMax + 1, 'm')));
  EXPECT_FALSE(is_valid_method_name(""));
  EXPECT_FALSE(is_valid_method_name("a\n"));
}

TEST(Topics, MethodResponseLimits) {
  const auto status_of = [](std::string_view topic) {
    const auto parsed = parse_device_topic(topic);
    return parsed ? std::get<MethodResponseTopic>(*parsed).status : -1;
  };
  EXPECT_EQ(status_of("$iothub/methods/res/0/?$rid=1"), 0) << "the status is the method's own";
  EXPECT_EQ(status_of("$iothub/methods/res/2147483647/?$rid=1"), 2147483647);
  EXPECT_EQ(status_of("$iothub/methods/res/2147483648/?$rid=1"), -1);
  EXPECT_EQ(status_of("$iothub/methods/res/-1/?$rid=1"), -1);
  EXPECT_EQ(status_of("$iothub/methods/res/200/?$rid=1&extra=2"), 200) << "node adds properties";
  EXPECT_EQ(status_of("$iothub/methods/res/200?$rid=1"), -1);
}

// node takes the properties from the fifth segment, c knows a system property by a literal "%24.".
TEST(Topics, MessagesToDevicesAndModules) {
  PropertyBag bag;
  bag.add("$.mid", "m 1");
  bag.add("$.to", "/devices/d/messages/devicebound");
  bag.add("iothub-ack", "full");
  EXPECT_EQ(message_topic(identity_root("d"), bag.encode()),
            "devices/d/messages/devicebound/%24.mid=m%201"
            "&%24.to=%2Fdevices%2Fd%2Fmessages%2Fdevicebound&iothub-ack=full");
  EXPECT_EQ(identity_root("a+b#", "+"), "devices/a%2Bb%23/modules/%2B/") << "no wildcards";
  EXPECT_EQ(message_topic(identity_root("d", "m"), ""),
            "devices/d/modules/m/messages/devicebound/");
  EXPECT_EQ(input_topic(identity_root("d", "m"), "in 1", "a=b"),
            "devices/d/modules/m/inputs/in%201/a=b");
  const std::string output = module_telemetry_topic("d", "m", "%24.on=out");
  EXPECT_EQ(output, "devices/d/modules/m/messages/events/%24.on=out");
  EXPECT_EQ(std::get<TelemetryTopic>(*parse_device_topic(output)).module_id, "m");
}

TEST(Topics, AnswersWithAnError) {
  EXPECT_EQ(twin_response_topic(429, "r%2F1"), "$iothub/twin/res/429/?$rid=r%2F1");
}

TEST(Topics, IdsInTopicsMayBeEncoded) {
  EXPECT_TRUE(names_id("dev", "dev"));
  EXPECT_TRUE(names_id("a%23b", "a#b")) << "py";
  EXPECT_TRUE(names_id("a%23b", "a%23b")) << "as it is";
  EXPECT_FALSE(names_id("a%2523b", "a#b"));
  EXPECT_FALSE(names_id("a%2", "a"));
  EXPECT_FALSE(names_id("Dev", "dev"));
}

TEST(Topics, SubscriptionsOfDevicesAndModules) {
  constexpr Subscriptions kMessagesBit = 1, kMethodsBit = 2, kTwinBit = 4, kDesiredBit = 8;
  constexpr Subscriptions kInputsBit = 16;
  const struct {
    std::string_view filter;
    std::string_view device;
    std::string_view module_id;
    Subscriptions kinds;  // 0: refused
    std::string_view root;
  } rows[] = {
      {"$iothub/twin/res/#", "d", "", kTwinBit, ""},
      {"$iothub/twin/PATCH/properties/desired/#", "d", "m", kDesiredBit, ""},
      {"$iothub/methods/POST/#", "d", "m", kMethodsBit, ""},
      {"devices/d/messages/devicebound/#", "d", "", kMessagesBit, "devices/d/"},
      {"devices/a%23b/messages/devicebound/#", "a#b", "", kMessagesBit, "devices/a%23b/"},
      {"devices/d/modules/m/messages/devicebound/#", "d", "m", kMessagesBit,
       "devices/d/modules/m/"},
      {"devices/d/modules/m/inputs/#", "d", "m", kInputsBit, "devices/d/modules/m/"},
      {"devices/d/modules/m/#", "d", "m", kInputsBit | kMessagesBit, "devices/d/modules/m/"},
      {"devices/d/modules/inputs/#", "d", "inputs", kInputsBit | kMessagesBit,
       "devices/d/modules/inputs/"},
      {"devices/d/modules/m/messages/devicebound/#", "d", "", 0, ""},
      {"devices/d/messages/devicebound/#", "d", "m", 0, ""},
      {"devices/d/modules/m/#", "d", "", 0, ""},
      {"devices/d/modules/n/#", "d", "m", 0, ""},
      {"devices/d/modules/+/#", "d", "m", 0, ""},
      {"devices/d/modules/m/outputs/#", "d", "m", 0, ""},
      {"devices/d/modules/m/inputs/in1", "d", "m", 0, ""},
      {"devices/d/#", "d", "", 0, ""},
      {"devices/e/messages/devicebound/#", "d", "", 0, ""},
      {"devices/+/messages/devicebound/#", "d", "", 0, ""},
      {"devices//messages/devicebound/#", "d", "", 0, ""},
      {"devices/#", "d", "", 0, ""},
      {"#", "d", "m", 0, ""},
      {"", "d", "", 0, ""},
      {"$iothub/#", "d", "", 0, ""},
      {"$iothub/twin/res/200/#", "d", "", 0, ""},
  };
  for (const auto& row : rows) {
    const auto match = match_subscription(row.filter, row.device, row.module_id);
    EXPECT_EQ(match ? match->kinds : 0, row.kinds) << row.filter;
    if (match) EXPECT_EQ(match->root, row.root) << row.filter;
  }
  EXPECT_TRUE(has(kInputsBit | kMessagesBit, Subscription::inputs));
  EXPECT_EQ(inputs_filter("d", "m"), "devices/d/modules/m/inputs/#");
}

}  // namespace
}  // namespace pavise::iothub
