// A whole hub that ends while its parts are busy. Worth most under the sanitizers.
#include "cloud/server/hub_house/hub_house.h"

#include <gtest/gtest.h>

#include <future>

#include "cloud/hub/store/testing/folder.h"
#include "cloud/hub/transport/testing/test_client.h"
#include "protocol/iothub/topics.h"
#include "protocol/sas/token.h"

namespace pavise::server {
namespace {

using hub::store::HubTransaction;
using hub::testing::TestClient;

// Nobody is attested here.
class NoAuthority final : public security::DeviceAuthority {
 public:
  Result<security::AdmittedDevice> admit(ByteView) override {
    return security::kUnknownCertificate;
  }
  std::vector<Bytes> issuer_certificates() override { return {}; }
  void subscribe(std::function<void(const DeviceId&)>, std::function<void(ByteView)>) override {}
};

class HubHouseTest : public ::testing::Test {
 protected:
  static constexpr int kDevices = 8;

  HubHouseTest() {
    const auto server = ca_.issue("hub.test");
    HubHouseOptions options{.log_directory = folder_.file("log"),
                            .database_path = folder_.file(),
                            .files_directory = folder_.file("files"),
                            .tenants = {tenant_},
                            .host_name = "iot.test",
                            .mqtt_port = 0,
                            .amqp_port = {},
                            .https_port = 0,
                            .certificate_chain_pem = server.certificate_pem,
                            .private_key_pem = SecretBytes::copy_of(as_bytes(server.key_pem))};
    house_ = *HubHouse::open(std::move(options), authority_, clock_);
    EXPECT_TRUE(house_->queue().call([this](HubTransaction& tx) -> Status {
      PAVISE_TRY(tx.create_hub(hub_, tenant_, {.host_aliases = {"hub.test"}}));
      for (int i = 0; i < kDevices; ++i)
        PAVISE_TRY(tx.create_identity(device(i), {.auth = {.primary_key = to_base64(key_)}}));
      return {};
    }));
    EXPECT_TRUE(house_->start());
  }

  iothub::Identity device(int number) const {
    return *iothub::Identity::make(hub_, "d" + std::to_string(number));
  }
  // Connected, and it holds the lock of a message.
  std::unique_ptr<TestClient> busy_client(int number) {
    const std::string id = device(number).device();
    auto client = std::make_unique<TestClient>(context_, house_->hub().port());
    const std::string token =
        sas::make_token("hub.test/devices/" + id, key_, clock_.now_s() + 3'600);
    EXPECT_EQ(client->connect(id, true, token), mqtt::ConnectCode::accepted);
    EXPECT_TRUE(client->send(
        mqtt::Subscribe{1, {{iothub::messages_filter(id), mqtt::QoS::at_least_once}}}));
    EXPECT_TRUE(client->receive());
    send(number);
    const auto packet = client->receive();
    EXPECT_TRUE(packet && std::holds_alternative<mqtt::Publish>(*packet));
    return client;
  }
  void send(int number) {
    const hub::MessageToDevice message{
        .device = device(number).device(), .properties = {}, .payload = {}};
    EXPECT_TRUE(house_->queue().call([&](HubTransaction& tx) -> Status {
      PAVISE_TRY(tx.enqueue_message(hub_, message));
      return {};
    }));
    house_->hub().message_waiting(device(number));
  }

  const TenantId tenant_ = *TenantId::parse("acme");
  const iothub::HubName hub_ = *iothub::HubName::parse("plant-1");
  const Bytes key_ = Bytes(32, std::byte{7});
  hub::store::Folder folder_;
  SystemClock clock_;
  NoAuthority authority_;
  hub::testing::TestCa ca_{"server root"};
  hub::testing::ClientContext context_{ca_.certificate_pem(), nullptr};
  std::unique_ptr<HubHouse> house_;
};

TEST_F(HubHouseTest, AStopReleasesWhatConnectionsHeld) {
  std::vector<std::unique_ptr<TestClient>> clients;
  clients.reserve(kDevices);
  for (int i = 0; i < kDevices; ++i) clients.push_back(busy_client(i));
  // The releases wait behind this while the stop goes on (StoreDataTest holds the order).
  std::promise<void> gate;
  const auto opened = gate.get_future().share();
  house_->queue().submit(
      [opened](HubTransaction&) -> Status {
        opened.wait();
        return {};
      },
      [](const Status&) {});
  auto stopped = std::async(std::launch::async, [this] { house_->stop(); });
  for (const auto& client : clients) EXPECT_TRUE(client->ended());
  gate.set_value();
  stopped.get();
  house_->stop();  // twice is no mistake
  house_.reset();
  const auto store = *hub::store::open_sqlite_hub_store({.path = folder_.file()}, clock_);
  for (int i = 0; i < kDevices; ++i) {
    std::optional<HubTransaction::Offer> offer;
    const hub::store::HubStore::Operation lock = [&](HubTransaction& tx) -> Status {
      PAVISE_TRY_ASSIGN(offer, tx.lock_message(device(i), hub::store::kNoOwner));
      return {};
    };
    ASSERT_TRUE(store->execute(lock));
    ASSERT_TRUE(offer->message) << i;
    EXPECT_EQ(offer->message->delivery_count, 1U) << i;
  }
}

TEST_F(HubHouseTest, EndsWhileDevicesAndServicesAreBusy) {
  std::vector<std::unique_ptr<TestClient>> clients;
  clients.reserve(kDevices);
  for (int i = 0; i < kDevices; ++i) clients.push_back(busy_client(i));
  std::vector<std::future<void>> devices;
  devices.reserve(clients.size());
  for (const auto& client : clients)
    devices.push_back(std::async(std::launch::async, [this, &client, number = devices.size()] {
      const std::string topic =
          "devices/" + device(static_cast<int>(number)).device() + "/messages/events/";
      while (client->send(mqtt::Publish{.topic = topic, .payload = as_bytes("x")})) {
      }
    }));
  for (int i = 0; i < kDevices; ++i) send(i);
  house_->stop();
  for (auto& each : devices) each.get();
}

}  // namespace
}  // namespace pavise::server
