#include "protocol/sas/connection_string.h"

#include <gtest/gtest.h>

namespace pavise::sas {
namespace {

constexpr std::string_view kKey = "SharedAccessKey=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

std::string with_key(std::string_view rest) {
  return std::string(rest).append(kKey);
}

TEST(ConnectionString, KindsThatTheToolsPrint) {
  const std::string rows[] = {
      with_key("HostName=h.example.net;DeviceId=dev=1;"),
      with_key("HostName=h.example.net;DeviceId=dev;ModuleId=$edgeAgent;"),
      with_key("HostName=h.example.net;SharedAccessKeyName=iothubowner;"),
      with_key("HostName=h.example.net;DeviceId=dev;") + ";GatewayHostName=edge-1",
      with_key("Endpoint=sb://h.example.net/;SharedAccessKeyName=service;") + ";EntityPath=hub",
      "HostName=h.example.net;DeviceId=dev;x509=true",
      std::string("HostName=h;DeviceId=dev;SharedAccessSignature=SharedAccessSignature sr=h&sig=") +
          "alNGuPsnrQKdfi2HGJbZWXXvDHSy3OllsL5RhIhVIFc%3d&se=1",
  };
  for (const std::string& text : rows) {
    const auto parsed = ConnectionString::parse(text);
    ASSERT_TRUE(parsed) << text << " " << parsed.error().message();
    const auto printed = parsed->print();
    ASSERT_TRUE(printed) << text;
    EXPECT_EQ(as_text(printed->view()), text);
  }
}

TEST(ConnectionString, Parts) {
  const auto device = ConnectionString::parse(with_key("DEVICEID=dev;hostname=h.example.net;"));
  ASSERT_TRUE(device) << device.error().message();
  EXPECT_EQ(device->host, "h.example.net");
  EXPECT_EQ(device->device_id, "dev");
  EXPECT_EQ(device->key.size(), 32U);
  EXPECT_FALSE(device->is_event_hub);
  const auto hub =
      ConnectionString::parse(with_key("Endpoint=sb://h;SharedAccessKeyName=p;EntityPath=e;"));
  ASSERT_TRUE(hub);
  EXPECT_TRUE(hub->is_event_hub);
  EXPECT_EQ(hub->entity_path, "e");
  EXPECT_TRUE(ConnectionString::parse("HostName=h;DeviceId=d;X509Cert=True")->x509) << "cs";
  EXPECT_TRUE(ConnectionString::parse(with_key("HostName=h;DeviceId=d;x509=false;")));
}

TEST(ConnectionString, Refusals) {
  const std::string rows[] = {
      "",
      ";",
      "HostName",
      "HostName=h",
      "HostName=h;DeviceId=d",
      with_key("DeviceId=d;"),
      with_key("HostName=;DeviceId=d;"),
      with_key("HostName=h/x;DeviceId=d;"),
      with_key("HostName=h:8883;DeviceId=d;"),
      with_key("HostName=h;"),
      with_key("HostName=h;DeviceId=a/b;"),
      with_key("HostName=h;DeviceId=d;DeviceId=d;"),
      with_key("HostName=h;DeviceId=d;deviceid=e;"),
      with_key("HostName=h;;DeviceId=d;"),
      with_key("HostName=h;DeviceId=d;Colour=red;"),
      with_key("HostName=h;DeviceId=d;SharedAccessKeyName=p;"),
      with_key("HostName=h;ModuleId=m;SharedAccessKeyName=p;"),
      with_key("HostName=h;DeviceId=d;x509=true;"),
      with_key("HostName=h;DeviceId=d;x509=maybe;"),
      with_key("HostName=h;Endpoint=sb://h/;SharedAccessKeyName=p;"),
      with_key("Endpoint=https://h/;SharedAccessKeyName=p;"),
      with_key("Endpoint=sb://;SharedAccessKeyName=p;"),
      with_key("Endpoint=sb://h/;DeviceId=d;"),
      with_key("HostName=h;DeviceId=d;EntityPath=e;"),
      with_key("HostName=h;DeviceId=d;GatewayHostName=a b;"),
      "HostName=h;SharedAccessKeyName=p;x509=true",
      "HostName=h;DeviceId=d;x509=true;X509Cert=true",
      "HostName=h;DeviceId=d;SharedAccessSignature=x",
      with_key("HostName=h;DeviceId=d;") + ";;",
  };
  for (const std::string& text : rows) {
    const auto parsed = ConnectionString::parse(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_TRUE(parsed.error().is(kBadConnectionString)) << text;
  }
  EXPECT_TRUE(
      ConnectionString::parse("HostName=h;DeviceId=d;SharedAccessKey=abc").error().is(kBadKey));
}

TEST(ConnectionString, ErrorsDoNotHoldTheSecret) {
  const auto parsed = ConnectionString::parse("HostName=h;DeviceId=d;SharedAccessKey=geheim");
  EXPECT_EQ(parsed.error().message().find("geheim"), std::string::npos);
}

TEST(ConnectionString, Limits) {
  std::string host(kHostNameSizeMax, 'h');
  EXPECT_TRUE(ConnectionString::parse(with_key("HostName=" + host + ";DeviceId=d;")));
  EXPECT_FALSE(ConnectionString::parse(with_key("HostName=" + host + "h;DeviceId=d;")));
  std::string text =
      "HostName=h;DeviceId=d;SharedAccessSignature=SharedAccessSignature sr=h&sig="
      "alNGuPsnrQKdfi2HGJbZWXXvDHSy3OllsL5RhIhVIFc%3d&se=1&skn=";
  text.resize(kConnectionStringSizeMax, 'p');
  EXPECT_TRUE(ConnectionString::parse(text));
  EXPECT_FALSE(ConnectionString::parse(text + "p"));
}

TEST(ConnectionString, AnIdWithASemicolonCannotBePrinted) {
  auto parsed = ConnectionString::parse(with_key("HostName=h;DeviceId=d;"));
  parsed->device_id = "a;b";
  EXPECT_FALSE(parsed->print());
}

}  // namespace
}  // namespace pavise::sas
