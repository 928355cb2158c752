// Objects of uploaded files in an S3-compatible store (docs/adr/0026).
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "cloud/hub/files/byte_depot.h"
#include "cloud/hub/s3_store/connection.h"
#include "cloud/hub/s3_store/settings.h"
#include "common/base/clock.h"

namespace pavise::hub::s3_store {

struct Times {
  net::Millis connect{5'000};
  net::Millis answer{30'000};  // from the first byte sent to the last one received
};

// An error, or one page of a listing: 1,000 keys with what the store says of each.
inline constexpr std::size_t kAnswerSizeMax = 2UL * 1024 * 1024;
inline constexpr std::size_t kAnswerHeadersMax = 64;
// Connections that are kept for the next call.
inline constexpr std::size_t kIdleConnectionsMax = 8;

class S3Depot final : public files::ByteDepot {
 public:
  // `folder` is what the keys of all objects begin with, before a '/': nobody else may have it.
  // Connects to nobody yet.
  S3Depot(std::shared_ptr<const Settings> settings, std::string folder, const Clock& clock,
          const Times& times = {});

  Status write(const std::string& name, ByteView bytes) override;
  Result<Bytes> read(const std::string& name, std::uint64_t position, std::size_t size) override;
  Status remove(const std::string& name) override;
  Status each(const files::VisitObject& visit) override;
  // The store does not say.
  Result<std::uint64_t> free_bytes() override { return UINT64_MAX / 2; }
  bool is_remote() const override { return true; }
  void stop() override;

 private:
  struct Call {
    std::string method;
    std::string key{};
    s3::Fields query{};
    s3::Fields headers{};
    ByteView body{};
    std::size_t answer_bytes_max = kAnswerSizeMax;
  };
  // Any status. kStoreUnreachable.
  Result<net::HttpResponse> send(const Call& call);
  Result<net::HttpResponse> send_once(const Call& call, Connection& connection,
                                      const net::HttpRequest& request);
  Result<Connection> connect();
  std::optional<Connection> take_idle();
  void give_back(Connection connection);
  Error refusal(const Call& call, const net::HttpResponse& response) const;
  Error unreachable(std::string_view method, const Error& error) const;
  net::HttpRequest signed_request(const Call& call) const;

  const std::shared_ptr<const Settings> settings_;
  const std::string folder_;
  const Clock& clock_;
  const Times times_;
  const net::TlsOptions tls_;

  std::mutex mutex_;
  std::vector<Connection> idle_;
  std::set<int> under_way_;  // sockets, to be ended by stop()
  bool stopping_ = false;
};

}  // namespace pavise::hub::s3_store
