// A hub on a free loopback port with an event log on a fault-injecting disk, for tests.
#pragma once

#include <gtest/gtest.h>

#include <condition_variable>
#include <ctime>

#include "cloud/hub/segment_log/testing/memory_log_directory.h"
#include "cloud/hub/session/session.h"
#include "cloud/hub/transport/hub.h"
#include "cloud/hub/transport/testing/fake_gatekeeper.h"
#include "cloud/hub/transport/testing/memory_hub_data.h"
#include "cloud/hub/transport/testing/test_client.h"

namespace pavise::hub::testing {

inline DeviceId device_id(char c) {
  return *DeviceId::parse(std::string(DeviceId::kLength, c));
}

class HubFixture : public ::testing::Test {
 protected:
  // Everything that a device has.
  struct Device {
    DeviceId id;
    Identity identity;
    ClientContext context;
    std::string events;  // its telemetry topic
    iothub::Identity in_hub;
  };

  void start(const std::function<void(HubOptions&)>& change = {}) {
    log_ = *SegmentLog::open(std::make_unique<MemoryLogDirectory>(disk_), {}, clock_);
    const Identity server = server_ca_.issue("hub.test");
    HubOptions options;
    options.port = 0;
    options.threads = 2;
    options.certificate_chain_pem = server.certificate_pem;
    options.private_key_pem = SecretBytes::copy_of(as_bytes(server.key_pem));
    options.on_closed = [this](const HubEvent& event) {
      const std::lock_guard lock(events_mutex_);
      closed_.emplace_back(event.reason->code());
      events_changed_.notify_all();
    };
    if (change) change(options);
    auto hub = Hub::start(std::move(options), gatekeeper_, *log_, data_, clock_);
    ASSERT_TRUE(hub) << hub.error().message();
    hub_ = *std::move(hub);
  }
  void TearDown() override {
    hub_.reset();
    log_.reset();
  }

  Device make_device(char c, long valid_s = 86'400) {
    const DeviceId id = device_id(c);
    Identity identity = device_ca_.issue(id.text(), valid_s);
    gatekeeper_.allow_certificate(identity.certificate_der, id.text(),
                                  (std::time(nullptr) + valid_s) * 1000);
    ClientContext context(server_ca_.certificate_pem(), &identity);
    return {id, identity, std::move(context), "devices/" + id.text() + "/messages/events/",
            *iothub::Identity::make(test_hub(), id.text())};
  }
  // As a service would: the change, then the word to the device.
  std::uint64_t merge_desired(const Device& device, std::string_view patch) {
    auto [version, body] = data_.merge_desired(device.in_hub, patch);
    hub_->desired_changed(device.in_hub, version, std::move(body));
    return version;
  }
  // Waits until a connection was closed for this reason.
  bool closed_with(const ErrorInfo& reason, int timeout_ms = 5'000) {
    std::unique_lock lock(events_mutex_);
    return events_changed_.wait_for(lock, std::chrono::milliseconds(timeout_ms), [&] {
      return std::ranges::find(closed_, reason.code) != closed_.end();
    });
  }
  static bool subscribe(TestClient& client, std::string_view filter) {
    if (!client.send(mqtt::Subscribe{1, {{filter, mqtt::QoS::at_most_once}}})) return false;
    const auto packet = client.receive();
    return packet && std::get<mqtt::SubAck>(*packet).codes == std::vector<std::uint8_t>{0};
  }
  // The next PUBLISH as "topic payload".
  static std::string publish_text(TestClient& client) {
    const auto packet = client.receive();
    if (!packet || !std::holds_alternative<mqtt::Publish>(*packet)) return "nothing";
    const auto& publish = std::get<mqtt::Publish>(*packet);
    return std::string(publish.topic) + " " + std::string(as_text(publish.payload));
  }
  std::vector<Record> records() {
    auto read = log_->read(0, {.records_max = 100'000, .bytes_max = 1UL << 30U});
    return read ? *std::move(read) : std::vector<Record>{};
  }

  SystemClock clock_;
  TestCa server_ca_{"server root"};
  TestCa device_ca_{"device issuing CA"};
  FakeGatekeeper gatekeeper_;
  MemoryHubData data_;
  std::shared_ptr<MemoryDisk> disk_ = std::make_shared<MemoryDisk>();
  std::unique_ptr<SegmentLog> log_;
  std::mutex events_mutex_;
  std::condition_variable events_changed_;
  std::vector<std::string> closed_;
  std::unique_ptr<Hub> hub_;
};

}  // namespace pavise::hub::testing
