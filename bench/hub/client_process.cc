#include "bench/hub/client_process.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <memory>

#include "cloud/hub/transport/testing/test_client.h"
#include "common/base/result.h"
#include "protocol/mqtt/encode.h"

namespace pavise::bench {
namespace {

using hub::testing::ClientContext;
using hub::testing::SavedSession;
using hub::testing::TestClient;

constexpr std::size_t kPayloadBytes = 256;
// Nothing pings here; a held connection must outlast the opening of all.
constexpr std::uint16_t kKeepAliveS = 3'600;

class Generator {
 public:
  Generator(const std::vector<ClientIdentity>& identities, const std::string& server_ca_pem)
      : identities_(identities), server_ca_pem_(server_ca_pem), contexts_(identities.size()) {}

  ClientReport run(const ClientTask& task) {
    switch (task.kind) {
      case ClientTask::Kind::connect_full:
        return connect_full(task);
      case ClientTask::Kind::connect_resumed:
        return connect_resumed(task);
      case ClientTask::Kind::publish:
        return publish(task);
      case ClientTask::Kind::hold:
        return hold(task);
      default:
        held_.clear();
        return {};
    }
  }

 private:
  std::unique_ptr<TestClient> connect(std::size_t i, std::uint16_t port,
                                      const SavedSession& resume = {}) {
    const auto& [id, identity] = identities_[i];
    auto& context = contexts_[i];
    if (!context) context = std::make_unique<ClientContext>(server_ca_pem_, &identity);
    auto client = std::make_unique<TestClient>(*context, port, resume);
    if (client->connect(id, true, {}, kKeepAliveS) != mqtt::ConnectCode::accepted) return nullptr;
    return client;
  }

  ClientReport hold(const ClientTask& task) {
    while (held_.size() < task.count) {
      auto client = connect(held_.size(), task.port);
      if (!client) break;
      held_.push_back(std::move(client));
    }
    const auto open = std::ranges::count_if(held_, [](const auto& client) {
      char byte;
      return ::recv(client->fd(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) != 0;
    });
    return {static_cast<std::uint64_t>(open), 0, 0};
  }

  ClientReport connect_full(const ClientTask& task) {
    ClientReport out;
    for (std::uint32_t i = 0; i < task.count; ++i)
      if (connect(i % identities_.size(), task.port)) ++out.done;
    return out;
  }

  ClientReport connect_resumed(const ClientTask& task) {
    ClientReport out;
    auto first = connect(0, task.port);
    if (!first) return out;
    SavedSession session = first->session();
    first.reset();  // the bare server serves one at a time
    for (std::uint32_t i = 0; i < task.count; ++i) {
      const auto client = connect(0, task.port, session);
      if (!client) continue;
      ++out.done;
      if (client->resumed()) ++out.resumed;
      session = client->session();
    }
    return out;
  }

  ClientReport publish(const ClientTask& task) {
    std::vector<std::unique_ptr<TestClient>> clients;
    for (std::uint32_t i = 0; i < task.connections; ++i) {
      clients.push_back(connect(i, task.port));
      if (!clients.back()) return {};
    }
    const Bytes payload(kPayloadBytes, std::byte{0x5A});
    const auto start = std::chrono::steady_clock::now();
    ClientReport out;
    while (out.done < task.count) {
      for (std::size_t c = 0; c < clients.size(); ++c) {
        const std::string topic = "devices/" + identities_[c].id + "/messages/events/";
        for (std::uint32_t w = 1; w <= task.window; ++w)
          if (!clients[c]->send(mqtt::Publish{.topic = topic,
                                              .payload = payload,
                                              .qos = mqtt::QoS::at_least_once,
                                              .packet_id = static_cast<std::uint16_t>(w)}))
            return out;
      }
      for (const auto& client : clients)
        for (std::uint32_t w = 0; w < task.window; ++w) {
          if (!client->receive()) return out;
          ++out.done;
        }
    }
    out.wall_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return out;
  }

  const std::vector<ClientIdentity>& identities_;
  const std::string server_ca_pem_;
  std::vector<std::unique_ptr<ClientContext>> contexts_;
  std::vector<std::unique_ptr<TestClient>> held_;
};

void serve(int channel, const std::vector<ClientIdentity>& identities,
           const std::string& server_ca_pem) {
  Generator generator(identities, server_ca_pem);
  ClientTask task;
  while (::read(channel, &task, sizeof task) == ssize_t{sizeof task} &&
         task.kind != ClientTask::Kind::quit) {
    const ClientReport report = generator.run(task);
    if (::write(channel, &report, sizeof report) != ssize_t{sizeof report}) break;
  }
}

}  // namespace

ClientProcess::ClientProcess(const std::vector<ClientIdentity>& identities,
                             const std::string& server_ca_pem)
    : child_([&](int channel) { serve(channel, identities, server_ca_pem); }) {}

ClientReport ClientProcess::run(const ClientTask& task) {
  return child_.ask<ClientReport>(task);
}

}  // namespace pavise::bench
