#include "cli/app/explain.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace pavise::cli::app {
namespace {

manifest::Manifest read(const std::string& name) {
  std::ostringstream text;
  text << std::ifstream("protocol/manifest/testdata/good/" + name).rdbuf();
  auto out = manifest::Manifest::parse(as_bytes(text.str()));
  EXPECT_TRUE(out) << out.error().message();
  return *std::move(out);
}

std::string lines(const std::vector<Sentence>& sentences) {
  std::string out;
  for (const Sentence& sentence : sentences) out += sentence.member + " " + sentence.words + "\n";
  return out;
}

TEST(Explain, EveryGrantHasItsSentence) {
  EXPECT_EQ(lines(explain_capabilities(read("everything.json"))),
            R"(/capabilities/outgoing_tcp/0 connect by TCP to hub.example.com, port 8883
/capabilities/outgoing_tcp/1 connect by TCP to every host below example.com, every port
/capabilities/outgoing_tcp/2 connect by TCP to every address of 192.0.2.0/24, port 502
/capabilities/outgoing_tcp/3 connect by TCP to every address of 10.0.0.0/8, every port
/capabilities/outgoing_tcp/4 connect by TCP to the address 198.51.100.7, every port
/capabilities/outgoing_tcp/5 connect by TCP to the address [2001:db8::1], port 443
/capabilities/outgoing_tcp/6 connect by TCP to every address of [2001:db8::/32], every port
/capabilities/outgoing_tcp/7 connect by TCP to plc, every port
/capabilities/outgoing_tcp/8 connect by TCP to xn--bcher-kva.example, every port
/capabilities/outgoing_tcp/9 connect by TCP to 4chan.example, port 1
/capabilities/outgoing_udp/0 connect by UDP to ntp.example.com, port 123
/capabilities/outgoing_udp/1 connect by UDP to the address 224.0.0.251, port 5353
/capabilities/listening_tcp/0 be reached on TCP port 1
/capabilities/listening_tcp/1 be reached on TCP port 8080
/capabilities/listening_tcp/2 be reached on TCP port 65535
/capabilities/listening_udp/0 be reached on UDP port 5353
/capabilities/mutable_storage keep up to 1 MiB of files across restarts and updates
/capabilities/gpio/0 read and drive the pin LED_RED
/capabilities/gpio/1 read and drive the pin BUTTON_A
/capabilities/uart/0 use the serial port UART0
/capabilities/i2c/0 use the I2C bus SENSORS
/capabilities/spi/0 use the SPI bus FLASH
/capabilities/pwm/0 drive the PWM output FAN
/capabilities/adc/0 read the analogue input PROBE
/capabilities/device_authentication prove to servers that it runs on a device of tenant acme-2, without seeing the key
/capabilities/app_connections/0 talk to app 6f1c7a52-90f1-4d0c-8f61-0c4f6a6b3e03, which has to list this one too
/capabilities/system_time set the device's clock for all apps, not to before what the device knows of the time
/capabilities/network_configuration change the device's network: addresses, name servers, Wi-Fi, proxy (no device offers that yet)
/capabilities/update_deferral have an update of itself wait, ten minutes at most
/capabilities/power_control restart the device, not in the first five minutes after its start
/capabilities/power_control switch the device off, not in the first five minutes after its start
/capabilities/power_control choose between speed and saving power
/capabilities/system_events hear that it is to end, that the device goes down, and of updates of itself
)");
  EXPECT_EQ(lines(explain_limits(read("everything.json"))),
            R"(/budgets/memory_kib at most 16 MiB of memory
/budgets/cpu_percent at most 150 % of one processor's time
/budgets/processes at most 16 processes and threads
/lifecycle/restart started again when it fails, after 0.5 s, doubling up to 120 s
/lifecycle/stop_timeout_ms killed 10 s after it was asked to stop
/lifecycle/start_after/0 started after app 6f1c7a52-90f1-4d0c-8f61-0c4f6a6b3e03
/lifecycle/health_check failed if it does not report within 20 s of its start and then every 60 s
)");
}

TEST(Explain, AStoreOfCertificatesIsSaid) {
  manifest::Manifest keeps = read("smallest.json");
  keeps.capabilities.certificate_store = true;
  EXPECT_EQ(lines(explain_capabilities(keeps)),
            "/capabilities/certificate_store keep up to 16 root CAs and client certificates with "
            "their keys across restarts and updates, which no other app sees\n");
}

TEST(Explain, NothingGrantedIsNothingSaid) {
  EXPECT_EQ(lines(explain_capabilities(read("smallest.json"))), "");
  EXPECT_EQ(lines(explain_capabilities(read("empty_lists.json"))), "");
}

}  // namespace
}  // namespace pavise::cli::app
