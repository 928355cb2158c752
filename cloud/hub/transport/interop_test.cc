// An independent client: Debian's mosquitto_pub and mosquitto_sub.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "cloud/hub/transport/testing/hub_fixture.h"

namespace pavise::hub {
namespace {

class InteropTest : public testing::HubFixture {
 protected:
  InteropTest() {
    std::string name = (std::filesystem::temp_directory_path() / "pavise-hub-XXXXXX").string();
    PAVISE_CHECK(::mkdtemp(name.data()) != nullptr);
    folder_ = name;
  }
  ~InteropTest() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  std::string file(const std::string& name, const std::string& content) const {
    const std::string path = folder_ + "/" + name;
    std::ofstream(path) << content;
    return path;
  }
  struct Outcome {
    int status;
    std::string output;
  };
  static Outcome run(const std::string& command) {
    std::FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
    Outcome out{-1, {}};
    if (pipe == nullptr) return out;
    char line[256];
    while (std::fgets(line, sizeof line, pipe) != nullptr) out.output += line;
    const int status = ::pclose(pipe);
    out.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return out;
  }
  std::string mosquitto(const std::string& program, const Device& device) {
    return "timeout 20 " + program + " -V mqttv311 -h 127.0.0.1 -p " +
           std::to_string(hub_->port()) + " --cafile " +
           file("ca.pem", server_ca_.certificate_pem()) + " --cert " +
           file("client.pem", device.identity.certificate_pem) + " --key " +
           file("client.key", device.identity.key_pem) + " -i " + device.id.text() +
           " -u 'hub.test/" + device.id.text() + "/?api-version=2021-04-12'";
  }

 private:
  std::string folder_;
};

TEST_F(InteropTest, MosquittoPublishes) {
  if (run("mosquitto_pub --help").output.find("mosquitto_pub version") == std::string::npos)
    GTEST_SKIP() << "mosquitto_pub is not installed";
  start();
  const Device device = make_device('a');
  const std::string topic = " -t '" + device.events + "a=1&%24.mid=7'";
  for (const std::string qos : {"0", "1"}) {
    const auto sent = run(mosquitto("mosquitto_pub", device) + topic + " -q " + qos +
                          " -m 'from mosquitto " + qos + "'");
    EXPECT_EQ(sent.status, 0) << sent.output;
  }
  ASSERT_TRUE(log_->wait(1, 5'000));
  const auto stored = records();
  EXPECT_EQ(as_text(stored[0].payload), "from mosquitto 0");
  EXPECT_EQ(as_text(stored[1].payload), "from mosquitto 1");
  EXPECT_EQ(stored[1].properties, "a=1&%24.mid=7");
}

TEST_F(InteropTest, MosquittoHearsADesiredChange) {
  if (run("mosquitto_sub --help").output.find("mosquitto_sub") == std::string::npos)
    GTEST_SKIP() << "mosquitto_sub is not installed";
  start();
  const Device device = make_device('a');
  const std::string command =
      mosquitto("mosquitto_sub", device) + " -C 1 -t '$iothub/twin/PATCH/properties/desired/#'";
  std::FILE* pipe = ::popen(command.c_str(), "r");
  ASSERT_NE(pipe, nullptr);
  // It subscribes some time after it has connected: change until it has heard one.
  std::jthread changes([this, &device](const std::stop_token& stop) {
    while (!stop.stop_requested())
      if (hub_->connection(device.in_hub)) (void)merge_desired(device, R"({"n":1})");
  });
  char line[256] = {};
  EXPECT_NE(std::fgets(line, sizeof line, pipe), nullptr);
  changes.request_stop();
  ::pclose(pipe);
  EXPECT_TRUE(std::string_view(line).starts_with("{\"n\":1,\"$version\":")) << line;
}

}  // namespace
}  // namespace pavise::hub
