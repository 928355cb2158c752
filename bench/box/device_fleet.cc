#include "bench/box/device_fleet.h"

#include <openssl/pem.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <deque>
#include <vector>

#include "bench/box/device.h"
#include "common/base/result.h"
#include "protocol/iothub/username.h"
#include "protocol/sas/key.h"
#include "protocol/sas/token.h"

namespace pavise::bench {
namespace {

using Kind = FleetTask::Kind;
using Timer = std::chrono::steady_clock;

constexpr int kPatienceMs = 30'000;
constexpr UnixSeconds kTokenS = 86'400;
constexpr std::uint64_t kChannel = UINT64_MAX;  // its mark among the devices' numbers

SSL_CTX* make_context(const std::string& ca_pem) {
  SSL_CTX* const out = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_verify(out, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_mode(out, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  BIO* const pem = BIO_new_mem_buf(ca_pem.data(), static_cast<int>(ca_pem.size()));
  X509* const trusted = PEM_read_bio_X509(pem, nullptr, nullptr, nullptr);
  PAVISE_CHECK(trusted != nullptr);
  X509_STORE_add_cert(SSL_CTX_get_cert_store(out), trusted);
  X509_free(trusted);
  BIO_free(pem);
  return out;
}

class Fleet {
 public:
  Fleet(const FleetPlace& place, int channel)
      : place_(place), channel_(channel), context_(make_context(place.ca_pem)) {
    const UnixSeconds expiry = std::time(nullptr) + kTokenS;
    for (std::uint32_t i = 0; i < place.devices; ++i) {
      const std::string id = device_id(i);
      const SecretBytes key = sas::derive_device_key(place.group_key, id);
      devices_.emplace_back(id, iothub::make_username(place.host, id, "2021-04-12", "bench"),
                            sas::make_token(place.host + "/devices/" + id, key.view(), expiry));
    }
    events_.resize(devices_.size());
    epoll_event event{.events = EPOLLIN, .data = {.u64 = kChannel}};
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, channel_, &event);
  }

  // Until the channel ends or says so.
  void serve() {
    FleetTask task;
    for (;;) {
      if (!wait_once(-1)) continue;
      if (::read(channel_, &task, sizeof task) != ssize_t{sizeof task}) return;
      if (task.kind == Kind::quit) return;
      const FleetReport report = run(task);
      if (::write(channel_, &report, sizeof report) != ssize_t{sizeof report}) return;
    }
  }

 private:
  FleetReport run(const FleetTask& task) {
    task_ = task;
    begun_ = answered_ = 0;
    const auto start = Timer::now();
    if (task.kind == Kind::drop) {
      for (Device& device : devices_) device.drop();
    } else if (task.kind != Kind::count) {
      work();
    }
    FleetReport out{.done = answered_,
                    .wall_s = std::chrono::duration<double>(Timer::now() - start).count()};
    for (const Device& device : devices_) {
      out.messages += device.messages();
      if (device.resumed()) ++out.resumed;
    }
    return out;
  }

  void work() {
    while (begun_ < std::min(task_.count, task_.in_flight) && begin_next()) {
    }
    std::uint64_t before = 0;
    auto give_up = Timer::now() + std::chrono::milliseconds(kPatienceMs);
    while (answered_ < task_.count && !broken_ && Timer::now() < give_up) {
      if (wait_once(kPatienceMs)) return;  // who gave the task is gone
      if (answered_ == before) continue;
      before = answered_;
      give_up = Timer::now() + std::chrono::milliseconds(kPatienceMs);
    }
    task_.count = 0;  // what comes late begins nothing new
  }

  // Goes around all devices, so that each is used as often as the others. False: all are busy.
  bool begin_next() {
    for (std::size_t tried = 0; tried < devices_.size(); ++tried) {
      const std::size_t number = next_++ % devices_.size();
      Device& device = devices_[number];
      const bool connects = task_.kind == Kind::connect || task_.kind == Kind::resume;
      if (connects ? device.state() != Device::State::closed
                   : device.busy() || device.state() != Device::State::ready)
        continue;
      begin(device);
      if (connects) {
        events_[number] = 0;
        epoll_event event{.events = 0, .data = {.u64 = number}};
        ::epoll_ctl(epoll_, EPOLL_CTL_ADD, device.fd(), &event);
      }
      watch(number);
      ++begun_;
      return true;
    }
    return false;
  }

  void begin(Device& device) {
    switch (task_.kind) {
      case Kind::connect:
      case Kind::resume:
        return device.connect(context_, place_.mqtt_port, task_.kind == Kind::resume);
      case Kind::subscribe:
        return device.subscribe();
      case Kind::telemetry:
        return device.send_telemetry();
      case Kind::report:
        return device.report(begun_);
      default:
        return device.read_twin();
    }
  }

  // Tells epoll what the device waits for, if that has changed.
  void watch(std::size_t number) {
    epoll_event event{.events = EPOLLIN | (devices_[number].wants_write() ? EPOLLOUT : 0U),
                      .data = {.u64 = number}};
    if (events_[number] == event.events) return;
    events_[number] = event.events;
    ::epoll_ctl(epoll_, EPOLL_CTL_MOD, devices_[number].fd(), &event);
  }

  // True if the channel has something.
  bool wait_once(int timeout_ms) {
    std::array<epoll_event, 256> events;
    bool told = false;
    const int n = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), timeout_ms);
    for (int i = 0; i < n; ++i) {
      const std::uint64_t number = events[static_cast<std::size_t>(i)].data.u64;
      if (number == kChannel) {
        told = true;
        continue;
      }
      Device& device = devices_[number];
      const int answered = device.on_ready();
      if (device.state() == Device::State::failed) {
        if (!broken_) std::fprintf(stderr, "%s was refused or cut off\n", device.id().c_str());
        broken_ = true;
        ::epoll_ctl(epoll_, EPOLL_CTL_DEL, device.fd(), nullptr);
        continue;
      }
      watch(number);
      for (int k = 0; k < answered; ++k) {
        ++answered_;
        if (begun_ < task_.count) begin_next();
      }
    }
    return told;
  }

  const FleetPlace& place_;
  const int channel_;
  SSL_CTX* const context_;  // until the process ends
  const int epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  std::deque<Device> devices_;
  std::vector<std::uint32_t> events_;  // what epoll was told to wait for, by device
  FleetTask task_;
  std::uint32_t begun_ = 0;
  std::uint64_t answered_ = 0;
  bool broken_ = false;  // a device was refused or cut off; no later task can be done whole
  std::size_t next_ = 0;
};

}  // namespace

std::string device_id(std::uint32_t number) {
  std::string digits = std::to_string(number);
  return "device-" + std::string(6 - std::min<std::size_t>(digits.size(), 6), '0') + digits;
}

DeviceFleet::DeviceFleet(const FleetPlace& place)
    : child_([&](int channel) {
        std::signal(SIGPIPE, SIG_IGN);  // OpenSSL's socket BIO writes without MSG_NOSIGNAL
        Fleet(place, channel).serve();
      }) {}

FleetReport DeviceFleet::run(const FleetTask& task) {
  return child_.ask<FleetReport>(task);
}

}  // namespace pavise::bench
